"""Whether a restarted primary may take writes again: a model of the pair, its verbs and faults, tried in every order.

The model is an explicit one. Two servers, an application that writes, a verb that an operator runs (and that may stop
anywhere, for ever or for so long that its lock expires), mysqld crashing and starting again, and a network that is cut
between the servers or around the first of them. What a server decides in it is `decide` itself.

Safe: never do two servers take writes as the application sees them, and each that does has every acknowledged write.
Live: without a fault the primary reopens. That the conditions are what makes it safe is shown by taking them away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.epoch import Epoch
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.reopen import (
    CONDITIONS,
    Closed,
    Condition,
    Observation,
    Other,
    Own,
    Reopen,
    StayClosed,
    decide,
)

Data = frozenset[str]
A, B = 0, 1
NAMES = "ab"


class Host(NamedTuple):
    up: bool = True
    writable: bool = False
    channel: bool = False
    """Whether it is a replica of the other one."""
    receiving: bool = False
    """Whether its receiver runs."""
    data: Data = frozenset()
    """Transactions, those that raise the epoch (`e2b`: the second, for b) among them."""
    decided: bool = False
    """Whether it is between its decision to reopen and doing so, and keeps its lock's file."""


class World(NamedTuple):
    hosts: tuple[Host, Host]
    acked: Data = frozenset()
    cut: str = ""
    """`between` the servers, `around` the first, or only between the first and who runs the verb (`off`)."""
    fence: bool = False
    """Whether the second and the application drop all that comes from the first."""
    verb: str = ""
    """Where the verb is; `over` when it has come to its end, or died."""
    locked: tuple[bool, bool] = (False, False)
    faults: int = 0
    writes: int = 0


class Limits(NamedTuple):
    faults: int = 3
    writes: int = 2


LIMITS = Limits()


def pair() -> World:
    first = Host(writable=True, data=frozenset({"e1a"}))
    return World((first, Host(channel=True, receiving=True, data=first.data)))


def epoch_of(data: Data) -> Epoch | None:
    raised = [(int(each[1:-1]), each[-1]) for each in data if each[0] == "e"]
    return Epoch(*max(raised)) if raised else None


def raised(data: Data, name: str) -> Data:
    now = epoch_of(data)
    return data | {f"e{(now.number if now else 0) + 1}{name}"}


def put(world: World, host: int, **changes: object) -> World:
    hosts = list(world.hosts)
    hosts[host] = hosts[host]._replace(**changes)
    return world._replace(hosts=(hosts[0], hosts[1]))


def linked(world: World) -> bool:
    return world.cut in ("", "off") and not world.fence


def served(world: World, host: int) -> bool:
    """Whether the application reaches the host."""
    return host == B or (world.cut != "around" and not world.fence)


def managed(world: World, host: int) -> bool:
    """Whether the verb reaches the host."""
    return host == B or world.cut not in ("around", "off")


def follows(world: World, host: int) -> bool:
    """Whether the host receives from the other one now."""
    here, there = world.hosts[host], world.hosts[1 - host]
    return here.up and there.up and here.channel and here.receiving and linked(world)


# What happens


def faults(world: World, limits: Limits) -> Iterator[World]:
    """mysqld crashes, alone or with its host; the network is cut."""
    if world.faults >= limits.faults:
        return
    spent = world._replace(faults=world.faults + 1)
    for host in (A, B):
        if world.hosts[host].up:
            crashed = put(spent, host, up=False, writable=False, receiving=False, decided=False)
            # The module that promotes a server has one connection to it, and ends with that.
            ends = host == B and world.verb.startswith("promote")
            yield crashed._replace(verb="over") if ends else crashed
    for cut in ("between", "around", "off"):
        if not world.cut:
            yield spent._replace(cut=cut)


def healing(world: World) -> Iterator[World]:
    """What comes by itself: servers start, the network heals, a replica fetches, a lock expires."""
    for host in (A, B):
        here, there = world.hosts[host], world.hosts[1 - host]
        if not here.up:
            yield put(world, host, up=True, receiving=here.channel)
        # One that has something of its own may fetch all the same.
        if follows(world, host) and not there.data <= here.data:
            yield put(world, host, data=here.data | there.data)
    if world.cut:
        yield world._replace(cut="")
    # A module that changes roles has refused a lock that would expire while it is at work.
    if any(world.locked) and not world.verb.startswith(("exchange", "back", "promote")):
        yield world._replace(locked=(False, False))


def writes(world: World, limits: Limits) -> Iterator[World]:
    """The application writes where it can; the commit is acknowledged, or its server waits still."""
    if world.writes >= limits.writes:
        return
    for host in (A, B):
        here, other = world.hosts[host], 1 - host
        if not (here.up and here.writable and served(world, host)):
            continue
        key = f"w{world.writes}"
        written = put(world, host, data=here.data | {key})._replace(writes=world.writes + 1)
        yield written
        # By the replica, or after the timeout by nobody.
        acknowledged = put(written, other, data=world.hosts[other].data | {key}) if follows(world, other) else written
        yield acknowledged._replace(acked=world.acked | {key})


