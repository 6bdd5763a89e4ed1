"""Faults of the databases that no verb is needed for, or in which a verb has to refuse, while the application writes.

Every drill ends with what the fixture `drill` checks: no acknowledged write is gone, never two servers took writes,
both have the same.
"""

import time

SLACK = 1.5
"""By how much a gap may exceed the timeout after which commits go on without a replica: a machine is busy."""


def degraded(pair, name):
    """Whether the server's heartbeat tells that commits wait for nobody."""
    state = pair.state(name)
    return not state["semi_sync_source"] and not state["heartbeat"]["semi_sync"]


def timeout(pair, name):
    """Seconds for which a commit waits for a replica."""
    return pair.state(name)["heartbeat"]["timeout_ms"] / 1000


def test_network_between_the_databases_fails(play, pair, drill, wait_until):
    """Number 16: everybody else reaches the primary, so it stays. Writes go on after the timeout, and all heals."""
    with drill("cut-between-databases") as run:
        primary, replica = pair.primary, pair.replica
        cut = run.mark()
        with pair.cut_off(replica, [pair.addresses[primary]]):
            refused = play("failover.yml")
            assert not refused.succeeded, refused.output
            assert "which is no majority" in refused.said
            wait_until(lambda: degraded(pair, primary), "the heartbeat to say so")
            run.note("degraded_after_seconds", time.monotonic() - cut)
            run.goes_on(20)
            run.note("write_gap_seconds", run.load.gap(cut, time.monotonic()))
            refused = play("failover.yml")
            assert not refused.succeeded, refused.output
            assert pair.roles() == {primary: "primary", replica: "replica"}
        healed = run.mark()
        wait_until(lambda: not degraded(pair, primary), "commits to wait for the replica again")
        run.note("healed_after_seconds", time.monotonic() - healed)
        assert max(run.figures["write_gap_seconds"]) <= SLACK * timeout(pair, primary)


def test_replica_stopped(pair, drill, wait_until):
    """Number 17: writes wait no longer than the timeout, the heartbeat says so, and all heals when it is back."""
    with drill("replica-stopped") as run:
        primary, replica = pair.primary, pair.replica
        stopped = run.mark()
        pair.on(replica).check_output("systemctl stop mysql")
        wait_until(lambda: degraded(pair, primary), "the heartbeat to say so")
        run.note("degraded_after_seconds", time.monotonic() - stopped)
        run.goes_on(20)
        run.note("write_gap_seconds", run.load.gap(stopped, time.monotonic()))
        started = run.mark()
        pair.on(replica).check_output("systemctl start mysql")
        wait_until(lambda: not degraded(pair, primary), "commits to wait for the replica again")
        run.note("healed_after_seconds", time.monotonic() - started)
        assert max(run.figures["write_gap_seconds"]) <= SLACK * timeout(pair, primary)


def write_astray(pair, name, schema):
    """Write on a replica, as only root could; the GTID."""
    pair.sql(name, f"SET GLOBAL super_read_only = OFF; CREATE DATABASE {schema}; SET GLOBAL super_read_only = ON")
    return pair.errant()


def test_replica_with_writes_of_its_own(play, pair, drill, wait_until):
    """Number 20: it becomes no primary, with its source there or without, until that is accepted or it was rebuilt."""
    with drill("errant") as run:
        old, new = pair.primary, pair.replica
        gtid = write_astray(pair, new, "astray")
        refused = play("switchover.yml", "-e", f"webstack_primary={new}")
        assert not refused.succeeded, refused.output
        assert gtid in refused.said
        assert pair.roles() == {old: "primary", new: "replica"}

        pair.kill(old)
        pair.seen_down(old)
        refused = play("failover.yml")
        assert not refused.succeeded, refused.output
        assert f"add -e webstack_accept_errant={gtid}" in refused.said
        assert pair.roles() == {old: "down", new: "replica"}
        done = play("failover.yml", "-e", f"webstack_accept_errant={gtid}")
        assert done.succeeded, done.output
        run.goes_on()
        done = play("rejoin.yml")
        assert done.succeeded, done.output
        assert pair.roles() == {old: "replica", new: "primary"}
        pair.sql(new, "DROP DATABASE astray")

        gtid = write_astray(pair, old, "astray_again")
        since = run.mark()
        done = play("database.yml", "-e", "mysql_replication_reprovision=true")
        assert done.succeeded, done.output
        run.note("rebuild_seconds", time.monotonic() - since)
        assert gtid not in pair.sql(old, "SELECT @@GLOBAL.gtid_executed")
        assert pair.sql(old, "SHOW DATABASES LIKE 'astray%'") == ""
        wait_until(lambda: not pair.broken(), "commits to wait for the replica again")
        done = play("switchover.yml", "-e", f"webstack_primary={old}")
        assert done.succeeded, done.output
        assert pair.primary == old


def test_disk_full(play, pair, drill, wait_until):
    """Number 23: a primary without room takes no writes, says so in its log, and goes on when there is room."""
    with drill("disk-full") as run:
        old, new = pair.primary, pair.replica
        with pair.small_disk(new):
            wait_until(lambda: not pair.broken(), "the replica to be back on its small disk")
            done = play("switchover.yml", "-e", f"webstack_primary={new}")
            assert done.succeeded, done.output
            run.goes_on(20)
            full = run.mark()
            pair.fill(new)
            wait_until(lambda: run.load.gap(time.monotonic(), time.monotonic()) > 5, "writes to stand still")
            full_said = "grep -c 'No space left on device\\|Disk is full\\|is full' /var/log/mysql/error.log"
            wait_until(lambda: pair.on(new).run(full_said).rc == 0, "the server's log to say why")
            room = run.mark()
            pair.make_room(new)
            run.note("writes_back_seconds", run.back_after(room))
            run.note("write_gap_seconds", run.load.gap(full, time.monotonic()))
            assert pair.primary == new
            wait_until(lambda: not pair.broken(), "the replica to follow again")
            assert pair.missing(run.load) == set()
            done = play("switchover.yml", "-e", f"webstack_primary={old}")
            assert done.succeeded, done.output
        wait_until(lambda: not pair.broken(), "the replica to be back where it was")
