"""What the MySQL server is, read from its rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql import (
    beginnings,
    epoch,
    group,
    heartbeat,
    role_lock,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.beginnings import Beginnings
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.epoch import Epoch
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.group import View
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import one_line
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.heartbeat import UTC, Heartbeat
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.role_lock import LockError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import Server

from mysql_endpoint.proof import SemiSync, read_semi_sync

Row = Mapping[str, Any]

REOPEN_STATUS = "/run/mysql-reopen/status.json"
"""Where mysql-reopen says what keeps the server from taking writes again."""

SERVER = (
    "SELECT @@GLOBAL.read_only AS read_only, @@GLOBAL.super_read_only AS super_read_only,"
    " @@GLOBAL.server_uuid AS server_uuid, @@GLOBAL.server_id AS server_id, @@GLOBAL.gtid_executed AS gtid_executed"
)
CHANNELS = (
    "SELECT f.HOST AS host, s.SOURCE_UUID AS uuid, s.SERVICE_STATE AS receiver, a.SERVICE_STATE AS applier,"
    " s.RECEIVED_TRANSACTION_SET AS received FROM performance_schema.replication_connection_configuration f"
    " JOIN performance_schema.replication_connection_status s USING (CHANNEL_NAME)"
    " JOIN performance_schema.replication_applier_status a USING (CHANNEL_NAME)"
    " WHERE f.CHANNEL_NAME NOT LIKE 'group_replication%' ORDER BY f.CHANNEL_NAME"
)


@dataclass(frozen=True)
class State:
    """What the server is."""

    read_only: bool
    super_read_only: bool
    server_uuid: str
    server_id: int
    source_host: str | None = None
    """None on a server that does not replicate; so are the next two."""
    receiver: bool | None = None
    applier: bool | None = None
    lag: float | None = None
    """Seconds since the latest heartbeat. None on a writable server, and where there is no heartbeat."""
    semi_sync: bool = False
    semi_sync_replicas: int = 0
    heartbeat: Heartbeat | None = None
    source_uuid: str = ""
    gtid_executed: str = ""
    gtid_received: str = ""
    epoch: Epoch | None = None
    """Which server was made the primary last."""
    group: View | None = None
    """What it says of its group. None where it is none that belongs into one."""
    beginnings: Beginnings = ()
    """How often its group was begun without all that its members had."""
    heartbeat_age: float | None = None
    """Seconds since the heartbeat was written, by this host's clock."""

    @property
    def writable(self) -> bool:
        """Whether every account with the privilege to write may write."""
        return not (self.read_only or self.super_read_only)

    def as_dict(self, now: datetime) -> dict[str, Any]:
        """For JSON. Times are ISO 8601, in UTC."""
        return {
            "time": now.isoformat(),
            "writable": self.writable,
            "read_only": self.read_only,
            "super_read_only": self.super_read_only,
            "server_uuid": self.server_uuid,
            "server_id": self.server_id,
            "source_host": self.source_host,
            "receiver": self.receiver,
            "applier": self.applier,
            "lag_seconds": self.lag,
            "semi_sync_source": self.semi_sync,
            "semi_sync_replicas": self.semi_sync_replicas,
            "heartbeat": self.heartbeat and heartbeat_as_dict(self.heartbeat),
            "source_uuid": self.source_uuid or None,
            "gtid_executed": self.gtid_executed,
            "gtid_received": self.gtid_received,
            "epoch": self.epoch and self.epoch.as_data(),
            "group": self.group and self.group.as_data(),
            "beginnings": [each.as_data() for each in self.beginnings],
            "lock": lock_data(now.timestamp()),
            "reopen": None if self.writable else reopen_data(),
        }


def lock_data(now: float, path: str = role_lock.FILE) -> dict[str, Any] | None:
    """Which verb is at work here; as it is at this moment, and not when the server was asked."""
    try:
        holder = role_lock.standing(path)
    except LockError as error:
        return {"error": str(error)}
    return holder.as_data(now) if holder else None


def status_data(why: str, code: str, at: datetime) -> dict[str, Any]:
    """Why the server does not take writes again, for JSON."""
    return {"why": why, "code": code, "at": at.isoformat()}


