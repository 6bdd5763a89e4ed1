# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Action plugin of foobar.webstack.mysql_conversion: says in words why the module has refused something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action.normal import ActionModule as NormalActionModule
from ansible_collections.foobar.webstack.plugins.plugin_utils.sentences import with_sentences


class ActionModule(NormalActionModule):
    """Ansible's entry point."""

    def run(self, tmp: None = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Run the module as it is."""
        return with_sentences(super().run(tmp, task_vars), task_vars or {})
