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
    what makes one writable, and only on one of the occasions that O(reason) knows. Where none of them applies, it
    changes nothing and says in RV(msg) which playbook would.
  - Fails where another server of O(others) takes writes.
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
        replica, it first applies all that it has received, and is none afterwards. In a group it begins the group anew.
      - V(drain) for a replica that is only to apply all that it has received. It stays one, and takes no writes.
    type: str
    choices: [new, restarted, failover, drain]
    default: new
  mode:
    description: Whether the server is one of a pair or a member of a group (V(mysql_replication_mode) of the stack).
    type: str
    choices: [pair, group]
    default: pair
  records_loss:
    description:
      - In a group that is begun anew, whether members may have transactions that this server has not, and that was
        accepted. It is recorded first, in the table C(webstack.group_beginnings). A member with transactions that may
        be something else in the new group then stays outside, although their numbers are the same.
    type: bool
    default: false
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
      name:
        description: Name of the host, for messages. The address if not given.
        type: str
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
  lock:
    description:
      - What M(foobar.webstack.mysql_role_lock) has returned. It has to be this run's still, and not about to expire.
      - Give it where a server takes writes again by itself (P(foobar.webstack.mysql_endpoint#role)).
    type: str
    default: ""
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
reasons:
  description: The same as a list, each a C(code) with C(data).
  returned: always
  type: list
  elements: dict
statements:
  description: Statements executed, or that would be in check mode.
  returned: always
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils._mysql import role_lock
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.promotion import (
    Promotion as PromotionInGroup,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.promotion import Occasion, Promotion
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import ReasonError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.role_lock import LockError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import (
    LOGIN_OPTIONS,
    NoServerError,
    Server,
    ServerError,
)

PROMOTIONS: dict[str, type[Promotion]] = {"pair": Promotion, "group": PromotionInGroup}

PATIENCE = 5
"""Seconds for another server's answer."""


def writing(params: dict[str, Any]) -> list[str]:
    """Which of the others take writes. One that does not answer does not."""
    found = []
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
            if not int(remote.value("@@GLOBAL.read_only")):
                found.append(other["name"] or other["host"])
        except ServerError:
            # It knows no accounts yet, or is gone.
            continue
        finally:
            remote.close()
    return found


def run(promotion: Promotion) -> dict[str, Any]:
    """Promote the server, or let it apply what it has received, and say what was done."""
    if promotion.occasion is Occasion.DRAIN:
        server = promotion.drain()
        return {"writable": promotion.before["writable"], "server": server}
    refusal = promotion.promote()
    return {"writable": False, **ReasonError(refusal).as_result()} if refusal else {"writable": True}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "reason": {"type": "str", "choices": [occasion.value for occasion in Occasion], "default": "new"},
            "mode": {"type": "str", "choices": list(PROMOTIONS), "default": "pair"},
            "records_loss": {"type": "bool", "default": False},
            "semi_sync": {"type": "bool", "default": True},
            "wait_no_replica": {"type": "bool"},
            "others": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str"},
                    "host": {"type": "str", "required": True, "aliases": ["address"]},
                    "port": {"type": "int", "default": 3306},
                },
            },
            "user": {"type": "str"},
            "password": {"type": "str", "no_log": True},
            "tls": {"type": "bool", "default": True},
            "ca": {"type": "path"},
            "timeout": {"type": "int", "default": 60},
            "lock": {"type": "str", "default": ""},
            **LOGIN_OPTIONS,
        },
        required_together=[("user", "password")],
        supports_check_mode=True,
    )
    params = module.params
    promotion = PROMOTIONS[params["mode"]](
        server=Server.local(params["login_unix_socket"], params["login_user"], params["timeout"] + PATIENCE),
        occasion=Occasion(params["reason"]),
        others=lambda: writing(params),
        semi_sync=params["semi_sync"],
        wait_no_replica=params["wait_no_replica"],
        timeout=params["timeout"],
        check=module.check_mode,
        **({"records_loss": params["records_loss"]} if params["mode"] == "group" else {}),
    )
    try:
        with role_lock.under("" if module.check_mode else params["lock"]):
            done = run(promotion)
    except LockError as error:
        module.fail_json(msg=f"Nothing was changed: {error}. Run it again.", reasons=[], statements=[])
    except ReasonError as error:
        module.fail_json(**error.as_result(), statements=promotion.statements)
    except ServerError as error:
        if module.check_mode and isinstance(error, NoServerError):
            module.exit_json(changed=False, writable=False, msg=str(error), reasons=[], statements=[])
        message = f"The MySQL server at {params['login_unix_socket']}: {error}."
        module.fail_json(msg=message, reasons=[], statements=promotion.statements)
    module.exit_json(
        **{"msg": "", "reasons": [], **done},
        changed=bool(promotion.statements),
        statements=promotion.statements,
        diff={
            "before": {"takes writes": promotion.before["writable"]},
            "after": {"takes writes": done["writable"]},
        },
    )


if __name__ == "__main__":
    main()
