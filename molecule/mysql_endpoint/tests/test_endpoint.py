"""What the endpoint says and where HAProxy sends an application, while servers stop, hang, die and change roles."""

import time
from datetime import datetime
from itertools import pairwise

PROMPT = 3.0
"""Seconds for what is to take about one or two, on a busy machine."""


def at(moment: str) -> datetime:
    return datetime.fromisoformat(moment)


def servers(stream):
    """Who answered, in order, each once for as long as it did; None for errors."""
    found = []
    for _begin, _end, server, _error in stream:
        if found[-1:] != [server]:
            found.append(server)
    return found


def gap(stream):
    """The longest time from the end of one success to the end of the next."""
    ends = [end for _begin, end, server, _error in stream if server]
    return max(b - a for a, b in pairwise(ends))


def test_each_says_what_it_is(app, db1, db2):
    assert app.ask(db1, "/primary") == (200, "yes")
    assert app.ask(db1, "/replica") == (503, "it takes writes")
    assert app.ask(db2, "/primary") == (503, "it is read-only")
    assert app.ask(db2, "/replica") == (200, "yes")
    state = app.state(db2)
    assert state["heartbeat"]["server_uuid"] == db1.uuid
    assert (state["source_host"], state["receiver"], state["applier"]) == ("198.18.19.11", True, True)
    assert -1 < state["lag_seconds"] < 3


def test_writes_go_to_the_source_and_reads_to_the_replica(app, db1, db2):
    assert servers(app.run("write", 1)) == [db1.name]
    assert servers(app.run("read", 1)) == [db2.name]


def test_the_heartbeat_replicates_and_is_confirmed(app, db1, db2, wait):
    first = db2.heartbeat(db1)
    wait(lambda: db2.heartbeat(db1)["confirmed"] > first["confirmed"], "the next confirmation")
    row = db2.heartbeat(db1)
    assert (row["semi_sync"], row["timeout_ms"]) == ("1", "3000")
    assert 0 < (at(row["written"]) - at(row["confirmed"])).total_seconds() < 5
    assert db2.value(f"GTID_SUBTRACT('{row['gtid_executed']}', @@gtid_executed)") == ""


def test_a_heartbeat_a_second(db1, wait):
    """And no more of them: each is a transaction in every binary log."""

    def written():
        return at(db1.heartbeat(db1)["written"])

    first, start = written(), db1.value("@@gtid_executed")
    wait(lambda: (written() - first).total_seconds() >= 5, "some heartbeats")
    seconds = (written() - first).total_seconds()
    added = db1.value(f"GTID_SUBTRACT(@@gtid_executed, '{start}')").rsplit(":", 1)[1].split("-")
    assert int(added[-1]) - int(added[0]) + 1 <= seconds + 2


def test_a_replica_that_is_behind_is_none(app, db2, wait):
    """Receiver and applier run all the time. Red if lag is taken from whether they do."""
    db2.sql("STOP REPLICA SQL_THREAD; CHANGE REPLICATION SOURCE TO SOURCE_DELAY = 60; START REPLICA SQL_THREAD")
    try:
        wait(lambda: app.ask(db2, "/replica")[0] == 503, "the replica to be too far behind")
        reason = app.ask(db2, "/replica")[1]
        assert reason.endswith("s behind, more than 5")
        state = app.state(db2)
        assert (state["receiver"], state["applier"]) == (True, True)
        assert state["lag_seconds"] > 5
    finally:
        db2.sql("STOP REPLICA SQL_THREAD; CHANGE REPLICATION SOURCE TO SOURCE_DELAY = 0; START REPLICA SQL_THREAD")


def test_a_stopped_applier_is_told_at_once(app, db2):
    db2.sql("STOP REPLICA SQL_THREAD")
    try:
        assert app.ask(db2, "/replica") == (503, "it does not apply what it receives")
    finally:
        db2.sql("START REPLICA SQL_THREAD")


