#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.mysql_rejoin."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_rejoin
version_added: 1.0.0
short_description: Starts a replaced MySQL primary read-only, and saves what only it has
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - The first half of a return, before the server becomes a replica again (M(foobar.webstack.mysql_replica)).
  - Starts the server if it does not run. One that runs and takes writes is restarted, so that it is read-only as its
    configuration says; where that does not say so, nothing is done.
  - Compares its transactions with those of the server that has taken its place. What only this one has is written to a
    file, as C(mysqlbinlog) shows it, before anything can throw it away.
attributes:
  check_mode:
    description: Compares where the server runs, and says what it would do. Nothing is changed.
    support: full
  diff_mode:
    description: Nothing is shown.
    support: none
extends_documentation_fragment:
  - foobar.webstack.mysql
requirements:
  - mysqlbinlog, where there is something to save
options:
  gtid_executed:
    description: What the server has that is the primary now.
    type: str
    required: true
  mode:
    description: As of M(foobar.webstack.mysql_primary).
    type: str
    choices: [pair, group]
    default: pair
  beginnings:
    description:
      - In a group, which of its beginnings the primary knows (C(server.beginnings) of
        M(foobar.webstack.mysql_server_info)). What the server has that the group was begun anew without is saved, too.
    type: list
    elements: dict
    default: []
  directory:
    description: Where the file goes. It is made, for root alone.
    type: path
    default: /var/backups/webstack
  service:
    description: Unit of the server.
    type: str
    default: mysql
  timeout:
    description: Seconds in which the server must answer, its recovery after a crash included.
    type: int
    default: 120
seealso:
  - module: foobar.webstack.mysql_replica
"""

EXAMPLES = r"""
- name: Start the old primary and save what only it has
  foobar.webstack.mysql_rejoin:
    gtid_executed: "{{ primary.server.gtid_executed }}"
"""

RETURN = r"""
diverged:
  description: GTID set of the transactions that only this server has. Empty if it can be a replica as it is.
  returned: success
  type: str
transactions:
  description: How many these are.
  returned: success
  type: int
doubtful:
  description:
    - GTID set of the transactions that may be something else on the primary, because the group was begun anew without
      this server. Which of them are the same cannot be told.
  returned: success
  type: str
replaces:
  description: Whether the data has to be replaced by the primary's, because of any of these.
  returned: success
  type: bool
file:
  description: File on the host that they were saved to. Empty if there are none.
  returned: success
  type: str
incomplete:
  description: Which of them were not in the server's binary logs any more, and so are not in the file.
  returned: success
  type: str
reasons:
  description: Why the server was not started, or nothing saved, each a C(code) with C(data). C(msg) says it in words.
  returned: failure
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.beginnings import from_data
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.recovery import (
    Recovery as RecoveryInGroup,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.recovery import Recovered, Recovery
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import ReasonError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import LOGIN_OPTIONS, Server, ServerError

PATIENCE = 10
"""Seconds for an answer."""


def run(recovery: Recovery, executed: GtidSet, directory: str) -> dict[str, Any]:
    """Start the server, compare, and say what was found."""
    recovery.start()
    message = ""
    found = Recovered(GtidSet())
    if recovery.check and recovery.changed:
        message = "The server would be started; only then is known what it has."
    else:
        found = recovery.compare(executed, directory)
    return {
        "diverged": str(found.diverged),
        "transactions": found.diverged.count,
        "doubtful": str(found.doubtful),
        "replaces": bool(found.diverged) or found.apart,
        "file": found.file,
        "incomplete": str(found.lost),
        "msg": message,
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "gtid_executed": {"type": "str", "required": True},
            "mode": {"type": "str", "choices": ["pair", "group"], "default": "pair"},
            "beginnings": {"type": "list", "elements": "dict", "default": []},
            "directory": {"type": "path", "default": "/var/backups/webstack"},
            "service": {"type": "str", "default": "mysql"},
            "timeout": {"type": "int", "default": 120},
            **LOGIN_OPTIONS,
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        executed = GtidSet.parse(params["gtid_executed"])
    except ValueError as error:
        module.fail_json(msg=f"gtid_executed: {error}.")
    in_group = params["mode"] == "group"
    kind: Callable[..., Recovery] = RecoveryInGroup if in_group else Recovery
    recovery = kind(
        server=Server.local(params["login_unix_socket"], params["login_user"], PATIENCE),
        service=params["service"],
        run=module.run_command,
        timeout=params["timeout"],
        check=module.check_mode,
        **({"there": from_data(params["beginnings"])} if in_group else {}),
    )
    try:
        done = run(recovery, executed, params["directory"])
    except ReasonError as error:
        module.fail_json(**error.as_result())
    except ServerError as error:
        module.fail_json(msg=f"The MySQL server at {params['login_unix_socket']}: {error}.")
    module.exit_json(changed=recovery.changed, **done)


if __name__ == "__main__":
    main()
