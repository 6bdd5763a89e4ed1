"""A source and its replica under what happens to them: writes, restarts, mistakes in variables, divergence, loss."""

from concurrent.futures import ThreadPoolExecutor

import pytest

INSERT = "INSERT INTO guestbook.entries (entry) VALUES ('{}')"


def test_a_write_reaches_the_replica(db1, db2, wait):
    db1.sql(INSERT.format("hello"))
    wait(
        lambda: db2.sql("SELECT COUNT(*) > 0 FROM guestbook.entries WHERE entry = 'hello'") == [["1"]],
        "the entry on the replica",
    )


def test_a_commit_is_acknowledged_by_the_replica(db1):
    def acknowledged():
        return int(db1.sql("SHOW STATUS LIKE 'Rpl_semi_sync_source_yes_tx'")[0][1])

    before = acknowledged()
    db1.sql(INSERT.format("acknowledged"))
    assert acknowledged() == before + 1
    assert db1.sql("SHOW STATUS LIKE 'Rpl_semi_sync_source_no_tx'") == [["Rpl_semi_sync_source_no_tx", "0"]]


def test_the_replica_refuses_root(db2):
    result = db2.run("CREATE DATABASE astray")
    assert "super-read-only" in result.stderr


def test_a_restarted_replica_is_read_only_and_goes_on(db1, db2, in_sync, wait):
    assert db2.host.run("systemctl restart mysql").rc == 0
    assert db2.value("@@super_read_only") == 1
    db1.sql(INSERT.format("after the restart"))
    wait(db2.replicates, "the replica to go on by itself")
    in_sync()


def test_a_restarted_source_takes_no_writes_until_it_is_told_to(db1, db2, in_sync, play, wait):
    """Nobody but a verb does that: the role configures what it can, and ends with what to run.

    The replica comes back by itself, within seconds: MySQL's own default is to try once a minute.
    """
    assert db1.host.run("systemctl restart mysql").rc == 0
    assert (db1.value("@@super_read_only"), db1.value("@@rpl_semi_sync_source_enabled")) == (1, 0)
    result = play()
    assert result.returncode != 0
    said = " ".join(result.stdout.split())
    assert "ansible-playbook foobar.webstack.failover -i " in said
    assert "-e webstack_primary=mysql-db1 makes it take writes again" in said
    assert db1.value("@@super_read_only") == 1
    result = db1.module("mysql_primary", check=True, reason="failover")
    assert (result["changed"], result["writable"], db1.value("@@super_read_only")) == (True, True, 1)
    db1.writable()
    clients = "SHOW STATUS LIKE 'Rpl_semi_sync_source_clients'"
    wait(lambda: db1.sql(clients)[0][1] == "1", "the replica to connect again")
    db1.sql(INSERT.format("after the restart of the source"))
    assert db1.sql("SHOW STATUS LIKE 'Rpl_semi_sync_source_yes_tx'")[0][1] == "1"
    in_sync()


def test_accounts_can_do_what_they_are_for_and_no_more(db1, db2):
    def guestbook(statement, **options):
        return db2.as_user(statement, user="guestbook", password="first", server="198.18.11.11", **options)

    assert guestbook(INSERT.format("from the application")).rc == 0
    assert "denied" in guestbook("DROP TABLE guestbook.entries").stderr
    assert "denied" in guestbook("SELECT * FROM mysql.user").stderr
    assert "denied" in guestbook("SELECT 1", tls=False).stderr

    def report(statement, host=db2):
        return host.as_user(statement, user="report", password="read only", server="198.18.11.11")

    assert report("SELECT COUNT(*) FROM guestbook.entries").rc == 0
    assert "denied" in report("DELETE FROM guestbook.entries").stderr
    assert "denied" in report("SELECT 1", host=db1).stderr, "report has an account for db2 only"


