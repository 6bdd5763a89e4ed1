#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.mysql_import."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_import
version_added: 1.0.0
short_description: Loads a dump into an empty database of a MySQL server
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - Loads a dump on the host, plain or compressed with gzip, bzip2, xz or zstd, into a database, line by line.
  - An account of its own loads it, with all privileges in that database and none elsewhere. It is dropped afterwards.
  - What concerns the server that the dump was made on is left out, C(GTID_PURGED) and C(SQL_LOG_BIN). Views, triggers,
    routines and events are executed as O(definer).
  - Where the load fails, nothing of it is left in the database.
attributes:
  check_mode:
    description: Nothing is loaded.
    support: full
  diff_mode:
    description: Nothing is shown.
    support: none
extends_documentation_fragment:
  - foobar.webstack.mysql
options:
  action:
    description:
      - V(look) says what is in the database, V(load) loads the dump, V(wait) waits until the server has O(executed).
    type: str
    choices: [look, load, wait]
    required: true
  database:
    description: The database. It has to exist.
    type: str
    required: true
  path:
    description: The dump, on the host. Needed for V(load).
    type: path
  definer:
    description: Account as which what the dump creates is executed, C(user@host). Needed for V(load).
    type: str
  to_innodb:
    description: Whether tables of other engines are made with InnoDB.
    type: bool
    default: false
  replace:
    description:
      - Whether what is in the database is saved to O(saved_to) and dropped first. Without, a database that is not empty
        is refused.
    type: bool
    default: false
  saved_to:
    description: Folder on the host for what is replaced.
    type: path
    default: /var/lib/webstack-import
  clients:
    description: Accounts whose connections V(look) counts.
    type: list
    elements: str
    default: []
  executed:
    description: GTIDs that V(wait) waits for.
    type: str
    default: ""
  timeout:
    description: Seconds that V(wait) waits.
    type: int
    default: 3600
seealso:
  - module: foobar.webstack.mysql_dump_info
"""

EXAMPLES = r"""
- name: Load the dump
  foobar.webstack.mysql_import:
    action: load
    database: shop
    path: /var/tmp/shop.sql.gz
    definer: shop_migrate@198.18.0.21
"""

RETURN = r"""
database:
  description: What is in the database.
  returned: O(action=look)
  type: dict
rows:
  description: Rows of each table.
  returned: O(action=load)
  type: dict
executed:
  description: GTIDs that the server has executed by the end.
  returned: O(action=load)
  type: str
saved:
  description: File with what was replaced. Empty for nothing.
  returned: O(action=load)
  type: str
caught_up:
  description: Whether the server has O(executed).
  returned: O(action=wait)
  type: bool
"""

from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import one_line
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.loading import (
    Load,
    LoadError,
    clear,
    load,
    look,
    rows_of,
    save,
    wait_for,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import LOGIN_OPTIONS, Server, ServerError

PATIENCE = 3600
"""Seconds for one statement, such as counting the rows of a large table."""


def run(params: dict[str, Any], server: Server, *, check: bool) -> dict[str, Any]:
    """Do what is asked for."""
    database = params["database"]
    if params["action"] == "wait":
        return {"changed": False, "caught_up": wait_for(server, params["executed"], params["timeout"])}
    there = look(server, database, params["clients"])
    if params["action"] == "look":
        return {"changed": False, "database": asdict(there)}
    if not there.exists:
        raise LoadError(f"there is no database {database}")
    saved = ""
    if there.tables or there.others:
        if not params["replace"]:
            raise LoadError(f"the database {database} is not empty")
        if not check:
            saved = save(params["login_unix_socket"], database, params["saved_to"])
            clear(server, database)
    if check:
        return {"changed": True, "rows": {}, "executed": "", "saved": ""}
    user, _at, host = params["definer"].rpartition("@")
    try:
        load(
            server,
            Load(
                file=params["path"],
                database=database,
                definer=(user, host),
                innodb=params["to_innodb"],
                socket=params["login_unix_socket"],
            ),
        )
    except LoadError as error:
        kept = f" What was there is in {saved}." if saved else ""
        raise LoadError(f"{error}. The database {database} is empty again.{kept}") from error
    return {
        "changed": True,
        "rows": rows_of(server, database),
        "executed": one_line(server.value("@@GLOBAL.gtid_executed")),
        "saved": saved,
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "action": {"type": "str", "choices": ["look", "load", "wait"], "required": True},
            "database": {"type": "str", "required": True},
            "path": {"type": "path"},
            "definer": {"type": "str"},
            "to_innodb": {"type": "bool", "default": False},
            "replace": {"type": "bool", "default": False},
            "saved_to": {"type": "path", "default": "/var/lib/webstack-import"},
            "clients": {"type": "list", "elements": "str", "default": []},
            "executed": {"type": "str", "default": ""},
            "timeout": {"type": "int", "default": 3600},
            **LOGIN_OPTIONS,
        },
        required_if=[("action", "load", ["path", "definer"])],
        supports_check_mode=True,
    )
    params = module.params
    server = Server.local(params["login_unix_socket"], params["login_user"], max(PATIENCE, params["timeout"] + 60))
    try:
        module.exit_json(**run(params, server, check=module.check_mode))
    except LoadError as error:
        module.fail_json(msg=str(error))
    except ServerError as error:
        module.fail_json(msg=f"The MySQL server at {params['login_unix_socket']}: {error}")


if __name__ == "__main__":
    main()
