# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Action of foobar.webstack.packages: the module looks, apt installs, and this says what is in the way."""

from __future__ import annotations

import re
from typing import Any

from ansible.plugins.action import ActionBase

MODULE = "foobar.webstack.packages"
LOCKED = re.compile(r"Failed to lock|Could not get lock|Unable to (?:acquire|lock)")
"""What apt says where somebody else uses it."""


class ActionModule(ActionBase):
    """Installs what is missing. A host that has it all is asked once."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Entry point of Ansible."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        found = self._execute_module(module_name=MODULE, module_args=self._task.args, task_vars=task_vars)
        if found.get("failed") or not found["missing"]:
            return {**result, **found}
        names = "\n".join(found["missing"])
        diff = [*found["diff"], {"before": "", "after": f"{names}\n", "after_header": "installed packages"}]
        if not self._task.check_mode:
            done = self._install(found, task_vars)
            if done.get("failed"):
                return {**result, **done}
            result["warnings"] = done.get("warnings", [])
        return {**result, "changed": True, "missing": found["missing"], "diff": diff}

    def _install(self, found: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """What came of it, with the sources that could not be read among the warnings or in the message."""
        given = self._task.args
        arguments = {
            "name": given["name"],
            "install_recommends": False,
            "lock_timeout": given.get("lock_timeout", 300),
            **({"policy_rc_d": given["policy_rc_d"]} if "policy_rc_d" in given else {}),
        }
        done: dict[str, Any] = self._execute_module(
            module_name="ansible.legacy.apt", module_args=arguments, task_vars=task_vars
        )
        unread = f"apt cannot read all of its sources: {'; '.join(found['complaints'])}" if found["complaints"] else ""
        if not done.get("failed"):
            return {**done, "warnings": [f"{unread}. What was missing came from others."]} if unread else done
        if LOCKED.search(f"{done.get('msg')} {done.get('stderr', '')}"):
            # Whoever took the lock after the module had waited for it.
            again = {**given, "lock_timeout": 0}
            held = self._execute_module(module_name=MODULE, module_args=again, task_vars=task_vars)
            return held if held.get("failed") else done
        if unread:
            # Without the module's own message, Ansible shows the new one.
            done.pop("exception", None)
            names = ", ".join(found["missing"])
            done["msg"] = f"{unread}. Without them, {names} cannot be installed: {done.get('msg')}"
        return done
