"""The commands stream and archive: receive the server's binary logs all the time, and store them every minute.

Files are received into the spool, into a folder for each start of the stream. The last file is the one that grows.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet, union

from mysql_backup.binlog import Scan
from mysql_backup.errors import BackupError
from mysql_backup.host import STREAM_SERVER_ID, Host
from mysql_backup.plan import clock, gtids_of, parse_gtids, superseded
from mysql_backup.repository import stored_bytes, tag

POLL_SECONDS = 10
OPEN_FILE_SECONDS = 600
"""An archived log that does not grow is stored again that often, to say that nothing has happened since."""

READER_SECONDS = 3600
"""For so long an archived log stays when a longer version has replaced it: a restore may have chosen it already."""

BEHIND_SECONDS = 120
OTHERS_SECONDS = 300
"""How often a host looks at what other hosts have put into the repository."""


def stream(host: Host) -> None:
    """Receive as long as it is this host's turn; wait for it otherwise."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        mine, why = host.turn("binlog")
        if mine:
            print(f"Receiving: {why}.", flush=True)
            receive(host)
        else:
            print(f"Waiting: {why}.", flush=True)
            while not host.turn("binlog")[0]:
                time.sleep(POLL_SECONDS)


def receive(host: Host) -> None:
    """Receive what neither the repository nor the spool has, until it is no longer this host's turn."""
    with host.lock("archive"):
        have = _have(host)
        folder = host.spool / f"{time.time():017.3f}"
        folder.mkdir(mode=0o700)
    argv = ["mysqlbinlog", "--no-defaults", *host.mysql.options, "--read-from-remote-source=BINLOG-DUMP-GTIDS", "--raw"]
    argv += ["--stop-never", f"--connection-server-id={STREAM_SERVER_ID}", f"--exclude-gtids={have}"]
    # Without a file's name the server looks for the file in which the first missing transaction is.
    with subprocess.Popen([*argv, f"--result-file={folder}/", ""]) as child:  # noqa: S603
        try:
            while child.poll() is None and host.turn("binlog")[0]:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(POLL_SECONDS)
        finally:
            ended = child.poll()
            child.terminate()
    if ended is not None:
        raise BackupError(f"mysqlbinlog ended with status {ended}; systemd starts it again")


def _have(host: Host) -> GtidSet:
    """What does not have to be received. Remembers a hole: what the server has removed before it was archived."""
    spool = _in_spool(host)
    try:
        bases, logs = host.repository.contents()
        covered = union(log.gtids for log in logs)
        oldest, newest = (bases[0].low, bases[-1].low) if bases else (GtidSet(), GtidSet())
        pieces = _still_stored(host.state().get("pieces", {}), spool, covered)
        host.remember(covered=str(covered), oldest=str(oldest), newest=str(newest), pieces=pieces)
    except BackupError as error:
        # What the repository held when it last answered is enough to go on: what is received twice is replayed once.
        state = host.state()
        if "covered" not in state:
            raise
        print(f"The repository does not answer: {error}", file=sys.stderr)
        covered, oldest, newest = (parse_gtids(state[name]) for name in ("covered", "oldest", "newest"))
    received = union(spool.values())
    purged = host.mysql.gtids("gtid_purged")
    if covered | newest and (missing := purged - covered - received - newest):
        host.remember(hole=str(missing))
    return covered | received | oldest | purged


def _in_spool(host: Host) -> dict[str, GtidSet]:
    """What each file that was received holds, by its path."""
    return {str(file): gtids_of(host.scan(file).transactions) for file in spooled(host)}


def _still_stored(pieces: Mapping[str, Any], spool: Mapping[str, GtidSet], covered: GtidSet) -> dict[str, Any]:
    """Of the notes about files in the spool, those that the repository bears out: after a repair it may lack a file."""
    return {path: piece for path, piece in pieces.items() if path in spool and spool[path] <= covered}


def spooled(host: Host) -> list[Path]:
    """The files received, oldest first."""
    return [
        file
        for folder in sorted(host.spool.iterdir())
        for file in sorted(folder.iterdir(), key=lambda f: int(f.suffix[1:] or 0))
    ]