def observed(world: World, host: int) -> Observation:
    here, there = world.hosts[host], world.hosts[1 - host]
    own = Own(
        server_uuid=NAMES[host],
        replicates=here.channel,
        epoch=epoch_of(here.data),
        lock="a verb" if world.locked[host] else "",
        acknowledgers=int(follows(world, 1 - host)),
    )
    name = NAMES[1 - host]
    if not (there.up and linked(world)):
        return Observation(own, (Other(name, error="no answer"),))
    other = Other(
        name,
        writable=there.writable,
        source_uuid=NAMES[host] if follows(world, 1 - host) else "",
        epoch=epoch_of(there.data),
        beyond=",".join(sorted(there.data - here.data)),
        lock="a verb" if world.locked[1 - host] else "",
    )
    return Observation(own, (other,))


def reopening(world: World, conditions: Sequence[Condition]) -> Iterator[World]:
    """A server looks and decides while it keeps its lock's file, and opens a while later."""
    for host in (A, B):
        here = world.hosts[host]
        if not here.up or here.writable:
            continue
        if here.decided:
            yield put(world, host, writable=True, decided=False)
        # The module that exchanges roles runs on the first, and keeps the file there while it lives.
        elif not (host == A and world.verb.startswith(("exchange", "back"))) and isinstance(
            decide(observed(world, host), conditions), Reopen
        ):
            yield put(world, host, decided=True)


# Verbs. A step that cannot be done is not there; the verb may stop before any of them, and be over.

Steps = Callable[[World], Iterator[World]]


def lock(world: World, verb: str) -> Iterator[World]:
    """On every host that is reached, when nobody keeps the file there."""
    hosts = [host for host in (A, B) if managed(world, host)]
    if not any(world.hosts[host].decided for host in hosts):
        yield world._replace(locked=(A in hosts, B in hosts), verb=verb)


def over(world: World) -> World:
    return world._replace(verb="over", locked=(False, False))


def switchover(world: World) -> Iterator[World]:
    """switchover.yml: the module runs on the first server, and takes back what it has done when a step fails."""
    first, second = world.hosts
    match world.verb:
        case "":
            if managed(world, A):
                yield from lock(world, "locked")
        case "locked":
            ready = first.up and first.writable and not second.writable and follows(world, B)
            # The lock is looked at again, and has to be its own.
            if ready and not first.decided and world.locked[A]:
                yield put(world, A, data=raised(first.data, "b"))._replace(verb="exchange-1")
            else:
                yield over(world)
        case "exchange-1":
            yield put(world, A, writable=False)._replace(verb="exchange-2") if first.up else back(world)
        case "exchange-2":
            done = first.up and second.up and first.data <= second.data
            yield world._replace(verb="exchange-3") if done else back(world)
        case "exchange-3":
            reached = second.up and linked(world)
            yield put(world, B, channel=False, receiving=False)._replace(verb="exchange-4") if reached else back(world)
        case "exchange-4":
            yield put(world, A, channel=True, receiving=True)._replace(verb="exchange-5") if first.up else back(world)
        case "exchange-5":
            done = follows(world, A)
            yield over(put(world, B, writable=True)) if done and second.up and linked(world) else back(world)
        case "back-1":
            if first.up:
                yield put(world, A, channel=False, receiving=False)._replace(verb="back-2")
        case "back-2":
            if second.up and linked(world):
                yield put(world, B, channel=True, receiving=True)._replace(verb="back-3")
            yield world._replace(verb="back-3")
        case "back-3":
            if first.up:
                yield put(world, A, writable=True)._replace(verb="back-4")
        case "back-4":
            yield over(put(world, A, data=raised(first.data, "a")) if first.up and first.writable else world)


def back(world: World) -> World:
    return world._replace(verb="back-1")


def failover(world: World) -> Iterator[World]:
    """failover.yml for the second server: evidence, fence, evidence again, promotion."""
    first, second = world.hosts
    proven = world.acked <= second.data and second.up and second.channel
    gone = not first.up or world.cut == "around"
    match world.verb:
        case "":
            yield from lock(world, "locked")
        case "locked":
            yield world._replace(verb="fence") if proven and gone else over(world)
        case "fence":
            if managed(world, A):
                yield put(world, A, up=False, writable=False, receiving=False, decided=False)._replace(verb="fenced")
            else:
                yield world._replace(fence=True, verb="fenced")
        case "fenced":
            # Decided again; and the module looks at its lock, which the fence has not to have outlived.
            good = proven and world.locked[B] and not second.decided and not (first.up and linked(world))
            yield put(world, B, receiving=False)._replace(verb="promote-1") if good else over(world)
        case "promote-1":
            yield put(world, B, data=raised(second.data, "b"))._replace(verb="promote-2")
        case "promote-2":
            yield put(world, B, writable=True)._replace(verb="promote-3")
        case "promote-3":
            yield over(put(world, B, channel=False))


