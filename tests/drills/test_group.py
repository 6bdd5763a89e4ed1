"""A group of databases elects its primary by itself, whatever is lost, and never takes writes in two places.

Every drill ends with what the fixture `drill` checks: no acknowledged write is gone, never did two servers take writes
as the application sees it, and all have the same. DRILL_KILLS (default 3) says how often each loss is repeated.
"""

import contextlib
import os
import time
from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.tests.drills.databases import saved_file
from ansible_collections.foobar.webstack.tests.drills.load import Watch

KILLS = int(os.environ.get("DRILL_KILLS", "3"))

PLANNED, MYSQLD_LOST, HOST_LOST = 1.0, 3.0, 10.0
"""Seconds without writes that are aimed at."""

LOST_PERCENT, STARVED, BAD_SECONDS = 5, 0.25, 120
"""Of packets, in each direction; processors a host; for how long."""

FROZEN = 20
"""Seconds: longer than the others wait."""


@pytest.fixture
def losing(group, drill):
    """A drill with its watch: who is the primary as the application hosts see it."""

    def run(name):
        watch = Watch.application(map(group.container, group.application), group.addresses)
        return drill(f"group-{name}", watch)

    return run


def elected(group, wait_until, old):
    """Wait until another one is the primary, and is the only one."""
    wait_until(lambda: "primary" in [role for name, role in group.roles().items() if name != old], "another primary")


def test_mysqld_killed(group, losing, wait_until):
    """The primary's mysqld is killed, again and again. It comes back as a secondary by itself."""
    with losing("killed") as run:
        run.aim("write_gap_seconds", HOST_LOST)
        for _ in range(KILLS):
            run.goes_on(20)
            old, killed = group.primary, run.mark()
            group.kill(old)
            run.note("write_gap_seconds", run.back_after(killed))
            wait_until(lambda: not group.broken(), "the group to be whole by itself")
            run.note("whole_again_seconds", time.monotonic() - killed)
            assert group.missing(run.load) == set()


def test_mysqld_stopped(group, losing, wait_until):
    """It leaves in order, and the others need not wait."""
    with losing("stopped") as run:
        run.aim("write_gap_seconds", MYSQLD_LOST)
        old, stopped = group.primary, run.mark()
        group.on(old).check_output("systemctl stop mysql")
        run.note("write_gap_seconds", run.back_after(stopped))
        group.on(old).check_output("systemctl start mysql")
        wait_until(lambda: not group.broken(), "the group to be whole by itself")


def test_frozen_and_thawed(group, losing, wait_until):
    """The primary stands still, another is elected, and the old one goes on as if it still were the primary.

    Red where /primary asks only for the state, the role and whether the server is writable.
    """
    with losing("frozen") as run:
        run.aim("write_gap_seconds", HOST_LOST)
        for _ in range(KILLS):
            run.goes_on(20)
            old, began = group.primary, run.mark()
            with group.frozen(old):
                time.sleep(FROZEN)
            run.mark()
            run.note("write_gap_seconds", run.load.gap(began, time.monotonic()))
            # Until it hears of the others, the old one says of itself that it is the primary.
            wait_until(lambda: not group.broken(), "the group to be whole by itself")
            assert group.primary != old
            assert group.missing(run.load) == set()


def test_primary_in_the_minority(group, losing, wait_until):
    """The primary reaches no other member, and the application still reaches it: it must not take a write."""
    with losing("minority") as run:
        run.aim("write_gap_seconds", HOST_LOST)
        old, began = group.primary, run.mark()
        others = [address for name, address in group.addresses.items() if name != old]
        with group.cut_off(old, others):
            elected(group, wait_until, old)
            run.goes_on(20)
            run.note("write_gap_seconds", run.load.gap(began, time.monotonic()))
            assert group.roles()[old] == "read_only"
        wait_until(lambda: not group.broken(), "the group to be whole by itself")


def test_host_killed(group, losing, wait_until):
    """Any one host loses power, each in turn."""
    with losing("host-killed") as run:
        run.aim("write_gap_seconds", HOST_LOST)
        for name in group.names:
            run.goes_on(20)
            was, killed = group.primary, run.mark()
            with group.without_power(name):
                run.note(f"write_gap_seconds_{'primary' if name == was else 'secondary'}", run.back_after(killed))
                run.goes_on(20)
            wait_until(lambda: not group.broken(), "the group to be whole by itself")


def test_majority_killed(group, losing, wait_until):
    """Of two hosts that are lost, one comes back. Nothing is acknowledged while there is no majority."""
    with losing("majority-killed") as run:
        old = group.primary
        lost = [name for name in group.names if name != old]
        with group.without_power(lost[0]), group.without_power(lost[1]):
            time.sleep(2)
            before = len(run.load.acknowledged)
            time.sleep(20)
            assert len(run.load.acknowledged) == before
        wait_until(lambda: not group.broken(), "the group to be whole by itself")
        run.goes_on(20)


