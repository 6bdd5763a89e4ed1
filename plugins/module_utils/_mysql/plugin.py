"""Loads and unloads the plugin of group replication while the server runs.

Whether a server loads it when it starts is said by its configuration alone: MySQL's own table of plugins, which would
load it a second time, does not keep it.
"""

from __future__ import annotations

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.statements import (
    FORBID_WRITES,
    FORBID_WRITES_BUT_FOR_ROOT,
    Statement,
)

PLUGIN = "group_replication"

COMPONENTS = "SELECT component_urn AS urn FROM mysql.component WHERE component_urn LIKE '%group_replication%'"
"""What belongs to it, and would not load without."""

LOAD = (
    # With the defaults of its settings. It does not start: for that it lacks the group's name, which its log says.
    Statement(f"INSTALL PLUGIN {PLUGIN} SONAME '{PLUGIN}.so'"),
    Statement("SET SESSION sql_log_bin = 0"),
    Statement(f"DELETE FROM mysql.plugin WHERE name = '{PLUGIN}'"),  # noqa: S608
    Statement("SET SESSION sql_log_bin = 1", cleanup=True),
)


def change(*, load: bool, loaded: bool, components: list[str], read_only: bool) -> tuple[Statement, ...]:
    """What makes it loaded, or not. On a server that is read-only, which it stays for everybody but root."""
    if load == loaded:
        return ()
    todo = LOAD if load else (*_unload(components), Statement(f"UNINSTALL PLUGIN {PLUGIN}"))
    if not read_only:
        return todo
    return Statement(FORBID_WRITES_BUT_FOR_ROOT), *todo, Statement(FORBID_WRITES, cleanup=True)


def _unload(components: list[str]) -> list[Statement]:
    return [Statement("UNINSTALL COMPONENT %s", (urn,)) for urn in components]
