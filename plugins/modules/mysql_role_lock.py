#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.mysql_role_lock."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_role_lock
version_added: 1.0.0
short_description: Keeps a database host's role for one verb at a time
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - While a verb such as C(switchover.yml) is at work, no other one is, and no server takes writes again by itself
    (P(foobar.webstack.mysql_endpoint#role)).
  - The lock is a file on the host that says who holds it and when it expires. It outlasts a restart of the host.
  - One that has expired is replaced, and so is one of a process of this controller that has ended. RV(stale) names it.
attributes:
  check_mode:
    description: Looks whether the lock could be had. Nothing is changed.
    support: full
  diff_mode:
    description: Nothing that lasts is changed.
    support: none
options:
  state:
    description:
      - V(held) takes the lock, V(free) gives it back.
      - V(held) with O(lock) begins its time anew, for a verb that takes long.
      - V(free) without O(lock) gives back whoever's it is.
    type: str
    choices: [held, free]
    default: held
  verb:
    description: What is at work, such as C(switchover.yml). Required for O(state=held).
    type: str
  lock:
    description: What RV(lock) was when it was taken. Another one is left alone.
    type: str
    default: ""
  seconds:
    description: After how many seconds the lock expires.
    type: float
    default: 1800.0
  patience:
    description: Seconds to wait for a server of this host that is deciding whether it takes writes again.
    type: float
    default: 30.0
  who:
    description: Person and machine. The action plugin says it.
    type: str
    default: somebody
  process:
    description: Process of ansible-playbook on that machine. The action plugin says it.
    type: int
    default: 0
  replace:
    description: The lock of a process that has ended. The action plugin says it.
    type: str
    default: ""
seealso:
  - module: foobar.webstack.mysql_primary
  - module: foobar.webstack.mysql_switchover
"""

EXAMPLES = r"""
- name: Keep others from changing the role
  foobar.webstack.mysql_role_lock:
    verb: switchover.yml
  register: taken

- name: Give it back
  foobar.webstack.mysql_role_lock:
    state: free
    lock: "{{ taken.lock }}"
"""

RETURN = r"""
lock:
  description: What names this holder. Empty in check mode.
  returned: O(state=held)
  type: str
stale:
  description: Whose lock was replaced, in words. Empty where nobody held it.
  returned: O(state=held)
  type: str
holder:
  description: Who holds it, where that keeps this one from it.
  returned: failure
  type: dict
"""

import os
import time
import uuid
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils._mysql import role_lock
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.role_lock import Holder, LockError


def take(params: dict[str, Any], *, check: bool, path: str = role_lock.FILE) -> dict[str, Any]:
    """Take the lock. LockError where somebody else holds it."""
    if check and not os.path.exists(path):
        return {"lock": "", "stale": ""}
    with role_lock.alone(params["patience"], path) as descriptor:
        now = time.time()
        there = role_lock.read(descriptor)
        stale = ""
        renews = there is not None and there.token == params["lock"]
        if there and not renews:
            if not there.expired(now) and params["replace"] != there.token:
                raise LockError(
                    f"{there.verb} of {there.who} is under way for {now - there.since:.0f} s. Wait until it has ended."
                    f" If it was ended, its lock expires in {there.until - now:.0f} s; to end it now, run"
                    " ansible <this host> -b -m foobar.webstack.mysql_role_lock -a state=free",
                    there,
                )
            stale = there.left_over(now)
        if check:
            return {"lock": "", "stale": stale}
        holder = Holder(
            verb=params["verb"],
            who=params["who"],
            process=params["process"],
            since=there.since if there and renews else now,
            until=now + params["seconds"],
            token=params["lock"] or uuid.uuid4().hex,
        )
        role_lock.write(descriptor, holder)
    return {"lock": holder.token, "stale": stale}


def free(params: dict[str, Any], *, check: bool, path: str = role_lock.FILE) -> None:
    """Give it back."""
    if not check:
        role_lock.free(params["patience"], params["lock"], path)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["held", "free"], "default": "held"},
            "verb": {"type": "str"},
            "lock": {"type": "str", "default": ""},
            "seconds": {"type": "float", "default": role_lock.LIFETIME},
            "patience": {"type": "float", "default": 30.0},
            "who": {"type": "str", "default": "somebody"},
            "process": {"type": "int", "default": 0},
            "replace": {"type": "str", "default": ""},
        },
        required_if=[("state", "held", ("verb",))],
        supports_check_mode=True,
    )
    try:
        if module.params["state"] == "free":
            free(module.params, check=module.check_mode)
            module.exit_json(changed=False)
        taken = take(module.params, check=module.check_mode)
        if taken["stale"]:
            module.warn(f"{taken['stale']}. Its lock is replaced.")
        module.exit_json(changed=False, **taken)
    except LockError as error:
        holder = error.holder and {name: getattr(error.holder, name) for name in ("verb", "who", "process", "token")}
        module.fail_json(msg=f"Nothing was changed: {error}.", holder=holder or {})


if __name__ == "__main__":
    main()
