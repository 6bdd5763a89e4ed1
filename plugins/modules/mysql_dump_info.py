#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.mysql_dump_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_dump_info
version_added: 1.0.0
short_description: Says what is in a dump of a MySQL database
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - Reads a dump that mysqldump or a similar program has written, plain or compressed with gzip, bzip2, xz or zstd, and
    says what of it concerns the server that it was made on and not the data.
  - Reads line by line, so that the size does not matter. Lines with data are not looked at.
extends_documentation_fragment: [foobar.webstack.info]
options:
  path:
    description: The dump.
    type: path
    required: true
seealso:
  - module: foobar.webstack.mysql_import
  - plugin: foobar.webstack.import_errors
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Read the dump
  foobar.webstack.mysql_dump_info:
    path: /home/me/shop.sql.gz
  register: dump
  delegate_to: localhost
"""

RETURN = r"""
unreadable:
  description: Why the file cannot be read. Empty where it can.
  returned: always
  type: str
dump:
  description: What it holds.
  returned: always
  type: dict
  contains:
    bytes:
      description: Size of the text, unpacked.
      type: int
    tables:
      description: Tables that it creates.
      type: list
      elements: str
    databases:
      description: Databases that it creates or changes to.
      type: list
      elements: str
    drops_databases:
      description: Whether it drops a database.
      type: bool
    gtid_purged:
      description: Whether it sets C(GTID_PURGED).
      type: bool
    unlogged:
      description: Whether it switches the binary log off for itself.
      type: bool
    definers:
      description: Accounts as which its views, triggers, routines and events are executed.
      type: list
      elements: str
    engines:
      description: Engines of tables that are not InnoDB, by the table.
      type: dict
    collations:
      description: Collations that only MariaDB has.
      type: list
      elements: str
    cut_off:
      description: Whether it lacks its end.
      type: bool
"""

import os
from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.dump import Dump, pieces, scan
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.loading import UNREADABLE, LoadError, opened


def read(path: str) -> tuple[Dump, str]:
    """What is in the dump, and why it cannot be read."""
    if os.path.isdir(path):
        return Dump(), f"{path} is a folder"
    try:
        with opened(path) as text:
            return scan(pieces(text)), ""
    except LoadError as error:
        return Dump(), str(error)
    except UNREADABLE as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return Dump(), f"{path} cannot be read: {reason}"


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec={"path": {"type": "path", "required": True}}, supports_check_mode=True)
    found, unreadable = read(module.params["path"])
    module.exit_json(changed=False, dump=asdict(found), unreadable=unreadable)


if __name__ == "__main__":
    main()
