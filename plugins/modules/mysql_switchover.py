#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.mysql_switchover."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_switchover
version_added: 1.0.0
short_description: Exchanges a MySQL source and its replica
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - Run on the server that takes writes, it makes the replica O(candidate_host) take them, and this server its replica.
  - First it looks at both and refuses if something would go wrong. Then it lets this server take no more writes, waits
    until the candidate has every transaction, turns the replication round, and lets the candidate take writes.
  - If a step fails, all is taken back, and this server takes writes again. At no time do both.
  - In a group, the group does all that in one step.
  - A transaction that has written and is open for longer than O(max_transaction) is a reason to refuse. A younger one
    is rolled back, with an error for the client that commits it.
attributes:
  check_mode:
    description: Looks at both servers, and says what it would do. Nothing is changed.
    support: full
  diff_mode:
    description: Shows which server takes writes.
    support: full
extends_documentation_fragment:
  - foobar.webstack.mysql
  - foobar.webstack.mysql.channel
options:
  mode:
    description: Whether the server is one of a pair or a member of a group (V(mysql_replication_mode) of the stack).
    type: str
    choices: [pair, group]
    default: pair
  candidate_host:
    description: Address of the replica.
    type: str
    required: true
  candidate_port:
    description: Its TCP port.
    type: int
    default: 3306
  user:
    description:
      - Account on the replica with the privileges C(SYSTEM_VARIABLES_ADMIN), C(REPLICATION_SLAVE_ADMIN),
        C(CONNECTION_ADMIN), C(REPLICATION CLIENT) and C(RELOAD), and C(SELECT) on C(performance_schema).
    type: str
    required: true
  password:
    description: Its password.
    type: str
    required: true
  source_user:
    description: Account of the replication, with which this server will fetch.
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
    description: File, on both hosts, with the CA's certificates that the other server is verified with.
    type: path
  lock_timeout:
    description: Seconds for commits that are under way to end, while others wait already.
    type: int
    default: 2
  max_lag:
    description: Seconds that the replica may be behind.
    type: int
    default: 2
  max_transaction:
    description: Seconds for which a transaction that has written may be open. One that is older is not rolled back.
    type: int
    default: 10
  lock:
    description: As of M(foobar.webstack.mysql_primary).
    type: str
    default: ""
seealso:
  - module: foobar.webstack.mysql_server_info
"""

EXAMPLES = r"""
- name: Let 198.18.0.32 take the writes
  foobar.webstack.mysql_switchover:
    candidate_host: 198.18.0.32
    user: verbs
    password: "{{ verbs_password }}"
    source_user: replication
    source_password: "{{ replication_password }}"
    ca: /etc/webstack/tls/ca.pem
"""

RETURN = r"""
steps:
  description: What was done, in order, or in check mode what would be.
  returned: success
  type: list
  elements: str
seconds:
  description: When each of RV(steps) was done, counted from the beginning of the first.
  returned: success
  type: list
  elements: float
gap_seconds:
  description: For how long no server took writes.
  returned: success
  type: float
reasons:
  description: Why the roles were not exchanged, each a C(code) with C(data). C(msg) says it in words.
  returned: failure
  type: list
  elements: dict
warning_reasons:
  description: What is warned about, in the same form.
  returned: success
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils._mysql import role_lock
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.exchange import (
    Exchange as ExchangeInGroup,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.exchange import (
    prepare as prepare_in_group,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.channel import CHANNEL_OPTIONS, Endpoint
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.exchange import Exchange, prepare
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import ReasonError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.role_lock import LockError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import LOGIN_OPTIONS, Server, ServerError

PREPARE: dict[str, Callable[..., Exchange | ExchangeInGroup]] = {"pair": prepare, "group": prepare_in_group}

PATIENCE = 10
"""Seconds for an answer; longer than any statement here waits."""


def exchange(params: dict[str, Any]) -> Exchange | ExchangeInGroup:
    """The two servers, looked at."""
    return PREPARE[params["mode"]](
        Server.local(params["login_unix_socket"], params["login_user"], PATIENCE),
        Endpoint.of(params, source="candidate_", tls=""),
        user=params["user"],
        password=params["password"],
        timeout=PATIENCE,
        max_lag=params["max_lag"],
        lock_timeout=params["lock_timeout"],
        max_transaction=params["max_transaction"],
    )


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "mode": {"type": "str", "choices": list(PREPARE), "default": "pair"},
            "candidate_host": {"type": "str", "required": True},
            "candidate_port": {"type": "int", "default": 3306},
            "user": {"type": "str", "required": True},
            "password": {"type": "str", "required": True, "no_log": True},
            "source_user": {"type": "str", "required": True},
            "source_password": {"type": "str", "required": True, "no_log": True},
            "tls": {"type": "bool", "default": True},
            "ca": {"type": "path"},
            "lock_timeout": {"type": "int", "default": 2},
            "max_lag": {"type": "int", "default": 2},
            "max_transaction": {"type": "int", "default": 10},
            "lock": {"type": "str", "default": ""},
            **CHANNEL_OPTIONS,
            **LOGIN_OPTIONS,
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        # Which keeps this server from taking writes again by itself, should it restart in the middle.
        with role_lock.under("" if module.check_mode else params["lock"]):
            exchanged = exchange(params)
            if not module.check_mode:
                exchanged.run()
    except LockError as error:
        module.fail_json(msg=f"The roles were not exchanged: {error}. Run it again.")
    except ReasonError as error:
        module.fail_json(**error.as_result())
    except ServerError as error:
        module.fail_json(msg=f"The roles were not exchanged: {error}.")
    candidate = str(exchanged.forward)
    module.exit_json(
        changed=True,
        steps=exchanged.plan() if module.check_mode else exchanged.done,
        seconds=exchanged.seconds,
        gap_seconds=round(exchanged.gap, 3),
        warning_reasons=[warning.as_data() for warning in exchanged.warnings],
        diff={
            "before": {"takes writes": "this server", "replica": candidate},
            "after": {"takes writes": candidate, "replica": "this server"},
        },
    )


if __name__ == "__main__":
    main()
