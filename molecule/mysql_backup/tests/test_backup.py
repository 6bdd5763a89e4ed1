"""Backups of a pair: from the replica, to the transaction, without holes, and found out when they are bad."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

INSERT = "INSERT INTO guestbook.entries (entry) VALUES ('{}')"
TABLES = ("guestbook.authors", "guestbook.entries")
REPOSITORY = "/srv/mysql-backup/repository"


def changed(run):
    return sum(int(number) for number in re.findall(r"changed=(\d+)", run.stdout))


def last_gtid(server):
    """Of the last transaction that the source committed itself."""
    uuid = server.value("@@server_uuid")
    numbers = re.search(rf"{uuid}:1-(\d+)", server.value("@@GLOBAL.gtid_executed"))
    return f"{uuid}:{numbers[1]}"


def test_the_replica_is_backed_up_and_the_source_is_not(db1, db2):
    """And the replica's backups are in the store on the source's host, of one repository."""
    bases = json.loads(db1.tool("list").stdout)["bases"]
    assert {base["host"] for base in bases} == {"bk-db2"}
    assert db1.status["turn"]["why"] == "it is the source, and a replica does this"
    assert db2.status["backup"]["role"] == "replica"


def test_a_drop_table_is_undone_to_one_transaction(db1, db2, archived):
    """Under writes: all up to the DROP is there, nothing of later. Catches an off-by-one in either direction."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda number: db1.sql(INSERT.format(f"before {number}")), range(20)))
    before = db1.checksums(*TABLES)
    count = db1.value("(SELECT COUNT(*) FROM guestbook.entries)")
    last = last_gtid(db1)
    db1.sql(
        "CREATE TABLE guestbook.kept LIKE guestbook.entries; INSERT INTO guestbook.kept SELECT * FROM guestbook.entries"
    )
    db1.sql("DROP TABLE guestbook.entries")
    drop = last_gtid(db1)
    db1.sql("REPLACE INTO guestbook.authors VALUES (2, 'later')")
    archived()

    found = [line for line in db2.tool("find 'DROP TABLE.*entries'").stdout.splitlines() if drop in line]
    assert len(found) == 1, "find tells the GTID of the statement"
    report = db2.restore(f"--before-gtid={drop} --databases=guestbook")
    assert "guestbook.kept" in report["tables"], "what was made just before the DROP"
    assert report["tables"]["guestbook.entries"] == {"rows": count, "checksum": before["guestbook.entries"]}
    assert report["tables"]["guestbook.authors"]["checksum"] == before["guestbook.authors"]
    assert db1.value(f"GTID_SUBSET('{drop}', '{report['gtid_executed']}')") == 0
    assert db1.value(f"GTID_SUBTRACT('{drop.replace(':', ':1-')}', '{report['gtid_executed']}')") == drop
    assert report["last_transaction"] != drop
    report = db2.restore(f"--gtid={last} --databases=guestbook")
    assert "guestbook.kept" not in report["tables"]
    assert report["tables"]["guestbook.entries"]["checksum"] == before["guestbook.entries"]
    report = db2.restore(f"--gtid={drop}")
    assert "guestbook.entries" not in report["tables"]


def test_the_table_is_put_back_into_the_primary(db1, play, archived):
    """Refused without the confirmation; then there again, as it was. The second time, what is replaced is kept."""
    archived()
    drop = db1.tool("find 'DROP TABLE.*entries'").stdout.splitlines()[-1].split()[0]
    wanted = {
        "webstack_restore_before_gtid": drop,
        "webstack_restore_into": "primary",
        "webstack_restore_databases": "guestbook",
        "webstack_restore_tables": "entries",
    }
    refused = play("restore.yml", **wanted)
    assert refused.returncode != 0
    assert "add -e webstack_restore_confirm=guestbook" in " ".join(refused.stdout.split())
    check = play("restore.yml", "--check", webstack_restore_confirm="guestbook", **wanted)
    assert check.returncode == 0, check.stdout
    assert "bk-db1 gets them in the place of those it has, which are kept" in " ".join(check.stdout.split())
    assert ["entries"] not in db1.sql("SHOW TABLES IN guestbook")
    done = play("restore.yml", webstack_restore_confirm="guestbook", **wanted)
    assert done.returncode == 0, done.stdout
    assert db1.checksums("guestbook.entries")["guestbook.entries"] == db1.checksums("guestbook.kept")["guestbook.kept"]
    assert db1.value("(SELECT COUNT(*) FROM guestbook.authors WHERE id = 2)") == 1, "no other table is touched"

    again = play("restore.yml", webstack_restore_confirm="guestbook", **wanted)
    assert again.returncode == 0, again.stdout
    kept = re.search(r"is in the database (\w+) and in (\S+\.sql)", " ".join(again.stdout.split()))
    assert db1.sql(f"SHOW TABLES IN {kept[1]}") == [["entries"]]
    assert db1.host.file(kept[2]).mode == 0o600
    db1.sql(f"DROP DATABASE {kept[1]}; DROP TABLE guestbook.kept")