def test_a_backup_account_dumps_everything_and_streams_the_binary_log_and_no_more(db1, db2):
    """The dump is consistent and says where the binary log goes on from there."""

    def backup(command, *arguments):
        return db1.host.run(f"MYSQL_PWD='back me up' {command} --user=backup", *arguments)

    dump = backup(
        "mysqldump --single-transaction --source-data=2 --all-databases --routines --events --triggers"
        " --set-gtid-purged=ON"
    )
    assert (dump.rc, dump.stderr) == (0, "")
    for part in "CHANGE REPLICATION SOURCE TO", "GTID_PURGED", "INSERT INTO `entries`", "Dump completed":
        assert part in dump.stdout
    log = db1.sql("SHOW BINARY LOG STATUS")[0][0]
    stream = backup("mysqlbinlog --read-from-remote-server --raw --result-file=/run/copy- %s", log)
    assert stream.rc == 0, stream.stderr
    assert db1.host.file(f"/run/copy-{log}").size > 100
    for statement in INSERT.format("x"), "CREATE USER x", "DROP TABLE guestbook.entries", "SET GLOBAL read_only = ON":
        result = backup("mysql --execute=%s", statement)
        assert "denied" in result.stderr, statement
    assert "denied" in db2.as_user("SELECT 1", user="backup", password="back me up", server="198.18.11.11").stderr


def test_a_monitoring_account_comes_in_through_the_socket_sees_figures_and_no_data(db1, db2):
    def monitor(statement, user="nobody"):
        return db2.host.run("runuser -u %s -- mysql --user=monitoring --execute=%s", user, statement)

    for statement in (
        "SHOW REPLICA STATUS",
        "SHOW GLOBAL STATUS",
        "SHOW GLOBAL VARIABLES",
        "SELECT COUNT(*) FROM information_schema.processlist",
        "SELECT * FROM performance_schema.replication_applier_status_by_worker",
        "SELECT * FROM information_schema.innodb_metrics",
    ):
        assert monitor(statement).rc == 0, statement
    for statement in "SELECT * FROM guestbook.entries", "SELECT * FROM mysql.user", "SHUTDOWN":
        assert "denied" in monitor(statement).stderr, statement
    assert "denied" in monitor("SELECT 1", user="mysql").stderr, "another user of the system"


def test_another_password_locks_nobody_out_and_accounts_that_nobody_should_have_are_dropped(db1, db2, play, in_sync):
    db1.sql(
        "CREATE USER ''@'198.18.11.12'; CREATE USER root@'%' IDENTIFIED BY 'x'; CREATE USER guestbook@'198.18.11.99';"
        " CREATE USER somebody@'198.18.11.99'"
    )
    result = play("mysql-db1", guestbook_password="second")
    assert result.returncode == 0, result.stdout
    assert "second" not in result.stdout
    left = db1.sql("SELECT CONCAT(user, '@', host) FROM mysql.user WHERE host <> 'localhost' ORDER BY 1")
    assert [name for (name,) in left] == [
        "clone@198.18.11.11",
        "clone@198.18.11.12",
        "guestbook@198.18.11.11",
        "guestbook@198.18.11.12",
        "replication@198.18.11.11",
        "replication@198.18.11.12",
        "report@198.18.11.12",
        "somebody@198.18.11.99",
        "verbs@198.18.11.11",
        "verbs@198.18.11.12",
    ]
    db1.sql("DROP USER somebody@'198.18.11.99'")

    def works(password):
        return db2.as_user("SELECT 1", user="guestbook", password=password, server="198.18.11.11").rc == 0

    def accounts(password, **options):
        user = {
            "name": "guestbook",
            "hosts": ["198.18.11.11", "198.18.11.12"],
            "password": password,
            "privileges": {"guestbook.*": ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE"]},
        }
        return db1.module("mysql_accounts", users=[user], **options)

    assert (works("first"), works("second")) == (True, True), "an application that has not been given it yet goes on"
    assert accounts("second")["changed"] is False, "a second run is no second rotation"
    refused = accounts("third")
    assert refused["failed"] is True
    assert "the previous one is still valid" in refused["msg"]
    assert (works("first"), works("second"), works("third")) == (True, True, False)
    discarded = play(playbook="discard.yml", guestbook_password="second")
    assert discarded.returncode == 0, discarded.stdout
    assert (works("first"), works("second")) == (False, True)
    assert accounts("second", discard_old_passwords=True)["changed"] is False
    back = accounts("first")
    assert back["old_passwords"] == ["guestbook@198.18.11.11", "guestbook@198.18.11.12"]
    accounts("first", discard_old_passwords=True)
    assert (works("first"), works("second")) == (True, False)
    in_sync()


def test_the_replication_s_password_changes_while_it_runs(db1, db2, play, writing, in_sync):
    """The replica is told, and then needs the old one no more."""
    with writing(db1) as figures:
        result = play(replication_password="fetch otherwise", mysql_replication_discard_old_passwords=True)
    assert result.returncode == 0, result.stdout
    assert float(figures[1]) < 10, "no commit waited for a replica until it was given up"
    assert db1.sql("SELECT user FROM mysql.user WHERE User_attributes LIKE '%additional_password%'") == []
    db2.sql("STOP REPLICA IO_THREAD; START REPLICA IO_THREAD")
    in_sync()
    assert play(mysql_replication_discard_old_passwords=True).returncode == 0
    in_sync()


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        pytest.param({"max_connection": 100}, "unknown variable", id="misspelt"),
        pytest.param({"innodb_flush_log_at_trx_commit": 9}, "adjusted to 2", id="out of range"),
        pytest.param(
            {"lower_case_table_names": 0},
            "mysql-db2: lower_case_table_names is 1 on this server, and only the initialisation",
            id="of another initialisation",
        ),
    ],
)
def test_a_mistake_in_the_variables_stops_the_play_and_the_server_goes_on(db2, play, variables, complaint):
    """`mysqld --validate-config` alone takes the second one: it adjusts the value and says so in a warning."""
    file = "/etc/mysql/mysql.conf.d/webstack.cnf"
    before = db2.process, db2.host.file(file).content
    result = play("mysql-db2", mysql_replication_variables=variables)
    assert result.returncode != 0
    assert complaint in " ".join(result.stdout.split())
    assert (db2.process, db2.host.file(file).content) == before
    assert db2.replicates()


