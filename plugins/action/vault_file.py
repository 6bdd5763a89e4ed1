# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Action of foobar.webstack.vault_file: writes on the controller, in this process, and connects to nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.foobar.webstack.plugins.plugin_utils.vault import VaultFileError, opened, write


class ActionModule(ActionBase):
    """What `copy` does with a content, but for a file that is encrypted."""

    _supports_check_mode = True
    _requires_connection = False
    _VALID_ARGS = frozenset({"path", "content", "like"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Entry point of Ansible."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validated, args = self.validate_argument_spec(
            argument_spec={
                "path": {"type": "path", "required": True},
                "content": {"type": "str", "required": True, "no_log": True},
                "like": {"type": "path"},
            }
        )
        path, content = Path(args["path"]), args["content"].encode()
        like = Path(args["like"]) if args["like"] else path
        try:
            present = opened(path) if path.exists() else None
            model = present or (opened(like) if like.exists() else None)
            lock = model.lock if model else None
            changed = present is None or present.content != content
            if changed and not self._task.check_mode:
                write(path, content, lock)
        except VaultFileError as error:
            raise AnsibleActionFail(f"{error}.") from error
        return {**result, "changed": changed, "encrypted": lock is not None}
