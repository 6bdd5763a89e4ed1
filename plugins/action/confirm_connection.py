# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Action of foobar.webstack.confirm_connection: a new connection, and the command that confirms over it."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

ROLLED_BACK = 3
PATIENCE = 180
"""Seconds for a slow host, after it has rolled back."""


class ActionModule(ActionBase):
    """What `wait_for_connection` and `command` do, on one host after the other step without a task between them."""

    _supports_check_mode = True
    _VALID_ARGS = frozenset({"argv", "rollback_seconds", "fail_msg"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Entry point of Ansible."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validated, args = self.validate_argument_spec(
            argument_spec={
                "argv": {"type": "list", "elements": "str", "required": True},
                "rollback_seconds": {"type": "int", "required": True},
                "fail_msg": {"type": "str", "required": True},
            }
        )
        if self._task.check_mode:
            return {**result, "skipped": True}
        seconds = args["rollback_seconds"]
        waited = self._new_connection(seconds + PATIENCE, task_vars)
        if waited.get("failed"):
            problem = (
                f"No new connection within {seconds + PATIENCE} seconds, although the host rolls back after {seconds}."
            )
            return {**result, **waited, "msg": f"{problem} {waited.get('msg', '')}"}
        confirmed = self._execute_module(
            module_name="ansible.legacy.command", module_args={"argv": args["argv"]}, task_vars=task_vars
        )
        if confirmed.get("rc") == ROLLED_BACK:
            return {**result, "failed": True, "msg": args["fail_msg"]}
        return {**result, **confirmed, "elapsed": waited["elapsed"]}

    def _new_connection(self, timeout: int, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """What came of waiting for a connection. It closes the one that is open before each attempt."""
        task = self._task.copy()
        # Not more often than that: sshd penalizes a source that keeps coming without a login.
        task.args = {"timeout": timeout, "sleep": 3}
        wait = self._shared_loader_obj.action_loader.get(
            "ansible.legacy.wait_for_connection",
            task=task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )
        return dict(wait.run(task_vars=task_vars))
