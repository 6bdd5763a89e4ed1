# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Action plugin of foobar.webstack.mysql_install_info: says in words why the module has refused something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.spoken import SpokenModule


class ActionModule(SpokenModule):
    """Ansible's entry point."""

    def run(self, tmp: None = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Run the module as it is."""
        result = super().run(tmp, task_vars)
        if result.get("failed") and result.get("reasons"):
            result["msg"] = f"{(task_vars or {}).get('inventory_hostname', '')}: {result['msg']}"
        return result
