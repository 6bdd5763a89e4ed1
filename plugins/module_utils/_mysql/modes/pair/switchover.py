"""The exchange of a source and its replica, step by step, each with the way back. No Ansible.

Two things hold after every step, whatever fails: the two servers do not both take writes, and what has been done can be
taken back until the candidate takes writes. A step that fails is taken back too, because a statement whose answer was
lost may have been executed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.errors import REFUSED_FOR_GOOD, explain
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import one_line
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.replication import (
    Endpoint,
    change_source,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import ServerError, series

POLL_SECONDS = 0.02
"""Between two looks while nobody can write."""

LOCK_TIMEOUT = 1205

LAST = "let the commits of the old source wait for none"
SEMISYNC_SOURCE = "SET GLOBAL rpl_semi_sync_source_enabled = %s"
CLOSE, OPEN = "SET GLOBAL super_read_only = ON", "SET GLOBAL read_only = OFF"
"""Each of the two sets both variables."""

BLOCKERS = (
    "SELECT t.PROCESSLIST_ID AS id, t.PROCESSLIST_USER AS user, t.PROCESSLIST_HOST AS host,"
    " t.PROCESSLIST_TIME AS seconds, LEFT(COALESCE(t.PROCESSLIST_INFO, '(open transaction)'), 80) AS doing"
    " FROM performance_schema.metadata_locks l JOIN performance_schema.threads t ON t.THREAD_ID = l.OWNER_THREAD_ID"
    " WHERE l.OBJECT_TYPE IN ('GLOBAL', 'COMMIT') AND l.LOCK_STATUS = 'GRANTED' AND t.PROCESSLIST_ID <> CONNECTION_ID()"
    " ORDER BY t.PROCESSLIST_TIME DESC LIMIT 5"
)
"""Who holds what keeps a server from becoming read-only."""


class Link(Protocol):
    """What is needed of a server."""

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]: ...
    def value(self, expression: str, values: Sequence[Any] = ()) -> Any: ...


class ExchangeError(Exception):
    """The roles were not exchanged; the message says why, and what was done about it."""


class StepError(Exception):
    """A step that does not come about though every statement did."""


@dataclass(frozen=True)
class Step:
    """Something to do, and how to take it back. Taking back has to work whether or not it was done."""

    name: str
    do: Callable[[], None]
    undo: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Sight:
    """What was found on both servers before anything is changed."""

    old_writable: bool = True
    old_uuid: str = ""
    old_replicates: bool = False
    candidate_writable: bool = False
    candidate_super_read_only: bool = True
    source_uuid: str = ""
    """Of the server that the candidate replicates from; empty if from none."""
    receiver: bool = True
    applier: bool = True
    caught_up: bool = True
    errant: str = ""
    semi_sync: bool = True
    """Whether the old source's commits are to wait for a replica."""
    acknowledged: bool = True
    """Whether they do."""
    replicas: int = 1
    refused: str = ""
    """Why the candidate does not let the account of the replication in."""
    blockers: tuple[str, ...] = ()
    versions: tuple[str, str] = ("9.7.4", "9.7.4")


def obstacles(sight: Sight, *, max_lag: float) -> list[str]:
    """Everything because of which the roles are not exchanged."""
    if not sight.old_writable:
        return ["this server takes no writes, so there is nothing to move. If nobody does: playbooks/failover.yml"]
    if sight.old_replicates:
        return ["this server takes writes and replicates from another one; their roles cannot be exchanged"]
    if sight.candidate_writable:
        return ["the candidate takes writes as this server does. Stop MySQL on the one that nobody uses"]
    if sight.source_uuid != sight.old_uuid:
        return ["the candidate is no direct replica of this server"]
    found = []
    if not sight.candidate_super_read_only:
        found.append("the candidate lets root write; run playbooks/site.yml")
    stopped = [name for name, runs in (("receiver", sight.receiver), ("applier", sight.applier)) if not runs]
    if stopped:
        found.append(f"the candidate's {' and '.join(stopped)} stands still; run playbooks/site.yml, it says why")
    elif not sight.caught_up:
        found.append(f"the candidate is more than {max_lag:g} s behind; wait until it has caught up")
    if sight.errant:
        found.append(
            f"the candidate has transactions that this server has not ({sight.errant}), and would be a source with"
            " them. Read them with mysqlbinlog --include-gtids; if they changed no data, commit an empty transaction"
            " with the GTID of each here, else provision the candidate anew (mysql_replication_reprovision=true)"
        )
    if sight.semi_sync and not sight.acknowledged:
        found.append(
            "the candidate does not acknowledge commits (Rpl_semi_sync_source_status is OFF); run"
            " playbooks/site.yml, or"
            " playbooks/rejoin.yml after a failover"
        )
    if series(sight.versions[0]) > series(sight.versions[1]):
        found.append(f"the candidate is MySQL {sight.versions[1]}, older than this server's {sight.versions[0]}")
    if sight.refused:
        found.append(f"the candidate does not let the account of the replication in: {sight.refused}")
    if sight.blockers:
        found.append(f"writes would be lost, or waited for by others: {'; '.join(sight.blockers)}")
    return found


