"""The table webstack.group_beginnings: how often a group was begun without all that its members had, and from what.

The transactions of a group are numbered under one UUID, the group's. A group that is begun anew without a member that
is lost gives the numbers of what only that member had to other transactions: the two differ, and their GTID sets do
not tell. So whoever begins a group while it is not known what each member has writes a row first, with all that it has
itself. That is done before the server is in a group, so that the row's own transaction has the server's UUID, and its
number is given to nothing else.

What holds: servers that have the same rows have the same under the same numbers. A server that lacks rows has the same
as those that have them in whatever the rows say was kept, and it may be anything beyond (`doubtful`). A server that has
a row that others lack was in another group (`strays`). Nothing else writes the table; the epoch is no measure, because
each change of a pair's primary raises it, and that takes nothing from anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet, one_line, union
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.schemas import STACK_SCHEMA
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import Queries, ServerError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.statements import (
    FORBID_WRITES,
    FORBID_WRITES_BUT_FOR_ROOT,
    Statement,
)

TABLE = f"{STACK_SCHEMA}.group_beginnings"

NONE_YET = frozenset({1049, 1146})
"""The schema or the table does not exist. A privilege that is missing (1142) is no answer: there may be rows."""

SELECT = f"SELECT id, kept FROM {TABLE} ORDER BY id"  # noqa: S608

RECORD = (
    Statement(FORBID_WRITES),
    Statement(FORBID_WRITES_BUT_FOR_ROOT),
    Statement(f"CREATE DATABASE IF NOT EXISTS {STACK_SCHEMA}"),
    Statement(
        f"CREATE TABLE IF NOT EXISTS {TABLE} (id CHAR(36) CHARACTER SET ascii NOT NULL PRIMARY KEY,"
        " server_uuid CHAR(36) CHARACTER SET ascii NOT NULL, begun DATETIME(6) NOT NULL,"
        " kept MEDIUMTEXT CHARACTER SET ascii NOT NULL) ENGINE = InnoDB"
    ),
    Statement(
        f"INSERT INTO {TABLE} (id, server_uuid, begun, kept)"  # noqa: S608
        " VALUES (UUID(), @@GLOBAL.server_uuid, UTC_TIMESTAMP(6), CONCAT_WS(',', @@GLOBAL.gtid_executed,"
        " (SELECT RECEIVED_TRANSACTION_SET FROM performance_schema.replication_connection_status"
        " WHERE CHANNEL_NAME = 'group_replication_applier')))"
    ),
    Statement(FORBID_WRITES, cleanup=True),
)
"""On a server that is in no group, before it begins one."""


@dataclass(frozen=True)
class Beginning:
    """A row."""

    id: str
    kept: GtidSet = field(default_factory=GtidSet)
    """What the server that began the group had executed or received."""

    def as_data(self) -> dict[str, str]:
        return {"id": self.id, "kept": str(self.kept)}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Beginning:
        return cls(str(data["id"]), GtidSet.parse(data["kept"]))


Beginnings = tuple[Beginning, ...]


@dataclass(frozen=True)
class Data:
    """What a server has."""

    held: GtidSet = field(default_factory=GtidSet)
    """Executed or received."""
    beginnings: Beginnings = ()


def read(server: Queries) -> Beginnings:
    """The rows that the server has. ServerError where they cannot be read."""
    try:
        rows = server.rows(SELECT)
    except ServerError as error:
        if error.number in NONE_YET:
            return ()
        raise
    return tuple(Beginning(str(row["id"]), GtidSet.parse(one_line(row["kept"]))) for row in rows)


def from_data(data: Iterable[Mapping[str, Any]]) -> Beginnings:
    return tuple(map(Beginning.from_data, data))


def strays(own: Beginnings, others: Iterable[Beginning]) -> bool:
    """Whether a server was in a group that was begun without those others."""
    return bool({each.id for each in own} - {each.id for each in others})


def doubtful(own: Data, others: Iterable[Beginning]) -> GtidSet:
    """What a server has that may be something else where the others' rows are."""
    known = {each.id for each in own.beginnings}
    return union(own.held - each.kept for each in others if each.id not in known)


def peculiar(own: Data, others: Iterable[Beginning]) -> GtidSet:
    """The same with what a server has from a group that was begun without the others."""
    there = tuple(others)
    known = {each.id for each in there}
    return doubtful(own, there) | union(own.held - each.kept for each in own.beginnings if each.id not in known)


def fits(own: Data, others: Iterable[Beginning]) -> bool:
    """Whether a server has nothing that may be something else there."""
    there = tuple(others)
    return not strays(own.beginnings, there) and not doubtful(own, there)