def rejoin(world: World) -> Iterator[World]:
    """failover.yml, and then rejoin.yml for the first server."""
    first, second = world.hosts
    if not world.verb.startswith(("over", "rejoin")):
        yield from failover(world)
    elif world.verb == "over":
        if second.up and second.writable and managed(world, A) and epoch_of(second.data) != epoch_of(first.data):
            yield from lock(world, "rejoin-1")
    elif world.verb == "rejoin-1" and first.up:
        # Its data are those of the second then; what only it had is in a file.
        follower = put(world, A, writable=False, channel=True, receiving=True, data=second.data)
        yield over(follower._replace(fence=False)) if linked(world._replace(fence=False)) and second.up else over(world)


VERBS: dict[str, Steps] = {
    "none": lambda world: iter(()),
    "switchover": switchover,
    "failover": failover,
    "rejoin": rejoin,
}


def acting(world: World, steps: Steps) -> Iterator[World]:
    yield from steps(world)
    if world.verb not in ("", "over"):
        # It died: its lock stands until it expires.
        yield world._replace(verb="over")


def successors(world: World, steps: Steps, limits: Limits, conditions: Sequence[Condition]) -> Iterator[World]:
    yield from faults(world, limits)
    yield from healing(world)
    yield from writes(world, limits)
    yield from reopening(world, conditions)
    yield from acting(world, steps)


# What has to hold


def broken(world: World) -> str:
    serving = [host for host in (A, B) if world.hosts[host].writable and served(world, host)]
    if len(serving) > 1:
        return "two servers take writes"
    for host in serving:
        if not world.acked <= world.hosts[host].data:
            return "an acknowledged write is lost"
    return ""


def explored(
    steps: Steps, conditions: Sequence[Condition] = CONDITIONS, limits: Limits = LIMITS
) -> tuple[set[World], tuple[str, list[World]]]:
    """All that can come to be, and the shortest way to what must not."""
    start = pair()
    came_from: dict[World, World | None] = {start: None}
    waiting = [start]
    for world in waiting:
        if found := broken(world):
            path: list[World] = []
            step: World | None = world
            while step is not None:
                path.insert(0, step)
                step = came_from[step]
            return set(came_from), (found, path)
        for after in successors(world, steps, limits, conditions):
            if after not in came_from:
                came_from[after] = world
                waiting.append(after)
    return set(came_from), ("", [])


def opened_by_itself(worlds: Iterable[World], host: int) -> bool:
    return any(world.hosts[host].decided for world in worlds)


@pytest.mark.parametrize("verb", VERBS)
def test_never_two_and_nothing_lost(verb: str) -> None:
    worlds, (found, path) = explored(VERBS[verb])
    assert not found, "\n".join(map(str, path))
    assert opened_by_itself(worlds, A), "it went nowhere"


@pytest.mark.parametrize(
    ("without", "verb", "consequence"),
    [
        ({"_verb_there"}, "rejoin", "two servers take writes"),
        ({"_replicates", "_recorded"}, "rejoin", "two servers take writes"),
        ({"_promoted", "_has_more"}, "rejoin", "an acknowledged write is lost"),
        ({"_answers", "_follows", "_acknowledged"}, "failover", "two servers take writes"),
        (
            {"_takes_writes", "_follows", "_acknowledged", "_promoted", "_has_more"},
            "failover",
            "two servers take writes",
        ),
        ({"_verb", "_verb_there"}, "switchover", "two servers take writes"),
    ],
    ids=lambda value: " ".join(sorted(value)) if isinstance(value, set) else value,
)
def test_the_conditions_are_what_makes_it_safe(without: set[str], verb: str, consequence: str) -> None:
    """Red without them. Several guard against the same: then it takes more than one to be taken away."""
    assert without <= {condition.__name__ for condition in CONDITIONS}
    left = [condition for condition in CONDITIONS if condition.__name__ not in without]
    _worlds, (found, _path) = explored(VERBS[verb], left)
    assert found == consequence


def careless(steps: Steps) -> Steps:
    """A verb that does not look whether its lock is its own still before it changes roles."""

    def run(world: World) -> Iterator[World]:
        for after in steps(world._replace(locked=(True, True))):
            yield after._replace(locked=world.locked) if after.locked == (True, True) else after

    return run


