"""The table webstack.heartbeat, in which a source proves what its replica has.

Every second the source writes its row: its clock (`written`), and the last moment at which a replica is known to have
acknowledged everything (`confirmed`). The row replicates, so a replica can tell how far it is behind, and a failover up
to which moment nothing is lost, when the source can no longer be asked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import one_line
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.schemas import NO_SUCH_TABLE, STACK_SCHEMA
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import Server, ServerError

UTC = timezone.utc  # noqa: UP017

TABLE = f"{STACK_SCHEMA}.heartbeat"
COLUMNS = ("server_uuid", "server_id", "written", "confirmed", "semi_sync", "timeout_ms", "gtid_executed")

CREATE = (
    f"CREATE DATABASE IF NOT EXISTS {STACK_SCHEMA}",
    f"""CREATE TABLE IF NOT EXISTS {TABLE} (
  server_uuid CHAR(36) CHARACTER SET ascii NOT NULL PRIMARY KEY,
  server_id INT UNSIGNED NOT NULL,
  written DATETIME(6) NOT NULL,
  confirmed DATETIME(6) NULL,
  semi_sync BOOLEAN NOT NULL,
  timeout_ms BIGINT UNSIGNED NOT NULL,
  gtid_executed MEDIUMTEXT CHARACTER SET ascii NOT NULL
) ENGINE = InnoDB""",
)
"""The statements that create the table."""

SELECT = f"SELECT {', '.join(COLUMNS)} FROM {TABLE}"  # noqa: S608
"""All rows: one for each server that was ever the source."""

WRITE = (
    f"INSERT INTO {TABLE} ({', '.join(COLUMNS)}) VALUES ({', '.join(['%s'] * len(COLUMNS))}) AS new"  # noqa: S608
    f" ON DUPLICATE KEY UPDATE {', '.join(f'{column} = new.{column}' for column in COLUMNS[1:])}"
)
"""Takes `Heartbeat.values`."""


@dataclass(frozen=True)
class Heartbeat:
    """A row. Times are UTC by the clock of the server that wrote it."""

    server_uuid: str
    server_id: int
    written: datetime
    confirmed: datetime | None
    semi_sync: bool
    timeout_ms: int
    gtid_executed: str

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Heartbeat:
        """From what MySQL returns: times without a zone, numbers for booleans, a GTID set with line breaks."""
        return cls(
            server_uuid=row["server_uuid"],
            server_id=int(row["server_id"]),
            written=row["written"].replace(tzinfo=UTC),
            confirmed=row["confirmed"] and row["confirmed"].replace(tzinfo=UTC),
            semi_sync=bool(row["semi_sync"]),
            timeout_ms=int(row["timeout_ms"]),
            gtid_executed=one_line(row["gtid_executed"]),
        )

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Heartbeat:
        """From `as_data`."""
        times = {name: data[name] for name in ("written", "confirmed")}
        return cls(
            **{
                **{name: data[name] for name in COLUMNS},
                **{name: None if at is None else datetime.fromtimestamp(at, UTC) for name, at in times.items()},
            }
        )

    def as_data(self) -> dict[str, Any]:
        """Plain data, as the module mysql_server_info returns it: times in seconds since 1970."""
        return {
            **{name: getattr(self, name) for name in COLUMNS},
            "written": self.written.timestamp(),
            "confirmed": self.confirmed and self.confirmed.timestamp(),
        }

    def values(self) -> tuple[Any, ...]:
        """Values for WRITE, in the order of COLUMNS."""
        # MySQL's DATETIME has no zone, and PyMySQL would drop this one without a word.
        naive = {
            "written": self.written.replace(tzinfo=None),
            "confirmed": self.confirmed and self.confirmed.replace(tzinfo=None),
        }
        return tuple(naive.get(name, getattr(self, name)) for name in COLUMNS)

    @property
    def proven_until(self) -> datetime | None:
        """Every write that was acknowledged to a client before this moment is on the replica that holds the row.

        When the heartbeat `confirmed` was acknowledged, so was every commit before it. Every later commit began to
        wait for a replica after that moment, and semi-synchronous replication is not switched off before one has
        waited for the timeout. None: no heartbeat was ever acknowledged, so nothing is proven.
        """
        if self.confirmed is None:
            return None
        try:
            return self.confirmed + timedelta(milliseconds=self.timeout_ms)
        except OverflowError:
            # MySQL takes a timeout of up to 2**64 - 1 ms.
            return datetime.max.replace(tzinfo=UTC)


def latest(heartbeats: Collection[Heartbeat], sources: Collection[str]) -> Heartbeat | None:
    """The last heartbeat of the servers with these UUIDs; of any server where those have none.

    A source that is itself a replica, and was never writable, has no row of its own: its replicas go by the row that it
    passes on.
    """
    own = [each for each in heartbeats if each.server_uuid in sources]
    return max(own or heartbeats, key=lambda each: each.written, default=None)


def read(server: Server) -> list[Heartbeat]:
    """The rows that the server has, none where the table does not exist yet."""
    try:
        return [Heartbeat.from_row(row) for row in server.rows(SELECT)]
    except ServerError as error:
        if error.number in NO_SUCH_TABLE:
            return []
        raise
