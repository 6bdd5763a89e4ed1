"""The exchange of a source and its replica, step by step, each with the way back. No Ansible.

Two things hold after every step, whatever fails: the two servers do not both take writes, and what has been done can be
taken back until the candidate takes writes. A step that fails is taken back too, because a statement whose answer was
lost may have been executed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql import epoch
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.errors import LOCK_TIMEOUT, REFUSED_FOR_GOOD
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import one_line
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.channel import Endpoint, change_source
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.inspection import (
    channel_of,
    inspect,
    lock_holders,
    refusal_of,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.switchover import Code as Refusal
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.switchover import obstacles
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import (
    Reason,
    ReasonError,
    mysql_error,
    reason,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import Queries, Server, ServerError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.statements import (
    ALLOW_WRITES,
    FORBID_WRITES,
    SEMISYNC_SOURCE,
)

POLL_SECONDS = 0.02
"""Between two checks while no server takes writes."""

OPEN = "let the old source take writes again"
ALLOW = "let the candidate take writes"
OCCASION = "switchover"
LAST = "let the commits of the old source wait for none"
RETURN_SECONDS = 30.0
"""For the old source to answer again, where it has restarted in the middle."""


class Code(str, Enum):
    """Why the roles were not exchanged, and what was done about it."""

    NO_ANSWER = "exchange.no_answer"
    UNDONE = "exchange.undone"
    NOT_UNDONE = "exchange.not_undone"
    UNKNOWN = "exchange.unknown"
    STEP = "exchange.step"
    STATEMENT = "exchange.statement"
    STILL_WRITES = "exchange.still_writes"
    LOCK_RELEASED = "exchange.lock_released"
    NOT_CAUGHT_UP = "exchange.not_caught_up"
    ERRANT = "exchange.errant"
    NOT_CONNECTED = "exchange.not_connected"
    REFUSED = "exchange.refused"
    SEMI_SYNC_LEFT_ON = "exchange.semi_sync_left_on"


@dataclass(frozen=True)
class Step:
    """Something to do, and how to take it back. Taking back has to work whether or not it was done."""

    name: str
    do: Callable[[], None]
    undo: Callable[[], None] = lambda: None


@dataclass
class Exchange:
    """`old` takes writes and `candidate` replicates from it; afterwards it is the other way round."""

    old: Queries
    candidate: Queries
    back: Endpoint
    """Where the candidate replicates from now."""
    forward: Endpoint
    """Where the old source will replicate from: the candidate."""
    lock_seconds: int = 2
    """For the transactions that are being committed to end."""
    catch_up_seconds: int = 5
    """For the candidate to apply what it has, while no server takes writes."""
    connect_seconds: float = 5.0
    """For the old source to connect to the candidate."""
    semi_sync: bool = True
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    done: list[str] = field(default_factory=list)
    """Steps that were done, in order."""
    seconds: list[float] = field(default_factory=list)
    """When each of them was done, from the beginning on."""
    warnings: tuple[Reason, ...] = ()
    """What is left to be done after the roles were exchanged."""
    gap: float = 0.0
    """Seconds during which no server took writes."""
    _committed: str = ""
    _thread: int = 0
    _recorded: bool = False

    def run(self) -> None:
        """Exchange the roles, or leave all as it was. ReasonError if they were not exchanged."""
        try:
            self._reach_candidate()
        except ServerError as error:
            raise ReasonError(reason(Code.NO_ANSWER, error=str(error))) from error
        steps = self._steps()
        began = self.clock()
        for number, step in enumerate(steps):
            try:
                step.do()
            except (ServerError, ReasonError) as error:
                self._go_back(steps[: number + 1], step.name, error)
            self._note(step.name, began)
        try:
            self.candidate.rows(ALLOW_WRITES)
        except ServerError as error:
            if not self._took_writes(error):
                self._go_back(steps, ALLOW, error)
        self._note(ALLOW, began)
        self.gap = self.seconds[-1]
        # It takes the server a second, and writes go on meanwhile.
        for attempt in range(2):
            try:
                self._do(self.old, SEMISYNC_SOURCE, "OFF")
                self._note(LAST, began)
                break
            except ServerError as error:
                if attempt:
                    self.warnings = (reason(Code.SEMI_SYNC_LEFT_ON, step=LAST, error=str(error)),)

    def _note(self, name: str, began: float) -> None:
        self.done.append(name)
        self.seconds.append(round(self.clock() - began, 3))

    def plan(self) -> list[str]:
        """What `run` would do."""
        return [*(step.name for step in self._steps()), ALLOW, LAST]

    def _steps(self) -> list[Step]:
        old, candidate = self.old, self.candidate
        wait = "ON" if self.semi_sync else "OFF"
        return [
            # While it can be written down: from here on the old source does not take writes again by itself.
            Step("record that the candidate takes over", self._record_candidate),
            Step("let the old source take no more writes", self._stop_writes),
            Step("wait until the candidate has everything", self._catch_up),
            Step(
                "stop the candidate's replication",
                lambda: self._do(candidate, "STOP REPLICA"),
                lambda: self._do(candidate, "START REPLICA"),
            ),
            Step("remove it", lambda: self._do(candidate, "RESET REPLICA ALL"), self._attach_candidate),
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
            Step(
                "start that replication",
                lambda: self._do(old, "START REPLICA"),
                lambda: self._do(old, "STOP REPLICA"),
            ),
            Step("wait until it is connected", self._connected),
            # If it is found lost now, the old source goes on. In the next statement it would not be known what it did.
            Step("see that the candidate still answers", self._reach_candidate),
        ]

    @staticmethod
    def _do(server: Queries, statement: str, *values: Any) -> None:
        server.rows(statement, values)

    @staticmethod
    def _change(server: Queries, endpoint: Endpoint) -> None:
        statement = change_source(endpoint.options)
        try:
            server.rows(statement.sql, statement.values)
        except ServerError as error:
            raise ReasonError(reason(Code.STATEMENT, statement=str(statement), error=str(error))) from None

    def _record_candidate(self) -> None:
        if epoch.read(self.old):
            self._recorded = True
            self._do(self.old, epoch.RAISE, str(self.candidate.value("@@GLOBAL.server_uuid")), OCCASION)

    def _stop_writes(self) -> None:
        self.old.rows(f"SET SESSION lock_wait_timeout = {self.lock_seconds}")
        try:
            self.old.rows(FORBID_WRITES)
        except ServerError as error:
            if error.number != LOCK_TIMEOUT:
                raise
            blockers = lock_holders(self.old) or [reason(Code.LOCK_RELEASED)]
            raise ReasonError(reason(Code.STILL_WRITES, seconds=self.lock_seconds, blockers=blockers)) from error

    def _catch_up(self) -> None:
        self._committed = one_line(self.old.value("@@GLOBAL.gtid_executed"))
        late = self.candidate.value("WAIT_FOR_EXECUTED_GTID_SET(%s, %s)", [self._committed, self.catch_up_seconds])
        if int(late):
            raise ReasonError(reason(Code.NOT_CAUGHT_UP, seconds=self.catch_up_seconds))
        errant = one_line(
            self.candidate.value("GTID_SUBTRACT(@@GLOBAL.gtid_executed, %s)", [self._committed]),
        )
        if errant:
            raise ReasonError(reason(Code.ERRANT, gtids=errant))

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
            if number in REFUSED_FOR_GOOD or (number and self.clock() > deadline):
                raise ReasonError(reason(Code.REFUSED, source=str(self.forward), error=mysql_error(number, message)))
            if self.clock() > deadline:
                raise ReasonError(
                    reason(Code.NOT_CONNECTED, source=str(self.forward), seconds=self.connect_seconds),
                )
            self.sleep(POLL_SECONDS)

    def _reach_candidate(self) -> None:
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
                    raise ReasonError(
                        reason(Code.UNKNOWN, step=ALLOW, error=str(error), again=str(again)),
                    ) from again
            self.sleep(0.2)

    def _end_thread(self) -> None:
        if int(self.candidate.value("CONNECTION_ID()")) == self._thread:
            return
        there = "SELECT 1 AS there FROM performance_schema.processlist WHERE ID = %s"
        if self.candidate.rows(there, [self._thread]):
            self.candidate.rows(f"KILL {self._thread}")
            raise ServerError(0, "its connection has not ended yet")

    def _go_back(self, steps: Sequence[Step], name: str, cause: ServerError | ReasonError) -> None:
        """Take the steps back, the last one first, then let the old source take writes again."""
        self._await_old()
        # The candidate never was asked to take writes, or has answered that it takes none.
        failed = []
        for step in [*reversed(steps), Step(OPEN, lambda: None, self._open_old)]:
            try:
                step.undo()
            except (ServerError, ReasonError) as error:
                try:
                    step.undo()
                except (ServerError, ReasonError):
                    failed.append(reason(Code.STEP, step=step.name, error=_why(error)))
        if failed:
            raise ReasonError(reason(Code.NOT_UNDONE, step=name, error=_why(cause), failed=failed))
        raise ReasonError(reason(Code.UNDONE, step=name, error=_why(cause)))

    def _await_old(self) -> None:
        """It may have restarted, and is read-only then and lets its commits wait for nobody."""
        deadline = self.clock() + RETURN_SECONDS
        while self.clock() < deadline:
            try:
                self.old.rows("SELECT 1")
                return
            except ServerError:
                self.sleep(0.2)

    def _open_old(self) -> None:
        if self.semi_sync:
            self._do(self.old, SEMISYNC_SOURCE, "ON")
        self.old.rows(ALLOW_WRITES)
        if self._recorded:
            self._do(self.old, epoch.RAISE, str(self.old.value("@@GLOBAL.server_uuid")), OCCASION)
            self._recorded = False


def _why(error: ServerError | ReasonError) -> Reason | str:
    return error.reasons[0] if isinstance(error, ReasonError) else str(error)


def prepare(
    old: Server,
    forward: Endpoint,
    *,
    user: str,
    password: str,
    timeout: float,
    max_lag: int,
    lock_timeout: int,
    max_transaction: int,
) -> Exchange:
    """The exchange of `old` with the server at `forward`, which is asked as `user`. ReasonError if it is refused."""
    candidate = Server.remote(
        forward.host, forward.port, user, password, tls=forward.tls, ca=forward.ca, timeout=timeout
    )
    try:
        channel = channel_of(candidate)
    except ServerError as error:
        raise ReasonError(reason(Refusal.NO_ACCESS, candidate=str(forward), user=user, error=str(error))) from error
    state = inspect(
        old,
        candidate,
        channel,
        refused=refusal_of(forward, timeout),
        max_lag=max_lag,
        lock_timeout=lock_timeout,
        max_transaction=max_transaction,
    )
    if found := obstacles(state, max_lag=max_lag):
        raise ReasonError(reason(Refusal.REFUSED, obstacles=found))
    back = replace(forward, host=channel["source_host"], port=int(channel["source_port"]))
    return Exchange(old, candidate, back=back, forward=forward, lock_seconds=lock_timeout, semi_sync=state.semi_sync)