def test_a_time_is_exact(db1, db2, archived, wait):
    """What was committed before it is there, what was committed after it is not."""
    db1.sql(INSERT.format("in time"))
    at = db1.value("DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%d %H:%i:%s.%f')")
    wait(lambda: db1.value("DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%d %H:%i:%s.%f')") > at, "the clock to go on")
    db1.sql(INSERT.format("too late"))
    archived()
    report = db2.restore(f"--to='{at}' --databases=guestbook")
    dump = db2.host.file(report["dumps"][0]["file"])
    assert (dump.user, dump.mode) == ("mysql-backup", 0o600)
    assert "in time" in dump.content_string
    assert "too late" not in dump.content_string


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("--to='2020-01-01 00:00:00'", "is before the end of the first backup"),
        ("--to='2099-01-01 00:00:00'", "the archive reaches up to"),
        ("--to=yesterday", "write it in UTC"),
        ("--gtid=00000000-0000-0000-0000-000000000001:7", "the archive has no transaction"),
        ("--databases=nothing", "nothing has no tables at that point"),
        ("--tables=entries", "name that one"),
    ],
)
def test_what_cannot_be_is_refused(db2, arguments, reason):
    assert reason in db2.refused(f"restore {arguments}")
    assert db2.host.check_output("ls /var/lib/mysql-backup/scratch") == "", "nothing is left behind"


@pytest.mark.parametrize(
    ("options", "variables", "reason"),
    [
        (["--check"], {"webstack_restore_to": "2099-01-01T00:00:00"}, "the archive reaches up to"),
        (["--check"], {"webstack_restore_gtid": "abc"}, "'abc' is not a valid GTID"),
        (["--check"], {"webstack_restore_gtids": "abc"}, "did you mean webstack_restore_gtid?"),
        ([], {"webstack_restore_tables": "nosuch"}, "has no table nosuch at that point. No database was changed."),
    ],
)
def test_the_playbook_says_why_it_refuses(play, archived, options, variables, reason):
    """In the program's own words, and nothing goes on after that. Red with an error of a template instead."""
    archived()
    refused = play("restore.yml", *options, **variables)
    assert refused.returncode != 0
    said = " ".join(refused.stdout.split()).replace("''", "'")
    assert reason in said
    assert "Show the result" not in said


def test_a_backup_now(db2, play, archived):
    """The playbook finds the replica, says what it did; in check mode it does nothing."""
    before = db2.tool("list").stdout
    check = play("backup.yml", "--check")
    assert check.returncode == 0, check.stdout
    assert (
        db2.tool("list").stdout == before or json.loads(db2.tool("list").stdout)["bases"] == json.loads(before)["bases"]
    )
    done = play("backup.yml")
    assert done.returncode == 0, done.stdout
    assert re.search(r"Snapshot [0-9a-f]{8} of bk-db2 \(replica\)", " ".join(done.stdout.split()))
    newest = json.loads(db2.tool("list").stdout)["bases"][-1]
    assert newest["id"] == db2.status["backup"]["snapshot"]
    assert db2.host.check_output("ls /var/lib/mysql-backup/stage") == ""


