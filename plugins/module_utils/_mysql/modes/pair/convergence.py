"""Carries out what the plan of a server's replication says, and waits until it runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.cloning import Cloning
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.channel import Channel, Endpoint
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.observe import (
    observe,
    observe_channel,
    observe_source,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.plan import (
    Intent,
    Plan,
    plan,
    plan_absent,
    waiting_is_over,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.state import Source, Unreachable
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import (
    Reason,
    ReasonError,
    reason,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import Server, ServerError, text
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.statements import Statement

POLL_SECONDS = 0.2


class Code(str, Enum):
    """Why a plan could not be carried out."""

    STATEMENT = "convergence.statement"
    DOES_NOT_RUN = "convergence.does_not_run"


@dataclass
class Convergence:
    """A server that is to replicate from `wanted`, or from no server where that is None."""

    server: Server
    wanted: Endpoint | None
    intent: Intent
    control: Callable[[str], str]
    """Start or restart the server's service (the verb); why that failed, or nothing."""
    timeout: float
    clone_timeout: float
    allow_reset: bool = False
    executed: list[str] = field(default_factory=list)
    """Statements so far, as they may be shown."""
    writable: bool = False
    """Whether the server took writes when it was looked at."""
    warnings: tuple[Reason, ...] = ()
    _at_start: str = ""
    _to_have: str = ""

    def converge(self) -> Plan:
        """Execute what the plan says, again after CLONE, which makes another server of this one; the first plan.

        In a rehearsal nothing is executed. ReasonError where something is refused or fails.
        """
        first = current = self._plan()
        self.warnings = first.warnings
        if self.intent.rehearsal:
            return first
        while self._execute(current):
            self.intent = replace(self.intent, cloned=True, reprovision=False)
            current = self._plan()
        if self.wanted:
            self._wait_until_running()
        return first

    def channel(self) -> Channel | None:
        """The replication connection as it is now."""
        return observe_channel(self.server, "")

    def _plan(self) -> Plan:
        """What is to be done as things are."""
        password = self.wanted.password if self.wanted else ""
        local = observe(self.server, password)
        self.writable = not local.read_only
        if self.wanted is None:
            found = plan_absent(local, allow_reset=self.allow_reset)
        else:
            source = observe_source(self.wanted, self.server, local, self.timeout)
            if self.intent.rehearsal and isinstance(source, Unreachable) and local.channel:
                # Certificate or password may be what an earlier task would have changed on the source. Asked as the
                # running replication does, and no less safely, it still tells whether the data fits.
                existing = local.channel.endpoint
                if (existing.host, existing.port) == (self.wanted.host, self.wanted.port):
                    source = observe_source(existing, self.server, local, self.timeout)
            self._at_start = local.gtid_executed
            self._to_have = source.gtid_executed if isinstance(source, Source) else ""
            found = plan(self.wanted, local, source, self.intent)
        if found.refusal:
            raise ReasonError(found.refusal)
        return found

    def _execute(self, todo: Plan) -> bool:
        """Execute the statements up to the first that clones; whether there was one."""
        for statement in todo.statements:
            self.executed.append(str(statement))
            if statement.clones:
                self._clone(statement)
                return True
            try:
                self.server.rows(statement.sql, statement.values)
            except ServerError as error:
                raise ReasonError(reason(Code.STATEMENT, statement=str(statement), error=str(error))) from error
        return False

    def _clone(self, statement: Statement) -> None:
        """Copy the data, and wait for the server to come back with it."""
        host = self.wanted.host if self.wanted else ""
        Cloning(self.server, self.control, self.timeout, self.clone_timeout).run(statement, str(self.wanted), host)

    def _wait_until_running(self) -> None:
        """Return as soon as receiver and applier run; fail as soon as it is clear that they will not.

        An applier runs until it comes to what it cannot apply. So one that was started here has to apply something
        first, unless there is nothing left to apply, or what it is at takes longer than there is time.
        """
        deadline = time.monotonic() + self.timeout
        while True:
            proven = not self.executed or self._has_applied()
            channel = self.channel()
            out_of_time = time.monotonic() > deadline
            if channel and channel.running:
                if proven or out_of_time:
                    return
            elif why := waiting_is_over(channel, out_of_time=out_of_time):
                raise ReasonError(reason(Code.DOES_NOT_RUN, why=why))
            time.sleep(POLL_SECONDS)

    def _has_applied(self) -> bool:
        """Whether the replica has all that the source had at the start, or more than it had itself."""
        executed = text(self.server.value("@@GLOBAL.gtid_executed"))
        missing = text(self.server.value("GTID_SUBTRACT(%s, %s)", [self._to_have, executed]))
        return not missing or executed != self._at_start
