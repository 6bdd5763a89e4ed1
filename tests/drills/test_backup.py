"""A table dropped under writes and brought back to one transaction; a corrupted repository found out."""

import json
import re

import pytest


@pytest.fixture(scope="module")
def servers(on, inventory):
    """Database hosts by name, with what mysql-backup says each server is."""

    def ask():
        return {name: json.loads(on(name).check_output("mysql-backup state")) for name in inventory.groups["databases"]}

    return ask


@pytest.fixture
def primary(servers):
    (name,) = [name for name, state in servers().items() if state["writable"]]
    return name


@pytest.fixture
def backed_up(servers):
    """The host that backups are taken of."""
    return min(servers().items(), key=lambda item: item[1]["rank"])[0]


def drops(on, host):
    """GTIDs of the archived DROPs of the drill's table, oldest first."""
    lines = on(host).check_output("mysql-backup find 'DROP TABLE.*entry'").splitlines()
    return [line.split()[0] for line in lines]


def test_drop_table_is_undone_to_one_transaction(on, play, stream, entries, primary, backed_up, wait_until):
    """Every entry that was acknowledged is there again, and the site takes entries again.

    The last transaction restored is the one before the DROP. Catches a restore that ends early, late, or loses what the
    archive had not stored yet.
    """
    run = play("backup.yml")
    assert run.succeeded, run.output
    earlier = drops(on, backed_up)
    with stream(entries) as posts:
        posts.more(100)
        on(primary).check_output("mysql -e 'DROP TABLE guestbook.entry'")
        wait_until(lambda: posts.answers[-1].status >= 500, "entries to fail")
    acknowledged = {answer.json()["id"] for answer in posts.answers if answer.status == 201}
    assert len(acknowledged) >= 100

    drop = wait_until(lambda: [one for one in drops(on, backed_up) if one not in earlier], "the DROP to be archived")[
        -1
    ]
    wanted = ["-e", f"webstack_restore_before_gtid={drop}", "-e", "webstack_restore_tables=entry"]
    wanted += ["-e", "webstack_restore_into=primary", "-e", "webstack_restore_confirm=guestbook"]
    check = play("restore.yml", "--check", *wanted)
    assert check.succeeded, check.output
    assert on(primary).run("mysql -e 'SELECT 1 FROM guestbook.entry LIMIT 1'").rc != 0, "check mode restored it"
    run = play("restore.yml", *wanted)
    assert run.succeeded, run.output

    source, _, number = drop.rpartition(":")
    said = " ".join(run.output.split())
    last = re.search(r"The last transaction is ([0-9a-f-]+):([0-9]+)", said)
    assert (last[1], int(last[2])) == (source, int(number) - 1)
    there = {int(one) for one in on(primary).check_output("mysql -NBe 'SELECT id FROM guestbook.entry'").split()}
    assert acknowledged - there == set()
    wait_until(lambda: entries().status == 201, "the site to take entries again")


def test_corrupted_backup_is_caught(on, inventory, backed_up):
    """Bytes flipped in the largest pack of the repository: the check fails, says so, and keeps the last success."""
    host = on(backed_up)
    host.check_output("systemctl start mysql-backup-verify")
    good = json.loads(host.check_output("mysql-backup status"))["verify"]
    assert good["ok"] is True
    environment = host.file("/etc/mysql-backup/environment").content_string
    where = re.search(r'RESTIC_REPOSITORY="(?:sftp:[^@]+@([^:]+):)?(/[^"]+)"', environment)
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
