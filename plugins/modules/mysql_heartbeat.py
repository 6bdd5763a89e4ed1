#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.mysql_heartbeat."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_heartbeat
version_added: 1.0.0
short_description: Creates the stack's own tables on the MySQL source
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - On a server that takes writes, it creates the table C(webstack.heartbeat), which the role
    P(foobar.webstack.mysql_endpoint#role) writes once a second, and C(webstack.primary_epoch), and records in the
    latter that this server is the primary. In a group nothing is recorded, because the group elects its primary.
  - On a read-only server it changes nothing, because a replica gets the tables from its source. Which server is the
    source is read from the server, because the inventory may be outdated.
extends_documentation_fragment: foobar.webstack.mysql
attributes:
  check_mode:
    description: Says what it would do. A server that is not installed yet counts as read-only.
    support: full
  diff_mode:
    description: Shows the statements.
    support: full
seealso:
  - module: foobar.webstack.mysql_accounts
"""

EXAMPLES = r"""
- name: Create the stack's own tables on the source
  foobar.webstack.mysql_heartbeat:
  register: heartbeat
"""

RETURN = r"""
writable:
  description: Whether the server takes writes.
  returned: success
  type: bool
exists:
  description: Whether the tables exist when the module ends.
  returned: success
  type: bool
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils._mysql import epoch
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.heartbeat import CREATE
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.schemas import STACK_SCHEMA
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import (
    LOGIN_OPTIONS,
    NoServerError,
    Queries,
    Server,
    ServerError,
)

TABLES = (*CREATE, epoch.CREATE)

STATE = (
    "SELECT NOT (@@GLOBAL.read_only OR @@GLOBAL.super_read_only) AS writable, @@GLOBAL.server_uuid AS server_uuid,"  # noqa: S608
    " (SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s"
    f" AND TABLE_NAME IN ('heartbeat', '{epoch.NAME}')) = 2 AS found,"
    " (SELECT COUNT(*) FROM performance_schema.replication_group_members WHERE MEMBER_STATE <> 'OFFLINE') AS members"
)

TIMEOUT = 30.0
"""Seconds for each answer."""


def create(server: Queries, *, check: bool) -> dict[str, Any]:
    """Create what is missing on a writable server; return the module's result, and the statements."""
    (state,) = server.rows(STATE, [STACK_SCHEMA])
    writable, found, uuid = bool(state["writable"]), bool(state["found"]), str(state["server_uuid"])
    statements: list[str] = []
    if writable and not found:
        statements += TABLES
    recorded = epoch.read(server) if writable else None
    # It took writes before that was recorded, or somebody has made it the primary by hand.
    if writable and not state["members"] and (recorded is None or recorded.server_uuid != uuid):
        statements.append(epoch.RAISE)
    for statement in statements if not check else ():
        server.rows(statement, [uuid, "found"] if statement == epoch.RAISE else [])
    exists = found or (bool(statements) and not check)
    return {"changed": bool(statements), "writable": writable, "exists": exists, "statements": statements}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=dict(LOGIN_OPTIONS), supports_check_mode=True)
    server = Server.local(module.params["login_unix_socket"], module.params["login_user"], TIMEOUT)
    try:
        result = create(server, check=module.check_mode)
    except NoServerError as error:
        if not module.check_mode:
            module.fail_json(msg=f"The MySQL server at {module.params['login_unix_socket']}: {error}")
        result = {"changed": False, "writable": False, "exists": False, "statements": []}
    except ServerError as error:
        module.fail_json(msg=f"The MySQL server at {module.params['login_unix_socket']}: {error}")
    after = "".join(f"{statement}\n" for statement in result.pop("statements"))
    module.exit_json(**result, diff={"before": "", "after": after})


if __name__ == "__main__":
    main()
