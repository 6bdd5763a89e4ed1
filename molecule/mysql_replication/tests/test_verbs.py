"""The primary moved, lost, replaced and brought back: by the modules that the playbooks use."""

from pathlib import Path

import pytest
import yaml

ADDRESSES = {"mysql-db1": "198.18.11.11", "mysql-db2": "198.18.11.12"}
INSERT = "INSERT INTO guestbook.entries (entry) VALUES ('{}')"
VARIABLES = yaml.safe_load((Path(__file__).resolve().parents[1] / "group_vars/databases.yml").read_text())


@pytest.fixture(scope="module")
def exchange(channel_accounts):
    """Let the other server take the writes."""

    def run(old, new, **options):
        return old.module(
            "mysql_switchover",
            candidate_host=ADDRESSES[new.name],
            user="verbs",
            password="exchange us",
            ca="/etc/webstack/tls/ca.pem",
            **channel_accounts,
            **options,
        )

    return run


@pytest.fixture(scope="module")
def channel_accounts():
    return {"source_user": "replication", "source_password": "let 'me' % fetch"}


@pytest.fixture(scope="module")
def follow(channel_accounts):
    """Let a server replicate from another."""

    def run(server, source, **options):
        return server.module(
            "mysql_replica",
            source_host=ADDRESSES[source.name],
            source_ca="/etc/webstack/tls/ca.pem",
            clone_user="clone",
            clone_password="let me copy",
            **channel_accounts,
            **options,
        )

    return run


@pytest.fixture
def whole(db1, db2, exchange, wait, in_sync):
    """db1 takes writes and db2 replicates from it, before and after."""

    def ready(source):
        wait(lambda: source.sql("SHOW STATUS LIKE 'Rpl_semi_sync_source_status'")[0][1] == "ON", "acknowledgements")

    ready(db1)
    yield ready
    if db2.value("@@read_only") == 0:
        ready(db2)
        result = exchange(db2, db1)
        assert "failed" not in result, result["msg"]
    ready(db1)
    in_sync()


def roles(*servers):
    return [server.module("mysql_server_info", server=True)["role"] for server in servers]


def exchanged():
    """The topology of the scenario with the roles exchanged, as the filter gives it."""
    one, other = (dict(VARIABLES["topology"][name]) for name in ADDRESSES)
    here, there = ({"name": host["name"], "host": host["address"], "port": 3306} for host in (one, other))
    one |= {"role": "replica", "read_only": True, "source": there, "replicas": []}
    other |= {"role": "primary", "read_only": False, "source": None, "replicas": [here]}
    return {"mysql-db1": one, "mysql-db2": other}


def test_the_roles_are_exchanged_and_a_run_of_the_role_respects_that(db1, db2, exchange, play, whole):
    check = db1.module(
        "mysql_switchover",
        check=True,
        candidate_host=ADDRESSES["mysql-db2"],
        user="verbs",
        password="exchange us",
        ca="/etc/webstack/tls/ca.pem",
        source_user="replication",
        source_password="let 'me' % fetch",
    )
    assert check["changed"] is True, check
    assert roles(db1, db2) == ["primary", "replica"]
    result = exchange(db1, db2)
    assert "failed" not in result, result["msg"]
    assert result["steps"] == check["steps"]
    assert result["gap_seconds"] < 2
    assert roles(db1, db2) == ["replica", "primary"]
    db2.sql(INSERT.format("on the new source"))
    assert db2.sql("SHOW STATUS LIKE 'Rpl_semi_sync_source_no_tx'")[0][1] == "0"
    process = db1.process, db2.process
    run = play(topology=exchanged())
    assert run.returncode == 0, run.stdout
    assert run.stdout.count("changed=0") == 2, run.stdout
    assert (db1.process, db2.process) == process
    again = exchange(db1, db2)
    assert "takes no writes, so there is nothing to move" in again["msg"]


def test_an_exchange_that_cannot_be_finished_is_taken_back(db1, db2, exchange, whole, wait):
    """A transaction that has a lock would keep everybody waiting."""
    job = "mysql --execute='LOCK TABLES guestbook.entries WRITE; SELECT SLEEP(8)' >/dev/null 2>&1 &"
    db1.host.check_output(job)
    result = exchange(db1, db2)
    assert result["failed"] is True
    assert "SELECT SLEEP(8)" in result["msg"]
    assert roles(db1, db2) == ["primary", "replica"]
    assert db2.replicates()
    sleeping = "SELECT 1 FROM performance_schema.processlist WHERE INFO LIKE 'SELECT SLEEP(8)%'"
    wait(lambda: db1.sql(sleeping) == [], "the lock to be gone")


