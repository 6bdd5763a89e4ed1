"""The primary moved, killed, switched off, cut off, and brought back, while the application writes.

Every drill ends with what the fixture `drill` checks: no acknowledged write is gone, never two servers took writes,
both have the same. DRILL_SWITCHOVERS (default 50) and DRILL_FAILOVERS (default 20) say how often.
"""

import itertools
import os
import re
import time
from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.tests.drills.databases import saved_file
from ansible_collections.foobar.webstack.tests.drills.load import Watch

SWITCHOVERS = int(os.environ.get("DRILL_SWITCHOVERS", "50"))
FAILOVERS = int(os.environ.get("DRILL_FAILOVERS", "20"))

SWITCHOVER_GAP, WRITES_BACK, REJOINED = 2.0, 10.0, 30.0
"""Seconds that are aimed at: without a write, from failover.yml's start to a write, of rejoin.yml. How far a median is
from that depends on the machine, so it is printed and not asserted.
"""

LOSSLESS = "No acknowledged write is lost"


@pytest.fixture
def fail_over(play):
    """Let the replica take over, as the options have it; seconds from the command to the next acknowledged write."""

    def run(record, *options):
        since = record.mark()
        done = play("failover.yml", *options)
        assert done.succeeded, done.output
        assert "not found yet" not in done.said, "it says so before the application can write"
        record.note("writes_back_seconds", record.back_after(since))
        return done

    return run


@pytest.fixture
def rejoin(play, pair):
    """Bring the old primary back as a replica."""

    def run(record, name, figure="rejoin_seconds", *options):
        since = record.mark()
        done = play("rejoin.yml", *options)
        assert done.succeeded, done.output
        record.note(figure, time.monotonic() - since)
        assert pair.replica == name
        assert pair.broken() == []
        return done

    return run


def test_switchovers(play, pair, drill):
    """Number 22: the writes moved there and back. Nobody writes for two seconds at most."""
    with drill("switchover") as run:
        run.aim("write_gap_seconds", SWITCHOVER_GAP)
        for _ in range(SWITCHOVERS):
            target = pair.replica
            since = run.mark()
            done = play("switchover.yml", "-e", f"webstack_primary={target}")
            assert done.succeeded, done.output
            run.note("command_seconds", time.monotonic() - since)
            run.goes_on()
            run.note("write_gap_seconds", run.load.gap(since, time.monotonic()))
            assert pair.primary == target
            assert pair.errant() == ""
    again = play("switchover.yml", "-e", f"webstack_primary={pair.primary}")
    assert again.succeeded, again.output
    assert "takes the writes already; nothing is done" in again.said


def test_kills(pair, drill, fail_over, rejoin):
    """Numbers 12 and 21: the primary's mysqld killed, its replica made the primary, the old one brought back."""
    with drill("failover") as run:
        run.aim("writes_back_seconds", WRITES_BACK)
        run.aim("rejoin_seconds", REJOINED)
        for _ in range(FAILOVERS):
            run.goes_on(20)
            old, new = pair.primary, pair.replica
            killed = run.mark()
            pair.kill(old)
            pair.seen_down(old)
            done = fail_over(run)
            assert LOSSLESS in done.said
            run.note("write_gap_seconds", run.load.gap(killed, time.monotonic()))
            assert pair.primary == new
            rejoin(run, old)
            assert pair.missing(run.load) == set()


def test_power_loss(pair, play, drill, fail_over, rejoin, wait_until):
    """Number 13: the primary's whole host is gone. Started again it takes no writes, and comes back as a replica.

    Where an application host cannot be told to cut it off, somebody has to confirm that it is off.
    """
    with drill("power-loss") as run:
        old, new = pair.primary, pair.replica
        killed = run.mark()
        with pair.without_power(old):
            pair.seen_down(old)
            refused = play("failover.yml", "--limit", f"all:!{pair.application[-1]}")
            assert not refused.succeeded, refused.output
            assert f"add -e webstack_confirm_powered_off={old}" in refused.said
            assert pair.roles() == {old: "down", new: "replica"}
            done = fail_over(run, "-e", f"webstack_confirm_powered_off={old}")
            assert "is powered off, as you confirmed" in done.said
            assert LOSSLESS in done.said
            run.note("write_gap_seconds", run.load.gap(killed, time.monotonic()))
        wait_until(lambda: pair.roles() == {old: "read_only", new: "primary"}, "the old primary to run, read-only")
        run.goes_on()
        rejoin(run, old)


