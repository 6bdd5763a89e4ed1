#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.mysql_primary."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_primary
version_added: 1.0.0
short_description: Makes a MySQL server take writes, where there is a reason to
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - Every server is configured read-only, so that one that has crashed and restarted takes no writes. This module is
    what makes one writable, and only for one of the reasons that O(reason) knows. Without one that holds, it changes
    nothing and says in RV(msg) which verb would.
  - Does nothing where another server of O(others) takes writes, but fail.
attributes:
  check_mode:
    description: Says what it would execute. Nothing is changed.
    support: full
  diff_mode:
    description: Shows whether the server takes writes.
    support: full
extends_documentation_fragment:
  - foobar.webstack.mysql
options:
  reason:
    description:
      - V(new) for a server that has no data yet.
      - V(restarted) for one that took writes until the caller restarted it.
      - V(failover) for one of which C(foobar.webstack.mysql_failover) has decided that it takes over. If it is a
        replica, it first applies all that it has received, and is none afterwards.
      - V(drain) for a replica that is only to apply all that it has received. It stays one, and takes no writes.
    type: str
    choices: [new, restarted, failover, drain]
    default: new
  semi_sync:
    description: Whether commits wait for a replica. Not set on a server that has no data yet.
    type: bool
    default: true
  wait_no_replica:
    description: Whether they also wait where there is no replica. Not changed if not given.
    type: bool
  others:
    description: Servers that must not take writes. One that does not answer does not.
    type: list
    elements: dict
    default: []
    suboptions:
      host:
        description: Address.
        type: str
        required: true
        aliases: [address]
      port:
        description: TCP port.
        type: int
        default: 3306
  user:
    description: Account with which O(others) are asked.
    type: str
  password:
    description: Its password.
    type: str
  tls:
    description: Whether that connection is encrypted.
    type: bool
    default: true
  ca:
    description: File with the CA's certificates that the others are verified with.
    type: path
  timeout:
    description: Seconds for a replica to apply what it has received.
    type: int
    default: 60
seealso:
  - module: foobar.webstack.mysql_switchover
"""

EXAMPLES = r"""
- name: Make a new server take writes
  foobar.webstack.mysql_primary:

- name: Make a replica the primary, its source being lost and fenced
  foobar.webstack.mysql_primary:
    reason: failover
    wait_no_replica: false
"""

RETURN = r"""
writable:
  description: Whether the server takes writes now, or would in check mode.
  returned: success
  type: bool
server:
  description: The server's state afterwards, as RV(foobar.webstack.mysql_server_info#module:server).
  returned: O(reason=drain)
  type: dict
msg:
  description: Why it does not.
  returned: success
  type: str
statements:
  description: Statements executed, or that would be in check mode.
  returned: success
  type: list
  elements: str
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import one_line
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.failover import applied
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.switchover import OPEN
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.observation import observe
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import (
    LOGIN_OPTIONS,
    NoServerError,
    Server,
    ServerError,
)

PATIENCE = 5
"""Seconds for another server's answer."""

POLL_SECONDS = 0.05


def permission(role: str, reason: str, *, takes_writes: bool) -> str:
    """Why a server of this role may not be made to take writes for this reason; empty where it may."""
    if takes_writes or reason == "failover" or role == "fresh":
        return ""
    if role == "replica":
        return "This server is a replica. To exchange it with its source, run playbooks/switchover.yml"
    if reason == "restarted":
        return ""
    return (
        "This server has data and takes no writes, as after a crash, and nobody else is known to take any. It is"
        " left so until you decide: playbooks/failover.yml with -e webstack_primary=<this host> makes it take writes"
        " again, where it has everything that the others have"
    )