def test_writes_go_on_during_a_backup(db1, play):
    """No commit waits: the clone takes no lock that a write needs."""
    slowest = 0.0
    with ThreadPoolExecutor() as pool:
        backup = pool.submit(play, "backup.yml")
        while not backup.done():
            start = time.monotonic()
            db1.sql(INSERT.format("meanwhile"))
            slowest = max(slowest, time.monotonic() - start)
    assert backup.result().returncode == 0
    assert slowest < 10, "seconds, of which the connection takes most"


def test_old_backups_go_and_with_them_what_only_they_needed(db2, archived):
    """mysql_backup_keep says two. Each backup kept can still be restored: its binary logs are there."""
    archived()
    listed = json.loads(db2.tool("list").stdout)
    assert len(listed["bases"]) == 2
    oldest = listed["bases"][0]
    held = listed["archive"]["gtids"]
    committed = db2.value("@@GLOBAL.gtid_executed")
    missing = f"GTID_SUBTRACT(GTID_SUBTRACT('{committed}', '{oldest['high']}'), '{held}')"
    assert db2.value(missing) == ""
    plan = json.loads(db2.tool("restore --check").stdout)
    assert plan["base"] == listed["bases"][-1]["id"]


def test_the_backups_move_to_the_source_without_a_hole(db1, db2, archived, wait):
    """The replica's host dies. What the source archives from then on continues what the replica had archived."""
    db1.sql(INSERT.format("the replica archives this"))
    archived()
    db2.sql("STOP REPLICA")
    db1.sql(INSERT.format("only the source has this"))
    wait(lambda: db1.status.get("archive", {}).get("turn"), "the source to take over")
    db1.sql(INSERT.format("and this"))
    wait(
        lambda: db1.value(f"GTID_SUBSET('{last_gtid(db1)}', '{db1.status['archive']['gtids']}')") == 1,
        "the source to archive it",
    )
    report = db1.restore("--databases=guestbook")
    text = db1.host.file(report["dumps"][0]["file"]).content_string
    assert all(what in text for what in ("the replica archives this", "only the source has this", "and this"))
    assert report["gtid_executed"] == db1.value("@@GLOBAL.gtid_executed").replace("\n", "")
    db2.sql("START REPLICA")
    wait(lambda: not json.loads(db1.tool("state").stdout)["turn"], "the replica to take over again")
    db1.sql(INSERT.format("the replica archives this, too"))
    archived()
    report = db2.restore("--databases=guestbook")
    assert report["tables"]["guestbook.entries"]["checksum"] == db1.checksums("guestbook.entries")["guestbook.entries"]


def test_the_stream_comes_back(db1, db2, archived):
    """Killed, and the server restarted under it: what was written meanwhile is fetched, once."""
    db2.host.check_output("systemctl kill --signal=KILL mysql-backup-stream")
    db1.sql(INSERT.format("while it is away"))
    db2.host.check_output("systemctl restart mysql")
    db1.sql(INSERT.format("after the restart"))
    archived()
    report = db2.restore("")
    assert report["tables"]["guestbook.entries"]["checksum"] == db1.checksums("guestbook.entries")["guestbook.entries"]


def test_a_backup_that_can_be_restored_is_said_to_be(db1, db2):
    db2.host.check_output("systemctl start mysql-backup-verify")
    found = db2.status["verify"]
    assert found["ok"] is True
    assert found["error"] == ""
    assert set(found["tables"]) == set(TABLES)


