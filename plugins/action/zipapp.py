# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Action of foobar.webstack.zipapp: builds the program on the controller, then copies the one file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.foobar.webstack.plugins.plugin_utils.zipapp import ZipappError, build


class ActionModule(ActionBase):
    """What `copy` does, with a file that is made of a package."""

    _supports_check_mode = True
    _VALID_ARGS = frozenset({"src", "dest", "owner", "group", "mode"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Entry point of Ansible."""
        result = super().run(tmp, task_vars)
        for name in ("src", "dest"):
            if not isinstance(self._task.args.get(name), str):
                raise AnsibleActionFail(f"zipapp: {name} is not set")
        handle, built = tempfile.mkstemp(dir=constants.DEFAULT_LOCAL_TMP)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(build(Path(self._find_needle("files", self._task.args["src"]))))
            task = self._task.copy()
            task.args = {**self._task.args, "src": built}
            copy = self._shared_loader_obj.action_loader.get(
                "ansible.legacy.copy",
                task=task,
                connection=self._connection,
                play_context=self._play_context,
                loader=self._loader,
                templar=self._templar,
                shared_loader_obj=self._shared_loader_obj,
            )
            result.update(copy.run(task_vars=task_vars))
        except ZipappError as error:
            raise AnsibleActionFail(f"zipapp: {error}.") from error
        finally:
            os.unlink(built)
        return result
