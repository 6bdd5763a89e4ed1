"""A table dropped under writes and brought back to one transaction; a corrupted repository found out."""

import json
import re
import time


def drops(databases, name):
    """GTIDs of the archived DROPs of the drill's table, oldest first."""
    lines = databases.on(name).check_output("mysql-backup find 'DROP TABLE.*entry'").splitlines()
    return [line.split()[0] for line in lines]


def test_drop_table_is_undone_to_one_transaction(play, databases, drill, backed_up, wait_until):
    """Number 25: every acknowledged entry is there again, and the site takes entries again.

    The last transaction restored is the one before the DROP. Catches a restore that ends early, late, or loses what the
    archive had not stored yet.
    """
    done = play("backup.yml")
    assert done.succeeded, done.output
    earlier = drops(databases, backed_up)
    with drill("drop-table") as run:
        run.goes_on(100)
        primary = databases.primary
        dropped = run.mark()
        databases.sql(primary, "DROP TABLE guestbook.entry")
        drop = wait_until(
            lambda: [one for one in drops(databases, backed_up) if one not in earlier], "the DROP to be archived"
        )[-1]
        wanted = ["-e", f"webstack_restore_before_gtid={drop}", "-e", "webstack_restore_tables=entry"]
        wanted += ["-e", "webstack_restore_into=primary", "-e", "webstack_restore_confirm=guestbook"]
        check = play("restore.yml", "--check", *wanted)
        assert check.succeeded, check.output
        there = (
            "SELECT COUNT(*) FROM information_schema.TABLES WHERE (TABLE_SCHEMA, TABLE_NAME) = ('guestbook', 'entry')"
        )
        assert databases.sql(primary, there) == "0", "check mode restored it"
        since = run.mark()
        done = play("restore.yml", *wanted)
        assert done.succeeded, done.output
        source, _, number = drop.rpartition(":")
        last = re.search(r"The last transaction is ([0-9a-f-]+):([0-9]+)", done.said)
        assert (last[1], int(last[2])) == (source, int(number) - 1)
        run.note("writes_back_seconds", run.back_after(since))
        run.note("write_gap_seconds", run.load.gap(dropped, time.monotonic()))
        kept = re.search(r"is in the database (\w+)", done.said)
        if kept:
            databases.sql(primary, f"DROP DATABASE {kept[1]}")


def test_corrupted_backup_is_caught(on, databases, inventory, backed_up):
    """Number 26: bytes flipped in the repository's largest pack: the check fails, says so, keeps the last success."""
    host = databases.on(backed_up)
    host.check_output("systemctl start mysql-backup-verify")
    good = json.loads(host.check_output("mysql-backup status"))["verify"]
    assert good["ok"] is True
    environment = host.file("/etc/mysql-backup/environment").content_string
    where = re.search(r'RESTIC_REPOSITORY="(?:sftp://[^@]+@\[?([^]]+?)\]?:[0-9]+/)?(/[^"]+)"', environment)
    store = host
    if where[1]:
        store = next(on(name) for name in inventory.hostvars if inventory.address(name) == where[1])
    largest = f"find {where[2]}/data -type f -printf '%s %p\\n' | sort -n | tail -1"
    size, pack = store.check_output(largest).split()
    store.check_output(f"cp -p {pack} /root/pack")
    try:
        flip = f"printf 'flipped flipped' | dd of={pack} bs=1 seek={int(size) // 2} conv=notrunc status=none"
        store.check_output(f"chmod u+w {pack}; {flip}")
        assert host.run("systemctl start mysql-backup-verify").rc != 0
        bad = json.loads(host.check_output("mysql-backup status"))["verify"]
    finally:
        store.check_output(f"cp -p /root/pack {pack}")
    assert bad["ok"] is False
    assert bad["error"]
    assert bad["last_success_epoch"] == good["last_success_epoch"]
    host.check_output("systemctl start mysql-backup-verify")
    assert json.loads(host.check_output("mysql-backup status"))["verify"]["ok"] is True
