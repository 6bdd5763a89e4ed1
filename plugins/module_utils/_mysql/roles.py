"""What a database host may be found to be. Pure."""

from __future__ import annotations

from enum import Enum


class Role(str, Enum):
    """The words that mysql_server_info returns, and that the filters read."""

    PRIMARY = "primary"
    """It takes writes."""
    REPLICA = "replica"
    """It replicates from another server."""
    READ_ONLY = "read_only"
    """It has data, takes no writes and does not replicate: as after a crash."""
    DOWN = "down"
    """It has a data directory, and no server answers."""
    FRESH = "fresh"
    """It has no data."""

    def __str__(self) -> str:
        return self.value
