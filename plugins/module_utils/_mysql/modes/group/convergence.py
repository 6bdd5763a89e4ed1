"""Carries out what the plan of a server's membership says, and waits until it is in the group."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ansible_collections.foobar.webstack.plugins.module_utils._mysql import beginnings, group
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.cloning import Cloning, Donor, clone_statements
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.execution import execute
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.group import MemberState
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.membership import (
    FOLLOW_NOBODY,
    LEAVE,
    begin,
    credentials,
    install_elector,
    join,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.observe import (
    has_elector,
    observe,
    observe_peer,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.plan import (
    Code,
    Intent,
    Plan,
    Step,
    plan,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.state import Account, Local, Peer
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import ReasonError, reason
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import Queries, Server
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.statements import (
    FORBID_WRITES,
    FORBID_WRITES_BUT_FOR_ROOT,
    Statement,
)

POLL_SECONDS = 0.5


@dataclass
class Convergence:
    """A server that is to be a member of the group of `peers`."""

    server: Server
    peers: Sequence[Peer]
    ask: Callable[[Peer], Queries]
    """A connection to another host's server."""
    intent: Intent
    control: Callable[[str], str]
    """Start or restart the server's service (the verb); why that failed, or nothing."""
    timeout: float
    clone_timeout: float
    clone_account: Account | None = None
    """That of the group where it is not given."""
    tls: bool = True
    ca: str = ""
    executed: list[str] = field(default_factory=list)
    """Statements so far, as they may be shown."""
    writable: bool = False
    """Whether the server is the primary, in the end."""

    def converge(self) -> Plan:
        """Do what the plan says, and wait for the host whose turn it is; the plan.

        In a rehearsal nothing is done. ReasonError where something is refused or fails.
        """
        deadline = time.monotonic() + self.timeout
        while True:
            local, found = self._plan()
            if not (found.refusal and found.waits) or self.intent.rehearsal or time.monotonic() > deadline:
                break
            time.sleep(POLL_SECONDS)
        self.writable = bool(local.view and local.view.leads)
        if found.refusal and not (self.intent.rehearsal and found.waits):
            raise ReasonError(found.refusal)
        if self.intent.rehearsal:
            return found
        for step in found.steps:
            self._execute(step, found, local)
        self._wait()
        return found

    def _plan(self) -> tuple[Local, Plan]:
        local = observe(self.server)
        peers = [] if local.in_group else [observe_peer(peer, self.ask(peer)) for peer in self.peers]
        return local, plan(local, peers, self.intent)

    def _execute(self, step: Step, found: Plan, local: Local) -> None:
        if step is Step.CLONE and found.donor:
            self._clone(found.donor, local)
            return
        if step is Step.ELECTOR:
            self._install_elector()
            return
        statements = {
            Step.LEAVE: LEAVE,
            Step.FOLLOW_NOBODY: FOLLOW_NOBODY,
            Step.ACCOUNT: (credentials(self.intent.account),),
            Step.JOIN: join(),
            Step.RECORD: beginnings.RECORD,
            Step.BOOTSTRAP: begin(),
        }[step]
        self._run(self.server.patient(self.timeout), statements)

    def _install_elector(self) -> None:
        """A copy of another member has it already."""
        if not has_elector(self.server, self.server.variables()["plugin_dir"]):
            read_only = bool(int(self.server.value("@@GLOBAL.super_read_only")))
            self._run(self.server, install_elector(read_only=read_only))

    def _run(self, server: Server, statements: Sequence[Statement]) -> None:
        if failure := execute(server, statements, self.executed.append):
            statement, error = str(failure.statement), str(failure.error)
            raise ReasonError(reason(Code.STATEMENT, statement=statement, error=error)) from failure.error

    def _clone(self, donor: Peer, local: Local) -> None:
        """Get the group's data. CLONE drops what is here, as root; whoever is not root writes nothing meanwhile."""
        account = self.clone_account or self.intent.account
        source = Donor(donor.host, donor.port, account.user, account.password, tls=self.tls, ca=self.ca)
        *before, clone = clone_statements(source)
        if local.schemas:
            before.append(Statement(FORBID_WRITES_BUT_FOR_ROOT))
        elif not local.super_read_only:
            before.insert(0, Statement(FORBID_WRITES))
        self._run(self.server, before)
        self.executed.append(str(clone))
        Cloning(self.server, self.control, self.timeout, self.clone_timeout).run(clone, str(source), donor.host)

    def _wait(self) -> None:
        """Return as soon as the server is ONLINE; ReasonError if it is not in time, or has failed."""
        deadline = time.monotonic() + self.timeout
        while True:
            view = group.read(self.server)
            state = view.state if view else MemberState.OFFLINE
            if view and state is MemberState.ONLINE:
                self.writable = view.leads
                return
            if state is MemberState.ERROR or time.monotonic() > deadline:
                raise ReasonError(reason(Code.NOT_ONLINE, state=state.value, seconds=self.timeout))
            time.sleep(POLL_SECONDS)
