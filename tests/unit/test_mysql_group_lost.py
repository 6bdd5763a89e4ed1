"""A group of which most members are lost for good, begun anew, and what becomes of those that come back.

The model has what GTIDs cannot tell: a transaction is a number and a content, which is the group that has committed it.
What is decided is decided by the collection's own code; here is only what a group and its hosts do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, combinations
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._mysql import beginnings
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.beginnings import Beginning, Data
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.group import Member, MemberState, View
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group import failover, plan, recover, reopen
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.plan import Intent, Step
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.reopen import Act, Other, Own
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.state import Account, Local, Peer
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.case import Request
from group_views import GROUP, A, B, C
from hypothesis import given, settings
from hypothesis import strategies as st

NAMES = {A: "db1", B: "db2", C: "db3"}
ACCOUNT = Account("replication", "secret")

Content = frozenset[tuple[str, int, int]]
"""UUID, number, and the group that has committed it: how many were begun before."""


@dataclass(frozen=True)
class Host:
    up: bool = True
    member: bool = True
    content: Content = frozenset({(GROUP, 1, 0)})
    rows: tuple[Beginning, ...] = ()

    @property
    def held(self) -> GtidSet:
        sources = {uuid for uuid, _, _ in self.content}
        return GtidSet({(each, ""): [(n, n) for uuid, n, _ in self.content if uuid == each] for each in sources})


@dataclass(frozen=True)
class World:
    hosts: tuple[tuple[str, Host], ...] = tuple((uuid, Host()) for uuid in NAMES)
    begun: int = 0
    accepted: bool = False
    """Whether somebody has accepted a loss."""
    acknowledged: Content = frozenset()

    @property
    def all(self) -> dict[str, Host]:
        return dict(self.hosts)

    @property
    def members(self) -> list[str]:
        return [uuid for uuid, host in self.hosts if host.member]

    def but(self, **more: Any) -> World:
        """With these hosts instead."""
        changed = {uuid: more.get(NAMES[uuid], host) for uuid, host in self.hosts}
        return replace(self, hosts=tuple(changed.items()))

    def set(self, uuid: str, **more: Any) -> World:
        return self.but(**{NAMES[uuid]: replace(self.all[uuid], **more)})

    def checked(self) -> World:
        """The same. Members have the same under the same numbers, and nothing acknowledged is lost unasked."""
        numbers: dict[tuple[str, int], int] = {}
        for uuid in self.members:
            for source, number, content in self.all[uuid].content:
                assert numbers.setdefault((source, number), content) == content, (source, number)
        if not self.accepted and self.members:
            assert self.acknowledged <= frozenset(chain(*(self.all[uuid].content for uuid in self.members)))
        return self


def view(world: World, uuid: str) -> View:
    """As the member itself sees the group."""
    there = world.members if world.all[uuid].member else []
    return View(uuid, tuple(Member(each, NAMES[each], primary=each == there[0]) for each in there))


def commit(world: World, late: str = "") -> World:
    """The primary commits; one member may be late, where the others are most of them."""
    has: Content = frozenset(chain(*(world.all[uuid].content for uuid in world.members)))
    last = max((n for uuid, n, _ in has if uuid == GROUP), default=0)
    has |= {(GROUP, last + 1, world.begun)}
    for uuid in world.members:
        if uuid != late:
            world = world.set(uuid, content=has)
    return replace(world, acknowledged=world.acknowledged | {(GROUP, last + 1, world.begun)})


def lose(world: World, lost: tuple[str, ...]) -> World:
    """All at once. Those that are left get what one of them has received, if they are most; else they leave."""
    left = [uuid for uuid in world.members if uuid not in lost]
    most = 2 * len(left) > len(world.members)
    has: Content = frozenset(chain(*(world.all[uuid].content for uuid in left)))
    for uuid in lost:
        world = world.set(uuid, up=False, member=False)
    for uuid in left:
        world = world.set(uuid, content=has) if most else world.set(uuid, member=False)
    return world


def enter(world: World, uuid: str) -> World:
    """It joins, and gets what it lacks by number."""
    giver = world.all[world.members[0]]
    held = world.all[uuid].held
    got = {each for each in giver.content if f"{each[0]}:{each[1]}" not in held}
    ids = {row.id for row in world.all[uuid].rows}
    rows = (*world.all[uuid].rows, *(row for row in giver.rows if row.id not in ids))
    return world.set(uuid, member=True, content=world.all[uuid].content | got, rows=rows).checked()


def begin(world: World, uuid: str, *, record: bool) -> World:
    assert not world.members
    host, begun = world.all[uuid], world.begun + 1
    if record:
        own = max((n for source, n, _ in host.content if source == uuid), default=0)
        host = replace(
            host,
            rows=(*host.rows, Beginning(str(begun), host.held)),
            content=host.content | {(uuid, own + 1, begun)},
        )
    return replace(world, begun=begun).but(**{NAMES[uuid]: replace(host, member=True)}).checked()


def look(world: World, uuid: str) -> World:
    """What the service beside a server does."""
    host = world.all[uuid]
    if not host.up or host.member:
        return world
    others = tuple(other(world, each) for each in NAMES if each != uuid)
    act = reopen.decide(Own(uuid, MemberState.OFFLINE, held=host.held, beginnings=host.rows), others).act
    if act is Act.BOOTSTRAP:
        return begin(world, uuid, record=False)
    return enter(world, uuid) if act is Act.JOIN else world


def other(world: World, uuid: str) -> Other:
    host, seen = world.all[uuid], view(world, uuid)
    if not host.up:
        return Other(NAMES[uuid], error="no")
    return Other(
        NAMES[uuid],
        server_uuid=uuid,
        state=seen.state,
        majority=seen.majority,
        held=host.held,
        beginnings=host.rows,
    )


def settle(world: World) -> World:
    """Every service looks until nothing changes any more."""
    while True:
        before = world
        for uuid in NAMES:
            world = look(world, uuid)
        if world == before:
            return world.checked()


def evidence(world: World) -> dict[str, Any]:
    return {
        NAMES[uuid]: {
            "role": "read_only" if not host.member else "primary" if view(world, uuid).leads else "replica",
            "server": {
                "server_uuid": uuid,
                "gtid_executed": str(host.held),
                "group": view(world, uuid).as_data(),
                "beginnings": [row.as_data() for row in host.rows],
            },
        }
        for uuid, host in world.hosts
        if host.up
    }


def rescue(world: World, candidate: str = "", *, accept: bool) -> World:
    """failover.yml, by somebody who says the truth about what is off."""
    off = [NAMES[uuid] for uuid, host in world.hosts if not host.up]
    request = Request(
        dict.fromkeys(NAMES.values(), ""),
        candidate=NAMES.get(candidate, ""),
        powered_off=",".join(off),
        accepted_loss=math.inf if accept else 0,
    )
    found = failover.decide(evidence(world), request)
    if found.done or found.refusals:
        return world
    uuid = next(uuid for uuid, name in NAMES.items() if name == found.candidate)
    world = replace(world, accepted=world.accepted or found.records_loss)
    return begin(world, uuid, record=found.records_loss)


def rejoin(world: World, uuid: str, *, reprovision: bool = True) -> World:
    """rejoin.yml, and without reprovision site.yml."""
    if not world.members or not world.all[uuid].up or world.all[uuid].member:
        return world
    found = membership(world, uuid, reprovision=reprovision)
    if found.steps == (Step.JOIN,):
        return enter(world, uuid)
    if Step.CLONE not in found.steps:
        return world
    giver = world.all[world.members[0]]
    return world.set(uuid, member=True, content=giver.content, rows=giver.rows)


def membership(world: World, uuid: str, *, first: bool = False, reprovision: bool = False) -> plan.Plan:
    host = world.all[uuid]
    local = Local("9.7.4", uuid, view(world, uuid), host.held, ("guestbook",), account=ACCOUNT, beginnings=host.rows)
    peers = [peer(world, each) for each in NAMES if each != uuid]
    return plan.plan(local, peers, Intent(ACCOUNT, first=first, reprovision=reprovision))


def peer(world: World, uuid: str) -> Peer:
    host, seen = world.all[uuid], view(world, uuid)
    if not host.up:
        return Peer(NAMES[uuid], NAMES[uuid], number=2003, error="no")
    return Peer(
        NAMES[uuid],
        NAMES[uuid],
        server_uuid=uuid,
        version="9.7.4",
        state=seen.state,
        majority=seen.majority,
        held=host.held,
        beginnings=host.rows,
    )


def site(world: World, uuid: str) -> World:
    """site.yml, for which this server is the one that may begin the group. It takes what does not answer for new."""
    if world.members or not world.all[uuid].up:
        return world
    found = membership(world, uuid, first=True)
    if Step.BOOTSTRAP not in found.steps:
        return world
    record = Step.RECORD in found.steps
    return begin(replace(world, accepted=world.accepted or record), uuid, record=record)


def steps(world: World) -> Iterator[World]:
    """Everything that can happen next. The services beside the servers have looked."""
    if world.members:
        yield commit(world)
        if len(world.members) == len(NAMES):
            for late in world.members[1:]:
                yield commit(world, late)
    up = [uuid for uuid, host in world.hosts if host.up]
    for lost in chain.from_iterable(combinations(up, size) for size in range(1, len(up) + 1)):
        yield settle(lose(world, lost))
    for uuid, host in world.hosts:
        if not host.up:
            yield settle(world.set(uuid, up=True))
        elif not host.member:
            yield settle(rescue(world, uuid, accept=True))
            yield settle(rejoin(world, uuid))
            yield settle(rejoin(world, uuid, reprovision=False))
            yield settle(site(world, uuid))
    yield settle(rescue(world, accept=True))
    yield settle(rescue(world, accept=False))


def whole(world: World) -> World:
    """All hosts are on, and the services have looked; each group of one takes a write, so that numbers are used."""
    for uuid in NAMES:
        world = world.set(uuid, up=True)
    return settle(world)


def ends_well(world: World) -> None:
    """Without a loss that somebody accepted, nobody has to do anything; with one, it is named what there is to do."""
    ended = whole(world)
    if not world.accepted:
        assert len(ended.members) == len(NAMES)
        return
    if not ended.members:
        candidates = [rescue(ended, uuid, accept=True) for uuid in NAMES]
        ended = next(each for each in [rescue(ended, accept=False), *candidates] if each.members)
        ended = settle(ended)
    outside = [uuid for uuid in NAMES if uuid not in ended.members]
    found = recover.decide(evidence(ended), Request(dict.fromkeys(NAMES.values(), "")))
    assert [each.data["host"] for each in found.refusals] == [NAMES[uuid] for uuid in outside]
    for uuid in outside:
        ended = rejoin(ended, uuid)
    assert len(ended.members) == len(NAMES)


EVERY = 5
"""Steps that are tried in every order."""


def test_no_member_has_something_else_under_the_same_number_in_every_order() -> None:
    """Red where a server joins, or begins, by what its GTIDs say alone."""
    reached = {commit(commit(World(), B))} | {commit(commit(World(), late), late) for late in (B, C)}
    seen = set(reached)
    for _ in range(EVERY):
        reached = set(chain.from_iterable(steps(world) for world in reached)) - seen
        seen |= reached
    assert any(world.accepted for world in seen)
    for world in seen:
        ends_well(world)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 99), max_size=16))
def test_no_member_has_something_else_in_long_stories(choices: list[int]) -> None:
    world = World()
    for choice in choices:
        possible = list(steps(world))
        world = possible[choice % len(possible)]
    ends_well(world)


def lost_with_more(beyond: int = 1) -> World:
    """db3 is left, and lacks what the others have; it has begun the group anew, and has committed something else."""
    world = commit(World())
    for _ in range(beyond):
        world = commit(world, C)
    return commit(settle(rescue(lose(world, (A, B)), accept=True)))


def test_a_lost_member_with_something_else_stays_outside_and_is_brought_back() -> None:
    world = whole(lost_with_more())
    assert world.members == [C]
    found = membership(world, A)
    assert found.refusal is not None
    assert found.refusal.code is plan.Code.ANEW
    assert membership(world, A, reprovision=True).steps[0] is Step.CLONE
    asked = recover.decide(evidence(world), Request(dict.fromkeys(NAMES.values(), "")))
    assert [each.code for each in asked.refusals] == [recover.Code.BEGUN_WITHOUT] * 2
    assert rejoin(rejoin(world, A), B).members == [A, B, C]


@pytest.mark.parametrize("beyond", [1, 3])
def test_it_does_not_count_after_an_outage(beyond: int) -> None:
    """By its numbers it has everything, or more. Red where that keeps the others from going on."""
    world = lose(lost_with_more(beyond), (C,))
    assert whole(world).members == [C]
    waiting = world.set(A, up=True).set(B, up=True).set(C, up=True)
    found = failover.decide(evidence(waiting), Request(dict.fromkeys(NAMES.values(), "")))
    assert (found.candidate, found.refusals) == ("db3", ())
    assert [each.code for each in found.notes] == [failover.Code.STAYS_OUTSIDE] * 2
    assert found.records_loss is False
    assert found.next.data == {"candidate": "db3", "hosts": ["db1", "db2"]}


def test_a_lost_member_without_anything_of_its_own_joins_by_itself() -> None:
    world = settle(rescue(lose(commit(World()), (A, B)), accept=True))
    assert world.all[C].rows
    assert whole(commit(world)).members == [A, B, C]


def test_groups_that_were_begun_beside_each_other_are_named() -> None:
    """Two of the three were each left alone once, and each was told to go on."""
    world = lose(lost_with_more(), (C,))
    world = lose(commit(settle(rescue(world.set(A, up=True), A, accept=True))), (A,))
    world = whole(world)
    assert world.members == []
    off = Request(dict.fromkeys(NAMES.values(), ""))
    assert [each.code for each in failover.decide(evidence(world), off).refusals] == [failover.Code.FORKED]
    asked = failover.decide(evidence(world), replace(off, candidate="db1"))
    assert [each.code for each in asked.refusals] == [failover.Code.NOT_THE_NEWEST]
    assert rescue(world, accept=True).members == []
    chosen = whole(rescue(world, A, accept=True))
    assert C not in chosen.members
    ends_well(world)


def test_what_is_said_of_a_group_that_was_begun_without_some() -> None:
    world = lose(commit(World(), C), (A, B))
    request = Request(dict.fromkeys(NAMES.values(), ""), powered_off="db1,db2", accepted_loss=math.inf)
    found = failover.decide(evidence(world), request).as_data()
    assert found["records_loss"] is True
    assert found["next"] == [{"code": "group.begins_without", "data": {"candidate": "db3", "hosts": ["db1", "db2"]}}]
    world = whole(world)
    found = failover.decide(evidence(lose(world, (A, B, C)).set(C, up=True)), Request({"db3": ""})).as_data()
    assert found["records_loss"] is False
    assert found["next"][0]["code"] == "group.begins"


@pytest.mark.parametrize(
    ("own", "there", "strays", "doubtful"),
    [
        ((), (), False, ""),
        ((), (Beginning("1", GtidSet.parse(f"{GROUP}:1-9")),), False, ""),
        ((), (Beginning("1", GtidSet.parse(f"{GROUP}:1-8")),), False, f"{GROUP}:9"),
        (("1",), (Beginning("1"),), False, ""),
        # Of several that it lacks, each counts: the second may have been without what the first had.
        ((), (Beginning("1", GtidSet.parse(f"{GROUP}:1-9")), Beginning("2")), False, f"{GROUP}:1-9"),
        (("1",), (Beginning("2", GtidSet.parse(f"{GROUP}:1-9")),), True, ""),
        (("1",), (), True, ""),
    ],
)
def test_what_may_be_something_else(
    own: tuple[str, ...], there: tuple[Beginning, ...], strays: bool, doubtful: str
) -> None:
    rows = tuple(map(Beginning, own))
    data = Data(GtidSet.parse(f"{GROUP}:1-9"), rows)
    assert beginnings.strays(rows, there) is strays
    assert str(beginnings.doubtful(data, there)) == doubtful
    assert beginnings.fits(data, there) is (not strays and not doubtful)
