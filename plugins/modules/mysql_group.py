#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.mysql_group."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_group
version_added: 1.0.0
short_description: Makes a MySQL server a member of a group (Group Replication)
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - Joins the group in which most of O(others) are. A server without data gets a copy of a member's (C(CLONE)) first.
  - Where there is no group, the server with O(first) begins one, unless another has transactions that it lacks. The
    others wait for that.
  - Where it begins one and a host does not answer, it records in the table C(webstack.group_beginnings) what it has, so
    that a member that is lost and had something else is not taken for one that has the same.
  - A server without which the group was begun anew is refused where what it has may be something else there under the
    same numbers.
  - Data that the group does not have is never thrown away unasked (O(reprovision)).
  - A server that is in the group stays as it is, but for the account with which it logs in to the others.
attributes:
  check_mode:
    description: Says what it would do. Nothing is changed, and nobody is waited for.
    support: full
  diff_mode:
    description: Shows the state in the group.
    support: full
extends_documentation_fragment:
  - foobar.webstack.mysql
options:
  others:
    description: The other members.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the host, for messages. The address if not given.
        type: str
      host:
        description: Address.
        type: str
        required: true
      port:
        description: TCP port.
        type: int
        default: 3306
  user:
    description:
      - Account, the same on every member, with the privileges C(REPLICATION SLAVE), C(BACKUP_ADMIN),
        C(CONNECTION_ADMIN) and C(GROUP_REPLICATION_STREAM), C(SHOW VIEW), and C(SELECT) on C(performance_schema) and
        C(webstack).
    type: str
    required: true
  password:
    description: Its password.
    type: str
    required: true
  first:
    description: Whether this server may begin the group. For one of the members only.
    type: bool
    default: false
  tls:
    description: Whether connections to the others are encrypted.
    type: bool
    default: true
  ca:
    description: File with the CA's certificates that the others are verified with.
    type: path
  provision:
    description: Whether a server without data gets a copy (V(clone)), or all from binary logs (V(none)).
    type: str
    choices: [clone, none]
    default: clone
  clone_user:
    description: Account on the others with the privilege C(BACKUP_ADMIN), for C(CLONE). That of O(user) if not given.
    type: str
  clone_password:
    description: Its password.
    type: str
  reprovision:
    description: Whether data that stands in the way may be thrown away and replaced by the group's.
    type: bool
    default: false
  timeout:
    description: Seconds for the group to be there, and for this server to be in it.
    type: int
    default: 60
  clone_timeout:
    description: Seconds that copying the data may take.
    type: int
    default: 3600
  lock:
    description: As of M(foobar.webstack.mysql_primary).
    type: str
    default: ""
  service:
    description: Unit that is started after C(CLONE) where nothing starts the server again by itself.
    type: str
    default: mysql
seealso:
  - module: foobar.webstack.mysql_replica
"""

EXAMPLES = r"""
- name: Be a member, and begin the group where there is none yet
  foobar.webstack.mysql_group:
    others: [{host: 198.18.0.32}, {host: 198.18.0.33}]
    user: replication
    password: "{{ replication_password }}"
    first: "{{ inventory_hostname == 'db1' }}"
"""

RETURN = r"""
statements:
  description: What was done, or would be in check mode. Passwords are hidden.
  returned: always
  type: list
  elements: str
  sample: [START GROUP_REPLICATION]
reachable:
  description: Whether the server answered. One that does not is an error, except in check mode.
  returned: success
  type: bool
writable:
  description: Whether the server is the primary of the group now.
  returned: success
  type: bool
reasons:
  description: Why the server is not a member, each a C(code) with C(data). C(msg) says it in words.
  returned: failure
  type: list
  elements: dict
"""

import contextlib
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils._mysql import role_lock
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.limits import source_password_error
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.convergence import Convergence
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.plan import Intent
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.state import Account, Peer
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import ReasonError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.role_lock import LockError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import (
    LOGIN_OPTIONS,
    NoServerError,
    Server,
    ServerError,
)

PATIENCE = 5
"""Seconds for another server's answer."""