def test_a_missing_binary_log_is_a_hole(db1, db2, archived):
    """The pieces around it are there: a restore that needs it is refused, one that ends before it goes well."""
    first = last_gtid(db1)
    for text in ("one", "two", "three"):
        db1.sql(INSERT.format(text))
        archived()
        db1.sql("FLUSH BINARY LOGS")
        db2.sql("FLUSH BINARY LOGS")
    archived()
    environment = "set -a; . /etc/mysql-backup/environment; set +a"
    options = json.loads(db2.host.file("/etc/mysql-backup/settings.json").content_string)["restic_options"]
    quoted = " ".join(f"'{option}'" for option in options)
    listing = db2.host.check_output(f"{environment}; restic {quoted} --no-cache snapshots --json --tag kind=binlog")
    uuid, number = first.split(":")
    gone = f"{uuid}:{int(number) + 2}"
    holding = [
        one["id"]
        for one in json.loads(listing)
        if any(
            tag.startswith("gtids=")
            and db1.value(f"GTID_SUBSET('{gone}', '{tag.removeprefix('gtids=').replace(';', ',')}')")
            for tag in one["tags"]
        )
    ]
    assert len(holding) == 1
    db2.host.check_output(f"{environment}; restic {quoted} --no-cache forget {holding[0]}")
    assert gone in db2.refused("restore")
    assert "has a hole" in db2.refused("restore")
    assert db2.restore(f"--gtid={first}")["last_transaction"] == first
    result = db2.host.run("systemctl start mysql-backup-verify")
    assert result.rc != 0
    assert "has a hole" in db2.status["verify"]["error"]


def test_a_new_backup_heals_the_hole(db2, play):
    assert play("backup.yml").returncode == 0
    db2.host.check_output("systemctl start mysql-backup-verify")
    assert db2.status["verify"]["ok"] is True


def test_a_corrupted_repository_is_found_out(db1, db2):
    """Bytes flipped in the largest pack. The unit fails, the status says so and keeps the last success."""
    before = db2.status["verify"]["last_success_epoch"]
    pack = db1.host.check_output(f"find {REPOSITORY}/data -type f -printf '%s %p\\n' | sort -n | tail -1").split()[1]
    db1.host.check_output(f"cp -p {pack} /root/pack")
    size = db1.host.file(pack).size
    db1.host.check_output(
        f"chmod u+w {pack}; printf 'flipped flipped' | dd of={pack} bs=1 seek={size // 2} conv=notrunc status=none"
    )
    result = db2.host.run("systemctl start mysql-backup-verify")
    db1.host.check_output(f"cp -p /root/pack {pack}")
    assert result.rc != 0
    found = db2.status["verify"]
    assert found["ok"] is False
    assert found["error"]
    assert found["last_success_epoch"] == before
    assert db2.host.run("systemctl is-failed mysql-backup-verify").rc == 0
    db2.host.check_output("systemctl start mysql-backup-verify")
    assert db2.status["verify"]["ok"] is True


def test_a_table_that_is_not_innodb_is_named_by_every_backup(db1, db2, play):
    """The backup is there, and ends in an error. Red when an imported old table is carried empty and nobody is told."""
    before = json.loads(db2.tool("list").stdout)["bases"]
    db1.sql("CREATE TABLE guestbook.legacy (id INT NOT NULL) ENGINE=CSV; INSERT INTO guestbook.legacy VALUES (1)")
    failed = play("backup.yml")
    db1.sql("DROP TABLE guestbook.legacy")
    assert failed.returncode != 0
    said = " ".join(failed.stdout.split())
    assert "was made, but has none of the rows of guestbook.legacy, because they are not InnoDB" in said
    newest = json.loads(db2.tool("list").stdout)["bases"][-1]
    assert newest not in before
    assert f"the backup {newest['id']} was made" in said
    assert play("backup.yml").returncode == 0


def test_nothing_is_repaired_where_nothing_is_damaged(play):
    done = play("repair_backups.yml")
    assert done.returncode == 0, done.stdout
    assert "bk-db2: nothing is damaged, and nothing was changed." in " ".join(done.stdout.split())
    assert changed(done) == 0


