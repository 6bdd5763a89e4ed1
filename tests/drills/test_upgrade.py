"""MySQL is upgraded while the stack serves: in which order, what a visitor notices, and runs that are killed.

No second version of MySQL can be had for the lab. The same files are packed anew under a higher version, and offered by
a folder of each database host: for apt, the packages' scripts and the order of the hosts that is an upgrade like any
other. What it does not show is a new version that behaves differently.
"""

import json
import time

import pytest
from ansible_collections.foobar.webstack.tests.drills.groups import Group
from ansible_collections.foobar.webstack.tests.drills.load import Watch

PLANNED = 1.0
"""Seconds without writes that are aimed at."""

NOW = ("-e", "webstack_upgrade_read_seconds=0")

VERSION = "dpkg-query --show --showformat='${Version}' mysql-server-core"
SOURCE = "/etc/apt/sources.list.d/drill.sources"
FOLDER = "/srv/drill"
INSTALLING = "pgrep --exact 'apt-get|dpkg'"

# $1: the version of the packages in the lab's archive, $2: the one that they get, also where they depend on each other.
REPACK = f"""
set -eu
rm -rf {FOLDER}; mkdir -p {FOLDER}; cd {FOLDER}
for package in mysql-server mysql-server-core mysql-client mysql-client-core
do
  file=$(ls /srv/archive/"$package"_*)
  dpkg-deb --raw-extract "$file" tree
  sed --in-place "s/^Version: .*/Version: $2/; s/(\\([>=]*\\) $1)/(\\1 $2)/g" tree/DEBIAN/control
  name="$package"_new.deb
  dpkg-deb --root-owner-group -Znone --build tree "$name" >/dev/null
  rm -r tree
  {{ dpkg-deb --field "$name"; echo "Filename: ./$name"; echo "Size: $(stat -c %s "$name")"
     echo "SHA256: $(sha256sum "$name" | cut -d' ' -f1)"; echo; }} >> Packages
done
printf 'Types: deb\\nURIs: file:{FOLDER}\\nSuites: ./\\nTrusted: yes\\n' > {SOURCE}
"""


@pytest.fixture
def offered(databases):
    """A newer version that every database host is offered. What is installed of it stays."""
    archived = "ls /srv/archive/mysql-server-core_* | sed 's/.*core_//; s/_[^_]*$//'"
    old = databases.on(databases.names[0]).check_output(archived)
    has = [int(version.rpartition("+drill")[2]) for version in versions(databases).values() if "+drill" in version]
    new = f"{old}+drill{max(has, default=0) + 1}"
    for name in databases.names:
        databases.on(name).check_output("sh -c %s repack %s %s", REPACK, old, new)
    yield new
    for name in databases.names:
        databases.on(name).check_output(f"rm -rf {SOURCE} {FOLDER} && apt-get update --quiet")


@pytest.fixture
def tried(databases, play, backed_up):
    """A backup that was restored and checked."""
    done = play("backup.yml")
    assert done.succeeded, done.output
    databases.on(backed_up).check_output("mysql-backup verify --now")


@pytest.fixture
def upgrading(databases, drill):
    """A drill that watches as the databases' kind needs it."""

    def run(name):
        if isinstance(databases, Group):
            return drill(name, Watch.application(map(databases.container, databases.application), databases.addresses))
        return drill(name)

    return run


def versions(databases):
    """What is installed, by host."""
    return {name: databases.on(name).check_output(VERSION) for name in databases.names}


def starts(databases):
    """Which process the server is, by host."""
    shown = "systemctl show --property=MainPID --value mysql"
    return {name: databases.on(name).check_output(shown) for name in databases.names}


def failed_reads(run, since):
    return [moment for moment in run.load.moments if moment.at >= since and moment.kind == "read" and not moment.good]


def test_without_a_backup_that_was_tried_nothing_begins(offered, databases, play, backed_up):
    """A backup was made, and nobody has tried it: red where its age alone counts."""
    done = play("backup.yml")
    assert done.succeeded, done.output
    running = starts(databases)
    refused = play("upgrade_mysql.yml", *NOW)
    assert not refused.succeeded
    assert "Nobody has tried to restore the last backup" in refused.said
    assert f"On {backed_up}, as root, run mysql-backup verify --now" in refused.said
    assert (starts(databases), databases.broken()) == (running, [])


def test_one_host_after_the_other(offered, tried, databases, upgrading, play):
    """Under load: nothing that was acknowledged is lost, no page fails, and nobody can write for about a second.

    Red where the primary's commits wait for a replica that is out, where a server is stopped while somebody reads from
    it, and where the lock or the mark of a host is left.
    """
    before, running, old = versions(databases), starts(databases), databases.primary
    planned = play("upgrade_mysql.yml", *NOW, "--check", "--diff")
    assert planned.succeeded, planned.output
    assert set(planned.changed.values()) == {0}, planned.output
    assert f"What would be done, one after the other: {databases.secondaries[0]} is taken out" in planned.said
    assert (versions(databases), starts(databases)) == (before, running)
    with upgrading("upgrade") as run:
        run.aim("write_gap_seconds", PLANNED)
        began = run.mark()
        done = play("upgrade_mysql.yml", *NOW)
        assert done.succeeded, done.output
        ended = run.mark()
        run.goes_on(20)
        run.note("write_gap_seconds", run.load.gap(began, ended))
        run.note("read_gap_seconds", run.load.gap(began, ended, "read"))
        run.note("seconds", ended - began)
        run.note("failed_reads", len(failed_reads(run, began)))
    assert failed_reads(run, began) == []
    assert set(versions(databases).values()) == {offered}
    assert not set(starts(databases).values()) & set(running.values())
    assert databases.primary != old
    assert databases.broken() == []
    again = play("upgrade_mysql.yml", *NOW)
    assert again.succeeded, again.output
    assert "There is nothing to upgrade" in again.said
    assert set(again.changed.values()) == {0}, again.output


def test_killed_in_the_middle(offered, tried, databases, upgrading, play, killed_at, wait_until):
    """Once in each part of a host's upgrade; the next run goes on there, and the last one comes to the end."""
    with upgrading("upgrade-killed") as run:
        began = run.mark()
        for number in (14, 16, 18):
            print(json.dumps({number: killed_at(number, "upgrade_mysql.yml", *NOW)}))
            # What it had started on a host ends there.
            wait_until(lambda: all(databases.on(name).run(INSTALLING).rc for name in databases.names), "apt to end")
        done = play("upgrade_mysql.yml", *NOW)
        assert done.succeeded, done.output
        run.goes_on(20)
        run.note("write_gap_seconds", run.load.gap(began, time.monotonic()))
    assert set(versions(databases).values()) == {offered}
    assert databases.broken() == []
    again = play("upgrade_mysql.yml", *NOW)
    assert set(again.changed.values()) == {0}, again.output