def convergence(module: AnsibleModule) -> Convergence:
    """What the options ask for."""
    params = module.params

    def control(verb: str) -> str:
        status, _output, error = module.run_command(["systemctl", verb, params["service"]])
        return "" if status == 0 else f"{params['service']}: {error.strip()}"

    def ask(peer: Peer) -> Server:
        return Server.remote(
            peer.host,
            peer.port,
            params["user"],
            params["password"],
            tls=params["tls"],
            ca=params["ca"] or "",
            timeout=PATIENCE,
        )

    return Convergence(
        server=Server.local(params["login_unix_socket"], params["login_user"], params["timeout"]),
        peers=[Peer(each["name"] or each["host"], each["host"], each["port"]) for each in params["others"]],
        ask=ask,
        intent=Intent(
            account=Account(params["user"], params["password"]),
            first=params["first"],
            clone=params["provision"] == "clone",
            reprovision=params["reprovision"],
            rehearsal=module.check_mode,
        ),
        control=control,
        timeout=params["timeout"],
        clone_timeout=params["clone_timeout"],
        clone_account=Account(params["clone_user"], params["clone_password"]) if params["clone_user"] else None,
        tls=params["tls"],
        ca=params["ca"] or "",
    )


def alone(module: AnsibleModule) -> contextlib.AbstractContextManager[object]:
    """Keep the service beside the server from entering the group at the same time."""
    if module.check_mode:
        return contextlib.nullcontext()
    token = module.params["lock"]
    return role_lock.under(token) if token else role_lock.alone(module.params["timeout"])


def run(module: AnsibleModule, member: Convergence) -> dict[str, Any]:
    """Converge, and say what was done."""
    done = member.converge()
    statements = [step.value for step in done.steps] if module.check_mode else member.executed
    return {
        "changed": bool(statements),
        "reachable": True,
        "writable": member.writable,
        "statements": statements,
        "diff": {
            "before": {"in the group": not done.steps},
            "after": {"in the group": True, "steps": [step.value for step in done.steps]},
        }
        if statements
        else {"before": {}, "after": {}},
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "others": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str"},
                    "host": {"type": "str", "required": True},
                    "port": {"type": "int", "default": 3306},
                },
            },
            "user": {"type": "str", "required": True},
            "password": {"type": "str", "required": True, "no_log": True},
            "first": {"type": "bool", "default": False},
            "tls": {"type": "bool", "default": True},
            "ca": {"type": "path"},
            "provision": {"type": "str", "choices": ["clone", "none"], "default": "clone"},
            "clone_user": {"type": "str"},
            "clone_password": {"type": "str", "no_log": True},
            "reprovision": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 60},
            "clone_timeout": {"type": "int", "default": 3600},
            "lock": {"type": "str", "default": ""},
            "service": {"type": "str", "default": "mysql"},
            **LOGIN_OPTIONS,
        },
        required_together=[("clone_user", "clone_password")],
        supports_check_mode=True,
    )
    params = module.params
    if error := source_password_error(params["password"]):
        module.fail_json(msg=f"{error[0].upper()}{error[1:]}.", reasons=[], statements=[])
    member = convergence(module)
    failure: dict[str, Any] = {}
    done: dict[str, Any] = {}
    try:
        with alone(module):
            done = run(module, member)
    except LockError as error:
        failure = {"msg": f"Nothing was changed: {error}. Run it again."}
    except ReasonError as error:
        failure = error.as_result()
    except ServerError as error:
        if module.check_mode and isinstance(error, NoServerError):
            done = {"reachable": False, "writable": False, "msg": str(error)}
        else:
            failure = {"msg": f"The MySQL server at {params['login_unix_socket']}: {error}."}
    if failure:
        module.fail_json(**failure, changed=bool(member.executed), statements=member.executed)
    module.exit_json(**{"changed": False, "statements": [], **done})


if __name__ == "__main__":
    main()