def test_replica_stopped_reads_go_to_the_primary_and_come_back(app, db1, db2, wait):
    held = app.begin("hold", 3307, 30)
    reads = app.begin("read", 12)
    wait(lambda: db2.sessions() >= 2, "the reads")
    db2.host.check_output("systemctl stop mysql")
    server, cut = held.result()
    found = reads.result()
    # The heartbeats that waited for the replica have gone on without it by now.
    on_primary = app.begin("hold", 3307, 60)
    db2.host.check_output("systemctl start mysql")
    assert (server, cut is not None) == (db2.name, True)
    assert [name for name in servers(found) if name] == [db2.name, db1.name]
    print(f"\nreads: longest gap {gap(found):.2f} s, {len([r for r in found if not r[2]])} errors")
    assert gap(found) < PROMPT
    server, cut = on_primary.result()
    assert (server, cut is not None) == (db1.name, True), "reads have to go back to the replica"


def test_without_the_replica_the_heartbeat_waits_and_nothing_else_does(app, db1, db2, wait):
    """Then semi-sync is off, which the heartbeat says; what was confirmed last stays, and so the bound."""
    process = db2.process
    # Time enough to see what happens meanwhile.
    db1.sql("SET GLOBAL rpl_semi_sync_source_timeout = 10000")
    db2.host.check_output(f"kill -STOP {process}")
    try:
        stopped, at_that_time = time.monotonic(), db1.value("UTC_TIMESTAMP(6)")
        slowest = 0.0
        while app.state(db1)["semi_sync_source"]:
            assert app.ask(db1, "/primary") == (200, "yes")
            slowest = max(slowest, app.took)
            assert time.monotonic() - stopped < 60
        took = time.monotonic() - stopped
        wait(lambda: db1.heartbeat(db1)["semi_sync"] == "0", "a heartbeat that says so")
        after = db1.heartbeat(db1)
        print(f"\nsemi-sync off after {took:.1f} s; slowest /primary meanwhile {slowest:.2f} s")
        assert 0 < slowest < PROMPT
        assert at(after["confirmed"]) < at(at_that_time)
        wait(lambda: db1.heartbeat(db1)["written"] > after["written"], "the next heartbeat")
        assert db1.heartbeat(db1)["confirmed"] == after["confirmed"]
        assert app.state(db1)["heartbeat"]["proven_until"] is not None
    finally:
        db2.host.check_output(f"kill -CONT {process}")
        db1.sql("SET GLOBAL rpl_semi_sync_source_timeout = 3000")
    wait(lambda: db1.heartbeat(db1)["confirmed"] > after["written"], "confirmations again")


def make_writable(server):
    server.sql(
        "SET GLOBAL super_read_only = OFF; SET GLOBAL read_only = OFF; SET GLOBAL rpl_semi_sync_source_enabled = ON"
    )


def test_primary_killed_no_writes_and_reads_go_on(app, db1, db2, wait):
    """Killed for good: the connection of the endpoint breaks, its socket refuses, and its answer is no all the time."""
    held = app.begin("hold", 3306, 30)
    reads = app.begin("read", 10)
    wait(lambda: db1.sessions() >= 1 and db2.sessions() >= 1, "the connections")
    killed = time.time()
    db1.host.check_output("systemctl kill --signal=KILL mysql; systemctl stop mysql")
    try:
        wait(lambda: app.up("mysql-write") == set(), "the write backend to be down")
        server, cut = held.result()
        assert server == db1.name
        assert cut - killed < PROMPT
        found = reads.result()
        assert {name for name in servers(found) if name} == {db2.name}
        print(f"\nreads: longest gap {gap(found):.2f} s, {len([r for r in found if not r[2]])} errors")
        assert gap(found) < PROMPT
        (_begin, _end, nobody, error) = app.run("once", "write")
        assert nobody is None, "there is nobody to write to"
        assert error
        assert app.ask(db1, "/primary")[0] == 503
        assert "error" in app.state(db1)
        wait(
            lambda: app.ask(db2, "/replica") == (503, "it does not receive from 198.18.19.11"), "the replica to notice"
        )
    finally:
        db1.host.check_output("systemctl start mysql")
        make_writable(db1)


