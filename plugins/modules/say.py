#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Documentation of foobar.webstack.say, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: say
short_description: Print a text as it is
version_added: 1.0.0
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - Prints a text of several lines as it is. M(ansible.builtin.debug) leaves that to the callback, which quotes it.
  - Fails afterwards where O(failure) says so, so that the run ends with an error.
  - Runs on the controller, and connects to no host.
options:
  text:
    description: The text.
    type: str
    required: true
  failure:
    description: Why the task fails. It does not, if this is empty.
    type: str
    default: ""
attributes:
  check_mode:
    description: Does the same.
    support: full
  diff_mode:
    description: Nothing changes.
    support: none
seealso:
  - plugin: foobar.webstack.status_report
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Say it
  foobar.webstack.say:
    text: "{{ report.text }}"
    failure: "{{ report.failure }}"
  run_once: true
"""

RETURN = r""" # """
