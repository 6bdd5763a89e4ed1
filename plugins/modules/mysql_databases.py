#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.mysql_databases."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_databases
version_added: 1.0.0
short_description: Makes a MySQL server's databases those that are listed, and loads the names of time zones
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - Creates databases, and changes the character set and collation of those that have others. Tables that are there
    keep theirs. No database is dropped.
  - Loads the names of time zones from the host's own files, where the server has none, so that V(CONVERT_TZ) and
    sessions in a named zone work. Replicas get them as they get everything else.
attributes:
  check_mode:
    description: Reports what it would execute and changes nothing.
    support: full
  diff_mode:
    description: Shows the statements.
    support: full
extends_documentation_fragment:
  - foobar.webstack.mysql
options:
  databases:
    description: The databases.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name.
        type: str
        required: true
      encoding:
        description: Character set.
        type: str
        default: utf8mb4
      collation:
        description: Collation, one of the character set. The server's default for that, if not given.
        type: str
      application:
        description: Not used.
        type: bool
  zoneinfo:
    description: Folder with the time zones of the host, empty to load none.
    type: str
    default: /usr/share/zoneinfo
seealso:
  - module: foobar.webstack.mysql_accounts
"""

EXAMPLES = r"""
- name: Make the databases
  foobar.webstack.mysql_databases:
    databases:
      - name: shop
      - name: legacy
        encoding: latin1
        collation: latin1_swedish_ci
"""

RETURN = r"""
statements:
  description: Statements executed, or that would be in check mode.
  returned: success
  type: list
  elements: str
  sample: ["CREATE DATABASE `shop` CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci"]
"""

import os
import shutil
import subprocess
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.databases import Database, DatabaseError, plan
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import LOGIN_OPTIONS, Server, ServerError

TIMEOUT = 300
"""Seconds for a statement."""

PROGRAM = "mysql_tzinfo_to_sql"
LOADED = "load the names of time zones"


def existing(server: Server) -> dict[str, Database]:
    """The databases that there are."""
    rows = server.rows(
        "SELECT SCHEMA_NAME AS name, DEFAULT_CHARACTER_SET_NAME AS charset, DEFAULT_COLLATION_NAME AS collation"
        " FROM information_schema.SCHEMATA"
    )
    return {row["name"]: Database(row["name"], row["charset"], row["collation"]) for row in rows}


def charsets(server: Server) -> dict[str, str]:
    """Each collation's character set."""
    rows = server.rows(
        "SELECT COLLATION_NAME AS name, CHARACTER_SET_NAME AS charset"
        " FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY"
    )
    return {row["name"]: row["charset"] for row in rows}


def defaults(server: Server) -> dict[str, str]:
    """Each character set's collation where none is given."""
    rows = server.rows(
        "SELECT CHARACTER_SET_NAME AS charset, DEFAULT_COLLATE_NAME AS name FROM information_schema.CHARACTER_SETS"
    )
    return {row["charset"]: row["name"] for row in rows}


def lacks_zones(server: Server) -> bool:
    """Whether the server knows no time zone by name."""
    return not int(server.value("(SELECT COUNT(*) FROM mysql.time_zone_name)"))


def load_zones(socket: str, user: str, zoneinfo: str) -> None:
    """Load them in one transaction. ServerError where that fails."""
    client = ["mysql", "--no-defaults", f"--socket={socket}", f"--user={user}", "mysql"]
    with tempfile.TemporaryFile() as written:
        # What it says about files that are no time zones, such as leapseconds, is no error.
        made = subprocess.run([PROGRAM, zoneinfo], stdout=written, stderr=subprocess.PIPE, check=False)  # noqa: S603
        written.seek(0)
        if made.returncode:
            raise ServerError(0, f"{PROGRAM} {zoneinfo}: {made.stderr.decode(errors='replace').strip()[-300:]}")
        loaded = subprocess.run(client, stdin=written, stderr=subprocess.PIPE, check=False)  # noqa: S603
    if loaded.returncode:
        raise ServerError(0, f"loading the time zones: {loaded.stderr.decode(errors='replace').strip()}")


def run(module: AnsibleModule) -> None:
    """Compare, change, report."""
    params = module.params
    server = Server.local(params["login_unix_socket"], params["login_user"], TIMEOUT)
    usual = defaults(server)
    wanted = [
        Database(one["name"], one["encoding"], one["collation"] or usual.get(one["encoding"], ""))
        for one in params["databases"]
    ]
    steps = plan(wanted, existing(server), charsets(server))
    zoneinfo = params["zoneinfo"]
    zones = bool(zoneinfo) and lacks_zones(server)
    if zones and not (shutil.which(PROGRAM) and os.path.isdir(zoneinfo)):
        module.warn(
            f"MySQL knows no time zone by name, because this host has no {PROGRAM} or no {zoneinfo}: install tzdata and"
            " run this again."
        )
        zones = False
    if not module.check_mode:
        for step in steps:
            server.rows(step)
        if zones:
            load_zones(params["login_unix_socket"], params["login_user"], zoneinfo)
    statements = steps + ([LOADED] if zones else [])
    module.exit_json(
        changed=bool(statements),
        statements=statements,
        diff={"before": "", "after": "".join(f"{statement}\n" for statement in statements)},
    )


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "databases": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "encoding": {"type": "str", "default": "utf8mb4"},
                    "collation": {"type": "str"},
                    "application": {"type": "bool"},
                },
            },
            "zoneinfo": {"type": "str", "default": "/usr/share/zoneinfo"},
            **LOGIN_OPTIONS,
        },
        supports_check_mode=True,
    )
    try:
        run(module)
    except DatabaseError as error:
        module.fail_json(msg=f"{error}.")
    except ServerError as error:
        module.fail_json(msg=f"The MySQL server at {module.params['login_unix_socket']}: {error}")


if __name__ == "__main__":
    main()