def test_a_hanging_server_is_none(app, db1, wait):
    """SIGSTOP: its socket takes connections, and nothing ever comes."""
    process = db1.process
    db1.host.check_output(f"kill -STOP {process}")
    try:
        assert app.ask(db1, "/primary")[0] == 503
        assert app.took < PROMPT
        wait(lambda: app.up("mysql-write") == set(), "the write backend to be down")
    finally:
        db1.host.check_output(f"kill -CONT {process}")
    wait(lambda: app.ask(db1, "/primary")[0] == 200, "the server to be back")


def follow(server, source):
    server.sql(
        f"CHANGE REPLICATION SOURCE TO SOURCE_HOST = '{source}', SOURCE_PORT = 3306, SOURCE_USER = 'replication',"
        " SOURCE_PASSWORD = 'let me fetch', SOURCE_SSL = 1, SOURCE_AUTO_POSITION = 1, SOURCE_CONNECT_RETRY = 1,"
        " SOURCE_RETRY_COUNT = 0; START REPLICA"
    )


def exchange(old, new, new_address, wait):
    """A planned change of roles, by hand."""
    old.sql("SET GLOBAL super_read_only = ON")
    done = old.value("@@gtid_executed")
    assert new.value(f"WAIT_FOR_EXECUTED_GTID_SET('{done}', 30)") == 0
    new.sql("STOP REPLICA; RESET REPLICA ALL")
    make_writable(new)
    old.sql("SET GLOBAL rpl_semi_sync_source_enabled = OFF")
    follow(old, new_address)


def test_roles_change_there_and_back(app, db1, db2, wait):
    """Writes follow, sessions of the demoted server are cut, heartbeats stop and begin, without any configuration."""
    for old, new, address in ((db1, db2, "198.18.19.12"), (db2, db1, "198.18.19.11")):
        held = app.begin("hold", 3306, 60)
        writes = app.begin("write", 15)
        wait(lambda old=old: old.sessions() >= 2, "the writes")
        exchange(old, new, address, wait)
        server, cut = held.result()
        found = writes.result()
        assert (server, cut is not None) == (old.name, True)
        assert [name for name in servers(found) if name] == [old.name, new.name]
        print(f"\nwrites: longest gap {gap(found):.2f} s, {len([r for r in found if not r[2]])} errors")
        wait(lambda old=old: app.ask(old, "/replica") == (200, "yes"), "the old one to be a replica")
        wait(lambda old=old, new=new: app.state(old)["heartbeat"]["server_uuid"] == new.uuid, "the new one's heartbeat")
        wait(lambda new=new: app.state(new)["heartbeat"]["confirmed"], "a confirmation")
        last, now = old.heartbeat(old), new.heartbeat(new)["written"]
        wait(lambda new=new, now=now: new.heartbeat(new)["written"] > now, "a heartbeat")
        assert new.heartbeat(old) == last, "the old source writes no heartbeat any more"
    assert db2.value(f"GTID_SUBTRACT(@@gtid_executed, '{db1.value('@@gtid_executed')}')") == ""


def test_the_account_can_write_its_table_and_no_other(db1, db2):
    def as_service(server, statement):
        return server.host.run("runuser -u mysql-endpoint -- mysql --execute=%s", statement)

    assert as_service(db1, "SELECT * FROM webstack.heartbeat").rc == 0
    assert "denied" in as_service(db1, "DELETE FROM webstack.heartbeat").stderr
    assert "denied" in as_service(db1, "SELECT * FROM guestbook.probe").stderr
    assert "denied" in as_service(db1, "SET GLOBAL super_read_only = OFF").stderr
    assert "ERROR 1290" in as_service(db2, "UPDATE webstack.heartbeat SET semi_sync = 0").stderr


def test_the_service_survives_a_restart_of_its_server(app, db2, wait):
    process = db2.host.check_output("systemctl show --property=MainPID --value mysql-endpoint")
    db2.host.check_output("systemctl restart mysql")
    wait(lambda: app.ask(db2, "/replica") == (200, "yes"), "the replica to be back")
    assert db2.host.check_output("systemctl show --property=MainPID --value mysql-endpoint") == process