def test_bad_network_and_starved_hosts(group, losing):
    """Packets are lost between all members, and each has part of a processor: nobody is expelled, and writes go on."""
    with losing("bad-network") as run, contextlib.ExitStack() as bad:
        old = group.primary
        for name, address in group.addresses.items():
            others = [other for other in group.addresses.values() if other != address]
            bad.enter_context(group.cut_off(name, others, percent=LOST_PERCENT))
        bad.enter_context(group.starved(group.names, STARVED))
        began = run.mark()
        while time.monotonic() < began + BAD_SECONDS:
            assert group.broken() == []
            run.goes_on(5)
        assert group.primary == old
        run.note("write_gap_seconds", run.load.gap(began, time.monotonic()))


def test_most_hosts_are_lost_for_good(play, group, losing, wait_until):
    """The one that is left begins the group again when somebody knows that the others are off, and accepts the loss.

    What only they had gets its numbers a second time. Red where their GTIDs alone let them in again: the rows differ.
    """
    with losing("majority-lost") as run, contextlib.ExitStack() as power:
        left = group.secondaries[0]
        lost = [name for name in group.names if name != left]
        with group.cut_off(left, [group.addresses[name] for name in lost]):
            run.goes_on(10)
            for name in lost:
                power.enter_context(group.without_power(name))
        since = run.mark()
        wait_until(lambda: group.outside(left), f"{left} to leave a group without a majority")
        refused = play("failover.yml")
        assert not refused.succeeded
        assert f"add -e webstack_confirm_powered_off={lost[0]}" in refused.said
        off = ["-e", f"webstack_confirm_powered_off={','.join(lost)}"]
        refused = play("failover.yml", *off)
        assert not refused.succeeded
        assert "add -e webstack_accept_loss_seconds=inf" in refused.said
        assert group.roles()[left] == "read_only"
        done = play("failover.yml", *off, "-e", "webstack_accept_loss_seconds=inf")
        assert done.succeeded, done.output
        assert f"{lost[0]} and {lost[1]}, when back" in done.said
        run.goes_on(20)
        run.note("write_gap_seconds", run.load.gap(since, time.monotonic()))
        run.given_up |= group.missing(run.load)
        assert run.given_up
        power.close()
        for name in lost:
            wait_until(lambda name=name: stays_outside(group, name), f"{name} to say why it stays outside")
        refused = play("recover.yml")
        assert not refused.succeeded
        assert f"-e webstack_rejoin={lost[0]}" in refused.said
        saved = ""
        for name in lost:
            done = play("rejoin.yml", "-e", f"webstack_rejoin={name}")
            assert done.succeeded, done.output
            assert f"The group was begun anew without {name}" in done.said
            file = Path(saved_file(done.said) or "no file was named")
            saved += file.read_text()
            file.unlink()
            assert group.roles()[name] == "replica"
        assert [key for key in run.given_up if key not in saved] == []
        wait_until(lambda: not group.broken(), "the group to be whole")


def stays_outside(group, name):
    """Whether a server says that the group was begun anew without what it has."""
    try:
        said = group.state(name)
    except AssertionError:
        # Its host, or its endpoint, is not up yet.
        return False
    return (said.get("reopen") or {}).get("code") == "anew" and group.outside(name)


def test_all_hosts_off_and_on(group, losing, wait_until):
    """A power cut of all three: the one that has everything begins the group, when all have answered."""
    with losing("all-off") as run:
        with group.all_without_power():
            off = run.mark()
        run.note("write_gap_seconds", run.back_after(off))
        wait_until(lambda: not group.broken(), "the group to be whole by itself")


def test_switchover(play, group, losing):
    """To each member in turn."""
    with losing("switchover") as run:
        run.aim("write_gap_seconds", PLANNED)
        for name in [one for one in group.names if one != group.primary][:2]:
            run.goes_on(20)
            began = run.mark()
            done = play("switchover.yml", "-e", f"webstack_primary={name}")
            assert done.succeeded, done.output
            run.goes_on(20)
            run.note("write_gap_seconds", run.load.gap(began, time.monotonic()))
            assert group.primary == name


def test_failover_and_recover_leave_a_whole_group_alone(play, group):
    """And say so."""
    before = group.primary
    for verb, said in (
        ("failover.yml", f"{before} takes writes: a group elects its primary by itself"),
        ("recover.yml", f"{before} takes writes, and every other database host is in its group"),
    ):
        done = play(verb)
        assert done.succeeded, done.output
        assert said in done.said
        assert set(done.changed.values()) == {0}
    assert group.primary == before