def test_a_repository_whose_largest_file_is_cut_off_is_repaired(db1, db2, play, archived):
    """Every backup fails and names the verb; that says what is lost, and afterwards all is green."""
    db1.sql(INSERT.format("before the damage"))
    archived()
    pack = db1.host.check_output(f"find {REPOSITORY}/data -type f -printf '%s %p\\n' | sort -n | tail -1").split()[1]
    db1.host.check_output(f"chmod u+w {pack}; truncate --size={db1.host.file(pack).size // 2} {pack}")
    failed = play("backup.yml")
    assert failed.returncode != 0
    said = " ".join(failed.stdout.split())
    assert "the repository of the backups is damaged: a file of it is cut off" in said
    assert "Run playbooks/repair_backups.yml" in said
    assert db2.status["backup"]["ok"] is False

    check = play("repair_backups.yml", "--check")
    assert check.returncode == 0, check.stdout
    assert "the repository is damaged (1 file with data cut off or changed)" in " ".join(check.stdout.split())
    assert changed(check) == 0
    db1.sql(INSERT.format("after the damage"))
    done = play("repair_backups.yml")
    assert done.returncode == 0, done.stdout
    said = " ".join(done.stdout.split())
    assert re.search(r"is repaired\. Lost: [0-9a-f]{8} \(", said), said
    assert "From now on every moment can be restored again." in said
    for server in (db1, db2):
        assert server.host.check_output("systemctl list-units --failed --plain --no-legend 'mysql-backup*'") == ""
    assert all(db2.status[part]["ok"] for part in ("backup", "archive", "verify", "repair")), db2.status

    db1.sql(INSERT.format("after the repair"))
    archived()
    report = db2.restore("--databases=guestbook")
    text = db2.host.file(report["dumps"][0]["file"]).content_string
    assert all(f"{when} the " in text for when in ("before", "after"))
    assert "after the repair" in text
    assert play("backup.yml").returncode == 0
    again = play("repair_backups.yml")
    assert "nothing is damaged" in " ".join(again.stdout.split()), again.stdout


ENVIRONMENT = "/etc/mysql-backup/environment"


@pytest.fixture
def credentials(db1, db2):
    """Give both hosts another password, as the role does, and at the end the first one again."""
    first = db2.host.file(ENVIRONMENT).content_string

    def give(password):
        text = re.sub(r"RESTIC_PASSWORD=.*", f'RESTIC_PASSWORD="{password}"', first)
        for server in (db1, db2):
            server.host.check_output("printf %s %s >%s", "%s", text, ENVIRONMENT)

    yield give
    for server in (db1, db2):
        if server.host.run("mysql-backup list").rc == 0:
            server.host.check_output(f"cp -p {ENVIRONMENT} {ENVIRONMENT}.works")
        server.host.check_output("printf %s %s >%s", "%s", first, ENVIRONMENT)
        assert server.tool("init").rc == 0
        server.host.check_output(f"cp -p {ENVIRONMENT} {ENVIRONMENT}.works")


def test_the_password_is_changed(credentials, db1, db2):
    """That of the repository's key: the backups stay. The second host finds it changed."""
    bases = json.loads(db2.tool("list").stdout)["bases"]
    credentials("another one")
    assert "wrong password" in db2.refused("list")
    assert (db2.tool("init").stdout, db1.tool("init").stdout) == ("changed\n", "there\n")
    assert json.loads(db1.tool("list").stdout)["bases"] == bases


def test_a_password_that_opens_nothing_is_said(credentials, db1, db2):
    """Nor does the one that worked here last: nothing is made anew."""
    db2.host.check_output(f"mv {ENVIRONMENT}.works /root/works")
    credentials("another one")
    said = db2.refused("init")
    db2.host.check_output(f"mv /root/works {ENVIRONMENT}.works")
    assert "the repository exists and has another password" in said


def test_a_check_run_changes_nothing(converge):
    run = converge("--check")
    assert (run.returncode, changed(run)) == (0, 0), run.stdout


def test_a_repository_on_the_host_itself(db2, converge):
    """The default. Red where the role asks for a store's host all the same. The store's backups stay as they were."""
    before = json.loads(db2.tool("list").stdout)["bases"]
    try:
        done = converge(mysql_backup_store={})
        assert done.returncode == 0, done.stdout
        db2.host.check_output("systemctl start mysql-backup-now")
        own = [base["id"] for base in json.loads(db2.tool("list").stdout)["bases"]]
        assert own[-1] == db2.status["backup"]["snapshot"]
        assert not set(own) & {base["id"] for base in before}
        assert db2.host.file("/var/backups/mysql/config").exists
    finally:
        back = converge()
    assert back.returncode == 0, back.stdout
    assert json.loads(db2.tool("list").stdout)["bases"] == before