def test_a_killed_service_takes_nobody_out(app, db1, wait):
    """Checks wait at its socket. Red without FileDescriptorStoreMax: they are refused, and all sessions are cut."""
    held = app.begin("hold", 3306, 10)
    wait(lambda: db1.sessions() >= 1, "the connection")
    for _ in range(3):
        process = db1.host.check_output("systemctl show --property=MainPID --value mysql-endpoint")
        db1.host.check_output("systemctl kill --signal=KILL mysql-endpoint")
        wait(
            lambda old=process: (
                db1.host.check_output("systemctl show --property=MainPID --value mysql-endpoint") not in (old, "0")
            ),
            "the service",
        )
        wait(lambda: app.ask(db1, "/primary") == (200, "yes"), "its answer")
    assert held.result() == [db1.name, None]


def killed(server, wait):
    """Kill the server, and wait until it runs again."""
    process = server.process
    server.host.check_output("systemctl reset-failed mysql; systemctl kill --signal=KILL mysql")
    wait(lambda: server.process not in (process, "0") and server.run("SELECT 1").rc == 0, "the server to run again")


def why(app, server):
    """What keeps a server from taking writes again, as it says itself."""
    state = app.state(server)
    return "" if state.get("writable") else (state.get("reopen") or {}).get("why", "")


def test_a_killed_primary_takes_writes_again_by_itself(app, db1, db2, wait):
    """And its commits wait for a replica as before. Red while it takes failover.yml to say so."""
    before = db1.value("@@rpl_semi_sync_source_timeout")
    writes = app.begin("write", 60)
    wait(lambda: db1.sessions() >= 1, "the writes")
    killed(db1, wait)
    began = time.monotonic()
    wait(lambda: app.ask(db1, "/primary") == (200, "yes"), "it to take writes")
    print(f"\nopen {time.monotonic() - began:.1f} s after it was up; longest gap {gap(writes.result()):.1f} s")
    state = app.state(db1)
    assert state["epoch"] == {"number": state["epoch"]["number"], "server_uuid": db1.uuid}
    assert (state["semi_sync_source"], state["semi_sync_replicas"]) == (True, 1)
    assert db1.value("@@rpl_semi_sync_source_wait_no_replica") == 1
    assert db1.value("@@rpl_semi_sync_source_timeout") == before
    ahead = db2.value("@@gtid_executed")
    assert db1.value(f"GTID_SUBTRACT('{ahead}', @@gtid_executed)") == ""


def test_without_its_replica_it_stays_closed_and_says_why(app, db1, db2, wait):
    db2.host.check_output("systemctl stop mysql")
    try:
        killed(db1, wait)
        wait(lambda: why(app, db1).startswith("mysqlep-db2 cannot be asked"), "it to say why")
        assert app.ask(db1, "/primary")[0] == 503
    finally:
        db2.host.check_output("systemctl start mysql")
    wait(lambda: app.ask(db1, "/primary") == (200, "yes"), "it to take writes, started in this order, too")


def test_while_a_verb_holds_the_lock_it_stays_closed(app, db1, db2, wait):
    """On its own host or on another's. Red when a verb and a server that reopens can both go on."""
    for holder in (db1, db2):
        taken = holder.module("mysql_role_lock", verb="switchover.yml")
        assert taken["lock"], taken
        try:
            killed(db1, wait)
            wait(lambda: why(app, db1).startswith("switchover.yml of "), "it to say why")
            assert app.state(holder)["lock"]["verb"] == "switchover.yml"
        finally:
            holder.module("mysql_role_lock", state="free", lock=taken["lock"])
        wait(lambda: app.ask(db1, "/primary") == (200, "yes"), "it to take writes")


def test_a_server_that_somebody_has_closed_stays_closed(app, db1, wait):
    db1.sql("SET GLOBAL super_read_only = ON")
    wait(lambda: "somebody has ended that" in why(app, db1), "it to say why")
    db1.sql("SET GLOBAL read_only = OFF")


def test_the_account_that_opens_reads_no_data(db1):
    denied = db1.host.run("runuser -u mysql-reopen -- mysql --execute='SELECT * FROM guestbook.probe'")
    assert "denied" in denied.stderr
    assert db1.host.run("runuser -u mysql-reopen -- mysql --execute='SELECT 1'").rc == 0
    assert db1.host.run("runuser -u mysql-reopen -- sh -c 'echo > /var/lib/webstack-mysql/role.lock'").rc != 0