def test_what_only_an_initialisation_can_set_is_set_by_the_first(db1, db2):
    assert (db1.value("@@lower_case_table_names"), db2.value("@@lower_case_table_names")) == (1, 1)


def test_a_configuration_that_does_not_start_is_taken_back(db2, play, wait):
    """An address that the host does not have passes every validation."""
    file = "/etc/mysql/mysql.conf.d/webstack.cnf"
    before = db2.host.file(file).content
    result = play("mysql-db2", mysql_replication_bind_addresses=["203.0.113.1"])
    assert result.returncode != 0
    output = " ".join(result.stdout.split())
    assert "MySQL does not start with the new /etc/mysql/mysql.conf.d/webstack.cnf, needed for bind_address" in output
    assert "Cannot assign requested address" in output
    assert db2.host.file(file).content == before
    wait(db2.replicates, "the replica to go on with the old configuration")
    assert (
        db2.host.check_output("ls /etc/mysql/mysql.conf.d")
        == "mysql.cnf\nmysqld.cnf\nwebstack-initial.cnf\nwebstack.cnf\nwebstack.cnf.works"
    )


def test_settings_change_without_a_restart_where_they_can(db2, play):
    """And a restart that an interrupted run owed is made up for: the file is there, the server does not know it."""
    process = db2.process
    assert play("mysql-db2", mysql_replication_max_connections=99).returncode == 0
    assert (db2.value("@@max_connections"), db2.process) == (99, process)

    file = "/etc/mysql/mysql.conf.d/webstack.cnf"
    db2.host.check_output(
        "sed -i 's/^bind_address.*/bind_address = 127.0.0.1,198.18.11.12/; s/ = 99$/ = 151/' %s", file
    )
    result = play("mysql-db2", mysql_replication_bind_addresses=["127.0.0.1", "198.18.11.12"])
    assert result.returncode == 0, result.stdout
    assert db2.process != process
    assert (db2.value("@@bind_address"), db2.value("@@max_connections")) == ("127.0.0.1,198.18.11.12", 151)
    assert play("mysql-db2").returncode == 0
    assert db2.value("@@bind_address") == "*"


def test_exchanged_roles_in_the_inventory_are_refused(db1, db2, play):
    """The first run of a wrong inventory would otherwise make the source read-only, or split the data."""
    topology = {
        "mysql-db2": {
            "address": "198.18.11.12",
            "server_id": 12,
            "replicas": [{"host": "198.18.11.11"}],
        },
        "mysql-db1": {"address": "198.18.11.11", "server_id": 11, "source": {"host": "198.18.11.12"}},
    }
    result = play(topology=topology)
    assert result.returncode != 0
    assert "switchover" in result.stdout
    assert result.stdout.count("changed=0") == 2
    result = play("mysql-db1", topology=topology)
    assert result.returncode != 0
    assert "This server takes writes and has databases (guestbook)" in " ".join(result.stdout.split())
    assert (db1.value("@@read_only"), db2.value("@@super_read_only")) == (0, 1)
    assert db2.replicates()