class Promotion:
    """One run of the module."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        params = module.params
        self.server = Server.local(params["login_unix_socket"], params["login_user"], params["timeout"] + PATIENCE)
        self.statements: list[str] = []

    def execute(self, statement: str) -> None:
        self.statements.append(statement)
        if not self.module.check_mode:
            self.server.rows(statement)

    def run(self) -> None:
        """Look, decide, execute, report."""
        params = self.module.params
        state = observe(self.server)
        if params["reason"] == "drain":
            if state["channel"]:
                self.drain(state["channel"])
            self.leave(state, writable=state["writable"], server=observe(self.server))
        reason = permission(state["role"], params["reason"], takes_writes=state["writable"])
        if reason:
            self.leave(state, writable=False, msg=f"{reason}.")
        if not state["writable"]:
            self.refuse_two()
        channel = state["channel"]
        if channel and params["reason"] == "failover" and not state["writable"]:
            self.drain(channel)
            self.execute("STOP REPLICA")
        try:
            self.settings(state)
            if not state["writable"]:
                self.execute(OPEN)
        except ServerError as error:
            if channel and not state["writable"]:
                self.server.rows("SET GLOBAL super_read_only = ON")
                self.server.rows("SET GLOBAL rpl_semi_sync_source_enabled = OFF")
                self.server.rows("START REPLICA")
            raise ServerError(0, f"it was left as it was: {error}") from error
        if channel and params["reason"] == "failover":
            # Last: until the server takes writes, this says whose replica it was.
            if state["writable"]:
                self.execute("STOP REPLICA")
            self.execute("RESET REPLICA ALL")
        self.leave(state, writable=True)

    def settings(self, state: dict[str, Any]) -> None:
        """Before the first write: whether commits wait."""
        params = self.module.params
        if params["wait_no_replica"] is not None:
            value = "ON" if params["wait_no_replica"] else "OFF"
            if self.server.variables().get("rpl_semi_sync_source_wait_no_replica", value) != value:
                self.execute(f"SET GLOBAL rpl_semi_sync_source_wait_no_replica = {value}")
        if state["role"] != "fresh" and state["semi_sync_source"] != params["semi_sync"]:
            self.execute(f"SET GLOBAL rpl_semi_sync_source_enabled = {'ON' if params['semi_sync'] else 'OFF'}")

    def drain(self, channel: dict[str, Any]) -> None:
        """Wait until all that was received is applied. In check mode it only has to be possible."""
        deadline = time.monotonic() + self.module.params["timeout"]
        executed = one_line(self.server.value("@@GLOBAL.gtid_executed"))
        while not applied(channel, executed):
            if self.module.check_mode:
                return
            if not channel["applier"]:
                if channel["error"]:
                    raise ServerError(0, f"it cannot apply what it has received: {channel['error']}")
                self.execute("START REPLICA SQL_THREAD")
            if time.monotonic() > deadline:
                raise ServerError(
                    0, f"it has not applied what it has received within {self.module.params['timeout']} s. Run again"
                )
            time.sleep(POLL_SECONDS)
            state = observe(self.server)
            channel, executed = state["channel"], state["gtid_executed"]

    def refuse_two(self) -> None:
        """Fail where another server takes writes."""
        params = self.module.params
        for other in params["others"]:
            remote = Server.remote(
                other["host"],
                other["port"],
                params["user"],
                params["password"],
                tls=params["tls"],
                ca=params["ca"] or "",
                timeout=PATIENCE,
            )
            try:
                writable = not int(remote.value("@@GLOBAL.read_only"))
            except ServerError:
                # It knows no accounts yet, or is gone.
                continue
            finally:
                remote.close()
            if writable:
                raise ServerError(0, f"{other['host']} takes writes, so this server must not. Run playbooks/site.yml")

    def leave(self, state: dict[str, Any], *, writable: bool, msg: str = "", **more: Any) -> None:
        before = {"takes writes": state["writable"]}
        self.module.exit_json(
            changed=bool(self.statements),
            writable=writable,
            msg=msg,
            statements=self.statements,
            diff={"before": before, "after": {"takes writes": writable}},
            **more,
        )


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "reason": {"type": "str", "choices": ["new", "restarted", "failover", "drain"], "default": "new"},
            "semi_sync": {"type": "bool", "default": True},
            "wait_no_replica": {"type": "bool"},
            "others": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "host": {"type": "str", "required": True, "aliases": ["address"]},
                    "port": {"type": "int", "default": 3306},
                },
            },
            "user": {"type": "str"},
            "password": {"type": "str", "no_log": True},
            "tls": {"type": "bool", "default": True},
            "ca": {"type": "path"},
            "timeout": {"type": "int", "default": 60},
            **LOGIN_OPTIONS,
        },
        required_together=[("user", "password")],
        supports_check_mode=True,
    )
    promotion = Promotion(module)
    try:
        promotion.run()
    except NoServerError as error:
        if module.check_mode:
            module.exit_json(changed=False, writable=False, msg=str(error), statements=[])
        module.fail_json(msg=f"The MySQL server at {module.params['login_unix_socket']}: {error}")
    except ServerError as error:
        module.fail_json(
            msg=f"The MySQL server at {module.params['login_unix_socket']}: {error}", statements=promotion.statements
        )


if __name__ == "__main__":
    main()
