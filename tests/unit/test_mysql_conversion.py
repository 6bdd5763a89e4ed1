"""A pair becomes a group, and a group a pair, under writes, with something that goes wrong at every statement.

What must never be is checked by the model itself (tests/support/converting.py), at every statement. Here is what goes
wrong, and that a run which has ended anywhere is followed by one that comes to its end, in either direction.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.conversion.convert import Conversion
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.conversion.observe import observe
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.conversion.state import GROUP, PAIR
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.epoch import Epoch
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.group import MemberState
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group import reopen as joining
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.state import Account
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair import reopen as reopening
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.channel import Endpoint
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import ReasonError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import ServerError
from converting import NAMES, Fake, KilledError, World
from hypothesis import given, settings
from hypothesis import strategies as st

OTHER = {PAIR: GROUP, GROUP: PAIR}


def conversion(world: World, own: str, target: str, *, endpoints: bool = False) -> Conversion:
    source = Endpoint(host=own, port=3306, user="replication", password="hush")
    return Conversion(
        target,
        own,
        world.hosts,
        source,
        Account("replication", "hush"),
        endpoints=endpoints,
        clock=lambda: world.now,
        sleep=world.sleep,
    )


def play(world: World, target: str) -> list[str]:
    """As convert_databases.yml does it; the steps."""
    leader = conversion(world, "db1", target).look().leader
    first = conversion(world, leader, target)
    first.run()
    world.mode = target
    rest = conversion(world, leader, target, endpoints=True)
    rest.run()
    return [*first.done, *rest.done]


def play_on(world: World, target: str) -> None:
    """After whatever was, until it is done."""
    world.heal()
    play(world, target)
    is_whole(world, target)


def is_whole(world: World, target: str) -> None:
    for _ in range(2):
        world.replicate()
    [leader] = [each for each in world.hosts.values() if not each.read_only]
    others = [each for each in world.hosts.values() if each is not leader]
    assert leader.served
    assert all(each.super_read_only and each.data >= world.acknowledged for each in others)
    if target == GROUP:
        assert set(world.members) == set(NAMES)
        assert not any(each.source or each.semi_sync for each in world.hosts.values())
        return
    assert leader.semi_sync
    assert leader.epoch is not None
    assert leader.epoch[1] == leader.uuid
    assert world.members == []
    assert not any(each.channels for each in world.hosts.values())
    assert all(each.fetches_from(leader) for each in others)


def services(world: World) -> None:
    """What runs beside the servers looks, with no verb's lock in the way, until nothing changes any more."""
    for _ in range(9):
        for host in world.hosts.values():
            if host.up and not host.inside and host.read_only:
                (reopen if world.mode == PAIR else rejoin)(world, host)
                world.check()


def reopen(world: World, host: Fake) -> None:
    def epoch_of(each: Fake) -> Epoch | None:
        return Epoch(*each.epoch) if each.epoch else None

    others = [each for each in world.hosts.values() if each is not host]
    following = [each for each in others if each.fetches_from(host)]
    own = reopening.Own(
        host.uuid,
        replicates=bool(host.source or host.channels),
        epoch=epoch_of(host),
        acknowledgers=len(following),
    )
    seen = [
        reopening.Other(
            each.name,
            writable=not each.read_only,
            source_uuid=NAMES[each.source] if each.running else "",
            epoch=epoch_of(each),
            beyond=str(sorted((each.data | each.relay) - host.data) or ""),
        )
        for each in others
    ]
    if isinstance(reopening.decide(reopening.Observation(own, tuple(seen))), reopening.Reopen):
        host.semi_sync, host.read_only, host.super_read_only = True, False, False


def rejoin(world: World, host: Fake) -> None:
    def held(each: Fake) -> GtidSet:
        found = observe(each.name, each)
        return found.executed | found.received if found.channel else found.held

    if host.state is MemberState.ERROR:
        world.leave(host)
    own = joining.Own(host.uuid, host.state, held=held(host), replicates=bool(host.source))
    others = [
        joining.Other(
            each.name,
            server_uuid=each.uuid,
            state=MemberState.ONLINE if each.inside else each.state,
            majority=each.inside and world.majority,
            held=held(each),
        )
        for each in world.hosts.values()
        if each is not host
    ]
    act = joining.decide(own, tuple(others)).act
    if act in (joining.Act.JOIN, joining.Act.BOOTSTRAP):
        host.bootstrap = act is joining.Act.BOOTSTRAP
        world.alone |= host.bootstrap
        host.start_group()
        host.bootstrap = False


@pytest.mark.parametrize("target", [GROUP, PAIR])
def test_it_is_converted_under_writes(target: str) -> None:
    world = World.new(OTHER[target])
    steps = play(world, target)
    is_whole(world, target)
    assert len(world.acknowledged) > 30
    assert (
        steps
        == {
            GROUP: [
                "begin the group with db1, which takes the writes",
                "let db2 join the group",
                "let the commits of db1 wait for no replica, but for the group",
                "let db3 join the group",
            ],
            PAIR: [
                "let db2 leave the group, and replicate from db1",
                "let the commits of db1 wait for a replica",
                "let db3 leave the group, and replicate from db1",
                "end the group of db1 alone, which goes on taking the writes",
            ],
        }[target]
    )
    assert play(world, target) == []


def statements(target: str) -> int:
    world = World.new(OTHER[target])
    play(world, target)
    return world.count + 1


FAULTS = [("kill", ""), ("before", ""), ("after", "")]
FAULTS += [(fault, name) for fault in ("crash", "restart", "sent") for name in NAMES]


def faulty(target: str) -> Iterator[tuple[int, tuple[str, str]]]:
    for number in range(statements(target)):
        for fault in FAULTS:
            yield number, fault


def interrupted(target: str, faults: dict[int, tuple[str, str]], world: World | None = None) -> World:
    world = world or World.new(OTHER[target])
    world.faults = {world.count + 1 + number: fault for number, fault in faults.items()}
    try:
        play(world, target)
    except (KilledError, ReasonError, ServerError):
        pass
    return world


@pytest.mark.parametrize("target", [GROUP, PAIR])
@pytest.mark.parametrize("then", ["on", "back"])
@pytest.mark.parametrize("alone", [False, True], ids=["locked", "unlocked"])
def test_it_is_resumed_wherever_it_was_interrupted(target: str, then: str, alone: bool) -> None:
    """Red where a step is taken in another order, or what it was in the middle of is not looked at."""
    for number, fault in faulty(target):
        try:
            world = interrupted(target, {number: fault})
            world.heal()
            if alone:
                services(world)
            play_on(world, target if then == "on" else OTHER[target])
        except (AssertionError, ReasonError, ServerError) as error:
            raise AssertionError(f"{fault} at statement {number}: {error}") from error


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([GROUP, PAIR]),
    st.lists(
        st.tuples(
            st.booleans(), st.booleans(), st.dictionaries(st.integers(0, 120), st.sampled_from(FAULTS), max_size=3)
        ),
        max_size=5,
    ),
)
def test_long_stories(target: str, runs: list[tuple[bool, bool, dict[int, tuple[str, str]]]]) -> None:
    """Runs in both directions, each with faults."""
    world = World.new(OTHER[target])
    for back, alone, faults in runs:
        world = interrupted(OTHER[target] if back else target, faults, world)
        world.heal()
        if alone:
            services(world)
    play_on(world, target)
