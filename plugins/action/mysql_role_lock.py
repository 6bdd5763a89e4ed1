# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Action plugin of foobar.webstack.mysql_role_lock: says who takes the lock, and whether its holder lives still."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Mapping
from typing import Any

from ansible.plugins.action.normal import ActionModule as NormalActionModule


def who() -> str:
    """Person and machine."""
    try:
        person = getpass.getuser()
    except (OSError, KeyError, ImportError):
        # A container's user may have no name.
        person = str(os.getuid())
    return f"{person}@{socket.gethostname()}"


def has_ended(holder: Mapping[str, Any]) -> bool:
    """Whether it is known that the process of a holder is no more: one of this person on this machine."""
    if holder.get("who") != who() or int(holder.get("process") or 0) <= 1:
        return False
    try:
        os.kill(int(holder["process"]), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


class ActionModule(NormalActionModule):
    """Ansible's entry point."""

    def run(self, tmp: None = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Run the module, again where the lock is one that nobody will give back."""
        # The parent of this worker is ansible-playbook itself.
        self._task.args = {"who": who(), "process": os.getppid(), **self._task.args}
        result: dict[str, Any] = super().run(tmp, task_vars)
        holder = result.get("holder") or {}
        if result.get("failed") and has_ended(holder):
            self._task.args = {**self._task.args, "replace": holder["token"]}
            result = super().run(tmp, task_vars)
        return result