def test_a_restarted_primary_that_may_not_reopen_waits_until_it_is_told_to(play, pair, drill, wait_until):
    """Number 14, where `webstack_mysql_reopen` is off: it is read-only, until a verb ends that."""
    with drill("restarted-primary") as run:
        old = pair.primary
        pair.on(old).check_output("systemctl stop mysql-reopen")
        killed = run.mark()
        pair.on(old).check_output("systemctl kill --signal=SIGKILL mysql")
        wait_until(lambda: pair.roles()[old] == "read_only", "the server to run again, read-only")
        plain = play("site.yml")
        assert not plain.succeeded, plain.output
        assert f"-e webstack_primary={old} makes it take writes again" in plain.said
        assert pair.roles()[old] == "read_only"
        refused = play("failover.yml")
        assert not refused.succeeded, "everybody reaches it"
        assert "recover.yml" in refused.said
        assert "accept_loss" not in refused.said
        since = run.mark()
        done = play("recover.yml")
        assert done.succeeded, done.output
        run.note("writes_back_seconds", run.back_after(since))
        run.note("write_gap_seconds", run.load.gap(killed, time.monotonic()))
        assert pair.primary == old
        pair.on(old).check_output("systemctl start mysql-reopen")


def test_primary_cut_off_from_everybody(play, pair, drill, fail_over, rejoin):
    """Numbers 15 and 21: a primary that nobody reaches, this machine neither, goes on for itself.

    What it takes for a write is no application's: each is cut off from it before another server takes writes, and stays
    so when the network is whole again and its own host was started again. What only it had is saved, and its data
    rebuilt.
    """
    containers = [pair.container(name) for name in pair.application]
    with drill("cut-off", Watch.application(containers, pair.addresses)) as run:
        old, new = pair.primary, pair.replica
        cut = run.mark()
        with pair.cut_off(old):
            pair.seen_down(old)
            done = fail_over(run)
            assert LOSSLESS in done.said
            run.note("write_gap_seconds", run.load.gap(cut, time.monotonic()))
            assert pair.roles() == {old: "primary", new: "primary"}, "the old one knows nothing of it"
            pair.reboot(pair.application[0])
        run.mark()
        run.goes_on(100)
        assert {name: pair.reaches(name, old) for name in (*pair.application, new)} == dict.fromkeys(
            (*pair.application, new), False
        )
        refused = play("rejoin.yml", "-e", f"webstack_rejoin={new}")
        assert not refused.succeeded, refused.output
        assert f"{new} is not the one that the failover has cut off: that is {old}" in refused.said
        done = rejoin(run, old, "rebuild_seconds")
        assert all(pair.reaches(name, old) for name in (*pair.application, new))
        file = saved_file(done.said)
        assert file, done.output
        Path(file).unlink()


