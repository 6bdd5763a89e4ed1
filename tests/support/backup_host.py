"""Data of a repository of backups, and a host of mysql-backup in a folder, for unit tests."""

import json

from mysql_backup.archive import archive
from mysql_backup.binlog import Scan
from mysql_backup.host import Host
from mysql_backup.plan import ArchivedLog, Base, Transaction, parse_gtids
from mysql_backup.repository import Repository
from mysql_backup.settings import Settings

A = "aaaaaaaa-0000-0000-0000-000000000000"
B = "bbbbbbbb-0000-0000-0000-000000000000"


def base(low, high, until, **options):
    return Base(
        id=f"base{until}", host="db2", path="/c", low=parse_gtids(low), high=parse_gtids(high), since=until, until=until
    )


def log(held, first, last, until=0.0, executed="", path="/spool/1/binlog.000001"):
    """Times in seconds."""
    return ArchivedLog(
        id=f"log{first}",
        host="db2",
        path=path,
        gtids=parse_gtids(held),
        executed=parse_gtids(executed),
        first=int(first * 1e6),
        last=int(last * 1e6),
        until=until,
    )


class FakeMysql:
    """A server that has executed `executed`."""

    def __init__(self, executed):
        self.executed = parse_gtids(executed)

    def gtids(self, variable="gtid_executed"):
        return self.executed if variable == "gtid_executed" else parse_gtids(f"{A}:1-2")


class FakeRepository(Repository):
    """What was asked of restic, and what was stored. `held` are its contents."""

    def __init__(self, held):
        self.held, self.asked, self.stored = held, [], []

    def everything(self):
        return self.held

    def restic(self, *arguments, **_):
        self.asked.append([str(one) for one in arguments])

    def store(self, path, tags):
        self.stored.append((path.name, tags["gtids"], tags["open"]))
        return {"snapshot_id": f"s{len(self.stored)}", "data_added": 7}


class FakeHost(Host):
    """A host in a folder: files in the spool hold the numbers of their transactions."""

    def __init__(self, home, *, executed=f"{A}:1-9", mine=True, contents=([], [])):
        super().__init__(settings(home))
        for folder in (self.spool, self.scratch):
            folder.mkdir(exist_ok=True)
        self.mine, self.mysql, self.repository = mine, FakeMysql(executed), FakeRepository(contents)

    def turn(self, kind, server=None):
        return self.mine, "the test says so"

    def scan(self, file):
        found = tuple(Transaction(f"{A}:{number}", int(number) * 10**6) for number in file.read_text().split())
        return Scan(found, len(found))

    def receives(self, run, name, numbers):
        (self.spool / run).mkdir(exist_ok=True)
        (self.spool / run / name).write_text(numbers)

    def archives(self):
        archive(self)
        return self.status()["archive"]


def settings(home):
    """As the role writes them, numbers as the strings that Jinja may make of them."""
    written = {
        "host": "h",
        "user": "mysql-backup",
        "mysql_user": "backup",
        "socket": "/s",
        "directory": str(home),
        "scratch": f"{home}/scratch",
        "keep": {"last": 2},
        "patience": {"base": "129600", "binlog": "600"},
        "verify_read": "10%",
        "restore_memory_mb": "256",
        "start_timeout": 600,
        "restic_options": [],
    }
    (home / "settings.json").write_text(json.dumps(written))
    return Settings.read(home / "settings.json")