def test_an_errant_transaction_on_the_replica_refuses(db1, db2, exchange, whole, follow):
    db2.sql("SET GLOBAL super_read_only = OFF; CREATE DATABASE astray; SET GLOBAL super_read_only = ON")
    result = exchange(db1, db2)
    assert result["failed"] is True
    assert f"transactions that this server has not ({db2.value('@@server_uuid')}:" in result["msg"]
    assert roles(db1, db2) == ["primary", "replica"]
    db2.sql("STOP REPLICA; RESET REPLICA ALL")
    assert "failed" not in follow(db2, db1, reprovision=True)


def test_a_primary_that_is_killed_and_comes_back_takes_no_writes(db1, db2, whole, wait):
    """systemd starts it again at once."""
    process = db1.process
    db1.host.check_output("systemctl kill --signal=SIGKILL mysql")
    wait(lambda: db1.process not in ("0", process) and db1.run("SELECT 1").rc == 0, "the server to run again")
    assert "read-only" in db1.run(INSERT.format("too early")).stderr
    assert roles(db1, db2) == ["read_only", "replica"]
    db1.writable()
    wait(db2.replicates, "the replica to connect again")


def test_a_lost_primary_is_replaced_and_comes_back_without_what_only_it_had(db1, db2, whole, follow, wait):
    """What a crashed source holds and nobody acknowledged is saved, and goes."""
    db2.sql("STOP REPLICA IO_THREAD")
    db1.sql("SET GLOBAL rpl_semi_sync_source_enabled = OFF")
    db1.sql(INSERT.format("only here"))
    db1.host.check_output("systemctl kill --signal=SIGKILL mysql")
    fenced = db1.module("mysql_fence", state="stopped")
    assert fenced["service"]["MainPID"] == "0", fenced
    assert db1.module("mysql_fence", state="stopped")["changed"] is False
    assert roles(db1) == ["down"]

    promoted = db2.module("mysql_primary", reason="failover", wait_no_replica=False)
    assert promoted["writable"] is True, promoted
    db2.sql(INSERT.format("while db1 is away"))
    assert roles(db2) == ["primary"]
    assert db2.sql("SHOW REPLICA STATUS") == []

    executed = db2.value("@@GLOBAL.gtid_executed")
    back = db1.module("mysql_rejoin", gtid_executed=executed)
    assert back["transactions"] >= 1, back
    saved = db1.host.file(back["file"])
    assert (saved.mode, saved.user) == (0o600, "root")
    assert "only here" in saved.content_string
    assert db1.value("@@super_read_only") == 1
    refused = follow(db1, db2)
    assert "transactions that the source has not" in refused["msg"]
    assert "failed" not in follow(db1, db2, reprovision=True)
    assert db2.module("mysql_primary", reason="failover", wait_no_replica=True)["changed"] is True
    whole(db2)
    assert db1.sql("SELECT COUNT(*) FROM guestbook.entries WHERE entry = 'only here'") == [["0"]]
    assert db1.sql("SELECT COUNT(*) FROM guestbook.entries WHERE entry = 'while db1 is away'") == [["1"]]
    assert roles(db1, db2) == ["replica", "primary"]


def test_a_fence_cuts_off_and_is_opened(db2):
    """Both ways, existing connections too."""
    reach = f"bash -c 'exec 3<>/dev/tcp/{ADDRESSES['mysql-db1']}/3306'"

    def changed(**arguments):
        result = db2.module("mysql_fence", **arguments)
        assert "failed" not in result, result["msg"]
        return result["changed"]

    assert db2.host.run(f"timeout 3 {reach}").rc == 0
    try:
        assert changed(state="cut_off", addresses=[ADDRESSES["mysql-db1"]]) is True
        assert changed(state="cut_off", addresses=[ADDRESSES["mysql-db1"]]) is False
        assert db2.host.run(f"timeout 3 {reach}").rc != 0
    finally:
        assert changed(state="open") is True
    assert changed(state="open") is False
    assert db2.host.run(f"timeout 3 {reach}").rc == 0
