#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.app_lock."""

from __future__ import annotations

DOCUMENTATION = r"""
module: app_lock
version_added: 1.0.0
short_description: Keeps an application's releases on a host for one verb at a time
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - While a verb such as C(deploy.yml) is at work, no other one is, and M(foobar.webstack.app_release) changes nothing
    for anybody else.
  - The lock is a file on the host that says who holds it and since when. It outlasts a restart of the host, and never
    expires.
  - It is replaced where its holder is a process of this person on this controller that has ended. RV(stale) names it
    then. Of any other holder nobody knows whether it is still at work, so its lock stays, however old it is.
attributes:
  check_mode:
    description: Looks whether the lock could be had. Nothing is changed.
    support: full
  diff_mode:
    description: Nothing that lasts is changed.
    support: none
options:
  name:
    description: Name of the application.
    type: str
    required: true
  state:
    description:
      - V(held) takes the lock, V(free) gives it back.
      - V(free) without O(lock) gives back whoever's it is.
    type: str
    choices: [held, free]
    default: held
  verb:
    description: What is at work, such as C(deploy.yml). Required for O(state=held).
    type: str
  lock:
    description: What RV(lock) was when it was taken. Another one is left alone.
    type: str
    default: ""
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
  - module: foobar.webstack.app_release
  - module: foobar.webstack.app_switch
"""

EXAMPLES = r"""
- name: Keep others from releasing
  foobar.webstack.app_lock:
    name: shop
    verb: deploy.yml
  register: taken

- name: Give it back
  foobar.webstack.app_lock:
    name: shop
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
replaced:
  description: The C(verb) of that lock, and C(since) when it held it.
  returned: O(state=held)
  type: dict
holder:
  description: Who holds it, where that keeps this one from it. Its C(seconds) are how long ago it began.
  returned: failure
  type: dict
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils._lock import LockError
from ansible_collections.foobar.webstack.plugins.module_utils._release import verb_lock
from ansible_collections.foobar.webstack.plugins.module_utils._release.layout import Layout


def failure(error: LockError, name: str) -> dict[str, Any]:
    """What the module fails with."""
    holder = error.holder
    advice = (
        "Wait until it has ended. If it was ended, run ansible <this host> -b -m foobar.webstack.app_lock -a "
        f"'name={name} state=free'"
    )
    told = {**holder.as_data(time.time()), "since": holder.since, "token": holder.token} if holder else {}
    return {"msg": f"Nothing was changed: {error}. {advice}." if holder else f"{error}.", "holder": told}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["held", "free"], "default": "held"},
            "verb": {"type": "str"},
            "lock": {"type": "str", "default": "", "no_log": False},
            "who": {"type": "str", "default": "somebody"},
            "process": {"type": "int", "default": 0},
            "replace": {"type": "str", "default": ""},
        },
        required_if=[("state", "held", ("verb",))],
        supports_check_mode=True,
    )
    params = module.params
    at = Layout(params["name"])
    try:
        if params["state"] == "free":
            if not module.check_mode:
                verb_lock.free(at, params["lock"])
            module.exit_json(changed=False)
        holder = {"who": params["who"], "process": params["process"]}
        taken = verb_lock.take(at, params["verb"], holder, params["replace"], check=module.check_mode)
    except LockError as error:
        module.fail_json(**failure(error, at.name))
    if taken["stale"]:
        module.warn(f"{taken['stale']}. Its lock is replaced.")
    module.exit_json(changed=False, **taken)


if __name__ == "__main__":
    main()