def test_a_stopped_replica_is_started(db2, channel):
    assert db2.module("mysql_replica", **channel)["changed"] is False
    db2.sql("STOP REPLICA SQL_THREAD")
    result = db2.module("mysql_replica", check=True, **channel)
    assert (result["changed"], result["statements"]) == (True, ["START REPLICA"])
    assert result["diff"]["before"] == {"replication": "applier stopped"}
    assert not db2.replicates(), "check mode must not start it"
    result = db2.module("mysql_replica", **channel)
    assert (result["changed"], result["statements"]) == (True, ["START REPLICA"])
    assert result["replica"] == {"source": "198.18.11.11:3306", "receiver": "Yes", "applier": "Yes"}
    assert db2.module("mysql_replica", **channel)["changed"] is False


def test_a_wrong_password_is_said_and_the_replica_runs_on(db2, channel):
    result = db2.module("mysql_replica", **channel | {"source_password": "wrong"})
    assert result["failed"] is True
    assert "Access denied for user 'replication'@'198.18.11.12'" in result["msg"]
    assert "The replication from 198.18.11.11:3306 was not touched" in result["msg"]
    assert db2.replicates()


def test_an_unreachable_source_is_said_and_the_replica_runs_on(db2, channel):
    result = db2.module("mysql_replica", **channel | {"source_host": "198.18.11.77", "timeout": 5})
    assert result["failed"] is True
    assert "the source 198.18.11.77:3306" in result["msg"].replace("The", "the")
    assert db2.replicates()


def test_only_what_differs_is_changed(db2, channel):
    """Passwords are hidden, and the applier goes on."""
    since = db2.sql("SELECT THREAD_ID FROM performance_schema.replication_applier_status_by_coordinator")
    for seconds in 7, 5:
        result = db2.module("mysql_replica", **channel | {"connect_retry": seconds})
        assert result["statements"] == [
            "STOP REPLICA IO_THREAD",
            f"CHANGE REPLICATION SOURCE TO SOURCE_CONNECT_RETRY = {seconds}",
            "START REPLICA IO_THREAD",
        ]
    assert db2.sql("SELECT THREAD_ID FROM performance_schema.replication_applier_status_by_coordinator") == since


def test_a_replica_that_does_not_acknowledge_is_made_to(db2, channel):
    """MySQL heeds rpl_semi_sync_replica_enabled only when the replica connects."""
    status = "SHOW STATUS LIKE 'Rpl_semi_sync_replica_status'"
    db2.sql("SET GLOBAL rpl_semi_sync_replica_enabled = OFF; STOP REPLICA IO_THREAD; START REPLICA IO_THREAD")
    db2.sql("SET GLOBAL rpl_semi_sync_replica_enabled = ON")
    assert db2.sql(status)[0][1] == "OFF"
    result = db2.module("mysql_replica", **channel)
    assert result["statements"] == ["STOP REPLICA IO_THREAD", "START REPLICA IO_THREAD"]
    assert db2.sql(status)[0][1] == "ON"


def test_a_source_is_no_replica(db1, db2):
    assert db1.module("mysql_replica", state="absent")["changed"] is False
    result = db2.module("mysql_replica", state="absent")
    assert result["failed"] is True
    assert "it is a replica of 198.18.11.11:3306" in result["msg"]


def test_a_replica_that_diverged_is_explained_kept_and_on_demand_replaced(db1, db2, channel, in_sync, wait):
    """A row that only the replica has: it cannot apply, may not follow anew, and only reprovision overwrites it."""
    db1.sql("DELETE FROM guestbook.entries WHERE id = 1000000")
    in_sync()
    db2.sql("SET GLOBAL super_read_only = OFF; SET GLOBAL read_only = OFF")
    db2.sql("INSERT INTO guestbook.entries (id, entry) VALUES (1000000, 'mine')")
    db2.sql("SET GLOBAL super_read_only = ON")
    result = db2.module("mysql_replica", **channel)
    assert "transactions that its source has not" in result["warnings"][0]

    db1.sql("INSERT INTO guestbook.entries (id, entry) VALUES (1000000, 'theirs')")
    wait(lambda: not db2.replicates(), "the replica to fail")
    result = db2.module("mysql_replica", **channel)
    assert result["failed"] is True
    assert "Duplicate entry '1000000'" in result["msg"]
    assert "a row that the source inserted is here already" in result["msg"]

    db2.sql("STOP REPLICA; RESET REPLICA ALL")
    result = db2.module("mysql_replica", **channel)
    assert result["failed"] is True
    assert "This server has databases (guestbook), and has transactions that the source has not" in result["msg"]
    assert db2.sql("SELECT entry FROM guestbook.entries WHERE id = 1000000") == [["mine"]]

    result = db2.module("mysql_replica", reprovision=True, **channel)
    assert "failed" not in result, result["msg"]
    assert any("CLONE INSTANCE" in statement for statement in result["statements"])
    assert db2.sql("SELECT entry FROM guestbook.entries WHERE id = 1000000") == [["theirs"]]
    in_sync()
    assert db2.module("mysql_replica", reprovision=True, **channel)["changed"] is False


