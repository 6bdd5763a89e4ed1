"""The action plugin of every module that returns reasons: it says them in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action.normal import ActionModule as NormalActionModule
from ansible_collections.foobar.webstack.plugins.plugin_utils.sentences import with_sentences


class SpokenModule(NormalActionModule):
    """Runs the module as it is, and makes a message of the reasons that it returns."""

    def run(self, tmp: None = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The module's result."""
        return with_sentences(super().run(tmp, task_vars), task_vars or {})
