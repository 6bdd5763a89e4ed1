"""Which heartbeats a replica is known to have acknowledged. What follows from it: `Heartbeat.proven_until`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.heartbeat import Heartbeat
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import Queries

PREFIX = "rpl_semi_sync_source_"


@dataclass(frozen=True)
class SemiSync:
    """Semi-synchronous replication on the source at one moment."""

    on: bool = False
    waits: bool = True
    """Whether commits wait for the whole timeout when no replica is connected (wait_no_replica), too."""
    timeout_ms: int = 0
    replicas: int = 0
    unacknowledged: int = 0
    """Commits that were answered without a replica's acknowledgement."""
    times_off: int = 0

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> SemiSync:
        """From variables and status variables by lower-case name; off where the plugin is not installed."""
        return cls(
            on=variables.get(f"{PREFIX}status") == "ON",
            waits=variables.get(f"{PREFIX}wait_no_replica") == "ON",
            timeout_ms=int(variables.get(f"{PREFIX}timeout", 0)),
            replicas=int(variables.get(f"{PREFIX}clients", 0)),
            unacknowledged=int(variables.get(f"{PREFIX}no_tx", 0)),
            times_off=int(variables.get(f"{PREFIX}no_times", 0)),
        )


def read_semi_sync(server: Queries) -> SemiSync:
    rows = server.rows(f"SHOW GLOBAL VARIABLES LIKE '{PREFIX}%'")
    rows += server.rows(f"SHOW GLOBAL STATUS LIKE '{PREFIX}%'")
    return SemiSync.of({row["Variable_name"].lower(): row["Value"] for row in rows})


@dataclass(frozen=True)
class Proof:
    """The latest heartbeat that a replica has acknowledged."""

    confirmed: datetime | None = None
    timeout_ms: int = 0
    """The shortest timeout since then: a commit that waits keeps the timeout with which it began."""

    def row(self, server: Mapping[str, Any], now: SemiSync, written: datetime, gtid_executed: str) -> Heartbeat:
        """The next heartbeat."""
        return Heartbeat(
            server_uuid=server["server_uuid"],
            server_id=int(server["server_id"]),
            written=written,
            confirmed=self.confirmed,
            semi_sync=now.on,
            timeout_ms=now.timeout_ms if self.confirmed is None else min(self.timeout_ms, now.timeout_ms),
            gtid_executed=gtid_executed,
        )

    def after(self, written: datetime, before: SemiSync, now: SemiSync) -> Proof:
        """The proof once the commit of the heartbeat `written` has returned.

        A replica acknowledged it if semi-sync was on before and after and has answered no commit without an
        acknowledgement in between: then it was not switched off meanwhile, and only an acknowledgement can have ended
        the wait of this commit.
        """
        shortest = min(before.timeout_ms, now.timeout_ms)
        throughout = before.on and now.on and before.waits and now.waits
        if throughout and (before.unacknowledged, before.times_off) == (now.unacknowledged, now.times_off):
            return Proof(written, shortest)
        return replace(self, timeout_ms=min(self.timeout_ms, shortest))
