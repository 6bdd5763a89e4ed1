#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Documentation of foobar.webstack.zipapp, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: zipapp
short_description: Install a Python program as one file
version_added: 1.0.0
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - Builds a zip application of a package and of the shared code of this collection that it imports, and copies it to
    the host.
  - The same files give the same program, so a second run changes nothing.
options:
  src:
    description:
      - Folder of the package among the role's C(files). Its module C(cli) has the function C(main), which returns the
        exit status.
    type: str
    required: true
  dest:
    description: Where the program is on the host.
    type: path
    required: true
  owner:
    description: Owner of the file.
    type: str
  group:
    description: Group of the file.
    type: str
  mode:
    description: Mode of the file.
    type: raw
attributes:
  check_mode:
    description: Says what would change, and changes nothing.
    support: full
  diff_mode:
    description: A zip file has no lines that could be shown.
    support: none
"""

EXAMPLES = r"""
- name: Install the program
  foobar.webstack.zipapp:
    src: mysql_backup
    dest: /usr/local/sbin/mysql-backup
    owner: root
    group: root
    mode: "0755"
"""

RETURN = r"""
dest:
  description: Where the program is on the host.
  returned: success
  type: str
"""
