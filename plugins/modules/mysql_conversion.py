#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.mysql_conversion."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_conversion
version_added: 1.0.0
short_description: Makes a group of a running pair of MySQL servers, or a pair of a running group
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - Run on the server that takes the writes, it makes all the servers a group, or a source and its replicas. That server
    goes on taking the writes, but for the moment in which it enters or leaves its group. The others go over one after
    the other. At each moment an acknowledged write is on two servers.
  - What is to be done next follows from what all the servers are. A run that was interrupted is repeated, or taken back
    by a run in the other direction.
  - It ends where what leads to the primary has to be told of the mode, until it is told that this was done
    (O(endpoints)).
  - Every server has to have loaded group replication with its settings, as M(foobar.webstack.mysql_settings) does it
    (O(foobar.webstack.mysql_settings#module:group_replication)).
attributes:
  check_mode:
    description: Looks at all the servers, and says what it would do. Nothing is changed. It may be run on any of them.
    support: full
  diff_mode:
    description: Shows the steps.
    support: full
extends_documentation_fragment:
  - foobar.webstack.mysql
  - foobar.webstack.mysql.channel
options:
  mode:
    description: What the servers are to be.
    type: str
    choices: [pair, group]
    required: true
  name:
    description: Name of this host.
    type: str
    required: true
  host:
    description: Its address, at which the others fetch from it.
    type: str
    required: true
    aliases: [address]
  port:
    description: TCP port of its server.
    type: int
    default: 3306
  others:
    description: The other servers.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the host.
        type: str
        required: true
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
    description:
      - Account on the others with the privileges C(SYSTEM_VARIABLES_ADMIN), C(REPLICATION_SLAVE_ADMIN),
        C(CONNECTION_ADMIN), C(GROUP_REPLICATION_ADMIN), C(REPLICATION CLIENT) and C(RELOAD), and C(SELECT) on
        C(performance_schema) and C(webstack).
    type: str
    required: true
  password:
    description: Its password.
    type: str
    required: true
  source_user:
    description: Account of the replication, with which replicas fetch, and members log in to each other.
    type: str
    required: true
  source_password:
    description: Its password.
    type: str
    required: true
  tls:
    description: Whether connections between the servers are encrypted.
    type: bool
    default: true
  ca:
    description: File, on all hosts, with the CA's certificates that the other servers are verified with.
    type: path
  endpoints:
    description: Whether what leads to the primary goes by O(mode) already.
    type: bool
    default: false
  lock_timeout:
    description: As of M(foobar.webstack.mysql_switchover).
    type: int
    default: 2
  max_transaction:
    description: As of M(foobar.webstack.mysql_switchover).
    type: int
    default: 10
  timeout:
    description: Seconds that each step may take.
    type: int
    default: 60
  lock:
    description: As of M(foobar.webstack.mysql_primary).
    type: str
    default: ""
seealso:
  - module: foobar.webstack.mysql_group
  - module: foobar.webstack.mysql_replica
"""

EXAMPLES = r"""
- name: Make a group of a pair, up to where what leads to the primary has to know
  foobar.webstack.mysql_conversion:
    mode: group
    name: db1
    host: 198.18.0.31
    others: [{name: db2, host: 198.18.0.32}, {name: db3, host: 198.18.0.33}]
    user: verbs
    password: "{{ verbs_password }}"
    source_user: replication
    source_password: "{{ replication_password }}"
    ca: /etc/webstack/tls/ca.pem
"""

RETURN = r"""
leader:
  description: Name of the host that takes the writes, or is to.
  returned: success
  type: str
writable:
  description: Whether it takes writes now.
  returned: success
  type: bool
steps:
  description: What was done, in order, or in check mode what would be.
  returned: always
  type: list
  elements: str
left:
  description: What is left to be done.
  returned: success
  type: list
  elements: str
statements:
  description: What was executed, and where. Passwords are hidden.
  returned: always
  type: list
  elements: str
gap_seconds:
  description: For how long no server took writes, at most.
  returned: success
  type: float
reasons:
  description: Why it was not done, or not all of it, each a C(code) with C(data). C(msg) says it in words.
  returned: failure
  type: list
  elements: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils._mysql import role_lock
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.conversion.convert import Conversion
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.conversion.observe import unfit
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.conversion.state import GROUP, PAIR
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.state import Account
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.channel import CHANNEL_OPTIONS, Endpoint
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import ReasonError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.role_lock import LockError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import LOGIN_OPTIONS, Server, ServerError

PATIENCE = 5
"""Seconds to reach another server."""
MARGIN = 30
"""Seconds that an answer may take beyond what a step may."""


def conversion(params: dict[str, Any]) -> Conversion:
    """The servers, and what they are to be."""
    patience = params["timeout"] + MARGIN
    own = Server.local(params["login_unix_socket"], params["login_user"], PATIENCE).patient(patience)
    others = {
        each["name"]: Server.remote(
            each["host"],
            each["port"],
            params["user"],
            params["password"],
            tls=params["tls"],
            ca=params["ca"] or "",
            timeout=PATIENCE,
        ).patient(patience)
        for each in params["others"]
    }
    return Conversion(
        target=params["mode"],
        own=params["name"],
        servers={params["name"]: own, **others},
        source=Endpoint.of({**params, "own_host": params["host"], "own_port": params["port"]}, source="own_", tls=""),
        account=Account(params["source_user"], params["source_password"]),
        endpoints=params["endpoints"],
        unfit=unfit(own) if params["mode"] == GROUP else (),
        lock_seconds=params["lock_timeout"],
        max_transaction=params["max_transaction"],
        timeout=params["timeout"],
    )


def run(servers: Conversion, *, check: bool) -> dict[str, Any]:
    """Convert them, or only look, and say what was done."""
    found = servers.look() if check else servers.run()
    steps = found.in_words() if check else servers.done
    return {
        "changed": bool(steps),
        "leader": found.leader,
        "writable": servers.takes_writes(found.leader),
        "steps": steps,
        "left": found.in_words(),
        "statements": servers.executed,
        "gap_seconds": round(servers.gap, 3),
    }


def argument_spec() -> dict[str, Any]:
    """The options, as DOCUMENTATION has them."""
    host = {
        "name": {"type": "str", "required": True},
        "host": {"type": "str", "required": True, "aliases": ["address"]},
        "port": {"type": "int", "default": 3306},
    }
    return {
        "mode": {"type": "str", "choices": [PAIR, GROUP], "required": True},
        **host,
        "others": {"type": "list", "elements": "dict", "required": True, "options": host},
        "user": {"type": "str", "required": True},
        "password": {"type": "str", "required": True, "no_log": True},
        "source_user": {"type": "str", "required": True},
        "source_password": {"type": "str", "required": True, "no_log": True},
        "tls": {"type": "bool", "default": True},
        "ca": {"type": "path"},
        "endpoints": {"type": "bool", "default": False},
        "lock_timeout": {"type": "int", "default": 2},
        "max_transaction": {"type": "int", "default": 10},
        "timeout": {"type": "int", "default": 60},
        "lock": {"type": "str", "default": ""},
        **CHANNEL_OPTIONS,
        **LOGIN_OPTIONS,
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    params = module.params
    done: list[Conversion] = []
    failure: dict[str, Any] = {}
    try:
        # Which keeps this server from taking writes, or entering its group, by itself.
        with role_lock.under("" if module.check_mode else params["lock"]):
            done.append(conversion(params))
            result = run(done[0], check=module.check_mode)
    except LockError as error:
        failure = {"msg": f"The mode was not changed: {error}. Run it again."}
    except ReasonError as error:
        failure = error.as_result()
    except ServerError as error:
        failure = {"msg": f"The mode was not changed: {error}."}
    if failure:
        steps, statements = (done[0].done, done[0].executed) if done else ([], [])
        module.fail_json(**failure, changed=bool(statements), steps=steps, statements=statements)
    module.exit_json(**result, diff={"before": "", "after": "".join(f"{step}\n" for step in result["steps"])})


if __name__ == "__main__":
    main()