@dataclass
class Exchange:
    """`old` takes writes and `candidate` replicates from it; afterwards it is the other way round."""

    old: Link
    candidate: Link
    back: Endpoint
    """Where the candidate replicates from now."""
    forward: Endpoint
    """Where the old source will replicate from: the candidate."""
    lock_seconds: int = 2
    """For the transactions that are being committed to end."""
    catch_up_seconds: int = 5
    """For the candidate to apply what it has, while nobody can write."""
    connect_seconds: float = 5.0
    """For the old source to connect to the candidate."""
    semi_sync: bool = True
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    done: list[str] = field(default_factory=list)
    """Steps that were done, in order."""
    seconds: list[float] = field(default_factory=list)
    """When each of them was done, from the beginning on."""
    warning: str = ""
    """What is left to be done after the roles were exchanged."""
    gap: float = 0.0
    """Seconds during which nobody could write."""
    _committed: str = ""
    _thread: int = 0

    def run(self) -> None:
        """Exchange the roles, or leave all as it was. ExchangeError if they were not exchanged."""
        try:
            self._meet()
        except ServerError as error:
            raise ExchangeError(f"the candidate does not answer: {error}. Nothing was changed") from error
        steps = self._steps()
        began = self.clock()
        for number, step in enumerate(steps):
            try:
                step.do()
            except (ServerError, StepError) as error:
                self._go_back(steps[: number + 1], f"{step.name}: {error}")
            self._note(step.name, began)
        try:
            self.candidate.rows(OPEN)
        except ServerError as error:
            if not self._took_writes(error):
                self._go_back(steps, f"let the candidate take writes: {error}")
        self._note("let the candidate take writes", began)
        self.gap = self.seconds[-1]
        # It takes the server a second, which nobody has to wait for.
        for attempt in range(2):
            try:
                self._do(self.old, SEMISYNC_SOURCE, "OFF")
                self._note(LAST, began)
                break
            except ServerError as error:
                if attempt:
                    self.warning = f"{LAST}: {error}. Run playbooks/site.yml, which does"

    def _note(self, name: str, began: float) -> None:
        self.done.append(name)
        self.seconds.append(round(self.clock() - began, 3))

    def plan(self) -> list[str]:
        """What `run` would do."""
        return [*(step.name for step in self._steps()), "let the candidate take writes", LAST]

    def _steps(self) -> list[Step]:
        old, candidate = self.old, self.candidate
        wait = "ON" if self.semi_sync else "OFF"
        return [
            Step("let the old source take no more writes", self._close, lambda: None),
            Step("wait until the candidate has everything", self._catch_up),
            Step(
                "stop the candidate's replication",
                lambda: self._do(candidate, "STOP REPLICA"),
                lambda: self._do(candidate, "START REPLICA"),
            ),
            Step("forget it", lambda: self._do(candidate, "RESET REPLICA ALL"), self._attach_candidate),
            Step(
                "let the candidate's commits wait for a replica",
                lambda: self._do(candidate, SEMISYNC_SOURCE, wait),
                lambda: self._do(candidate, SEMISYNC_SOURCE, "OFF"),
            ),
            Step(
                "let the old source replicate from the candidate",
                lambda: self._change(old, self.forward),
                lambda: self._do(old, "RESET REPLICA ALL"),
            ),
            Step("start that", lambda: self._do(old, "START REPLICA"), lambda: self._do(old, "STOP REPLICA")),
            Step("wait until it is connected", self._connected),
            # Found lost now, the old source goes on. Found lost in the next statement, nobody would know.
            Step("see that the candidate still answers", self._meet),
        ]

    @staticmethod
    def _do(server: Link, statement: str, *values: Any) -> None:
        server.rows(statement, values)

    @staticmethod
    def _change(server: Link, endpoint: Endpoint) -> None:
        step = change_source(endpoint)
        try:
            server.rows(step.statement, step.values)
        except ServerError as error:
            raise StepError(f"{step}: {error}") from None

    def _close(self) -> None:
        self.old.rows(f"SET SESSION lock_wait_timeout = {self.lock_seconds}")
        try:
            self.old.rows(CLOSE)
        except ServerError as error:
            if error.number != LOCK_TIMEOUT:
                raise
            blockers = [
                f"connection {row['id']} ({row['user']}@{row['host']}, for {row['seconds']} s: {row['doing']})"
                for row in self.old.rows(BLOCKERS)
            ]
            raise StepError(
                f"it still writes after {self.lock_seconds} s, because of"
                f" {', '.join(blockers) or 'a lock whose holder has gone meanwhile'}. End that and run again"
            ) from error

    def _catch_up(self) -> None:
        self._committed = one_line(self.old.value("@@GLOBAL.gtid_executed"))
        late = self.candidate.value("WAIT_FOR_EXECUTED_GTID_SET(%s, %s)", [self._committed, self.catch_up_seconds])
        if int(late):
            raise StepError(f"it has not applied everything within {self.catch_up_seconds} s")
        errant = one_line(
            self.candidate.value("GTID_SUBTRACT(@@GLOBAL.gtid_executed, %s)", [self._committed]),
        )
        if errant:
            raise StepError(f"it has transactions that the old source has not: {errant}")

    def _attach_candidate(self) -> None:
        if self.candidate.rows("SHOW REPLICA STATUS"):
            return
        self._change(self.candidate, self.back)

    def _connected(self) -> None:
        deadline = self.clock() + self.connect_seconds
        while True:
            status = self.old.rows(
                "SELECT SERVICE_STATE AS state, LAST_ERROR_NUMBER AS number, LAST_ERROR_MESSAGE AS message"
                " FROM performance_schema.replication_connection_status WHERE CHANNEL_NAME = ''"
            )[0]
            if status["state"] == "ON" and (not self.semi_sync or self._acknowledges()):
                return
            number, message = int(status["number"]), status["message"]
            if number in REFUSED_FOR_GOOD or self.clock() > deadline:
                raise StepError(
                    f"it does not replicate from {self.forward}:"
                    f" {explain(number, message) if number else f'not connected within {self.connect_seconds:g} s'}"
                )
            self.sleep(POLL_SECONDS)

    def _meet(self) -> None:
        self._thread = int(self.candidate.value("CONNECTION_ID()"))

    def _acknowledges(self) -> bool:
        rows = self.old.rows("SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_replica_status'")
        return bool(rows) and rows[0]["Value"] == "ON"

    def _took_writes(self, error: ServerError) -> bool:
        """Whether the candidate takes writes, after an answer to that was lost.

        The connection that was to do it is ended first: it could do it still, after it was asked.
        """
        deadline = self.clock() + self.connect_seconds
        while True:
            try:
                self._end_thread()
                return not int(self.candidate.value("@@GLOBAL.read_only"))
            except ServerError as again:
                if self.clock() > deadline:
                    raise ExchangeError(
                        f"let the candidate take writes: {error}. It does not answer any more ({again}), and may take"
                        " writes. So the old source was left read-only: nobody knows which one may be written to. When"
                        " the candidate answers again, it is either the new source, or playbooks/failover.yml makes it"
                        " that; if it is lost, playbooks/failover.yml with webstack_primary=<the old source>"
                    ) from again
            self.sleep(0.2)

    def _end_thread(self) -> None:
        if int(self.candidate.value("CONNECTION_ID()")) == self._thread:
            return
        there = "SELECT 1 AS there FROM performance_schema.processlist WHERE ID = %s"
        if self.candidate.rows(there, [self._thread]):
            self.candidate.rows(f"KILL {self._thread}")
            raise ServerError(0, "its connection has not ended yet")

    def _go_back(self, steps: Sequence[Step], reason: str) -> None:
        """Take the steps back, the last one first, then let the old source take writes again."""
        failed = []
        for step in reversed(steps):
            try:
                step.undo()
            except (ServerError, StepError) as error:
                try:
                    step.undo()
                except (ServerError, StepError):
                    failed.append(f"{step.name} ({error})")
        # The candidate never was told to take writes, or has said that it takes none.
        try:
            self.old.rows(OPEN)
        except ServerError:
            try:
                self.old.rows(OPEN)
            except ServerError as error:
                failed.append(f"{steps[0].name} ({error})")
        if failed:
            raise ExchangeError(
                f"{reason}. Not everything could be taken back: {'; '.join(failed)}. The candidate takes no writes. Run"
                " playbooks/site.yml to repair the replication, or playbooks/failover.yml if nobody takes writes"
            )
        raise ExchangeError(
            f"{reason}. Everything was taken back: the old source takes writes, the candidate replicates"
        )