def reopen_data(path: str = REOPEN_STATUS) -> dict[str, Any] | None:
    """What mysql-reopen has written, None where it does not run."""
    try:
        with open(path, encoding="utf-8") as file:
            found: dict[str, Any] = json.load(file)
            return found
    except (OSError, ValueError):
        return None


def heartbeat_as_dict(row: Heartbeat) -> dict[str, Any]:
    """For JSON, as State.as_dict."""
    return {
        "server_uuid": row.server_uuid,
        "server_id": row.server_id,
        "written": row.written.isoformat(),
        "confirmed": row.confirmed and row.confirmed.isoformat(),
        "semi_sync": row.semi_sync,
        "timeout_ms": row.timeout_ms,
        "proven_until": row.proven_until and row.proven_until.isoformat(),
        "gtid_executed": row.gtid_executed,
    }


def state_of(
    server: Row,
    channels: Sequence[Row],
    semi_sync: SemiSync,
    heartbeats: Sequence[Heartbeat],
    now: datetime,
    recorded: Epoch | None = None,
    view: View | None = None,
    begun: Beginnings = (),
) -> State:
    """What the rows together say. `now` is this host's clock, `written` of a heartbeat that of its source's host."""
    state = State(
        read_only=bool(server["read_only"]),
        super_read_only=bool(server["super_read_only"]),
        server_uuid=server["server_uuid"],
        server_id=int(server["server_id"]),
        semi_sync=semi_sync.on,
        semi_sync_replicas=semi_sync.replicas,
        gtid_executed=one_line(server["gtid_executed"]),
        epoch=recorded,
        group=view,
        beginnings=begun,
        gtid_received=view.received if view else "",
    )
    if channels:
        state = replace(
            state,
            source_host=channels[0]["host"],
            receiver=all(channel["receiver"] == "ON" for channel in channels),
            applier=all(channel["applier"] == "ON" for channel in channels),
            source_uuid=channels[0]["uuid"] or "",
            gtid_received=",".join(filter(None, (one_line(channel["received"] or "") for channel in channels))),
        )
    if state.writable:
        own = next((each for each in heartbeats if each.server_uuid == state.server_uuid), None)
        return replace(state, heartbeat=own, heartbeat_age=age(own, now) if own else None)
    sources = [channel["uuid"] for channel in channels] or ([view.primary] if view else [])
    latest = heartbeat.latest(heartbeats, sources)
    if latest is None:
        return state
    return replace(state, heartbeat=latest, lag=age(latest, now), heartbeat_age=age(latest, now))


def age(beat: Heartbeat, now: datetime) -> float:
    return round((now - beat.written).total_seconds(), 3)


def utc_now() -> datetime:
    return datetime.now(UTC)


def read_state(server: Server) -> State:
    """Ask the server. ServerError if it does not answer."""
    (row,) = server.rows(SERVER)
    recorded = epoch.read(server)
    view = group.read(server)
    # Afterwards: a member that is ONLINE has them all.
    begun = beginnings.read(server) if view else ()
    channels, semi_sync = server.rows(CHANNELS), read_semi_sync(server)
    return state_of(row, channels, semi_sync, heartbeat.read(server), utc_now(), recorded, view, begun)


def not_primary(state: State) -> str:
    """Why writes must not go to this server, empty if they may."""
    return "" if state.writable else "it is read-only"


def not_replica(state: State, max_lag: float) -> str:
    """Why this server is no replica to read from, empty if it is one."""
    if not state.read_only:
        return "it takes writes"
    if state.receiver is None:
        return "it replicates from nobody"
    if not state.receiver:
        return f"it does not receive from {state.source_host}"
    if not state.applier:
        return "it does not apply what it receives"
    if state.lag is None:
        return "it has no heartbeat of its source yet"
    return "" if state.lag <= max_lag else f"it is {state.lag:.1f} s behind, more than {max_lag:g}"


def summary(state: State) -> str:
    """For the journal, when it changes."""
    if state.writable:
        return "MySQL takes writes"
    if state.source_host is None:
        return "MySQL is read-only and does not replicate"
    receiver, applier = ("running" if running else "stopped" for running in (state.receiver, state.applier))
    return f"MySQL is a replica of {state.source_host}: receiver {receiver}, applier {applier}"
