"""This host: its settings, its server, its repository, and what the program remembers and reports here."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.schemas import NOT_INNODB

from mysql_backup.binlog import Scan, scan_file
from mysql_backup.errors import BackupError
from mysql_backup.plan import ArchivedLog, Base, clock
from mysql_backup.programs import Mysql
from mysql_backup.repository import Repository
from mysql_backup.settings import Settings
from mysql_backup.turn import Server, membership, turn

STREAM_SERVER_ID = 4294967200
"""The server_id of the stream of binary logs, by which it is told from a replica."""

GROUP = (
    "SELECT MEMBER_ID = @@server_uuid AS own, MEMBER_STATE AS state, MEMBER_ROLE AS role"
    " FROM performance_schema.replication_group_members"
)
"""Asked on a server that has the plugin, because its account may read the table only there."""

GROUP_PLUGIN = (
    "SELECT JSON_ARRAY(COUNT(*)) FROM information_schema.PLUGINS"
    " WHERE PLUGIN_NAME = 'group_replication' AND PLUGIN_STATUS = 'ACTIVE'"
)


class Host:
    """What commands work with."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.name = settings.host
        self.home, self.scratch = settings.directory, settings.scratch
        self.spool, self.stage = self.home / "spool", self.home / "stage"
        self.mysql = Mysql(settings.socket, settings.mysql_user)
        self.repository = Repository(settings)

    # Files

    def state(self) -> dict[str, Any]:
        """What the program remembers for itself."""
        return _read(self.home / "state.json")

    def status(self) -> dict[str, Any]:
        """What it reports to people and to monitoring."""
        return _read(self.home / "status.json")

    def remember(self, **values: Any) -> None:
        with self.lock("state"):
            self._write("state.json", self.state() | values, 0o600)

    def record(self, part: str, *, ok: bool, **values: Any) -> None:
        """Report how something went. The last success stays in the report when a later run fails."""
        with self.lock("state"):
            status = self.status()
            entry = status.get(part, {}) | {"ok": ok, "at": clock(time.time()), "at_epoch": int(time.time())} | values
            if ok:
                entry |= {"last_success": entry["at"], "last_success_epoch": entry["at_epoch"], "error": ""}
            self._write("status.json", status | {"host": self.name, part: entry}, 0o644)

    def _write(self, name: str, data: Mapping[str, Any], mode: int) -> None:
        temporary = self.home / f".{name}.{os.getpid()}"
        temporary.write_text(json.dumps(data, indent=2) + "\n")
        temporary.chmod(mode)
        temporary.rename(self.home / name)

    @contextlib.contextmanager
    def lock(self, name: str, *, wait: bool = True) -> Iterator[None]:
        with (self.home / f".{name}.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                raise BackupError(f"another {name} runs on this host; wait until it ends") from None
            yield

    # The server

    def server(self) -> Server:
        """What the server is now."""
        (uuid, writable, executed, version) = self.mysql.query(
            "SELECT JSON_ARRAY(@@server_uuid, NOT (@@read_only OR @@super_read_only), @@GLOBAL.gtid_executed,"
            " @@version)"
        )[0]
        statuses = [row for row in self.mysql.table("SHOW REPLICA STATUS") if row.get("Source_Host")]
        channels = [row for row in statuses if not row.get("Channel_Name", "").startswith("group_replication")]
        member = membership(self.mysql.table(GROUP)) if self.mysql.query(GROUP_PLUGIN)[0][0] else None
        if member:
            return Server(
                writable=bool(writable) and member.primary and member.online,
                channel=not member.primary,
                receiver=member.online,
                applier=member.online,
                replicas=member.others,
                server_uuid=uuid,
                gtid_executed=executed,
                version=version,
            )
        attached = [row for row in self.mysql.table("SHOW REPLICAS") if row["Server_Id"] != str(STREAM_SERVER_ID)]
        return Server(
            writable=bool(writable),
            channel=bool(channels),
            receiver=any(row["Replica_IO_Running"] == "Yes" for row in channels),
            applier=any(row["Replica_SQL_Running"] == "Yes" for row in channels),
            replicas=len(attached),
            server_uuid=uuid,
            gtid_executed=executed,
            version=version,
        )

    def copied_empty(self) -> list[str]:
        """The users' tables that are not InnoDB: CLONE copies them without their rows."""
        return [row["name"] for row in self.mysql.table(NOT_INNODB)]

    def scan(self, file: Path) -> Scan:
        """Read a binary log."""
        return scan_file(file)

    # Whose turn it is

    def turn(self, kind: str, server: Server | None = None) -> tuple[bool, str]:
        """Whether it is this host's turn, for bases or for the archive, and why."""
        state = self.state()
        if "first_seen" not in state:
            self.remember(first_seen=time.time())
            state = self.state()
        others = state.get("others", {}).get(kind, state["first_seen"])
        return turn(server or self.server(), time.time() - others, self.settings.patience[kind])

    def note_others(self, bases: Iterable[Base], logs: Iterable[ArchivedLog]) -> None:
        """Remember when other hosts last did what this one may have to do in their place."""
        latest = {
            "base": max((base.until for base in bases if base.host != self.name), default=None),
            "binlog": max((log.until for log in logs if log.host != self.name), default=None),
        }
        self.remember(others={kind: at for kind, at in latest.items() if at is not None}, others_read=time.time())


def check_space(path: Path, needed: int, what: str) -> None:
    """BackupError unless a tenth of the disk stays free: a full one would stop the server that is to be protected."""
    disk = os.statvfs(path)
    free, reserve = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize // 10
    if needed + reserve > free:
        raise BackupError(
            f"{what} needs about {needed >> 20} MiB in {path}, where {free >> 20} MiB are free, of which a tenth"
            f" of the disk ({reserve >> 20} MiB) must stay free; make room, or set mysql_backup_directory to a larger"
            " disk"
        )


def _read(file: Path) -> dict[str, Any]:
    with contextlib.suppress(FileNotFoundError, ValueError):
        found: dict[str, Any] = json.loads(file.read_text())
        return found
    return {}
