"""The commands restore, verify and find: restore into a scratch instance, check it, hand out what is asked for."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet, union

from mysql_backup.binlog import Scan
from mysql_backup.errors import BackupError
from mysql_backup.host import Host, check_space
from mysql_backup.plan import (
    MICROSECONDS,
    ArchivedLog,
    Base,
    Target,
    Transaction,
    clock,
    cut,
    gtids_of,
    holes,
    parse_time,
    replay_order,
    select,
)
from mysql_backup.programs import run
from mysql_backup.scratch import Scratch


@dataclass(frozen=True)
class Plan:
    """What a restore takes, and the history to which the target belongs."""

    target: Target
    history: GtidSet
    base: Base
    logs: Sequence[ArchivedLog]
    bases: Sequence[Base]

    def missing(self, have: GtidSet) -> GtidSet:
        """What was committed and is not archived, up to where `have` ends."""
        return holes(self.base, have, self.bases, self.logs) & self.history


@dataclass(frozen=True)
class Report:
    """What was restored."""

    target: str
    base: str
    base_at: str
    replayed: int
    gtid_executed: str
    last_transaction: str
    last_committed: str
    tables: dict[str, dict[str, Any]]
    rows: int
    seconds: float


def restore(host: Host, target: Target, databases: Sequence[str], tables: Sequence[str]) -> None:
    """Restore, check, and write a dump of each database, or of tables of the one."""
    with host.lock("restore", wait=False), _restored(host, target) as (scratch, report):
        refuse_copied_empty(scratch.copied_empty(), databases, tables)
        dumps = []
        for database in databases:
            if database not in {name.split(".")[0] for name in report.tables}:
                raise BackupError(
                    f"{database} has no tables at that point; there are {', '.join(report.tables) or 'none'}"
                )
            if gone := [name for name in tables if f"{database}.{name}" not in report.tables]:
                raise BackupError(f"{database} has no table {', '.join(gone)} at that point")
            file = host.home / "restored" / f"{database}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.sql"
            _progress(f"Writing {file}")
            scratch.mysql.dump(database, tables, file)
            dumps.append({"database": database, "file": str(file), "bytes": file.stat().st_size})
        print(json.dumps(asdict(report) | {"dumps": dumps}))


def refuse_copied_empty(empty: Sequence[str], databases: Sequence[str] = (), tables: Sequence[str] = ()) -> None:
    """BackupError where one of the tables, or of all, is in no backup with its rows."""
    asked = {f"{database}.{table}" for database in databases for table in tables}
    concerned = [
        name for name in empty if not databases or name in asked or (not tables and name.partition(".")[0] in databases)
    ]
    if concerned:
        raise BackupError(
            f"{', '.join(concerned)}: not InnoDB, so backups hold none of the rows. On the primary, make them InnoDB "
            "(ALTER TABLE ... ENGINE=InnoDB) and back up again; to restore others, name them"
        )


def show_plan(host: Host, target: Target, databases: Sequence[str], tables: Sequence[str]) -> None:
    """Print what a restore would do."""
    plan = _plan(host, target)
    if missing := plan.missing(plan.base.low | union(log.gtids for log in plan.logs) & plan.history):
        # Whether the target is before it, only the restore itself finds out.
        _progress(f"The archive has a hole, {missing}: only what comes before it can be restored from this backup")
    found = {"target": str(target), "base": plan.base.id[:8], "base_at": clock(plan.base.until)}
    sizes = {"bytes": plan.base.size, "binary_logs": len(plan.logs)}
    print(json.dumps(found | sizes | {"databases": databases, "tables": tables}))


def verify(host: Host, *, now: bool) -> None:
    """Restore everything that is archived and check it, then read back a part of the repository."""
    mine, why = (True, "") if now else host.turn("base")
    if not mine:
        print(f"Nothing to do: {why}.")
        return
    with host.lock("restore", wait=False), _restored(host, Target()) as (scratch, report):
        refuse_copied_empty(scratch.copied_empty())
    _progress("Reading the repository")
    host.repository.restic("check", f"--read-data-subset={host.settings.verify_read}")
    host.record("verify", ok=True, **asdict(report))
    print(json.dumps(asdict(report)))


def find(host: Host, pattern: str) -> None:
    """Print the transactions that define data and match, with the GTID that a restore needs."""
    wanted = re.compile(pattern, re.IGNORECASE)
    _bases, logs = host.repository.contents()
    with _folder(host, "find-") as folder:
        scans = _fetch_logs(host, logs, folder / "binlogs")
    statements = {gtid: text for one in scans for gtid, text in one.statements.items()}
    archived = replay_order(scan.transactions for scan in scans)
    matching = [one for one in archived if wanted.search(statements.get(one.gtid, ""))]
    for one in matching:
        at = datetime.fromtimestamp(one.committed / MICROSECONDS, UTC).strftime("%Y-%m-%d %H:%M:%S.%f UTC")
        print(f"{one.gtid}  {at}  {statements[one.gtid]}")
    if not matching:
        end = clock(max(one.committed for one in archived) / MICROSECONDS) if archived else ""
        reach = f"the archive reaches up to {end}" if end else "nothing is archived yet"
        print(f"No statement that defines data matches; {reach}.", file=sys.stderr)


def target_of(to: str, gtid: str, before: str) -> Target:
    """The target as it is given. Raises BackupError."""
    if sum(map(bool, (to, gtid, before))) > 1:
        raise BackupError("give only one of a time, a GTID, and a GTID to stop before")
    return Target(parse_time(to) if to else None, gtid, before)


def _plan(host: Host, target: Target) -> Plan:
    bases, logs = host.repository.contents()
    history, base, needed = select(bases, logs, target)
    check_space(host.scratch, 2 * base.size + sum(log.size for log in needed), "the restore")
    return Plan(target, history, base, needed, bases)


@contextlib.contextmanager
def _restored(host: Host, target: Target) -> Iterator[tuple[Scratch, Report]]:
    """A running instance that holds the target and nothing more, checked, and a report on it."""
    started = time.time()
    plan = _plan(host, target)
    with _folder(host) as folder:
        _progress(f"Reading {len(plan.logs)} archived binary logs")
        sequence = _transactions(host, plan, folder / "binlogs")
        _progress(f"Restoring the backup {plan.base.id[:8]} of {clock(plan.base.until)} ({plan.base.size >> 20} MiB)")
        scratch = Scratch(folder, plan.base, host.settings)
        _fetch_base(host, plan.base, scratch.data)
        with scratch.running():
            replayed, reached = _replay(scratch, plan, sequence)
            _progress("Checking every table")
            tables = scratch.tables()
            last = sequence[-1] if sequence else None
            report = Report(
                target=str(target),
                base=plan.base.id[:8],
                base_at=clock(plan.base.until),
                replayed=replayed,
                gtid_executed=str(reached),
                last_transaction=last.gtid if last else "",
                last_committed=clock(last.committed / MICROSECONDS) if last else "",
                tables=tables,
                rows=sum(one["rows"] for one in tables.values()),
                seconds=round(time.time() - started, 1),
            )
            yield scratch, report


def _transactions(host: Host, plan: Plan, folder: Path) -> list[Transaction]:
    """What is to be in the instance beyond the base's low, in order. BackupError where one of them is not archived."""
    scans = _fetch_logs(host, plan.logs, folder)
    sequence = [one for one in replay_order(scan.transactions for scan in scans) if one.gtid in plan.history]
    sequence = cut(sequence, plan.base, plan.target)
    if missing := plan.missing(plan.base.low | gtids_of(sequence)):
        raise BackupError(
            f"the archive has a hole: the transactions {missing} were committed and not archived. What can be"
            " restored ends before them, or begins with a later backup (mysql-backup list)"
        )
    return sequence