def test_primary_dies_while_its_replica_lacks_writes(play, pair, drill, fail_over, rejoin, wait_until):
    """Numbers 18 and 21: a loss is possible, so it is bounded and refused. Accepted, it is in a file."""
    with drill("degraded") as run:
        old, new = pair.primary, pair.replica
        with pair.cut_off(new, [pair.addresses[old]]):
            wait_until(lambda: not pair.acknowledged(old), "writes to go on without the replica")
            run.goes_on(30)
            killed = run.mark()
            pair.kill(old)
            pair.seen_down(old)
        refused = play("failover.yml")
        assert not refused.succeeded, refused.output
        bound = re.search(r"cknowledged writes of up to ([\d.]+) s may be lost", refused.said)
        assert bound, refused.output
        run.note("stated_loss_seconds", float(bound[1]))
        too_little = play("failover.yml", "-e", f"webstack_accept_loss_seconds={float(bound[1]) / 2}")
        assert not too_little.succeeded, too_little.output
        assert pair.roles() == {old: "down", new: "replica"}
        fail_over(run, "-e", "webstack_accept_loss_seconds=inf")
        run.given_up = pair.missing(run.load)
        assert len(run.given_up) >= 30
        first = min(run.load.acknowledged[key].at for key in run.given_up)
        run.note("lost_seconds", killed - first)
        assert killed - first <= float(bound[1]), "more is lost than was stated"
        done = rejoin(run, old, "rebuild_seconds")
        file = Path(saved_file(done.said) or "no file was named")
        saved = file.read_text()
        assert {key for key in run.given_up if key not in saved} == set()
        file.unlink()


def test_lagging_replica(pair, drill, fail_over, rejoin, wait_until):
    """Number 19: the replica has received all and applied nothing of late. It does so before it takes writes."""
    with drill("lagging-replica") as run:
        old, new = pair.primary, pair.replica
        pair.sql(new, "STOP REPLICA SQL_THREAD")
        wait_until(lambda: (pair.state(new)["lag_seconds"] or 0) > 20, "the replica to be behind")
        run.goes_on(20)
        assert pair.acknowledged(old), "it still receives"
        pair.kill(old)
        pair.seen_down(old)
        done = fail_over(run)
        assert LOSSLESS in done.said
        assert pair.missing(run.load) == set()
        rejoin(run, old)


def test_verbs_killed_at_every_task(play, killed_at, pair, drill, wait_until):
    """Number 28: ansible-playbook killed between two tasks of failover.yml and of rejoin.yml; run again, both converge.

    Every other time the old primary has transactions of its own, and is rebuilt.
    """
    with drill("killed-verbs") as run:
        for number in itertools.count(1):
            run.goes_on(10)
            old, new = pair.primary, pair.replica
            run.mark()
            if number % 2:
                with pair.cut_off(new, [pair.addresses[old]]):
                    waiting = "SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_source_wait_sessions'"
                    wait_until(lambda old=old: not pair.sql(old, waiting).endswith("\t0"), "commits to wait")  # noqa: B023
                    pair.kill(old)
            else:
                pair.kill(old)
            pair.seen_down(old)
            tasks = []
            for playbook in ("failover.yml", "rejoin.yml"):
                tasks.append(killed_at(number, playbook))
                done = play(playbook)
                assert done.succeeded, (tasks, done.output)
                assert pair.primary == new, tasks
                if file := saved_file(done.said):
                    Path(file).unlink()
            assert pair.broken() == [], tasks
            assert pair.missing(run.load) == set(), tasks
            print(number, *tasks)
            if not any(tasks):
                break
        run.note("boundaries", number - 1)


def test_switchover_killed_at_every_task(play, killed_at, pair, drill, wait_until):
    """Number 28, for switchover.yml."""
    with drill("killed-switchover") as run:
        for number in itertools.count(1):
            target = pair.replica
            run.mark()
            task = killed_at(number, "switchover.yml", "-e", f"webstack_primary={target}")
            done = play("switchover.yml", "-e", f"webstack_primary={target}")
            assert done.succeeded, (task, done.output)
            assert pair.primary == target, task
            wait_until(lambda: not pair.broken(), f"the pair to be whole, killed at {task}")
            run.goes_on()
            print(number, task)
            if not task:
                break
        run.note("boundaries", number - 1)


def test_a_plain_run_finds_nothing_to_change(play, inventory):
    """After all that, wherever the primary is now."""
    done = play("site.yml")
    assert done.succeeded, done.output
    assert done.changed == dict.fromkeys(inventory.hostvars, 0), done.output
