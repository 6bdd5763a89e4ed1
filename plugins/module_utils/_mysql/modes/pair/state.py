"""What a server and its source are, for the plan of its replication. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.channel import Channel


@dataclass(frozen=True)
class Local:
    """The server that is to be a replica."""

    version: str
    server_uuid: str
    server_id: int
    gtid_mode: str = "ON"
    gtid_executed: str = ""
    read_only: bool = True
    super_read_only: bool = True
    schemas: tuple[str, ...] = ()
    """Databases that are not MySQL's own."""
    clone_plugin: bool = True
    semisync: bool = False
    """Whether it is configured to acknowledge."""
    semisync_active: bool = False
    channel: Channel | None = None


@dataclass(frozen=True)
class Source:
    """The server to replicate from, as the replication account sees it."""

    version: str
    server_uuid: str
    server_id: int
    gtid_mode: str = "ON"
    gtid_executed: str = ""
    read_only: bool = False
    clone_plugin: bool = True
    semisync: bool = False
    """Whether it waits for acknowledgements."""
    errant: str = ""
    """Transactions that the replica has and this source has not."""
    purged: str = ""
    """Transactions that the replica lacks and this source's binary logs no longer hold."""
    not_innodb: tuple[str, ...] = ()
    """Tables of which CLONE copies no rows."""


@dataclass(frozen=True)
class Unreachable:
    """Why the source could not be asked."""

    number: int
    error: str
