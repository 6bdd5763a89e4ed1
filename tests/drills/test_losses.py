"""Database hosts that are lost for good, with all they held, and made anew under their names: docs/operations.md."""

import json
import re
import time

import pytest
from ansible_collections.foobar.webstack.tests.drills.load import Load, Watch


@pytest.fixture
def make_anew(remove, play):
    """Put a bare host in the place of each; nothing of what they held is left."""

    def run(*names):
        for name in names:
            remove(name)
        made = play("lab/up.yml")
        assert made.succeeded, made.output

    return run


def test_old_primary_made_anew(play, pair, drill, make_anew, remove, inventory):
    """The primary's host burns. Its replica takes the writes, and a bare host becomes the replica of that.

    A fence that stays closed, or an empty server that is taken for the primary of the inventory, is caught. MySQL's own
    package starts a server that root could write to on its host, so the applications are asked who takes writes.
    """
    containers = [pair.container(name) for name in pair.application]
    with drill("old-primary-made-anew", Watch.application(containers, pair.addresses)) as run:
        old, new = pair.primary, pair.replica
        lost = run.mark()
        remove(old)
        pair.seen_down(old)
        since = run.mark()
        done = play("failover.yml")
        assert done.succeeded, done.output
        assert "no acknowledged write is lost" in done.said
        run.note("writes_back_seconds", run.back_after(since))
        run.note("write_gap_seconds", run.load.gap(lost, time.monotonic()))
        done = play("lab/up.yml")
        assert done.succeeded, done.output
        since = run.mark()
        done = play("rejoin.yml")
        assert done.succeeded, done.output
        assert f"{old} has no data; the fence is open" in done.said
        done = play("site.yml")
        assert done.succeeded, done.output
        run.note("provisioned_seconds", time.monotonic() - since)
        assert pair.roles() == {old: "replica", new: "primary"}
        assert pair.broken() == []
        run.goes_on(20)
        again = play("site.yml")
        assert again.changed == dict.fromkeys(inventory.hostvars, 0), again.output


def test_both_hosts_made_anew(play, pair, whole, make_anew, front_door, wait_until, inventory):
    """Both database hosts burn. The host that keeps the backups has every entry, to the last archived one."""
    done = play("backup.yml")
    assert done.succeeded, done.output
    load = Load(front_door)
    with load:
        wait_until(lambda: len(load.acknowledged) >= 100, "writes after the backup")
    primary = pair.primary
    source = pair.sql(primary, "SELECT @@GLOBAL.server_uuid")
    numbers = re.search(rf"{source}:([\d:-]+)", pair.sql(primary, "SELECT @@GLOBAL.gtid_executed"))
    last = f"{source}:{re.split('[:-]', numbers[1])[-1]}"
    rank = {name: json.loads(pair.on(name).check_output("mysql-backup state"))["rank"] for name in pair.names}
    keeper = pair.on(min(pair.names, key=rank.__getitem__))
    wait_until(lambda: keeper.run("mysql-backup restore --check --gtid=%s", last).rc == 0, "the last write's archive")

    make_anew(*pair.names)
    for playbook in ("site.yml", "site.yml"):
        done = play(playbook)
        assert done.succeeded, done.output
    assert done.changed == dict.fromkeys(inventory.hostvars, 0), done.output
    assert pair.broken() == []
    assert front_door.post_json("/api/entries", {"name": "drill", "message": "before the restore"}).status == 201

    done = play("restore.yml", "-e", "webstack_restore_into=primary", "-e", "webstack_restore_confirm=guestbook")
    assert done.succeeded, done.output
    assert pair.missing(load) == set()
    kept = re.search(r"is in the database (\w+)", done.said)
    assert pair.sql(pair.primary, f"SELECT message FROM {kept[1]}.entry") == "before the restore"  # noqa: S608
    pair.sql(pair.primary, f"DROP DATABASE {kept[1]}")
    pair.same()
    assert front_door.post_json("/api/entries", {"name": "drill", "message": "after the restore"}).status == 201
    done = play("backup.yml")
    assert done.succeeded, done.output
