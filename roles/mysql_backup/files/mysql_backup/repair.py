"""The command repair: say what of a damaged repository survives, and make it whole again, without what is lost.

A snapshot of which a byte is missing is given up: no server starts on half of a base, and half of a binary log tells a
restore that something is there which is not. What binary logs of the server still hold is received again, from the next
start of the stream on.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import union

from mysql_backup.damage import Damage
from mysql_backup.errors import BackupError, DamagedError, ProgramError
from mysql_backup.host import Host
from mysql_backup.plan import ArchivedLog, Base, clock
from mysql_backup.repository import REPAIRED

Contents = tuple[Sequence[Base], Sequence[ArchivedLog]]

ACCEPT = "-e webstack_repair_accept_loss=true"


@dataclass(frozen=True)
class Survey:
    """What is left of the repository, and what is lost."""

    lost_bases: Sequence[str]
    lost_logs: int
    lost_gtids: str
    """Transactions that no surviving backup or archived log holds."""
    bases: Sequence[str]
    logs: int
    since: str
    """From when on a moment can be restored; empty for none."""


def survey(before: Contents, after: Contents) -> Survey:
    """Compare the repository before and after the repair. Pure."""
    (bases, logs), (left, left_logs) = before, after
    kept = {base.id for base in left} | {log.id for log in left_logs}
    lost = [log for log in logs if log.id not in kept]
    held = union((*(log.gtids for log in left_logs), *(base.low for base in left)))
    return Survey(
        lost_bases=[_named(base) for base in bases if base.id not in kept],
        lost_logs=len(lost),
        lost_gtids=str(union(log.gtids for log in lost) - held),
        bases=[_named(base) for base in left],
        logs=len(left_logs),
        since=clock(left[0].until) if left else "",
    )


def _named(base: Base) -> str:
    return f"{base.id[:8]} ({clock(base.until)}, of {base.host})"


def repair(host: Host, *, check: bool, accept_loss: bool) -> None:
    """Find out what is damaged and repair it. `check`: only find out. Nothing is done where nothing is damaged.

    Prints a report, as JSON.
    """
    with host.lock("backup"):
        _refuse_closed(host)
        _progress("Reading the whole repository")
        # Without a lock of the repository, so that binary logs are stored meanwhile.
        damage = host.repository.check("--read-data", "--no-lock")
        if not damage and not _halves(host):
            _report(damage="")
            return
        before = host.repository.everything()
        if not accept_loss:
            _refuse_loss(host, before)
        if check:
            _report(damage=_words(damage), snapshots=len(before[0]) + len(before[1]))
            return
        with host.lock("archive"):
            _mend(host, damage)
            after = host.repository.everything()
            found = asdict(survey(before, after))
            covered = union(log.gtids for log in after[1])
            # What a file in the spool was stored as may be lost.
            host.remember(pieces={}, covered=str(covered))
    host.record("repair", ok=True, damage=_words(damage), **found)
    _report(damage=_words(damage), **found)


def _refuse_closed(host: Host) -> None:
    """BackupError where the repository does not open because of what is damaged."""
    try:
        host.repository.restic("cat", "config")
    except ProgramError as error:
        if not isinstance(error, DamagedError) and "unable to open config file" not in error.stderr:
            raise
        raise BackupError(
            "the repository cannot be opened, because the file of its key or of its configuration is damaged or gone;"
            " without these two nothing in it can be read. Put them back from a copy of the repository, or put the"
            ' repository aside and have a new one made (docs/operations.md, "Data")'
        ) from error


def _refuse_loss(host: Host, contents: Contents) -> None:
    """BackupError where the repository may be the only place of something: what it lacks afterwards is gone."""
    bases, logs = contents
    only = union((*(base.high for base in bases), *(log.gtids for log in logs))) - host.mysql.gtids()
    if only:
        raise BackupError(
            f"nothing was changed: the repository has transactions that the server of this host has not ({only}), and"
            " a repair gives up what is damaged. If a server is yet to be restored from it, do that first"
            " (playbooks/restore.yml; it says what it cannot read). If they belong to a history that a failover has"
            f" ended, add {ACCEPT}"
        )


def _halves(host: Host) -> list[str]:
    """Damaged snapshots, and what restic has made of each, without what is lost. An interrupted repair leaves them."""
    found = host.repository.snapshots()
    halves = [_identity(one) for one in found if REPAIRED in (one.get("tags") or [])]
    return [one["id"] for one in found if _identity(one) in halves]


def _identity(snapshot: Mapping[str, Any]) -> tuple[str, ...]:
    """What a snapshot has in common with what restic makes of it; the field `original` may be of an earlier change."""
    return snapshot["time"], snapshot["hostname"], *snapshot["paths"]


def _mend(host: Host, damage: Damage) -> None:
    """Rebuild what can be read, give up the rest. BackupError where the repository is damaged still."""
    restic = host.repository.restic
    restic("unlock")
    if damage.index:
        _progress("Rebuilding the index")
        restic("repair", "index")
        damage = host.repository.check("--read-data")
    if damage.snapshots:
        names = ", ".join(f"snapshots/{name}*" for name in damage.snapshots)
        raise BackupError(
            "these files cannot be read, and restic removes no such file. Delete them on the host or in the storage"
            f" that keeps the repository, and run this again: {names}"
        )
    with _salvage(host) as folder:
        if damage.packs:
            _progress(f"Saving what can be read of {len(damage.packs)} damaged files")
            restic("repair", "packs", *damage.packs, folder=folder)
        _progress("Giving up what is lost")
        restic("repair", "index")
        restic("repair", "snapshots")
        if halves := _halves(host):
            restic("forget", *halves)
        # By now it removes only those of which nothing can be read.
        restic("repair", "snapshots", "--forget")
        restic("prune")
        if left := host.repository.check():
            raise BackupError(
                f"the repository is damaged still, after all that restic can repair: {left}. See what its disk says"
                ' (journalctl -k), put the repository aside and have a new one made (docs/operations.md, "Data")'
            )


@contextlib.contextmanager
def _salvage(host: Host) -> Iterator[Path]:
    """A folder into which restic copies damaged files before it changes anything. They stay where it fails."""
    folder = host.home / "damaged"
    folder.mkdir(mode=0o700, exist_ok=True)
    yield folder
    shutil.rmtree(folder)


def _words(damage: Damage) -> str:
    return str(damage) or "an earlier repair was interrupted"


def _report(*, damage: str, **found: Any) -> None:
    print(json.dumps({"damage": damage, **found}))


def _progress(text: str) -> None:
    print(f"{text} ...", file=sys.stderr, flush=True)
