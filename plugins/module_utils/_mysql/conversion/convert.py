"""Takes the steps that turn a pair into a group, or a group into a pair, from the host of the server that leads.

Each step is decided anew from what all servers are (`decide`), and can be repeated: a run that ends anywhere leaves
servers that the next run goes on from. What closes the leader has its way back, as long as the leader answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from ansible_collections.foobar.webstack.plugins.module_utils._mysql import epoch, group
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.conversion.decide import Code as Refusal
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.conversion.decide import (
    Decision,
    Step,
    decide,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.conversion.observe import observe
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.conversion.state import Found
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.errors import LOCK_TIMEOUT
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.execution import execute
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.group import PRESENT, MemberState
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import one_line
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.membership import (
    FOLLOW_NOBODY,
    LEAVE,
    begin,
    credentials,
    join,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.state import Account
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.channel import Endpoint, change_source
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.inspection import (
    lock_holders,
    open_transactions,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, ReasonError, reason
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import Queries, ServerError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.statements import (
    ALLOW_WRITES,
    FORBID_WRITES,
    FORBID_WRITES_BUT_FOR_ROOT,
    SEMISYNC_SOURCE,
    Statement,
)

POLL_SECONDS = 0.1
COMMIT_SECONDS = 5
"""For the leader to commit what another server has received of it."""

OCCASION = "conversion"
CHANNELS = "SELECT CHANNEL_NAME AS name FROM performance_schema.replication_connection_configuration"
RUNS = (
    "SELECT s.SOURCE_UUID AS uuid, s.SERVICE_STATE AS receiver, a.SERVICE_STATE AS applier,"
    " s.LAST_ERROR_MESSAGE AS error"
    " FROM performance_schema.replication_connection_status s"
    " JOIN performance_schema.replication_applier_status a USING (CHANNEL_NAME) WHERE s.CHANNEL_NAME = ''"
)
ACKNOWLEDGED = "SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_source_%'"


class Code(str, Enum):
    """Why a step was not taken."""

    MOVED = "conversion.moved"
    BLOCKED = "conversion.blocked"
    STILL_WRITES = "conversion.still_writes"
    STATEMENT = "conversion.statement"
    NOT_ONLINE = "conversion.not_online"
    BEYOND = "conversion.beyond"
    BEHIND = "conversion.behind"
    NOT_RUNNING = "conversion.not_running"
    NOT_ACKNOWLEDGED = "conversion.not_acknowledged"
    NO_EFFECT = "conversion.no_effect"


@dataclass
class Conversion:
    """The servers by name, each with a connection that waits for long statements, and the server of this host."""

    target: str
    own: str
    servers: Mapping[str, Queries]
    source: Endpoint
    """This host's server, as the others fetch from it."""
    account: Account
    """With which members log in to each other."""
    endpoints: bool = False
    """Whether what leads to the primary goes by the target's mode already."""
    unfit: Sequence[str] = ()
    """Tables that a group does not take."""
    lock_seconds: int = 2
    max_transaction: int = 10
    timeout: float = 60
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    done: list[str] = field(default_factory=list)
    """Steps that were taken, in words."""
    executed: list[str] = field(default_factory=list)
    gap: float = 0.0
    """For how long nobody took writes, at most."""
    _found: dict[str, Found] = field(default_factory=dict)

    @property
    def leader(self) -> Queries:
        return self.servers[self.own]

    def takes_writes(self, name: str) -> bool:
        """When it was looked at last."""
        return self._found[name].writable

    def look(self) -> Decision:
        """What is left to be done. ReasonError where nothing may be."""
        deadline = self.clock() + self.timeout
        while True:
            self._found = {name: observe(name, server) for name, server in self.servers.items()}
            found = decide(self.target, list(self._found.values()), endpoints=self.endpoints, unfit=self.unfit)
            if not found.refusals:
                return found
            if not found.waits or self.clock() > deadline:
                raise ReasonError(*found.refusals)
            self.sleep(POLL_SECONDS)

    def run(self) -> Decision:
        """Take the steps, until none is left, or until others have to be told of the mode."""
        last = None
        while True:
            found = self.look()
            if not found.steps or found.steps[0].step is Step.ENDPOINTS:
                return found
            if found.leader != self.own:
                raise ReasonError(reason(Code.MOVED, host=self.own))
            todo = found.steps[0]
            if todo == last:
                raise ReasonError(reason(Code.NO_EFFECT, step=found.in_words()[0]))
            {
                Step.BEGIN: self._begin,
                Step.JOIN: self._join,
                Step.FOLLOW: self._follow,
                Step.WAIT: self._let_wait,
                Step.WAIT_NO_MORE: self._let_wait_no_more,
                Step.LEAVE: self._leave,
                Step.OPEN: self._open,
                Step.FORGET: self._forget,
            }[todo.step](self._found[todo.host])
            self.done.append(found.in_words()[0])
            last = todo

    def _begin(self, found: Found) -> None:
        """The leader begins the group: MySQL closes it, and opens it as the primary."""
        if found.channel:
            self._run(self.own, FOLLOW_NOBODY)
        if found.state is MemberState.ERROR:
            self._run(self.own, LEAVE)
        # MySQL opens it as soon as it is the primary, of a group of one yet.
        self._run(self.own, (credentials(self.account), Statement(SEMISYNC_SOURCE, ("ON",))))
        began = self._close() if found.writable else self.clock()
        try:
            self._run(self.own, begin())
        except ReasonError:
            view = group.read(self.leader)
            if found.writable and not (view and view.state in PRESENT):
                self._run(self.own, LEAVE)
                self._reopen()
            raise
        self._await_open()
        self._note_gap(found, began)

    def _join(self, found: Found) -> None:
        """Another server leaves the pair's channel, with all that the leader has, and joins."""
        name = found.name
        if not found.present:
            self._let_leader_have(found)
            if found.running:
                self._let_catch_up(name)
            if found.channel:
                self._run(name, FOLLOW_NOBODY)
            if found.state is MemberState.ERROR:
                self._run(name, LEAVE)
            self._run(name, (credentials(self.account), *join()))
        self._await_online(name)

    def _follow(self, found: Found) -> None:
        """Another server leaves the group, and replicates from the leader."""
        name = found.name
        if found.follows(self._found[self.own]):
            # A leader that leaves its group cuts off whoever fetches from it. What was received stays.
            self._run(name, (Statement("STOP REPLICA IO_THREAD"), Statement("START REPLICA")))
            self._await_running(name)
            return
        if found.present:
            self._see_that_it_leads()
        if found.present or found.state is MemberState.ERROR:
            self._run(name, LEAVE)
        self._run(name, (Statement(FORBID_WRITES),))
        # What it has received in the group and not applied yet it gets again.
        again = observe(name, self.servers[name])
        if again.error:
            raise ReasonError(reason(Refusal.NO_ANSWER, host=name, error=again.error))
        self._let_leader_have(again)
        if found.channel:
            self._run(name, FOLLOW_NOBODY)
        self._forget_group(name)
        self._run(name, (change_source(self.source.options), Statement("START REPLICA")))
        self._await_running(name)

    def _let_wait(self, found: Found) -> None:
        self._run(found.name, (Statement(SEMISYNC_SOURCE, ("ON",)),))
        self._await(self._is_acknowledged, lambda: reason(Code.NOT_ACKNOWLEDGED, seconds=self.timeout))

    def _let_wait_no_more(self, found: Found) -> None:
        self._run(found.name, (Statement(SEMISYNC_SOURCE, ("OFF",)),))

    def _leave(self, found: Found) -> None:
        """The leader ends its group, in which it is alone, and takes writes again."""
        self._record(found)
        began = self._close()
        try:
            self._run(self.own, LEAVE)
            self._forget_group(self.own)
        except ReasonError:
            self._reopen()
            raise
        self._reopen()
        self._note_gap(found, began)

    def _open(self, found: Found) -> None:
        """The leader was closed in its group, or has left it, and all others follow it."""
        if found.present:
            self._run(self.own, (Statement(ALLOW_WRITES),))
            return
        self._run(self.own, (Statement(FORBID_WRITES_BUT_FOR_ROOT),))
        self._record(found)
        self._forget_group(self.own)
        self._reopen()

    def _forget(self, found: Found) -> None:
        self._let_leader_have(found)
        self._forget_group(found.name)

    def _record(self, found: Found) -> None:
        """Say who is the primary of the pair, which a server that restarts goes by."""
        if epoch.read(self.leader):
            self._run(self.own, (Statement(epoch.RAISE, (found.server_uuid, OCCASION)),))

    def _close(self) -> float:
        """Let the leader take no more writes; since when. Nothing is changed where somebody is in the way."""
        blockers = [
            *lock_holders(self.leader, longer_than=self.lock_seconds),
            *open_transactions(self.leader, self.max_transaction),
        ]
        if blockers:
            raise ReasonError(reason(Code.BLOCKED, blockers=blockers))
        self.leader.rows(f"SET SESSION lock_wait_timeout = {self.lock_seconds}")
        began = self.clock()
        try:
            self.leader.rows(FORBID_WRITES)
        except ServerError as error:
            holders = lock_holders(self.leader) if error.number == LOCK_TIMEOUT else []
            self._reopen()
            why = reason(Code.STILL_WRITES, seconds=self.lock_seconds, blockers=holders, error=str(error))
            raise ReasonError(why) from error
        return began

    def _reopen(self) -> None:
        """Its commits wait for a replica: that ends with a restart."""
        self._run(self.own, (Statement(SEMISYNC_SOURCE, ("ON",)), Statement(ALLOW_WRITES)))

    def _forget_group(self, name: str) -> None:
        """Remove what a group has left of its channels. Nothing in them may be what only this server has."""
        there = [row["name"] for row in self.servers[name].rows(CHANNELS)]
        self._run(
            name,
            [
                Statement("RESET REPLICA ALL FOR CHANNEL %s", (channel,))
                for channel in there
                if channel.startswith("group_replication")
            ],
        )

    def _let_leader_have(self, found: Found) -> None:
        """Wait until the leader has committed all that another server has."""
        held = str(found.held)
        if int(self.leader.value("WAIT_FOR_EXECUTED_GTID_SET(%s, %s)", [held, COMMIT_SECONDS])):
            beyond = one_line(self.leader.value("GTID_SUBTRACT(%s, @@GLOBAL.gtid_executed)", [held]))
            raise ReasonError(reason(Code.BEYOND, host=found.name, gtids=beyond))

    def _let_catch_up(self, name: str) -> None:
        has = one_line(self.leader.value("@@GLOBAL.gtid_executed"))
        seconds = int(self.timeout)
        if int(self.servers[name].value("WAIT_FOR_EXECUTED_GTID_SET(%s, %s)", [has, seconds])):
            raise ReasonError(reason(Code.BEHIND, host=name, seconds=seconds))

    def _is_acknowledged(self) -> bool:
        status = {row["Variable_name"].lower(): row["Value"] for row in self.leader.rows(ACKNOWLEDGED)}
        return status["rpl_semi_sync_source_status"] == "ON" and int(status["rpl_semi_sync_source_clients"]) > 0

    def _see_that_it_leads(self) -> None:
        """Just before another server leaves: it may have been elected, and others wait for it then."""
        view = group.read(self.leader)
        if not (view and view.leads):
            raise ReasonError(reason(Code.MOVED, host=self.own))

    def _await_open(self) -> None:
        def opened() -> bool:
            view = group.read(self.leader)
            return bool(view and view.leads) and not int(self.leader.value("@@GLOBAL.super_read_only"))

        self._await(opened, lambda: self._not_online(self.own))

    def _await_online(self, name: str) -> None:
        def online() -> bool:
            view = group.read(self.servers[name])
            return bool(view and view.state is MemberState.ONLINE and view.majority)

        self._await(online, lambda: self._not_online(name))

    def _await_running(self, name: str) -> None:
        """And has what the leader had then."""
        server, source = self.servers[name], self._found[self.own].server_uuid
        self._await(
            # A receiver runs before it knows of whom it receives.
            lambda: (
                [(row["receiver"], row["applier"], row["uuid"]) for row in server.rows(RUNS)] == [("ON", "ON", source)]
            ),
            lambda: reason(Code.NOT_RUNNING, host=name, error=server.rows(RUNS)[0]["error"], seconds=self.timeout),
        )
        self._let_catch_up(name)

    def _not_online(self, name: str) -> Reason:
        view = group.read(self.servers[name])
        state = view.state if view else MemberState.OFFLINE
        return reason(Code.NOT_ONLINE, host=name, state=state.value, seconds=self.timeout)

    def _await(self, condition: Callable[[], bool], otherwise: Callable[[], Reason]) -> None:
        deadline = self.clock() + self.timeout
        while not condition():
            if self.clock() > deadline:
                raise ReasonError(otherwise())
            self.sleep(POLL_SECONDS)

    def _note_gap(self, found: Found, began: float) -> None:
        if found.writable:
            self.gap = max(self.gap, self.clock() - began)

    def _run(self, name: str, statements: Iterable[Statement]) -> None:
        if failure := execute(self.servers[name], statements, lambda said: self.executed.append(f"{name}: {said}")):
            statement, error = str(failure.statement), str(failure.error)
            raise ReasonError(reason(Code.STATEMENT, host=name, statement=statement, error=error)) from failure.error
