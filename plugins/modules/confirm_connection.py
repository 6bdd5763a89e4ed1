#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Documentation of foobar.webstack.confirm_connection, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: confirm_connection
version_added: 1.0.0
short_description: Confirm over a new connection what may have cut the controller off
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - For a change that the host rolls back by itself unless it is confirmed in time, such as rules of a firewall.
  - Closes the connection to the host, because it would outlive the change, and opens a new one. If the change prevents
    that, a new connection succeeds once the host has rolled back.
  - Then runs the command that confirms the change, or learns from it that the host has rolled back.
options:
  argv:
    description: Command that confirms the change. Its exit status V(3) says that the host has rolled back.
    type: list
    elements: str
    required: true
  rollback_seconds:
    description: After how many seconds the host rolls back. A new connection has three minutes more than that.
    type: int
    required: true
  fail_msg:
    description: What to say when the host has rolled back.
    type: str
    required: true
attributes:
  check_mode:
    description: Is skipped, since nothing has been changed.
    support: none
  diff_mode:
    description: There is nothing to show.
    support: none
seealso:
  - module: ansible.builtin.wait_for_connection
"""

EXAMPLES = r"""
- name: Confirm the rules over a new connection
  foobar.webstack.confirm_connection:
    argv: [/usr/local/sbin/webstack-firewall, keep]
    rollback_seconds: 60
    fail_msg: >-
      {{ inventory_hostname }}: no new connection was possible within 60 seconds, and the host has rolled back.
"""

RETURN = r"""
elapsed:
  description: After how many seconds the new connection was open.
  returned: success
  type: int
"""