def lockless(steps: Steps) -> Steps:
    """A verb that takes no lock at all, and runs its module without the file."""

    def run(world: World) -> Iterator[World]:
        for after in careless(steps)(world):
            yield after._replace(locked=(False, False))

    return run


@pytest.mark.parametrize("mistake", [careless, lockless], ids=["careless", "lockless"])
@pytest.mark.parametrize("verb", ["failover"])
def test_the_lock_is_what_makes_it_safe(mistake: Callable[[Steps], Steps], verb: str) -> None:
    _worlds, (found, _path) = explored(mistake(VERBS[verb]))
    assert found == "two servers take writes"


def settled(world: World) -> Iterator[World]:
    """How it ends when nothing more happens to it and nobody does anything."""
    seen, waiting = {world}, [world]
    for one in waiting:
        after = [*healing(one), *reopening(one, CONDITIONS)]
        if not after:
            yield one
        waiting += [each for each in after if each not in seen]
        seen.update(after)


def test_a_primary_that_was_not_replaced_reopens() -> None:
    """From whatever restarts and cuts have made of the pair, once it is up and connected again."""
    worlds, _nothing = explored(VERBS["none"])
    for world in worlds:
        ends = list(settled(world))
        assert ends
        assert all(end.hosts[A].writable and not end.hosts[B].writable for end in ends), world


def test_a_switchover_that_died_is_finished_or_is_left_to_somebody() -> None:
    """Nobody takes writes then, or one server does; the one that was to take over may do so by itself."""
    worlds, _nothing = explored(VERBS["switchover"], limits=Limits(faults=1, writes=1))
    ends = {end for world in worlds if world.verb == "over" for end in settled(world)}
    taking = {tuple(host.writable for host in end.hosts) for end in ends}
    assert (False, True) in taking
    assert (True, True) not in taking


# Each condition for itself

GOOD = Observation(
    Own("a", epoch=Epoch(3, "a"), acknowledgers=1),
    (Other("db2", source_uuid="a", epoch=Epoch(3, "a")), Other("db3", source_uuid="a", epoch=Epoch(2, "b"))),
)


def own(**changes: object) -> Observation:
    return seen(replace(GOOD.own, **changes))  # type: ignore[arg-type]


def seen(own: Own, *others: Other) -> Observation:
    return Observation(own, others or GOOD.others)


def other(**changes: object) -> Observation:
    return seen(GOOD.own, GOOD.others[1], replace(GOOD.others[0], **changes))  # type: ignore[arg-type]


def test_nothing_speaks_against_it() -> None:
    assert decide(GOOD) == Reopen()
    assert decide(Observation(Own("a", epoch=Epoch(1, "a")))) == Reopen(), "a server that has no others"


STAYS = [
    (own(replicates=True), Closed.REPLICATES, "it replicates from another server"),
    (own(was_open=True), Closed.CLOSED_BY_HAND, "somebody has ended that"),
    (own(epoch=None), Closed.NOT_RECORDED, "run site.yml"),
    (own(epoch=Epoch(4, "b")), Closed.NOT_THE_PRIMARY, "another server was made the primary (epoch 4)"),
    (own(lock="switchover.yml of ada@desk"), Closed.VERB, "switchover.yml of ada@desk is under way"),
    (own(acknowledgers=0), Closed.LACKS_ACKNOWLEDGER, "no replica would acknowledge"),
    (other(error="timed out"), Closed.NO_ANSWER, "db2 cannot be asked: timed out"),
    (other(lock="rejoin.yml"), Closed.VERB_THERE, "rejoin.yml is under way on db2"),
    (other(writable=True), Closed.TAKES_WRITES, "db2 takes writes"),
    (other(epoch=Epoch(4, "b")), Closed.PROMOTED, "db2 was made the primary since (epoch 4)"),
    (other(epoch=Epoch(3, "b")), Closed.PROMOTED, "db2 was made the primary since (epoch 3)"),
    (other(beyond="b:7"), Closed.HAS_MORE, "db2 has transactions that it lacks: b:7"),
    (other(source_uuid="b"), Closed.NOT_FOLLOWING, "db2 does not receive from it"),
]


@pytest.mark.parametrize(
    ("observation", "why", "words"), STAYS, ids=lambda value: value.name if isinstance(value, Closed) else ""
)
def test_it_stays_closed(observation: Observation, why: Closed, words: str) -> None:
    found = decide(observation)
    assert isinstance(found, StayClosed)
    assert found.why is why
    assert words in str(found)


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition.__name__)
def test_each_condition_has_its_own_reason(condition: Condition) -> None:
    """Red above without it."""
    left = [each for each in CONDITIONS if each is not condition]
    assert [why for observation, why, _words in STAYS if decide(observation, left) == Reopen()]


def test_every_reason_is_tried() -> None:
    assert {why for _observation, why, _words in STAYS} == set(Closed)