@dataclass(frozen=True)
class Received:
    """A file in the spool. `grows`: more will be added to it."""

    path: Path
    scan: Scan
    grows: bool

    @property
    def gtids(self) -> GtidSet:
        return gtids_of(self.scan.transactions)


@dataclass(frozen=True)
class Moment:
    """What the server had executed. `complete`: all of it has been received, so that the archive speaks for then."""

    at: float
    executed: GtidSet
    complete: bool


def archive(host: Host) -> None:
    """Store every binary log in the spool that has grown."""
    state = host.state()
    mine, why = host.turn("binlog")
    if time.time() - state.get("others_read", 0) > OTHERS_SECONDS:
        _look_at_others(host)
    at, executed = time.time(), host.mysql.gtids()
    known = parse_gtids(state.get("covered", "")) | parse_gtids(state.get("oldest", ""))
    paths = spooled(host)
    files = [Received(path, host.scan(path), grows=path == paths[-1]) for path in paths]
    received = known | union(file.gtids for file in files)
    moment = Moment(at, executed, executed <= received | host.mysql.gtids("gtid_purged"))
    known, stored = _store(host, files, moment, known)
    newest = max(host.spool.iterdir(), default=None)
    for folder in host.spool.iterdir():
        if folder != newest and not any(folder.iterdir()):
            folder.rmdir()
    behind = None if moment.complete or not mine else state.get("behind") or at
    host.remember(behind=behind)
    if behind and at - behind > BEHIND_SECONDS:
        raise BackupError(
            f"what the server committed since {clock(behind)} has not been received; see"
            " journalctl -u mysql-backup-stream"
        )
    _check_hole(host, parse_gtids(state.get("hole", "")))
    report = {"turn": mine, "why": why, "gtids": str(known), "bytes_stored": stored, "hole": state.get("hole", "")}
    host.record("archive", ok=True, **report, complete=moment.complete)


def _look_at_others(host: Host) -> None:
    """Remember what others did last, and remove archived logs that longer versions have replaced for long enough."""
    bases, logs = host.repository.everything()
    host.note_others(bases, logs)
    ended = time.time() - READER_SECONDS
    if replaced := [name for name, since in superseded(logs).items() if since < ended]:
        host.repository.restic("forget", *replaced)


def _store(host: Host, files: Sequence[Received], moment: Moment, known: GtidSet) -> tuple[GtidSet, int]:
    """Store the files that have grown and remove those that are complete. Returns what is archived, and new bytes.

    `pieces` of the state says of each file in the spool where it ended when it was stored last, and when that was.
    """
    paths = {str(file.path) for file in files}
    pieces: dict[str, dict[str, Any]] = {
        path: piece for path, piece in host.state().get("pieces", {}).items() if path in paths
    }
    total = 0
    for file in files:
        path, before = str(file.path), pieces.get(str(file.path), {})
        # Stored again although nothing is new: to say that.
        stale = file.grows and moment.complete and moment.at - before.get("stored", 0) > OPEN_FILE_SECONDS
        if file.scan.transactions and (before.get("end") != file.scan.end or stale):
            total += stored_bytes(host.repository.store(file.path, _tags(file, moment)))
            pieces[path] = {"end": file.scan.end, "stored": moment.at}
            known |= file.gtids
            host.remember(pieces=pieces, covered=str(known))
        if not file.grows:
            file.path.unlink()
            pieces.pop(path, None)
    host.remember(pieces=pieces, covered=str(known))
    return known, total


def _tags(file: Received, moment: Moment) -> dict[str, Any]:
    return {
        "kind": "binlog",
        "gtids": tag(file.gtids),
        "executed": tag(moment.executed),
        "first": file.scan.transactions[0].committed,
        "last": max(one.committed for one in file.scan.transactions),
        "until": f"{moment.at:.3f}" if moment.complete and file.grows else "0",
        "size": file.path.stat().st_size,
        "open": int(file.grows),
    }


def _check_hole(host: Host, hole: GtidSet) -> None:
    """BackupError as long as no base covers what was never archived."""
    if not hole:
        return
    hole -= union(base.low for base in host.repository.contents()[0])
    host.remember(hole=str(hole))
    if hole:
        raise BackupError(
            f"binary logs with {hole} were removed from the server before they were archived; a time after that can be"
            " restored from the next backup on: run playbooks/backup.yml"
        )
