#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.mysql_install_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_install_info
version_added: 1.0.0
short_description: Says whether a host can get, or has, a MySQL server that this collection works with
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - Looks for MariaDB and Percona Server, which the package mysql-server would replace, and for files of MariaDB's.
  - Asks a server that runs for its version, and whether it lets C(root) of the operating system in without a password.
  - Looks which mysql-server the host's apt sources offer.
  - Looks whether the data directory was made with other values than O(variables) ask for.
  - Needs nothing on the host.
extends_documentation_fragment: [foobar.webstack.info]
options:
  login_unix_socket:
    description: Socket of the server.
    type: path
    default: /run/mysqld/mysqld.sock
  data_directory:
    description: Data directory of the server.
    type: path
    default: /var/lib/mysql
  source_comes:
    description: Whether an apt source of MySQL is yet to be added, so that what apt offers now does not count.
    type: bool
    default: false
  variables:
    description:
      - Variables of mysqld. Those that only the initialisation of a data directory can set are looked at, such as
        C(lower_case_table_names).
    type: dict
    default: {}
  refuse:
    description: Whether it is an error where the host cannot be used as it is.
    type: bool
    default: false
seealso:
  - module: foobar.webstack.mysql_server_info
"""

EXAMPLES = r"""
- name: Ask what there is of MySQL
  foobar.webstack.mysql_install_info:
  register: mysql

- name: Refuse a host that cannot be used
  foobar.webstack.mysql_install_info:
    variables: {lower_case_table_names: 1}
    refuse: true
"""

RETURN = r"""
reasons:
  description: Why the host cannot be used as it is, each a C(code) with C(data). C(msg) says it in words.
  returned: always
  type: list
  elements: dict
packages:
  description: Installed packages of servers, with their versions.
  returned: always
  type: dict
version:
  description: Version of the server that has let root in. Empty where none has.
  returned: always
  type: str
initialised:
  description: Whether there is a data directory with data.
  returned: always
  type: bool
initial_file:
  description: >-
    What a configuration file says to have the package initialise with those of O(variables) that nothing else can set.
    Empty for none.
  returned: always
  type: str
candidate:
  description: Version of mysql-server that apt offers, empty for none, null where the host has no package lists.
  returned: always
  type: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils import _process
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.initial import file_of
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.installation import look, reasons
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import ReasonError


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "login_unix_socket": {"type": "path", "default": "/run/mysqld/mysqld.sock"},
            "data_directory": {"type": "path", "default": "/var/lib/mysql"},
            "source_comes": {"type": "bool", "default": False},
            "variables": {"type": "dict", "default": {}},
            "refuse": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    directory = module.params["data_directory"]
    found = look(_process.run, module.params["login_unix_socket"], Path(directory))
    variables = module.params["variables"]
    why = list(reasons(found, directory, offers=not module.params["source_comes"], variables=variables))
    if why and module.params["refuse"]:
        module.fail_json(**ReasonError(*why).as_result())
    module.exit_json(
        changed=False,
        reasons=[each.as_data() for each in why],
        initialised=found.initialised,
        initial_file=file_of(variables),
        packages=dict(found.packages),
        version=found.version,
        candidate=found.candidate,
    )


if __name__ == "__main__":
    main()
