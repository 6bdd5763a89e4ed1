"""What turns a pair into a group, or a group into a pair, decided from what every database host answers. Pure.

One server takes the writes from the beginning to the end, but for the moment in which it enters or leaves its group.
The others go over one after the other. At each moment an acknowledged write is on two servers: by semi-synchronous
replication as long as nobody else is in the group, by the group as long as nobody follows its primary.

Nothing is remembered between two steps, nor between two runs: the next step follows from what the servers are. So a run
that was interrupted goes on, or is taken back by a run in the other direction.

What leads to the primary (mysql_endpoint) learns of the mode while the primary is alone in its group. Then both modes
say the same of every server, and nobody else can be elected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.beginnings import fits
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.conversion.state import GROUP, PAIR, Found
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.group import MemberState
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import union
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, reason
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import series


class Code(str, Enum):
    """Why nothing is done."""

    NO_ANSWER = "conversion.no_answer"
    TWO_PRIMARIES = "conversion.two_primaries"
    MINORITY = "conversion.minority"
    ELECTS = "conversion.elects"
    SUSPECTS = "conversion.suspects"
    APART = "conversion.apart"
    NOT_OPEN = "conversion.not_open"
    NO_SUPERSET = "conversion.no_superset"
    NO_PLUGIN = "conversion.no_plugin"
    BEGUN_WITHOUT = "conversion.begun_without"
    NOT_FOLLOWING = "conversion.not_following"
    STOPPED = "conversion.stopped"
    VERSIONS = "conversion.versions"
    UNFIT = "conversion.unfit"


class Step(str, Enum):
    """What is done, with one server."""

    BEGIN = "begin the group with {host}, which takes the writes"
    JOIN = "let {host} join the group"
    FOLLOW = "let {host} replicate from {leader}, and be in no group"
    WAIT = "let the commits of {host} wait for a replica"
    WAIT_NO_MORE = "let the commits of {host} wait for no replica, but for the group"
    ENDPOINTS = "tell what leads to the primary of the mode"
    LEAVE = "end the group of {host} alone, which goes on taking the writes"
    OPEN = "let {host} take writes again"
    FORGET = "remove what a group has left on {host}"


@dataclass(frozen=True)
class Todo:
    step: Step
    host: str


@dataclass(frozen=True)
class Decision:
    """What is left to be done, or why nothing may be."""

    leader: str = ""
    """Who takes the writes, or is to."""
    steps: tuple[Todo, ...] = ()
    refusals: tuple[Reason, ...] = ()
    waits: bool = False
    """Whether the refusal may be gone in a moment."""

    def in_words(self) -> list[str]:
        return [todo.step.value.format(host=todo.host, leader=self.leader) for todo in self.steps]


def decide(target: str, servers: Sequence[Found], *, endpoints: bool = False, unfit: Sequence[str] = ()) -> Decision:
    """What makes all the servers a pair or a group.

    `endpoints`: whether what leads to the primary goes by the target's mode already. `unfit`: tables that a group does
    not take.
    """
    if silent := [reason(Code.NO_ANSWER, host=each.name, error=each.error) for each in servers if each.error]:
        return Decision(refusals=tuple(silent))
    writing = [each for each in servers if each.writable]
    if found := _unsettled(servers, writing):
        return found
    if not writing:
        return _closed(target, servers, endpoints=endpoints, unfit=unfit)
    [leader] = writing
    others = [each for each in servers if each is not leader]
    if refusals := _obstacles(target, leader, others, unfit):
        return Decision(leader.name, refusals=tuple(refusals))
    return Decision(leader.name, _steps(target, leader, others, inside=leader.leads, endpoints=endpoints))


def _unsettled(servers: Sequence[Found], writing: Sequence[Found]) -> Decision | None:
    """What to do, or why nothing, where it is not simply one server that takes the writes, or none in any group."""
    if len(writing) > 1:
        return Decision(refusals=(reason(Code.TWO_PRIMARIES, hosts=[each.name for each in writing]),))
    members = [each for each in servers if each.present]
    for each in members:
        if not (each.view and each.view.majority):
            return Decision(refusals=(reason(Code.MINORITY, host=each.name),), waits=True)
        if each.leads and each.view.unreachable:
            return Decision(refusals=(reason(Code.SUSPECTS, hosts=each.view.unreachable),), waits=True)
        if writing and each.view.primary != writing[0].server_uuid:
            return Decision(refusals=(reason(Code.APART, host=each.name, primary=writing[0].name),), waits=True)
    if members and not writing:
        closed = next((each for each in members if each.closed), None)
        # Closed by a run that ended then. A member that was elected a moment ago opens by itself, too.
        return Decision(closed.name, (Todo(Step.OPEN, closed.name),)) if closed else _electing()
    return None


def _electing() -> Decision:
    return Decision(refusals=(reason(Code.ELECTS),), waits=True)


def _closed(target: str, servers: Sequence[Found], *, endpoints: bool, unfit: Sequence[str]) -> Decision:
    """Nobody takes writes, and nobody is in a group: whoever has all that any has may begin, or open."""
    if target == PAIR and not any(each.view or each.remains for each in servers):
        return Decision(refusals=(reason(Code.NOT_OPEN),))
    everything = union(each.held for each in servers)
    complete = [each for each in servers if everything <= each.held]
    if not complete:
        return Decision(refusals=(reason(Code.NO_SUPERSET),))
    # One that replicates from another is not the one that took the writes last.
    leader = min(complete, key=lambda each: each.channel)
    others = [each for each in servers if each is not leader]
    if refusals := _obstacles(target, leader, others, unfit):
        return Decision(leader.name, refusals=tuple(refusals))
    whole = not leader.channel and everything <= leader.executed and all(each.follows(leader) for each in others)
    if target == PAIR and whole:
        return Decision(leader.name, (Todo(Step.OPEN, leader.name),))
    if target == PAIR and leader.view is None:
        return Decision(leader.name, refusals=(reason(Code.NO_PLUGIN, host=leader.name),))
    # What it has received in a group that has ended it applies when it begins one.
    begin = Todo(Step.BEGIN, leader.name)
    return Decision(leader.name, (begin, *_steps(target, leader, others, inside=True, endpoints=endpoints)))


def _obstacles(target: str, leader: Found, others: Sequence[Found], unfit: Sequence[str]) -> list[Reason]:
    """What has to be put right first."""
    refusals = [reason(Code.BEGUN_WITHOUT, host=each.name) for each in others if not fits(each.data, leader.beginnings)]
    if target == PAIR:
        return refusals
    servers = (leader, *others)
    if len({series(each.version) for each in servers}) > 1:
        refusals.append(reason(Code.VERSIONS, found=[f"{each.name}: {each.version}" for each in servers]))
    if leader.leads or not leader.writable:
        # It has begun.
        return refusals
    if unfit:
        refusals.append(reason(Code.UNFIT, tables=unfit))
    for each in others:
        if not each.follows(leader):
            refusals.append(reason(Code.NOT_FOLLOWING, host=each.name, primary=leader.name))
        elif not each.running:
            refusals.append(reason(Code.STOPPED, host=each.name))
    return refusals


def _steps(target: str, leader: Found, others: Sequence[Found], *, inside: bool, endpoints: bool) -> tuple[Todo, ...]:
    """What is left, with a leader that takes writes. `inside`: whether it is in its group, by now."""
    if target == GROUP:
        return tuple(_to_group(leader, others, inside=inside, endpoints=endpoints))
    return tuple(_to_pair(leader, others, inside=inside, endpoints=endpoints))


def _to_group(leader: Found, others: Sequence[Found], *, inside: bool, endpoints: bool) -> list[Todo]:
    steps = [] if inside else [Todo(Step.BEGIN, leader.name)]
    outside = [each for each in others if each.state is not MemberState.ONLINE]
    waits, joined = leader.semi_sync or not leader.leads, len(outside) < len(others)
    if leader.leads and not joined and not waits and any(each.follows(leader) and each.running for each in others):
        # The service beside it has begun the group.
        steps.append(Todo(Step.WAIT, leader.name))
        waits = True
    if outside and not endpoints:
        steps.append(Todo(Step.ENDPOINTS, leader.name))
    for each in outside:
        if joined and waits:
            # Before the last of them stops acknowledging.
            steps.append(Todo(Step.WAIT_NO_MORE, leader.name))
            waits = False
        steps.append(Todo(Step.JOIN, each.name))
        joined = True
    return [*steps, Todo(Step.WAIT_NO_MORE, leader.name)] if waits else steps


def _to_pair(leader: Found, others: Sequence[Found], *, inside: bool, endpoints: bool) -> list[Todo]:
    steps = []
    away = [each for each in others if not (each.running and (each.follows(leader) if inside else not each.present))]
    # Whoever is in the group still leaves it last: with nobody else in it, no other server has the next write.
    away.sort(key=lambda each: each.present)
    if not (away or inside):
        return [Todo(Step.FORGET, each.name) for each in (leader, *others) if each.remains]
    waits, followed = leader.semi_sync and leader.acknowledgers > 0, len(away) < len(others)
    for each in away:
        if followed and not waits:
            # Before the last of them leaves the group.
            steps.append(Todo(Step.WAIT, leader.name))
            waits = True
        steps.append(Todo(Step.FOLLOW, each.name))
        followed = True
    if not waits:
        steps.append(Todo(Step.WAIT, leader.name))
    if inside:
        steps += [] if endpoints else [Todo(Step.ENDPOINTS, leader.name)]
        steps.append(Todo(Step.LEAVE, leader.name))
    return steps
