"""The table webstack.primary_epoch: which server was made the primary last, and how often that was decided.

Its one row replicates and outlasts restarts. Each promotion raises the epoch and names the server that takes over,
before that takes writes. So a server that comes back read-only knows whether it was the primary, and learns from any
other server whether somebody has decided otherwise since.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.schemas import NO_SUCH_TABLE, STACK_SCHEMA
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import Queries, ServerError

NAME = "primary_epoch"
TABLE = f"{STACK_SCHEMA}.{NAME}"

CREATE = f"""CREATE TABLE IF NOT EXISTS {TABLE} (
  id TINYINT UNSIGNED NOT NULL PRIMARY KEY,
  epoch BIGINT UNSIGNED NOT NULL,
  server_uuid CHAR(36) CHARACTER SET ascii NOT NULL,
  raised DATETIME(6) NOT NULL,
  occasion VARCHAR(32) CHARACTER SET ascii NOT NULL
) ENGINE = InnoDB"""
"""The statement that creates the table, in a schema that is there."""

SELECT = f"SELECT epoch, server_uuid FROM {TABLE} WHERE id = 1"  # noqa: S608

RAISE = (
    f"INSERT INTO {TABLE} (id, epoch, server_uuid, raised, occasion) VALUES (1, 1, %s, UTC_TIMESTAMP(6), %s) AS new"  # noqa: S608
    f" ON DUPLICATE KEY UPDATE epoch = {NAME}.epoch + 1, server_uuid = new.server_uuid, raised = new.raised,"
    " occasion = new.occasion"
)
"""Takes the server_uuid of the new primary and the occasion."""


@dataclass(frozen=True)
class Epoch:
    """The row."""

    number: int
    server_uuid: str
    """Of the server that was made the primary."""

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Epoch:
        return cls(int(data["number"]), str(data["server_uuid"]))

    def as_data(self) -> dict[str, Any]:
        return {"number": self.number, "server_uuid": self.server_uuid}


def read(server: Queries) -> Epoch | None:
    """The row that the server has; None where nothing was recorded yet."""
    try:
        rows = server.rows(SELECT)
    except ServerError as error:
        if error.number in NO_SUCH_TABLE:
            return None
        raise
    return Epoch(int(rows[0]["epoch"]), str(rows[0]["server_uuid"])) if rows else None
