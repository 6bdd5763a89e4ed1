"""A group of databases elects its primary by itself, whatever is lost, and never takes writes in two places.

Every drill ends with what the fixture `drill` checks: no acknowledged write is gone, never did two servers take writes
as the application sees it, and all have the same. DRILL_KILLS (default 3) says how often each loss is repeated.
"""

import os
import time

import pytest
from ansible_collections.foobar.webstack.tests.drills.groups import Group
from ansible_collections.foobar.webstack.tests.drills.load import Watch
from patience import until

KILLS = int(os.environ.get("DRILL_KILLS", "3"))

PLANNED, MYSQLD_LOST, HOST_LOST = 1.0, 3.0, 10.0
"""Seconds without writes that are aimed at."""

FROZEN = 20
"""Seconds: longer than the others wait."""


@pytest.fixture(scope="session")
def pair(lab, inventory) -> Group:
    """The database servers."""
    if inventory.hostvars[inventory.groups["databases"][0]].get("mysql_replication_mode") != "group":
        pytest.skip("the databases of this inventory are no group")
    return Group(lab, inventory, until)


@pytest.fixture(scope="module")
def home() -> None:
    """A group may stay wherever it is."""


@pytest.fixture
def losing(pair, drill):
    """A drill with its watch: who is the primary as the application hosts see it."""

    def run(name):
        watch = Watch.application(map(pair.container, pair.application), pair.addresses)
        return drill(f"group-{name}", watch)

    return run


def elected(pair, wait_until, old):
    """Wait until another one is the primary, and is the only one."""
    wait_until(lambda: "primary" in [role for name, role in pair.roles().items() if name != old], "another primary")


def test_mysqld_killed(pair, losing, wait_until):
    """The primary's mysqld is killed, again and again. It comes back as a secondary by itself."""
    with losing("killed") as run:
        run.aim("write_gap_seconds", HOST_LOST)
        for _ in range(KILLS):
            run.goes_on(20)
            old, killed = pair.primary, run.mark()
            pair.kill(old)
            run.note("write_gap_seconds", run.back_after(killed))
            wait_until(lambda: not pair.broken(), "the group to be whole by itself")
            run.note("whole_again_seconds", time.monotonic() - killed)
            assert pair.missing(run.load) == set()


def test_mysqld_stopped(pair, losing, wait_until):
    """It leaves in order, and the others need not wait."""
    with losing("stopped") as run:
        run.aim("write_gap_seconds", MYSQLD_LOST)
        old, stopped = pair.primary, run.mark()
        pair.on(old).check_output("systemctl stop mysql")
        run.note("write_gap_seconds", run.back_after(stopped))
        pair.on(old).check_output("systemctl start mysql")
        wait_until(lambda: not pair.broken(), "the group to be whole by itself")


def test_frozen_and_thawed(pair, losing, wait_until):
    """The primary stands still, another is elected, and the old one goes on as if it still were the primary.

    Red where /primary asks only for the state, the role and whether the server is writable.
    """
    with losing("frozen") as run:
        run.aim("write_gap_seconds", HOST_LOST)
        for _ in range(KILLS):
            run.goes_on(20)
            old, began = pair.primary, run.mark()
            with pair.frozen(old):
                time.sleep(FROZEN)
            run.mark()
            run.note("write_gap_seconds", run.load.gap(began, time.monotonic()))
            assert pair.primary != old
            wait_until(lambda: not pair.broken(), "the group to be whole by itself")
            assert pair.missing(run.load) == set()


def test_primary_in_the_minority(pair, losing, wait_until):
    """The primary reaches no other member, and the application still reaches it: it must not take a write."""
    with losing("minority") as run:
        run.aim("write_gap_seconds", HOST_LOST)
        old, began = pair.primary, run.mark()
        others = [address for name, address in pair.addresses.items() if name != old]
        with pair.cut_off(old, others):
            elected(pair, wait_until, old)
            run.goes_on(20)
            run.note("write_gap_seconds", run.load.gap(began, time.monotonic()))
            assert pair.roles()[old] == "read_only"
        wait_until(lambda: not pair.broken(), "the group to be whole by itself")


def test_host_killed(pair, losing, wait_until):
    """Any one host loses power, each in turn."""
    with losing("host-killed") as run:
        run.aim("write_gap_seconds", HOST_LOST)
        for name in pair.names:
            run.goes_on(20)
            was, killed = pair.primary, run.mark()
            with pair.without_power(name):
                run.note(f"write_gap_seconds_{'primary' if name == was else 'secondary'}", run.back_after(killed))
                run.goes_on(20)
            wait_until(lambda: not pair.broken(), "the group to be whole by itself")


def test_majority_killed(pair, losing, wait_until):
    """Of two hosts that are lost, one comes back. Nothing is acknowledged while there is no majority."""
    with losing("majority-killed") as run:
        old = pair.primary
        lost = [name for name in pair.names if name != old]
        with pair.without_power(lost[0]), pair.without_power(lost[1]):
            time.sleep(2)
            before = len(run.load.acknowledged)
            time.sleep(20)
            assert len(run.load.acknowledged) == before
        wait_until(lambda: not pair.broken(), "the group to be whole by itself")
        run.goes_on(20)


def test_all_hosts_off_and_on(pair, losing, wait_until):
    """A power cut of all three: the one that has everything begins the group, when all have answered."""
    with losing("all-off") as run:
        with pair.all_without_power():
            off = run.mark()
        run.note("write_gap_seconds", run.back_after(off))
        wait_until(lambda: not pair.broken(), "the group to be whole by itself")


def test_switchover(play, pair, losing):
    """To each member in turn."""
    with losing("switchover") as run:
        run.aim("write_gap_seconds", PLANNED)
        for name in [one for one in pair.names if one != pair.primary][:2]:
            run.goes_on(20)
            began = run.mark()
            done = play("switchover.yml", "-e", f"webstack_primary={name}")
            assert done.succeeded, done.output
            run.goes_on(20)
            run.note("write_gap_seconds", run.load.gap(began, time.monotonic()))
            assert pair.primary == name


def test_failover_and_recover_leave_a_whole_group_alone(play, pair):
    """And say so."""
    before = pair.primary
    for verb, said in (
        ("failover.yml", f"{before} takes writes: a group elects its primary by itself"),
        ("recover.yml", f"{before} takes writes, and every other database host is in its group"),
    ):
        done = play(verb)
        assert done.succeeded, done.output
        assert said in done.said
        assert set(done.changed.values()) == {0}
    assert pair.primary == before
