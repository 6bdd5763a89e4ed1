"""Whose turn it is to make backups and to archive binary logs. Pure.

Hosts do not talk to each other: each looks at its own server, and at what others have put into the repository.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Server:
    """What a host's server is at the moment."""

    writable: bool = False
    channel: bool = False
    """It is configured as a replica."""
    receiver: bool = False
    applier: bool = False
    replicas: int = 0
    """How many replicas are connected to it."""
    server_uuid: str = ""
    gtid_executed: str = ""
    version: str = ""

    @property
    def replicates(self) -> bool:
        return self.channel and self.receiver and self.applier

    @property
    def rank(self) -> int:
        """The order in which servers are chosen where one of them is enough; 2 is not fit for a backup."""
        return 0 if self.replicates else 1 if self.writable else 2


@dataclass(frozen=True)
class Membership:
    """A host's server as a member of a group (Group Replication)."""

    primary: bool = False
    online: bool = False
    """Whether it is in the group, with most of its members."""
    others: int = 0
    """How many other members are online."""


def membership(rows: Sequence[Mapping[str, str]]) -> Membership | None:
    """What the members' rows say, each with `own`, `state` and `role`; None for a server that is in no group."""
    own = next((row for row in rows if row["own"] == "1"), None)
    if own is None:
        return None
    present = sum(row["state"] in ("ONLINE", "RECOVERING") for row in rows)
    return Membership(
        primary=own["role"] == "PRIMARY",
        online=own["state"] == "ONLINE" and 2 * present > len(rows),
        others=sum(row["state"] == "ONLINE" for row in rows if row is not own),
    )


def turn(server: Server, others_age: float, patience: float) -> tuple[bool, str]:
    """Whether it is this host's turn, and why. `others_age`: seconds since another host last did it."""
    if server.replicates:
        return True, "it is a replica whose replication runs"
    if server.channel:
        return False, "it is a replica whose replication does not run"
    if not server.writable:
        return False, "it is read-only and replicates from no server, so its data may be out of date"
    if server.replicas == 0:
        return True, "it is the source, and no replica is connected"
    if others_age > patience:
        return True, f"it is the source, and no replica has done this for {others_age / 3600:.1f} hours"
    return False, "it is the source, and a replica does this"
