"""A pair becomes a group, and a group a pair, under writes, with something that goes wrong at every statement.

What must never be is checked by the model itself (tests/support/converting.py), at every statement. Here is what goes
wrong, and that a run which has ended anywhere is followed by one that comes to its end, in either direction.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.filter.mysql_mode_errors import mysql_mode_errors
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.beginnings import Beginning
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.conversion.convert import Code as Failure
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.conversion.convert import Conversion
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.conversion.decide import Code, Step, decide
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.conversion.observe import observe
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.conversion.state import GROUP, PAIR, Found
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.epoch import Epoch
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.group import MemberState, View
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group import reopen as joining
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.state import Account
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair import reopen as reopening
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.channel import Endpoint
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.plugin import change
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import ReasonError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import ServerError
from converting import NAMES, Fake, KilledError, World
from group_views import A, B, view
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
                "let db2 replicate from db1, and be in no group",
                "let the commits of db1 wait for a replica",
                "let db3 replicate from db1, and be in no group",
                "end the group of db1 alone, which goes on taking the writes",
            ],
        }[target]
    )
    assert play(world, target) == []


@pytest.mark.parametrize("target", [GROUP, PAIR])
def test_it_is_converted_while_nobody_writes(target: str) -> None:
    """Red where a replica that has everything is taken for one that follows, before it knows of whom it receives."""
    world = World.new(OTHER[target])
    world.quiet = True
    play(world, target)
    is_whole(world, target)


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
    with contextlib.suppress(KilledError, ReasonError, ServerError):
        play(world, target)
    return world


@pytest.mark.parametrize("target", [GROUP, PAIR])
def test_it_goes_on_or_is_taken_back_wherever_it_was_interrupted(target: str) -> None:
    """Red where a step is taken in another order, or what it was in the middle of is not looked at.

    Every statement meets every fault; what comes after alternates: the same direction or the other one, at once or when
    the lock has expired and the services beside the servers have done what they do.
    """
    for turn, (number, fault) in enumerate(faulty(target)):
        on, alone = (turn + number) % 2, (turn + number) // 2 % 2
        try:
            world = interrupted(target, {number: fault})
            world.heal()
            if alone:
                services(world)
            play_on(world, target if on else OTHER[target])
        except (AssertionError, ReasonError, ServerError) as error:
            raise AssertionError(f"{fault} at statement {number}, {on=}, {alone=}: {error}") from error


@settings(max_examples=150, deadline=None)
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


# Decisions


PRIMARY = Found("db1", server_uuid=A, version="9.7.4", writable=True, view=View(A), semi_sync=True, acknowledgers=2)
REPLICAS = tuple(
    Found(name, server_uuid=uuid, version="9.7.4", view=View(uuid), channel=True, source_uuid=A, running=True)
    for name, uuid in list(NAMES.items())[1:]
)


def refusals(target: str, *servers: Found, **more: Any) -> list[Code]:
    return [each.code for each in decide(target, servers, **more).refusals]


def with_one(**changes: Any) -> tuple[Found, ...]:
    """A pair of which one replica is otherwise."""
    return PRIMARY, REPLICAS[0], replace(REPLICAS[1], **changes)


@pytest.mark.parametrize(
    ("servers", "refused"),
    [
        (with_one(), []),
        (with_one(error="refused"), [Code.NO_ANSWER]),
        (with_one(writable=True), [Code.TWO_PRIMARIES]),
        (with_one(source_uuid=B), [Code.NOT_FOLLOWING]),
        (with_one(channel=False), [Code.NOT_FOLLOWING]),
        (with_one(running=False), [Code.STOPPED]),
        (with_one(version="8.4.9"), [Code.VERSIONS]),
        (with_one(beginnings=(Beginning("1"),)), [Code.BEGUN_WITHOUT]),
        (with_one(channel=False, view=view(NAMES["db3"], b="UNREACHABLE", a="UNREACHABLE")), [Code.MINORITY]),
        (with_one(channel=False, view=view(NAMES["db3"])), [Code.NOT_FOLLOWING]),
        (with_one(channel=False, view=view(NAMES["db3"], primary=B)), [Code.APART]),
    ],
)
def test_what_keeps_a_pair_from_becoming_a_group(servers: tuple[Found, ...], refused: list[Code]) -> None:
    assert refusals(GROUP, *servers) == refused


def test_tables_that_a_group_does_not_take() -> None:
    """They do not keep a group from being finished, or from becoming a pair."""
    assert refusals(GROUP, *with_one(), unfit=["shop.log"]) == [Code.UNFIT]
    assert refusals(GROUP, replace(PRIMARY, view=view()), *REPLICAS, unfit=["shop.log"]) == []
    assert refusals(PAIR, *with_one(), unfit=["shop.log"]) == []


def test_a_pair_whose_primary_is_closed() -> None:
    """As after a crash: that it was a pair is known, and somebody else decides who takes the writes."""
    closed = [replace(each, view=None, writable=False) for each in (PRIMARY, *REPLICAS)]
    assert refusals(PAIR, *closed) == [Code.NOT_OPEN]
    ahead = replace(closed[1], executed=GtidSet.parse(f"{A}:1-9"), received=GtidSet.parse(f"{A}:10"))
    assert decide(GROUP, [closed[0], ahead, closed[2]]).leader == "db2"
    apart = replace(closed[2], executed=GtidSet.parse(f"{B}:1"))
    assert refusals(GROUP, closed[0], ahead, apart) == [Code.NO_SUPERSET]


def test_a_primary_that_has_not_applied_what_it_received_in_the_group_begins_it_again() -> None:
    """Red where it is opened, or its channel reset, with what others have acknowledged still in it."""
    held = View(A, received=f"{A}:1-9")
    closed = replace(PRIMARY, writable=False, view=held, executed=GtidSet.parse(f"{A}:1-8"))
    assert decide(PAIR, [closed, *REPLICAS]).steps[0].step is Step.BEGIN
    applied = replace(closed, executed=GtidSet.parse(f"{A}:1-9"))
    assert [todo.step for todo in decide(PAIR, [applied, *REPLICAS]).steps] == [Step.OPEN]
    assert refusals(PAIR, replace(closed, view=None, remains=True, channel=True), *REPLICAS) == [Code.NO_PLUGIN]


@pytest.mark.parametrize(
    ("seen", "refused"),
    [
        ({"b": "UNREACHABLE"}, Code.SUSPECTS),
        ({"b": "UNREACHABLE", "c": "UNREACHABLE"}, Code.MINORITY),
    ],
)
def test_a_group_that_is_not_whole_is_waited_for(seen: dict[str, str], refused: Code) -> None:
    leader = replace(PRIMARY, view=view(A, **seen))
    found = decide(PAIR, [leader, *(replace(each, channel=False) for each in REPLICAS)])
    assert ([each.code for each in found.refusals], found.waits) == ([refused], True)


def test_a_group_that_elects_is_waited_for() -> None:
    leader = replace(PRIMARY, writable=False, view=view(), executed=GtidSet())
    found = decide(PAIR, [leader, *(replace(each, channel=False, view=view(each.server_uuid)) for each in REPLICAS)])
    assert ([each.code for each in found.refusals], found.waits) == ([Code.ELECTS], True)


def test_whoever_is_in_the_group_still_leaves_it_last() -> None:
    """Red where the primary is alone in its group before anybody follows it."""
    leader = replace(PRIMARY, view=view(c="OFFLINE"), semi_sync=False, acknowledgers=0)
    inside = replace(REPLICAS[0], channel=False, view=view(B, c="OFFLINE"))
    found = decide(PAIR, [leader, inside, replace(REPLICAS[1], channel=False)])
    assert [(todo.step, todo.host) for todo in found.steps[:3]] == [
        (Step.FOLLOW, "db3"),
        (Step.WAIT, "db1"),
        (Step.FOLLOW, "db2"),
    ]


def test_somebody_else_leads_than_where_it_runs() -> None:
    world = World.new(PAIR)
    with pytest.raises(ReasonError) as caught:
        conversion(world, "db2", GROUP).run()
    assert caught.value.reasons[0].code is Failure.MOVED


def test_nobody_leaves_the_group_whose_primary_is_gone() -> None:
    """Red where the next primary is taken out of it, because it was a secondary when it was looked at."""
    world = World.new(GROUP)
    run = conversion(world, "db1", PAIR)
    run.look()
    world.leave(world.hosts["db1"])
    with pytest.raises(ReasonError) as caught:
        run._follow(run._found["db2"])
    assert caught.value.reasons[0].code is Failure.MOVED
    assert world.primary == "db2"


def test_a_server_with_transactions_of_its_own_stays_where_it_is() -> None:
    for target in (GROUP, PAIR):
        world = World.new(OTHER[target])
        world.hosts["db2"].data.add((B, 1))
        with pytest.raises(ReasonError) as caught:
            play(world, target)
        assert [each.code for each in caught.value.reasons] == [Failure.BEYOND]
        assert caught.value.reasons[0].data["gtids"] == f"{B}:1"
        assert (B, 1) in world.hosts["db2"].data


# What site.yml refuses


SERVER: dict[str, Any] = {"role": "replica", "group": None, "channel": None}


@pytest.mark.parametrize(
    ("mode", "server", "refused"),
    [
        ("pair", {"channel": {}, "group": None}, False),
        ("pair", {"group": {"state": "OFFLINE"}}, True),
        ("group", {"group": {"state": "OFFLINE"}}, False),
        ("group", {"group": {"state": "OFFLINE"}, "role": "primary"}, False),
        ("group", {"channel": {"source_host": "198.18.0.31"}}, True),
        ("group", {"role": "primary"}, True),
        ("group", {"role": "fresh"}, False),
    ],
)
def test_a_mode_is_not_changed_by_configuring_it(mode: str, server: dict[str, Any], refused: bool) -> None:
    answers = {"db1": {"server": {**SERVER, **server}}, "db2": {"server": {}}, "db3": {}}
    codes = {"pair": "conversion.is_a_group", "group": "conversion.is_a_pair"}
    expected = [{"code": codes[mode], "data": {"hosts": ["db1"]}}] if refused else []
    assert mysql_mode_errors(answers, mode) == expected


# The plugin


@pytest.mark.parametrize("read_only", [True, False])
def test_the_plugin_is_loaded_and_unloaded_at_runtime(read_only: bool) -> None:
    """A server that was read-only is so afterwards, and its own binary log has nothing of it."""
    load = [str(each) for each in change(load=True, loaded=False, components=[], read_only=read_only)]
    assert load.index("SET SESSION sql_log_bin = 0") < load.index(
        "DELETE FROM mysql.plugin WHERE name = 'group_replication'"
    )
    unload = [str(each) for each in change(load=False, loaded=True, components=["file://x"], read_only=read_only)]
    assert unload.index("UNINSTALL COMPONENT 'file://x'") < unload.index("UNINSTALL PLUGIN group_replication")
    for statements in (load, unload):
        assert ("SET GLOBAL super_read_only = ON" in statements[-1:]) is read_only
        assert ("SET GLOBAL super_read_only = OFF" in statements[:1]) is read_only
    assert change(load=True, loaded=True, components=[], read_only=read_only) == ()
    assert change(load=False, loaded=False, components=[], read_only=read_only) == ()
