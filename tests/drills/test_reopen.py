"""A primary that restarts takes writes again by itself where that is safe, and else stays closed and says why.

Every drill ends with what the fixture `drill` checks: no acknowledged write is gone, never two servers took writes,
both have the same. DRILL_REOPENS (default 20) says how often mysqld is killed.
"""

import contextlib
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

REOPENS = int(os.environ.get("DRILL_REOPENS", "20"))

WRITES_BACK = 15.0
"""Seconds that are aimed at, from when the server is up to a write."""


def kill(pair, name):
    """Kill mysqld, which systemd starts again."""
    pair.on(name).check_output("systemctl reset-failed mysql; systemctl kill --signal=SIGKILL mysql")


def process(pair, name):
    return pair.on(name).check_output("systemctl show --property=MainPID --value mysql")


def why(pair, name):
    """What keeps the server from taking writes, as it says itself; empty while it cannot be asked."""
    said = pair.on(name).run("cat /run/mysql-reopen/status.json")
    return said.stdout


@pytest.fixture
def restarted(pair, wait_until):
    """Kill a server's mysqld, and wait until it runs again; the moment at which it does."""

    def run(name):
        before = process(pair, name)
        kill(pair, name)
        wait_until(
            lambda: process(pair, name) not in (before, "0") and pair.roles()[name] != "down", f"{name} to run again"
        )
        return time.monotonic()

    return run


def test_mysqld_killed(pair, drill, restarted):
    """The primary's mysqld is killed again and again. Red while it stays read-only until somebody comes."""
    with drill("reopen-killed") as run:
        run.aim("writes_back_after_up_seconds", WRITES_BACK)
        old = pair.primary
        for _ in range(REOPENS):
            run.goes_on(20)
            killed = run.mark()
            up = restarted(old)
            run.note("writes_back_after_up_seconds", max(0.0, run.back_after(killed) - (up - killed)))
            run.note("write_gap_seconds", run.load.gap(killed, time.monotonic()))
            assert pair.primary == old
            assert pair.acknowledged(old), "commits wait for the replica, as before"
            assert pair.missing(run.load) == set()


def test_host_killed(pair, drill, wait_until):
    """The primary's whole host loses power, and is started again."""
    with drill("reopen-host") as run:
        run.aim("writes_back_after_up_seconds", WRITES_BACK)
        old = pair.primary
        killed = run.mark()
        with pair.without_power(old):
            pair.seen_down(old)
        wait_until(lambda: pair.roles()[old] != "down", "its server to run again")
        up = time.monotonic()
        run.note("writes_back_after_up_seconds", max(0.0, run.back_after(killed) - (up - killed)))
        assert pair.primary == old


@pytest.mark.parametrize("first", ["primary", "replica"])
def test_both_hosts_killed(pair, drill, wait_until, first):
    """Both lose power, and are started one after the other. The primary waits for its replica, however long."""
    with drill(f"reopen-both-{first}-first") as run:
        run.aim("writes_back_after_up_seconds", WRITES_BACK)
        old, other = pair.primary, pair.replica
        order = [old, other] if first == "primary" else [other, old]
        killed = run.mark()
        with pair.without_power(order[1]):
            with pair.without_power(order[0]):
                pass
            wait_until(lambda: pair.roles()[order[0]] != "down", f"{order[0]} to run again")
            if first == "primary":
                wait_until(lambda: f"{other} cannot be asked" in why(pair, old), f"{old} to say what it waits for")
                assert pair.roles()[old] == "read_only"
        wait_until(lambda: pair.roles()[order[1]] != "down", f"{order[1]} to run again")
        up = time.monotonic()
        run.note("writes_back_after_up_seconds", max(0.0, run.back_after(killed) - (up - killed)))
        assert pair.primary == old
        wait_until(lambda: not pair.broken(), "the pair to be whole")


def test_restarted_while_cut_off_from_the_replica(play, pair, drill, restarted, wait_until):
    """It cannot know whether the other one was promoted: it stays closed until the network is whole."""
    with drill("reopen-partition") as run:
        old, other = pair.primary, pair.replica
        with pair.cut_off(other, [pair.addresses[old]]):
            restarted(old)
            wait_until(lambda: f"{other} cannot be asked" in why(pair, old), f"{old} to say why")
            assert pair.roles() == {old: "read_only", other: "replica"}
            refused = play("failover.yml")
            assert not refused.succeeded, refused.output
            assert f"{old} has restarted, takes no writes, and has everything that {other} has" in refused.said
            assert pair.roles() == {old: "read_only", other: "replica"}
        healed = run.mark()
        run.note("writes_back_after_healing_seconds", run.back_after(healed))
        assert pair.primary == old
        wait_until(lambda: not pair.broken(), "the pair to be whole")


MOMENTS = {
    "locked": "until [ -s /var/lib/webstack-mysql/role.lock ]; do :; done",
    "recorded": 'was=$(mysql -NBe "SELECT epoch FROM webstack.primary_epoch");'
    ' until [ "$(mysql -NBe "SELECT epoch FROM webstack.primary_epoch")" != "$was" ]; do :; done',
    "closed": 'until [ "$(mysql -NBe "SELECT @@GLOBAL.read_only")" = 1 ]; do :; done',
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_restarted_during_a_switchover(play, pair, drill, wait_until, moment):
    """The old primary's mysqld is killed as soon as the switchover has begun, or is in the middle of its exchange."""
    with drill(f"reopen-switchover-{moment}") as run, ThreadPoolExecutor(2) as pool:
        for _ in range(max(1, REOPENS // 4)):
            run.goes_on(10)
            old, new = pair.primary, pair.replica
            run.mark()
            killing = pool.submit(
                pair.on(old).run, "timeout 120 sh -c %s && systemctl kill --signal=SIGKILL mysql", MOMENTS[moment]
            )
            done = play("switchover.yml", "-e", f"webstack_primary={new}")
            killing.result()
            wait_until(lambda: "down" not in pair.roles().values(), "both servers to run")
            print(moment, "done" if done.succeeded else done.said[-300:])
            with contextlib.suppress(AssertionError):
                wait_until(lambda: not pair.broken(), "the pair to be whole by itself")
            if pair.broken():
                run.note("left_to_somebody", 1)
                recovered = play("recover.yml")
                assert recovered.succeeded, recovered.output
                wait_until(lambda: not pair.broken(), "the pair to be whole")
            assert pair.missing(run.load) == set()


def test_recover_has_nothing_to_do(play, pair):
    """And says so."""
    done = play("recover.yml")
    assert done.succeeded, done.output
    assert f"{pair.primary} takes writes, and every other database host replicates from it" in done.said
    assert set(done.changed.values()) == {0}
