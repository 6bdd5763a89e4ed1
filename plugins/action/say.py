# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Action of foobar.webstack.say: prints on the controller, and connects to nobody."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """What `debug` does, but the text is as it is, whatever the callback makes of results."""

    _supports_check_mode = True
    _requires_connection = False
    _VALID_ARGS = frozenset({"text", "failure"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Entry point of Ansible."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validated, args = self.validate_argument_spec(
            argument_spec={"text": {"type": "str", "required": True}, "failure": {"type": "str", "default": ""}}
        )
        self._display.display(args["text"])
        if args["failure"]:
            return {**result, "changed": False, "failed": True, "msg": args["failure"]}
        return {**result, "changed": False}