def test_an_interrupted_clone_is_made_good_by_the_next_run(db2, channel, in_sync, wait):
    """The server dies half-way, when its old data is gone and the new data is not there."""
    db2.sql(
        "STOP REPLICA; RESET REPLICA ALL; SET GLOBAL super_read_only = OFF; SET GLOBAL clone_max_data_bandwidth = 1"
    )
    db2.sql("DROP DATABASE guestbook; RESET BINARY LOGS AND GTIDS; SET GLOBAL super_read_only = ON")
    with ThreadPoolExecutor() as background:
        first = background.submit(db2.module, "mysql_replica", **channel | {"timeout": 5})
        stage = "SELECT STATE FROM performance_schema.clone_progress WHERE STAGE = 'FILE COPY'"
        wait(lambda: db2.sql(stage) == [["In Progress"]], "CLONE to copy files")
        assert db2.host.run("systemctl kill --signal=SIGKILL mysql").rc == 0
    assert first.result()["failed"] is True
    assert "Run again to start anew" in first.result()["msg"]
    result = db2.module("mysql_replica", **channel)
    assert any("CLONE INSTANCE" in statement for statement in result["statements"])
    in_sync()


def test_a_wiped_replica_gets_the_data_of_a_source_whose_logs_are_gone(db1, db2, play, in_sync):
    """All that is left of the replica is its configuration. The source's history cannot be replayed, only copied."""
    identity = db2.value("@@server_uuid")
    db1.sql("FLUSH BINARY LOGS")
    db1.sql(f"PURGE BINARY LOGS TO '{db1.sql('SHOW BINARY LOG STATUS')[0][0]}'")
    wiped = db2.host.run(
        "systemctl stop mysql && find /var/lib/mysql -mindepth 1 -delete"
        " && DEBIAN_FRONTEND=noninteractive dpkg-reconfigure mysql-server"
    )
    # The package's script keeps what mysqld says to itself.
    assert wiped.rc == 0, wiped.stderr + db2.host.run("tail -n 30 /var/log/mysql/error.log").stdout
    assert ["guestbook"] not in db2.sql("SHOW DATABASES")

    result = play()
    assert result.returncode == 0, result.stdout
    assert "changed=0" in result.stdout.split("mysql-db1  ")[-1].splitlines()[0]
    in_sync()
    assert db2.value("@@server_uuid") not in (identity, db1.value("@@server_uuid"))
    assert db2.value("@@super_read_only") == 1
    executed = db1.value("@@gtid_executed")
    assert play().stdout.count("changed=0") == 2
    assert db1.value("@@gtid_executed") == executed, "a run that changes nothing writes nothing"


def test_a_first_initialisation_that_failed_is_finished_and_nothing_else_is_thrown_away(db1, db2, play, in_sync):
    """The disk was full. What the failed initialisation left fails every attempt of the package to configure itself."""
    failed = db2.host.run(
        "export DEBIAN_FRONTEND=noninteractive; systemctl stop mysql && dpkg --purge mysql-server"
        " && find /var/lib/mysql /etc/mysql/mysql.conf.d -mindepth 1 -delete"
        " && mount -t tmpfs -o size=60m tmpfs /var/lib/mysql && apt-get install --yes mysql-server"
    )
    assert failed.rc == 100, failed.stdout + failed.stderr
    state = "dpkg-query --show --showformat='${db:Status-Status}' mysql-server"
    assert db2.host.check_output(state) == "half-configured"
    db2.host.check_output("mount -o remount,size=2g /var/lib/mysql; mkdir /var/lib/mysql/shop")

    result = play()
    assert result.returncode != 0
    said = " ".join(result.stdout.split())
    assert "an initialisation that failed would not have left /var/lib/mysql/shop" in said
    assert db2.host.file("/var/lib/mysql/ibdata1").exists

    db2.host.check_output("rmdir /var/lib/mysql/shop")
    result = play()
    assert result.returncode == 0, result.stdout
    assert db2.host.check_output(state) == "installed"
    in_sync()
