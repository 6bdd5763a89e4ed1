"""Moves the writes to another member: the group does it, in one statement, and undoes it if it fails."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from ansible_collections.foobar.webstack.plugins.module_utils._mysql import group
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.switchover import (
    Code,
    Found,
    OpenTransaction,
    candidate_of,
    obstacles,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.channel import Endpoint
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.switchover import Code as Refusal
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, ReasonError, reason
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import Queries, Server, ServerError

MAX_QUEUE = 1000
"""Transactions that the candidate may have to apply yet: what it applies in about the time that nobody may write."""

QUEUE = (
    "SELECT COUNT_TRANSACTIONS_REMOTE_IN_APPLIER_QUEUE AS waiting"
    " FROM performance_schema.replication_group_member_stats WHERE MEMBER_ID = %s"
)
OPEN = (
    "SELECT t.PROCESSLIST_ID AS id, t.PROCESSLIST_USER AS user, COALESCE(t.PROCESSLIST_HOST, '') AS host,"
    " TIMESTAMPDIFF(SECOND, x.trx_started, NOW()) AS seconds, x.trx_rows_modified AS changed"
    " FROM information_schema.INNODB_TRX x"
    " JOIN performance_schema.threads t ON t.PROCESSLIST_ID = x.trx_mysql_thread_id"
    " WHERE x.trx_rows_modified > 0 AND x.trx_started < NOW() - INTERVAL %s SECOND"
)
MOVE = "SELECT group_replication_set_as_primary(%s, %s) AS said"


@dataclass
class Exchange:
    """The primary, looked at, and the member that is to take its place."""

    server: Queries
    forward: Endpoint
    uuid: str
    seconds_for_transactions: int
    warnings: tuple[Reason, ...] = ()
    done: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    gap: float = 0.0
    """For how long nobody took writes, at most."""

    def plan(self) -> list[str]:
        return [f"let the group make {self.forward} its primary"]

    def run(self) -> None:
        """Move the writes. ReasonError where the group did not."""
        began = time.monotonic()
        try:
            self.server.rows(MOVE, [self.uuid, self.seconds_for_transactions])
        except ServerError as error:
            raise ReasonError(reason(Code.FAILED, candidate=str(self.forward), error=str(error))) from error
        self.gap = time.monotonic() - began
        self.done = self.plan()
        self.seconds = [round(self.gap, 3)]


def prepare(
    server: Server,
    forward: Endpoint,
    *,
    timeout: float,
    lock_timeout: int,
    max_transaction: int,
    **_of_the_pair: object,
) -> Exchange:
    """Look at the primary. ReasonError where the writes must not move."""
    view = group.read(server)
    member = candidate_of(view, forward.host, forward.port) if view else None
    queue = server.rows(QUEUE, [member.uuid]) if member else []
    open_since = server.rows(OPEN, [max_transaction])
    found = Found(
        view=view,
        queue=int(queue[0]["waiting"]) if queue else 0,
        transactions=tuple(
            OpenTransaction(int(row["id"]), row["user"], row["host"], int(row["seconds"]), int(row["changed"]))
            for row in open_since
        ),
    )
    problems = obstacles(found, forward.host, forward.port, max_queue=MAX_QUEUE)
    if problems:
        raise ReasonError(reason(Refusal.REFUSED, obstacles=problems))
    return Exchange(server.patient(timeout + lock_timeout), forward, member.uuid if member else "", lock_timeout)
