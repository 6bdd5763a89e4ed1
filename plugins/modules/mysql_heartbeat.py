#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.mysql_heartbeat."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_heartbeat
version_added: 1.0.0
short_description: Creates the heartbeat table on the MySQL source
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - Creates the table C(webstack.heartbeat), which the role P(foobar.webstack.mysql_endpoint#role) writes once a second,
    on a server that takes writes.
  - On a read-only server it changes nothing, because a replica gets the table from its source. Which server is the
    source is read from the server, because the inventory may be outdated.
extends_documentation_fragment: foobar.webstack.mysql
attributes:
  check_mode:
    description: Says what it would do. A server that is not installed yet counts as read-only.
    support: full
  diff_mode:
    description: Shows the statement that creates the table.
    support: full
seealso:
  - module: foobar.webstack.mysql_accounts
"""

EXAMPLES = r"""
- name: Create the heartbeat table on the source
  foobar.webstack.mysql_heartbeat:
  register: heartbeat
"""

RETURN = r"""
writable:
  description: Whether the server takes writes.
  returned: success
  type: bool
exists:
  description: Whether the table exists when the module ends.
  returned: success
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.heartbeat import CREATE
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.schemas import STACK_SCHEMA
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import (
    LOGIN_OPTIONS,
    NoServerError,
    Server,
    ServerError,
)

STATE = (
    "SELECT NOT (@@GLOBAL.read_only OR @@GLOBAL.super_read_only) AS writable,"
    " EXISTS (SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_NAME = 'heartbeat') AS found"
)

TIMEOUT = 30.0
"""Seconds for each answer."""


def create(server: Server, *, check: bool) -> dict[str, bool]:
    """Create the table where it is missing on a writable server; return the module's result."""
    (state,) = server.rows(STATE, [STACK_SCHEMA])
    writable, found = bool(state["writable"]), bool(state["found"])
    missing = writable and not found
    if missing and not check:
        for statement in CREATE:
            server.rows(statement)
    return {"changed": missing, "writable": writable, "exists": found or (missing and not check)}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=dict(LOGIN_OPTIONS), supports_check_mode=True)
    server = Server.local(module.params["login_unix_socket"], module.params["login_user"], TIMEOUT)
    try:
        result = create(server, check=module.check_mode)
    except NoServerError as error:
        if not module.check_mode:
            module.fail_json(msg=f"The MySQL server at {module.params['login_unix_socket']}: {error}")
        result = {"changed": False, "writable": False, "exists": False}
    except ServerError as error:
        module.fail_json(msg=f"The MySQL server at {module.params['login_unix_socket']}: {error}")
    after = f"{CREATE[-1]}\n" if result["changed"] else ""
    module.exit_json(**result, diff={"before": "", "after": after})


if __name__ == "__main__":
    main()
