#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Documentation of foobar.webstack.vault_file, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vault_file
short_description: Write a secret to a file on the controller
version_added: 1.0.0
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - Writes a file on the controller that only its owner can read, and makes its folder if that is missing.
  - A file that is encrypted with C(ansible-vault) stays encrypted, with the same password and vault id. It is never
    written in clear.
  - It does all that as the user who runs Ansible, and connects to no host. C(become) has no effect.
options:
  path:
    description: The file.
    type: path
    required: true
  content:
    description: What is to be in it.
    type: str
    required: true
  like:
    description:
      - Another file on the controller. A new file is encrypted as that one is. It has no effect where O(path) is there.
    type: path
attributes:
  check_mode:
    description: Says whether the content differs, and writes nothing.
    support: full
  diff_mode:
    description: Nothing of a secret is shown.
    support: none
seealso:
  - plugin: foobar.webstack.generated_secrets
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Keep the password
  foobar.webstack.vault_file:
    path: "{{ inventory_dir }}/.secrets.yml"
    content: "{{ lookup('ansible.builtin.template', 'secrets.yml.j2') }}"
  run_once: true
"""

RETURN = r"""
encrypted:
  description: Whether the file is encrypted.
  returned: success
  type: bool
"""