def _replay(scratch: Scratch, plan: Plan, sequence: Sequence[Transaction]) -> tuple[int, GtidSet]:
    """Replay what the base lacks. Returns how many transactions that were, and what the instance has then."""
    base, have = plan.base, plan.base.low | gtids_of(sequence)
    exact = scratch.mysql.gtids()
    if not (base.low <= exact and exact <= base.high):
        raise BackupError(f"the backup holds {exact}, but its tags say from {base.low} to {base.high}")
    # Before a time, or at the end, there may be some that no archived log holds yet.
    if plan.target.transaction and (beyond := exact - have):
        raise BackupError(f"the backup {base.id[:8]} already holds {beyond}, which is beyond the target")
    missing = (have - exact).count
    _progress(f"Replaying {missing} transactions")
    scratch.replay(sequence, exact)
    reached = scratch.mysql.gtids()
    if reached != have | exact:
        raise BackupError(f"the instance has {reached} at the end instead of {have | exact}")
    return missing, reached


@contextlib.contextmanager
def _folder(host: Host, prefix: str = "") -> Iterator[Path]:
    """A folder for the time being, on the disk for scratch instances."""
    if not prefix:
        # What a restore that was killed has left: there is only one at a time.
        for left in host.scratch.glob("[0-9]*"):
            shutil.rmtree(left)
    folder = host.scratch / f"{prefix}{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fetch_base(host: Host, base: Base, folder: Path) -> None:
    # Not at the top, because only this command pays for it (it imports what talks to servers).
    from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import series

    here = re.search(r"Ver ([0-9.]+)", run("mysqld", ["mysqld", "--no-defaults", "--version"]))
    if here and series(here[1]) < series(base.version):
        raise BackupError(
            f"the backup is of MySQL {base.version}, and this host has {here[1]}, which cannot read it; restore on a"
            " host with the newer one"
        )
    host.repository.restic("restore", f"{base.id}:{base.path}", f"--target={folder}")


def _fetch_logs(host: Host, logs: Iterable[ArchivedLog], folder: Path) -> list[Scan]:
    """Binary logs, each cut off after its last complete transaction, and what is in them."""
    folder.mkdir()
    scans = []
    for number, log in enumerate(logs):
        file = folder / f"{number:06}-{Path(log.path).name}"
        host.repository.restic("dump", f"--target={file}", log.id, log.path)
        found = host.scan(file)
        if lost := log.gtids - gtids_of(found.transactions):
            raise BackupError(f"the archived binary log {log.id[:8]} no longer holds {lost}")
        os.truncate(file, found.end)
        scans.append(found)
    return scans


def _progress(text: str) -> None:
    print(f"{text} ...", file=sys.stderr, flush=True)
