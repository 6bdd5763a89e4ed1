"""Takes a server out of its pair or group and stops it, and starts it again. It knows no mode."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.execution import execute
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import ReasonError, reason
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import NoServerError, Server, ServerError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.statements import Statement

# Those of other hosts that somebody reads or writes with. Replicas and members come back by themselves.
CLIENTS = (
    "SELECT COUNT(*) AS clients FROM performance_schema.threads WHERE CONNECTION_TYPE IN ('TCP/IP', 'SSL/TLS')"
    " AND PROCESSLIST_COMMAND NOT LIKE 'Binlog%' AND PROCESSLIST_COMMAND NOT LIKE 'Group%'"
)
WRITABLE = "SELECT @@GLOBAL.read_only = 0 AS writable"

POLL_SECONDS = 0.2

PATIENCE = 10
"""Seconds for an answer, beside those that the server itself waits."""


class Code(str, Enum):
    """Why a server was not taken out, or does not come back."""

    TAKES_WRITES = "drain.takes_writes"
    STATEMENT = "drain.statement"
    UNIT = "drain.unit"
    NO_ANSWER = "drain.no_answer"
    OLD_PROGRAM = "drain.old_program"
    NOT_CAUGHT_UP = "drain.not_caught_up"


@dataclass
class Drain:
    """A server and its unit."""

    server: Server
    control: Callable[[str], str]
    """Start or stop the unit (the verb); why that failed, or nothing."""
    runs_old_file: Callable[[], bool]
    """Whether the program that runs was replaced since."""
    silence: Callable[[], bool]
    """Have whoever starts the server, such as a package's script, write nothing to its binary log."""
    unsilence: Callable[[], bool]
    """Take that back; whether it was so."""
    leave: Sequence[Statement]
    """How it leaves its pair or group."""
    of_primary: bool = False
    patience: float = 10.0
    timeout: float = 600.0
    statements: list[str] = field(default_factory=list)
    """Executed so far."""

    def check(self) -> bool:
        """Whether the server runs, and may be taken out. ReasonError where it may not."""
        try:
            writable = bool(int(self.server.rows(WRITABLE)[0]["writable"]))
        except NoServerError:
            return False
        if writable and not self.of_primary:
            raise ReasonError(reason(Code.TAKES_WRITES))
        return True

    def stop(self) -> int:
        """Leave, let the clients go, and stop; how many were left. ReasonError where that fails."""
        clients = self._leave() if self.check() else 0
        self.server.close()
        if error := self.control("stop"):
            raise ReasonError(reason(Code.UNIT, verb="stopped", error=error))
        self.silence()
        return clients

    def start(self) -> str:
        """Start, and wait for an answer; the version. ReasonError where that fails.

        What packages have started meanwhile is stopped first: it writes no binary log.
        """
        if (self.unsilence() or self.runs_old_file()) and (failed := self.control("stop")):
            raise ReasonError(reason(Code.UNIT, verb="stopped", error=failed))
        if failed := self.control("start"):
            raise ReasonError(reason(Code.UNIT, verb="started", error=failed))
        try:
            self.server.wait(self.timeout)
        except ServerError as error:
            raise ReasonError(reason(Code.NO_ANSWER, seconds=self.timeout, error=str(error))) from error
        if self.runs_old_file():
            raise ReasonError(reason(Code.OLD_PROGRAM))
        return str(self.server.value("@@GLOBAL.version"))

    def catch_up(self, executed: str) -> None:
        """Wait until the server has these transactions. ReasonError where it does not come so far."""
        server = self.server.patient(self.timeout + PATIENCE)
        try:
            late = server.value("WAIT_FOR_EXECUTED_GTID_SET(%s, %s)", [executed, self.timeout])
        finally:
            server.close()
        if int(late):
            raise ReasonError(reason(Code.NOT_CAUGHT_UP, seconds=self.timeout))

    def _leave(self) -> int:
        if failure := execute(self.server, self.leave, self.statements.append):
            error = reason(Code.STATEMENT, statement=str(failure.statement), error=str(failure.error))
            raise ReasonError(error) from failure.error
        deadline = time.monotonic() + self.patience
        while clients := int(self.server.rows(CLIENTS)[0]["clients"]):
            if time.monotonic() > deadline:
                break
            time.sleep(POLL_SECONDS)
        return clients
