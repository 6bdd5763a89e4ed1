"""Database hosts that are lost for good, with all they held, and made anew under their names: docs/operations.md."""

import re
import time

from ansible_collections.foobar.webstack.tests.drills.load import Load, Watch


def test_old_primary_made_anew(play, pair, drill, remove, inventory):
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
        assert "No acknowledged write is lost" in done.said
        run.note("writes_back_seconds", run.back_after(since))
        run.note("write_gap_seconds", run.load.gap(lost, time.monotonic()))
        done = play("lab/up.yml")
        assert done.succeeded, done.output
        since = run.mark()
        done = play("rejoin.yml")
        assert done.succeeded, done.output
        assert f"{old} has no data; the fence is opened, and ansible-playbook playbooks/site.yml" in done.said
        done = play("site.yml")
        assert done.succeeded, done.output
        run.note("provisioned_seconds", time.monotonic() - since)
        assert pair.roles() == {old: "replica", new: "primary"}
        assert pair.broken() == []
        run.goes_on(20)
        again = play("site.yml")
        assert again.changed == dict.fromkeys(inventory.hostvars, 0), again.output


def test_both_hosts_made_anew(play, pair, whole, backed_up, remove, site, wait_until, inventory):
    """Both database hosts burn. The host that keeps the backups has every entry, to the last archived one."""
    done = play("backup.yml")
    assert done.succeeded, done.output
    load = Load(site)
    with load:
        wait_until(lambda: len(load.acknowledged) >= 100, "writes after the backup")
    primary = pair.primary
    source = pair.sql(primary, "SELECT @@GLOBAL.server_uuid")
    numbers = re.search(rf"{source}:([\d:-]+)", pair.sql(primary, "SELECT @@GLOBAL.gtid_executed"))
    last = f"{source}:{re.split('[:-]', numbers[1])[-1]}"
    archived = "mysql-backup restore --check --gtid=%s"
    wait_until(lambda: pair.on(backed_up).run(archived, last).rc == 0, "the last write's archive")

    for name in pair.names:
        remove(name)
    for playbook in ("lab/up.yml", "site.yml", "site.yml"):
        done = play(playbook)
        assert done.succeeded, done.output
    assert done.changed == dict.fromkeys(inventory.hostvars, 0), done.output
    assert pair.broken() == []
    assert site.post_json("/api/entries", {"name": "drill", "message": "before the restore"}).status == 201

    done = play("restore.yml", "-e", "webstack_restore_into=primary", "-e", "webstack_restore_confirm=guestbook")
    assert done.succeeded, done.output
    assert pair.missing(load) == set()
    kept = re.search(r"is in the database (\w+)", done.said)
    assert pair.sql(pair.primary, f"SELECT message FROM {kept[1]}.entry") == "before the restore"  # noqa: S608
    pair.sql(pair.primary, f"DROP DATABASE {kept[1]}")
    pair.same()
    assert site.post_json("/api/entries", {"name": "drill", "message": "after the restore"}).status == 201
    done = play("backup.yml")
    assert done.succeeded, done.output
