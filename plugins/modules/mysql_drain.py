#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.mysql_drain."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_drain
version_added: 1.0.0
short_description: Takes a MySQL server out of its pair or group and stops it, and starts it again
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - A replica stops to replicate, a member leaves its group. Where a proxy asks P(foobar.webstack.mysql_endpoint#role)
    whom to read from, its clients go elsewhere by that, and are waited for. Then the server is stopped.
  - Whoever starts it until O(state=started), such as the script of a package, starts it without network, replication
    and binary log. The packages of Debian and Ubuntu change an account while they are configured, and in the binary log
    that would be a transaction that no other server has.
  - A server that takes writes is refused, unless O(primary).
  - Until O(state=back) a mark on the host says that it was taken out on purpose.
attributes:
  check_mode:
    description: Says what it would do. Nothing is changed.
    support: full
  diff_mode:
    description: Shows whether the server runs.
    support: full
extends_documentation_fragment:
  - foobar.webstack.mysql
options:
  state:
    description:
      - V(stopped) takes it out and stops it.
      - V(started) starts it, and waits until it answers. It is not yet back in its pair or group, see
        M(foobar.webstack.mysql_replica) and M(foobar.webstack.mysql_group).
      - V(back) waits until it has O(executed), and removes the mark.
    type: str
    choices: [stopped, started, back]
    default: stopped
  mode:
    description: Whether the server is one of a pair or a member of a group (V(mysql_replication_mode) of the stack).
    type: str
    choices: [pair, group]
    default: pair
  primary:
    description:
      - Whether it may be one that takes writes. In a group, the others elect another one then. Otherwise nobody takes
        writes until it is started, and let take them by M(foobar.webstack.mysql_primary).
    type: bool
    default: false
  executed:
    description: Transactions that it has to have to be back, a GTID set.
    type: str
    default: ""
  patience:
    description: Seconds for its clients to go.
    type: float
    default: 10.0
  timeout:
    description:
      - Seconds for the server to answer after its start, and to have O(executed). A new version upgrades its tables
        first.
    type: int
    default: 600
  service:
    description: Unit of the server.
    type: str
    default: mysql
seealso:
  - module: foobar.webstack.mysql_upgrade_info
"""

EXAMPLES = r"""
- name: Take the replica out
  foobar.webstack.mysql_drain:

- name: Upgrade it
  ansible.builtin.apt:
    name: mysql-server
    state: latest

- name: Start it
  foobar.webstack.mysql_drain:
    state: started
"""

RETURN = r"""
statements:
  description: Statements executed, or that would be in check mode.
  returned: success
  type: list
  elements: str
clients:
  description: How many clients were still connected when the server was stopped.
  returned: O(state=stopped)
  type: int
version:
  description: Version of the server.
  returned: O(state=started)
  type: str
reasons:
  description: Why the server was not taken out or does not run, each a C(code) with C(data). C(msg) says it in words.
  returned: failure
  type: list
  elements: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils import _process
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.draining import Drain
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.membership import (
    LEAVE as LEAVE_GROUP,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.upgrade import LEAVE
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import ReasonError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import LOGIN_OPTIONS, Server, ServerError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.upgrade import service

LEAVES = {"pair": LEAVE, "group": LEAVE_GROUP}

SECONDS_TO_LEAVE = 60
"""For a member to leave its group: transactions that are under way end first."""


def drain(module: AnsibleModule) -> Drain:
    """The server and its unit."""
    params = module.params
    unit = params["service"]

    def control(verb: str) -> str:
        status, _output, error = module.run_command(["systemctl", verb, unit])
        return "" if status == 0 else error.strip()

    return Drain(
        server=Server.local(params["login_unix_socket"], params["login_user"], SECONDS_TO_LEAVE),
        control=control,
        runs_old_file=lambda: service.runs_old_file(service.process(_process.run, unit)),
        silence=service.silence,
        unsilence=service.unsilence,
        leave=LEAVES[params["mode"]],
        of_primary=params["primary"],
        patience=params["patience"],
        timeout=params["timeout"],
    )


def run(module: AnsibleModule, out: Drain) -> dict[str, Any]:
    """Do what is asked for."""
    params, check = module.params, module.check_mode
    state = params["state"]
    running = bool(service.process(_process.run, params["service"]))
    if state == "back":
        if params["executed"] and not check:
            out.catch_up(params["executed"])
        changed = service.is_out() if check else service.mark_back()
        return {"changed": changed, "diff": {}}
    before, after = {"runs": running}, {"runs": state == "started"}
    found: dict[str, Any] = {"diff": {"before": before, "after": after}}
    if state == "stopped":
        if check:
            there = out.check()
            return {**found, "changed": running, "statements": [str(each) for each in out.leave] if there else []}
        out.check()
        marked = service.mark_out()
        return {**found, "clients": out.stop(), "changed": running or marked, "statements": out.statements}
    if check:
        return {**found, "changed": not running}
    process = service.process(_process.run, params["service"])
    version = out.start()
    return {**found, "version": version, "changed": process != service.process(_process.run, params["service"])}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["stopped", "started", "back"], "default": "stopped"},
            "mode": {"type": "str", "choices": list(LEAVES), "default": "pair"},
            "primary": {"type": "bool", "default": False},
            "executed": {"type": "str", "default": ""},
            "patience": {"type": "float", "default": 10.0},
            "timeout": {"type": "int", "default": 600},
            "service": {"type": "str", "default": "mysql"},
            **LOGIN_OPTIONS,
        },
        supports_check_mode=True,
    )
    out = drain(module)
    try:
        done = run(module, out)
    except ReasonError as error:
        module.fail_json(**error.as_result(), statements=out.statements)
    except ServerError as error:
        socket = module.params["login_unix_socket"]
        module.fail_json(msg=f"The MySQL server at {socket}: {error}.", reasons=[], statements=out.statements)
    module.exit_json(**{"statements": [], **done})


if __name__ == "__main__":
    main()
