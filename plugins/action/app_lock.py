# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Action plugin of foobar.webstack.app_lock: says who takes the lock, and whether its holder lives still."""

from __future__ import annotations

from ansible_collections.foobar.webstack.plugins.action.mysql_role_lock import ActionModule as LockAction


class ActionModule(LockAction):
    """Ansible's entry point. One lock is as the other."""
