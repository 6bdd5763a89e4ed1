# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Action plugin of foobar.webstack.mysql_replica: says in words why the module has refused something."""

from __future__ import annotations

from ansible_collections.foobar.webstack.plugins.plugin_utils.spoken import SpokenModule


class ActionModule(SpokenModule):
    """Ansible's entry point."""
