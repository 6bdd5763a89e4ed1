"""What a database host is: read from a server's rows. Pure, but for `observe`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql import beginnings, epoch, group, heartbeat
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.group import View
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet, one_line
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.roles import Role
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.schemas import NOT_OWN
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import Server

COMMIT_SECONDS = 2
"""For a commit that waits for its acknowledgement, so that a replica has it and its source not yet (AFTER_SYNC)."""

CHANNEL = (
    "SELECT f.HOST AS source_host, f.PORT AS source_port, s.SOURCE_UUID AS source_uuid, s.SERVICE_STATE AS receiver,"
    " a.SERVICE_STATE AS applier, s.RECEIVED_TRANSACTION_SET AS received,"
    " NULLIF(UNIX_TIMESTAMP(s.LAST_QUEUED_TRANSACTION_START_QUEUE_TIMESTAMP), 0) AS queued,"
    " NULLIF(UNIX_TIMESTAMP(s.LAST_QUEUED_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP), 0) AS committed,"
    " (SELECT w.LAST_ERROR_MESSAGE FROM performance_schema.replication_applier_status_by_worker w"
    "  WHERE w.CHANNEL_NAME = '' AND w.LAST_ERROR_NUMBER <> 0 ORDER BY w.LAST_ERROR_TIMESTAMP LIMIT 1) AS error"
    " FROM performance_schema.replication_connection_configuration f"
    " JOIN performance_schema.replication_connection_status s USING (CHANNEL_NAME)"
    " JOIN performance_schema.replication_applier_status a USING (CHANNEL_NAME) WHERE f.CHANNEL_NAME = ''"
)


@dataclass(frozen=True)
class Facts:
    """What decides which of the roles a database host has."""

    answers: bool
    has_files: bool = True
    """Whether there is a data directory, where no server answers."""
    writable: bool = False
    replicates: bool = False
    has_databases: bool = False
    has_replicas: bool = False
    view: View | None = None
    """Where the server is one that belongs into a group: what it says of that."""


def role_of(facts: Facts) -> Role:
    """What these facts make of a host."""
    if not facts.answers:
        return Role.DOWN if facts.has_files else Role.FRESH
    if facts.view and facts.view.members:
        return _role_in_group(facts.view, writable=facts.writable)
    if facts.writable and (facts.has_databases or facts.has_replicas):
        return Role.PRIMARY
    if facts.replicates:
        return Role.REPLICA
    # A server that has just been installed takes writes, too.
    return Role.READ_ONLY if facts.has_databases else Role.FRESH


def _role_in_group(view: View, *, writable: bool) -> Role:
    """One that has lost the majority, or was expelled, is neither primary nor replica, whatever it believes."""
    if view.leads and writable:
        return Role.PRIMARY
    # One that was just elected applies first what it has received.
    return Role.REPLICA if view.majority else Role.READ_ONLY


def observe(server: Server) -> dict[str, Any]:
    """The server's state as plain data. ServerError if it does not answer."""
    server.rows("SET SESSION time_zone = '+00:00'")
    variables = server.variables()
    status = {row["Variable_name"].lower(): row["Value"] for row in server.rows("SHOW GLOBAL STATUS LIKE 'Rpl_semi%'")}
    databases = server.rows(f"SELECT 1 AS there FROM information_schema.SCHEMATA WHERE SCHEMA_NAME {NOT_OWN} LIMIT 1")  # noqa: S608
    channels = server.rows(CHANNEL)
    channel = channels[0] if channels and channels[0]["source_host"] else None
    recorded = epoch.read(server)
    view = group.read(server)
    begun = beginnings.read(server) if view else ()
    writable = variables["read_only"] == "OFF" and variables["super_read_only"] == "OFF"
    facts = Facts(
        answers=True,
        writable=writable,
        replicates=channel is not None,
        has_databases=bool(databases),
        has_replicas=bool(server.rows("SHOW REPLICAS")),
        view=view,
    )
    return {
        "role": role_of(facts).value,
        "writable": writable,
        "super_read_only": variables["super_read_only"] == "ON",
        "server_uuid": variables["server_uuid"],
        "server_id": int(variables["server_id"]),
        "version": variables["version"],
        "gtid_executed": one_line(variables["gtid_executed"]),
        "semi_sync_source": variables.get("rpl_semi_sync_source_enabled") == "ON",
        "semi_sync_active": status.get("rpl_semi_sync_source_status") == "ON",
        "semi_sync_replicas": int(status.get("rpl_semi_sync_source_clients", 0)),
        "semi_sync_timeout_ms": int(variables.get("rpl_semi_sync_source_timeout", 0)),
        "channel": channel and channel_data(channel),
        "group": view and view.as_data(),
        "beginnings": [each.as_data() for each in begun],
        "epoch": recorded and recorded.as_data(),
        "heartbeats": [found.as_data() for found in heartbeat.read(server)],
    }


def channel_data(row: Mapping[str, Any]) -> dict[str, Any]:
    """The replication connection as plain data."""
    known = row["queued"] is not None and row["committed"] is not None
    return {
        "source_host": row["source_host"],
        "source_port": int(row["source_port"]),
        "source_uuid": row["source_uuid"] or "",
        "receiver": row["receiver"] == "ON",
        "applier": row["applier"] == "ON",
        "error": row["error"] or "",
        "received": one_line(row["received"] or ""),
        # How far this clock is ahead of the source's, and how long the last transaction took to come, together.
        "clock_ahead": float(row["queued"] - row["committed"]) if known else None,
    }


def unapplied(channel: Mapping[str, Any], executed: str) -> int:
    """How many transactions a replica has received and not applied, from `channel_data` and gtid_executed."""
    return (GtidSet.parse(channel["received"]) - GtidSet.parse(executed)).count
