"""SQL statements that may be shown. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

HIDDEN = "********"


class Secret(str):
    """A value that is never shown."""

    __slots__ = ()


@dataclass(frozen=True)
class Statement:
    sql: str
    values: tuple[Any, ...] = ()
    clones: bool = False
    """Whether it replaces the data and restarts the server."""
    cleanup: bool = False
    """Whether it is executed whatever happens to those before it."""

    def __str__(self) -> str:
        """As it may be shown."""
        return self.sql % tuple(repr(HIDDEN) if isinstance(value, Secret) else repr(value) for value in self.values)


def quoted(*names: str) -> str:
    """The identifier of the names, such as `database`.`table`."""
    return ".".join(f"`{name.replace('`', '``')}`" for name in names)


ALLOW_WRITES = "SET GLOBAL read_only = OFF"
"""Sets super_read_only, too."""
FORBID_WRITES = "SET GLOBAL super_read_only = ON"
"""Sets read_only, too."""
SEMISYNC_SOURCE = "SET GLOBAL rpl_semi_sync_source_enabled = %s"
"""Takes ON or OFF: whether commits wait for a replica."""
FORBID_WRITES_BUT_FOR_ROOT = "SET GLOBAL super_read_only = OFF"
"""Leaves read_only as it is."""
