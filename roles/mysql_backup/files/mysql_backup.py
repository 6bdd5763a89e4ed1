"""Back up a MySQL server, archive its binary logs, restore to a time or a transaction, and prove that it works.

mysql-backup backup [--now]   copy the server's data into the repository, if it is this host's turn (--now: in any case)
mysql-backup stream           receive the binary logs for as long as it is this host's turn (a service)
mysql-backup archive          put what was received into the repository (a timer, every minute)
mysql-backup verify [--now]   restore the newest backup into a scratch instance and check it (a timer)
mysql-backup restore ...      restore into an instance of its own, check it, hand out dumps of databases
mysql-backup find PATTERN     transactions in the archive that define data (DROP TABLE ...), with GTID and time
mysql-backup swap ...         on the primary: put a dump's tables in the place of a database's tables. Reads what
                              restore said of the tables, as JSON
mysql-backup list             what the repository holds
mysql-backup state            what this host's server is, and whether backups are its turn
mysql-backup status           when what succeeded last
mysql-backup init             make the repository, unless it is there

A base is what CLONE LOCAL DATA DIRECTORY copies, with GTID_EXECUTED as it was just before (low) and just after (high):
everything in low is in the base, and nothing beyond high. A piece is a binary log as mysqlbinlog receives it, with the
GTIDs of the transactions that are complete in it. A restore takes a base and replays, from the pieces, what it lacks.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

SETTINGS = Path("/etc/mysql-backup/settings.json")
ENVIRONMENT = Path("/etc/mysql-backup/environment")
WORKED = Path("/etc/mysql-backup/environment.works")
"""A copy of the credentials with which the repository opened last, for root alone."""

DATA_DEFINITION = re.compile(r"\s*(?:/\*.*?\*/\s*)*(ALTER|CREATE|DROP|RENAME|TRUNCATE)\b", re.IGNORECASE | re.DOTALL)
OWN_SCHEMAS = ("information_schema", "mysql", "performance_schema", "sys")
RESTORER = "mysql-backup-restore"
"""Account of the scratch instances. It exists nowhere else: only there does the program say what is executed."""

DUMP_SERVER_ID = 4294967200
"""What the stream calls itself, so that it is not taken for a replica."""

POLL_SECONDS = 10
OPEN_PIECE_SECONDS = 600
"""An archived binary log that does not grow is stored again that often, to say that nothing happened since."""

READER_SECONDS = 3600
"""For so long a stored binary log stays when a longer one has taken its place: who restores may have chosen it."""

BEHIND_SECONDS = 120
OTHERS_SECONDS = 300
"""How often a host looks what other hosts put into the repository."""

LAG_SECONDS = 7 * 86400
"""By how much a replica may be behind and still be backed up without a hole."""

MICROSECONDS = 1_000_000


class BackupError(Exception):
    """What was asked for cannot be; the message says why and what can."""


# --- GTID sets, without a server ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Gtids:
    """A GTID set. Intervals, first and last number, by source; a source is ``uuid`` or ``uuid:tag``."""

    intervals: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Gtids:
        """From MySQL's notation, ``uuid:1-5:7:tag:1,uuid:...``, or from a snapshot's tag, with ; for the comma.

        Raises BackupError where it is neither.
        """
        found: dict[str, list[tuple[int, int]]] = {}
        for part in filter(None, re.split(r"[,;]", re.sub(r"\s", "", text))):
            uuid, *rest = part.split(":")
            if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", uuid) or not rest:
                raise BackupError(f"{part!r} is no GTID; one looks like 3e11fa47-71ca-11e1-9e33-c80aa9429562:23")
            source = uuid.lower()
            for item in rest:
                if match := re.fullmatch(r"([0-9]+)(?:-([0-9]+))?", item):
                    found.setdefault(source, []).append((int(match[1]), int(match[2] or match[1])))
                elif re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]{0,31}", item):
                    source = f"{uuid.lower()}:{item.lower()}"
                else:
                    raise BackupError(f"{item!r} in {part!r} is neither a number, a range nor a tag")
        return cls({source: merged for source, parts in found.items() if (merged := _merged(parts))})

    def __str__(self) -> str:
        """MySQL's notation on one line. A source with a tag stands for itself, which MySQL reads as well."""
        return ",".join(
            ":".join([source, *(f"{a}" if a == b else f"{a}-{b}" for a, b in parts)])
            for source, parts in sorted(self.intervals.items())
        )

    @property
    def tag(self) -> str:
        """As a snapshot's tag, where a comma would separate two."""
        return str(self).replace(",", ";")

    def __bool__(self) -> bool:
        return bool(self.intervals)

    def __or__(self, other: Gtids) -> Gtids:
        sources = {*self.intervals, *other.intervals}
        return Gtids({s: _merged([*self.intervals.get(s, ()), *other.intervals.get(s, ())]) for s in sorted(sources)})

    def __sub__(self, other: Gtids) -> Gtids:
        left = {s: _without(parts, other.intervals.get(s, ())) for s, parts in self.intervals.items()}
        return Gtids({s: parts for s, parts in left.items() if parts})

    def __and__(self, other: Gtids) -> Gtids:
        return self - (self - other)

    def __le__(self, other: Gtids) -> bool:
        return not self - other

    def __len__(self) -> int:
        return sum(b - a + 1 for parts in self.intervals.values() for a, b in parts)

    def __contains__(self, one: Transaction) -> bool:
        return any(a <= one.number <= b for a, b in self.intervals.get(one.source, ()))

    def up_to(self, other: Gtids) -> Gtids:
        """What of this is not beyond the last number that the other has of the source."""
        ends = {s: ((1, parts[-1][1]),) for s, parts in other.intervals.items()}
        return self & Gtids(ends)


def _merged(parts: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    for first, last in sorted(parts):
        if first > last:
            continue
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return tuple(found)


def _without(parts: Iterable[tuple[int, int]], holes: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    found = []
    for start, last in parts:
        first = start
        for a, b in holes:
            if b < first or a > last:
                continue
            if a > first:
                found.append((first, a - 1))
            first = b + 1
        if first <= last:
            found.append((first, last))
    return tuple(found)


def union(sets: Iterable[Gtids]) -> Gtids:
    result = Gtids()
    for one in sets:
        result |= one
    return result


# --- What the repository holds, and what of it a restore takes ---------------------------------------------------


@dataclass(frozen=True)
class Base:
    """A copy of a server's data. Times are seconds since 1970; `since` and `until` enclose it."""

    id: str
    host: str
    path: str
    low: Gtids
    high: Gtids
    since: float
    until: float
    size: int = 0
    version: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Piece:
    """A binary log, or what there is of it. `executed`: what its server had executed at `until`."""

    id: str
    host: str
    path: str
    gtids: Gtids
    executed: Gtids
    first: int
    last: int
    until: float
    size: int = 0
    stored: float = 0


@dataclass(frozen=True)
class Transaction:
    """One of a piece. `committed`: microseconds since 1970, the clock of the server where it was committed first."""

    gtid: str
    committed: int
    file: str = ""

    @property
    def source(self) -> str:
        return self.gtid.rpartition(":")[0]

    @property
    def number(self) -> int:
        return int(self.gtid.rpartition(":")[2])


@dataclass(frozen=True)
class Target:
    """Where a restore ends: with nothing set, at the end of the archive."""

    at: float | None = None
    """Everything committed up to then, seconds since 1970."""
    gtid: str = ""
    """Everything up to this transaction, itself included."""
    before: str = ""
    """Everything up to this transaction, itself not included."""

    @property
    def transaction(self) -> str:
        return self.gtid or self.before

    def __str__(self) -> str:
        if self.at is not None:
            return f"everything committed up to {clock(self.at)}"
        if self.transaction:
            return f"everything {'up to' if self.gtid else 'before'} the transaction {self.transaction}"
        return "everything that is archived"


def clock(seconds: float) -> str:
    """A time for people. UTC, and it says so."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def parse_time(text: str) -> float:
    """Seconds since 1970 of ``2026-11-23 12:00:00``, with or without fractions, T, Z or UTC; it is UTC in any case.

    Raises BackupError for what is no time.
    """
    plain = re.sub(r"\s*(Z|UTC)$", "", text.strip()).replace("T", " ")
    for form in ("%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"):
        with contextlib.suppress(ValueError):
            return datetime.strptime(plain, form).replace(tzinfo=UTC).timestamp()
    raise BackupError(f"{text!r} is no time; write it in UTC, such as 2026-11-23T12:00:00")


def choose_base(bases: Iterable[Base], pieces: Sequence[Piece], target: Target) -> Base:
    """The newest base that holds nothing beyond the target. BackupError where the archive cannot reach the target."""
    ordered = sorted(bases, key=lambda base: base.until)
    if not ordered:
        raise BackupError("the repository holds no backup yet; run playbooks/backup.yml")
    if target.at is not None:
        archived = max((max(piece.until, piece.last / MICROSECONDS) for piece in pieces), default=0.0)
        fitting = [base for base in ordered if base.until <= target.at]
        if not fitting:
            raise BackupError(
                f"{clock(target.at)} is before the end of the first backup ({clock(ordered[0].until)}), and nothing"
                " older can be restored; ask for a later time"
            )
        if target.at > archived:
            raise BackupError(
                f"the archive reaches up to {clock(archived)}, and {clock(target.at)} is later; ask for an earlier"
                " time, wait a minute if it has only just passed, or leave the time out to get everything that is"
                " archived"
            )
        return fitting[-1]
    if target.transaction:
        wanted = Gtids.parse(target.transaction)
        if len(wanted) != 1:
            raise BackupError(f"{target.transaction} is not one GTID; give one such as <uuid>:23")
        if not wanted <= union(piece.gtids for piece in pieces):
            if wanted <= ordered[0].high:
                raise BackupError(
                    f"{target.transaction} is older than the first backup ({clock(ordered[0].until)}); nothing before"
                    " that can be restored"
                )
            raise BackupError(
                f"the archive has no transaction {target.transaction}; if it is not a minute old, wait for it to be"
                f" archived. What is archived: {union(piece.gtids for piece in pieces) or 'nothing'}"
            )
        fitting = [base for base in ordered if not wanted & base.high]
        if not fitting:
            raise BackupError(
                f"every backup was made after {target.transaction}, the first at {clock(ordered[0].until)}; nothing"
                " before that can be restored"
            )
        return fitting[-1]
    return ordered[-1]


def lineage(bases: Iterable[Base], pieces: Iterable[Piece], target: Target) -> Gtids:
    """The history that the target belongs to: every transaction of it that is known.

    A failover that lost something leaves two: what the old primary went on to commit alone, and what the new one did.
    Replaying both would give data that never was. The newest one is taken, or that of the transaction asked for. What
    another server had beyond it, without lacking any of it, is the same history, further on. One that no base is the
    beginning of cannot be restored: that of new, empty servers that stand in the place of lost ones.
    """
    ends = [(base.until, base.high) for base in bases]
    ends += [(max(one.until, one.last / MICROSECONDS), one.executed | one.gtids) for one in pieces]
    ends.sort(key=lambda end: end[0], reverse=True)
    begun = [base.high for base in bases if target.at is None or base.until <= target.at]
    ends = [end for end in ends if any(base <= end[1] for base in begun)] or ends
    if target.transaction:
        wanted = Gtids.parse(target.transaction)
        ends = [end for end in ends if wanted <= end[1]] or ends
    history = ends[0][1] if ends else Gtids()
    return history | union(other for _, other in ends if history <= other)


def select(bases: Sequence[Base], pieces: Sequence[Piece], target: Target) -> tuple[Gtids, Base, list[Piece]]:
    """History, base and binary logs that a restore takes. BackupError where the target cannot be reached."""
    history = lineage(bases, pieces, target)
    base = choose_base([base for base in bases if base.high <= history], pieces, target)
    return history, base, needed_pieces(base, (piece for piece in pieces if piece.gtids & history))


def needed_pieces(base: Base, pieces: Iterable[Piece]) -> list[Piece]:
    """Those that hold something the base may lack, oldest first."""
    return sorted((p for p in pieces if not p.gtids <= base.low), key=lambda p: (p.first, p.until, p.path))


def superseded(pieces: Iterable[Piece]) -> dict[str, float]:
    """Identity of each piece of which a later one, of the same file, holds all: since when that is so."""
    files: dict[tuple[str, str], list[Piece]] = {}
    for piece in sorted(pieces, key=lambda p: p.stored):
        files.setdefault((piece.host, piece.path), []).append(piece)
    return {
        earlier.id: later.stored
        for versions in files.values()
        for earlier, later in pairwise(versions)
        if earlier.gtids <= later.gtids
    }


def holes(base: Base, have: Gtids, bases: Iterable[Base], pieces: Iterable[Piece]) -> Gtids:
    """Transactions that some server had executed, that come before what we have, and that we do not have.

    A number that no server ever executed is no hole: a source may skip one.
    """
    known = union([*(b.high for b in bases), *(p.executed for p in pieces), *(p.gtids for p in pieces)])
    return known.up_to(have) - have - base.low


def replay_order(files: Iterable[Sequence[Transaction]]) -> list[Transaction]:
    """Every transaction once, in an order in which they can be replayed.

    Binary logs of one server follow each other. Of two servers (the backups moved from one host to another) the later
    one's usually begin where the earlier one's end; where they are interleaved, the time of the commit decides. Within
    a source numbers rise in the order of commits: that is checked. Raises BackupError where no order is found.
    """
    sequence: list[Transaction] = []
    seen: set[str] = set()
    for transactions in files:
        for transaction in transactions:
            if transaction.gtid not in seen:
                seen.add(transaction.gtid)
                sequence.append(transaction)
    for attempt in (sequence, sorted(sequence, key=lambda one: one.committed)):
        if not (disorder := _disorder(attempt)):
            return attempt
    raise BackupError(
        f"the archived binary logs cannot be put in order: {disorder}. Restore to a point before it, and report this"
    )


def _disorder(sequence: Iterable[Transaction]) -> str:
    last: dict[str, int] = {}
    for one in sequence:
        if one.number < last.get(one.source, 0):
            return f"{one.gtid} comes after {one.source}:{last[one.source]}"
        last[one.source] = one.number
    return ""


def cut(sequence: Sequence[Transaction], base: Base, target: Target) -> list[Transaction]:
    """The transactions up to the target. A time ends before the first that was committed later."""
    if target.transaction:
        names = [one.gtid for one in sequence]
        place = names.index(str(Gtids.parse(target.transaction)))
        return list(sequence[: place + 1 if target.gtid else place])
    if target.at is not None:
        limit = target.at * MICROSECONDS
        for place, one in enumerate(sequence):
            # What the base holds was committed before it ended, whatever another server's clock said.
            if one.committed > limit and one not in base.high:
                return list(sequence[:place])
    return list(sequence)


def gtids_of(transactions: Iterable[Transaction]) -> Gtids:
    found: dict[str, list[tuple[int, int]]] = {}
    for one in transactions:
        found.setdefault(one.source, []).append((one.number, one.number))
    return Gtids({source: _merged(parts) for source, parts in found.items()})


def runs(sequence: Iterable[Transaction]) -> Iterator[tuple[str, list[Transaction]]]:
    """What follows each other in one file."""
    current: list[Transaction] = []
    for one in sequence:
        if current and one.file != current[0].file:
            yield current[0].file, current
            current = []
        current.append(one)
    if current:
        yield current[0].file, current


# --- Whose turn it is --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Server:
    """What a host's server is at the moment."""

    writable: bool = False
    channel: bool = False
    receiver: bool = False
    applier: bool = False
    replicas: int = 0
    """How many replicas are connected to it."""
    server_uuid: str = ""
    gtid_executed: str = ""
    version: str = ""


def turn(server: Server, others_age: float, patience: float) -> tuple[bool, str]:
    """Whether backups are this host's, and why. `others_age`: seconds since another host last did it."""
    if server.channel and server.receiver and server.applier:
        return True, "it is a replica that runs"
    if server.channel:
        return False, "it is a replica that does not run"
    if not server.writable:
        return False, "it takes no writes and replicates from nobody, so its data may be out of date"
    if server.replicas == 0:
        return True, "it is the primary, and no replica is connected"
    if others_age > patience:
        return True, f"it is the primary, and no replica has done it for {others_age / 3600:.1f} hours"
    return False, "it is the primary, and a replica does it"


# --- What mysqlbinlog prints -------------------------------------------------------------------------------------

_AT = re.compile(r"# at ([0-9]+)\n?")
_GTID_EVENT = re.compile(r"#.*\tGTID\t.*\boriginal_committed_timestamp=([0-9]+)\b.*\btransaction_length=([0-9]+)")
_USE = re.compile(r"use `(.+)`/\*!\*/;?\s*$")
_GTID_NEXT = re.compile(r"SET @@SESSION\.GTID_NEXT= '([^']+)'")


@dataclass(frozen=True)
class Scan:
    """What is in a binary log. `end`: where its last complete transaction ends, in bytes."""

    transactions: tuple[Transaction, ...]
    end: int
    statements: Mapping[str, str] = field(default_factory=dict)
    """What defines data, by GTID, with the database that was the default."""


def scan(lines: Iterable[str], size: int, file: str = "") -> Scan:
    """Read the output of ``mysqlbinlog --base64-output=DECODE-ROWS`` for a file of `size` bytes.

    A transaction counts when all of it is there.
    """
    found: list[Transaction] = []
    statements: dict[str, str] = {}
    place = end = committed = length = 0
    pending = complete = False
    default = ""
    for line in lines:
        if match := _AT.match(line):
            place = int(match[1])
        elif match := _USE.match(line):
            default = f"  (in {match[1]})"
        elif match := _GTID_EVENT.match(line):
            committed, length, pending = int(match[1]), int(match[2]), True
            complete = place + length <= size
            if complete:
                end = place + length
        elif pending and (match := _GTID_NEXT.match(line)):
            pending = False
            if complete:
                # In the form in which sets write it, for a source with a tag too.
                found.append(Transaction(str(Gtids.parse(match[1])), committed, file))
        elif found and complete and not pending and DATA_DEFINITION.match(line) and found[-1].gtid not in statements:
            statements[found[-1].gtid] = line.strip() + default
    return Scan(tuple(found), end, statements)


# --- Programs ----------------------------------------------------------------------------------------------------


def run(argv: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program; BackupError with its last words where it fails."""
    done = subprocess.run([str(a) for a in argv], text=True, capture_output=True, check=False, **options)  # noqa: S603
    if done.returncode:
        said = " ".join(done.stderr.split())[-1500:] or f"exit status {done.returncode}"
        raise BackupError(f"{Path(argv[0]).name} {argv[1] if len(argv) > 1 else ''}: {said}")
    return done


class Mysql:
    """The statements of one account through one socket."""

    def __init__(self, socket: str | Path, user: str) -> None:
        self.options = [f"--socket={socket}", f"--user={user}"]

    def query(self, statement: str) -> list[Any]:
        """Execute statements; those that SELECT a JSON_ARRAY give their rows."""
        done = run(
            ["mysql", "--no-defaults", *self.options, "--batch", "--raw", "--skip-column-names", "-e", statement]
        )
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]

    def table(self, statement: str) -> list[dict[str, str]]:
        """Rows of a SHOW statement."""
        done = run(["mysql", "--no-defaults", *self.options, "--batch", "-e", statement])
        lines = [line.split("\t") for line in done.stdout.splitlines()]
        return [dict(zip(lines[0], line, strict=False)) for line in lines[1:]]

    def value(self, expression: str) -> Any:
        return self.query(f"SELECT JSON_ARRAY({expression})")[0][0]

    def gtids(self, variable: str = "gtid_executed") -> Gtids:
        return Gtids.parse(self.value(f"@@GLOBAL.{variable}"))


class Host:
    """This host's settings, state and repository."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings
        self.home = Path(settings["directory"])
        self.spool, self.stage, self.scratch = self.home / "spool", self.home / "stage", Path(settings["scratch"])
        self.mysql = Mysql(settings["socket"], settings["mysql_user"])
        self.name = settings["host"]

    # Files

    def state(self) -> dict[str, Any]:
        with contextlib.suppress(FileNotFoundError, ValueError):
            return json.loads((self.home / "state.json").read_text())
        return {}

    def status(self) -> dict[str, Any]:
        with contextlib.suppress(FileNotFoundError, ValueError):
            return json.loads((self.home / "status.json").read_text())
        return {}

    def write(self, name: str, data: Mapping[str, Any], mode: int) -> None:
        temporary = self.home / f".{name}.{os.getpid()}"
        temporary.write_text(json.dumps(data, indent=2) + "\n")
        temporary.chmod(mode)
        temporary.rename(self.home / name)

    def remember(self, **values: Any) -> None:
        with self.lock("state"):
            self.write("state.json", self.state() | values, 0o600)

    def record(self, part: str, *, ok: bool, **values: Any) -> None:
        """Write down how something went. What succeeded last stays there when it fails."""
        with self.lock("state"):
            status = self.status()
            entry = status.get(part, {}) | {"ok": ok, "at": clock(time.time()), "at_epoch": int(time.time())} | values
            if ok:
                entry |= {"last_success": entry["at"], "last_success_epoch": entry["at_epoch"], "error": ""}
            self.write("status.json", status | {"host": self.name, part: entry}, 0o644)

    @contextlib.contextmanager
    def lock(self, name: str, *, wait: bool = True) -> Iterator[None]:
        with (self.home / f".{name}.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                raise BackupError(f"another {name} runs on this host; wait for it to end") from None
            yield

    # The repository

    def restic(self, *arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        fixed = ["restic", "--quiet", "--retry-lock=15m", f"--cache-dir={self.home / 'cache'}"]
        return run([*fixed, *self.settings["restic_options"], *arguments], **options)

    def store(self, path: Path, tags: Mapping[str, Any]) -> dict[str, Any]:
        """Back up a path; the summary that restic gives."""
        listed = [f"--tag={name}={value}" for name, value in tags.items()]
        done = self.restic("backup", "--json", f"--host={self.name}", *listed, path)
        return json.loads(done.stdout.splitlines()[-1])

    def contents(self) -> tuple[list[Base], list[Piece]]:
        """Every base in the repository, and every piece that no other one holds."""
        bases, pieces = self.everything()
        replaced = superseded(pieces)
        return bases, [piece for piece in pieces if piece.id not in replaced]

    def everything(self) -> tuple[list[Base], list[Piece]]:
        """Every base and piece in the repository."""
        bases, pieces = [], []
        for snapshot in json.loads(self.restic("snapshots", "--json").stdout or "[]"):
            tags = dict(tag.split("=", 1) for tag in snapshot.get("tags") or [] if "=" in tag)
            common = {"id": snapshot["id"], "host": snapshot["hostname"], "path": snapshot["paths"][0]}
            if tags.get("kind") == "base":
                options = {name: value for name, value in tags.items() if name.startswith(("innodb_", "lower_"))}
                bases.append(
                    Base(
                        **common,
                        low=Gtids.parse(tags["low"]),
                        high=Gtids.parse(tags["high"]),
                        since=float(tags["since"]),
                        until=float(tags["until"]),
                        size=int(tags["size"]),
                        version=tags["version"],
                        options=options,
                    )
                )
            elif tags.get("kind") == "binlog":
                pieces.append(
                    Piece(
                        **common,
                        gtids=Gtids.parse(tags["gtids"]),
                        executed=Gtids.parse(tags["executed"]),
                        first=int(tags["first"]),
                        last=int(tags["last"]),
                        until=float(tags["until"]),
                        size=int(tags["size"]),
                        stored=datetime.fromisoformat(snapshot["time"]).timestamp(),
                    )
                )
        return sorted(bases, key=lambda base: base.until), sorted(pieces, key=lambda piece: piece.first)

    # The server

    def server(self) -> Server:
        (uuid, writable, executed, version) = self.mysql.query(
            "SELECT JSON_ARRAY(@@server_uuid, NOT (@@read_only OR @@super_read_only), @@GLOBAL.gtid_executed,"
            " @@version)"
        )[0]
        channels = [row for row in self.mysql.table("SHOW REPLICA STATUS") if row.get("Source_Host")]
        attached = [row for row in self.mysql.table("SHOW REPLICAS") if row["Server_Id"] != str(DUMP_SERVER_ID)]
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

    def turn(self, kind: str, server: Server | None = None) -> tuple[bool, str]:
        """Whether it is this host's turn, for bases or for the archive."""
        state = self.state()
        if "first_seen" not in state:
            self.remember(first_seen=time.time())
            state = self.state()
        others = state.get("others", {}).get(kind, state["first_seen"])
        return turn(server or self.server(), time.time() - others, self.settings["patience"][kind])

    def note_others(self, bases: Iterable[Base], pieces: Iterable[Piece]) -> None:
        """Remember when other hosts last did what this one may have to do in their place."""
        latest = {
            "base": max((base.until for base in bases if base.host != self.name), default=None),
            "binlog": max((piece.until for piece in pieces if piece.host != self.name), default=None),
        }
        self.remember(others={kind: at for kind, at in latest.items() if at is not None}, others_read=time.time())

    def scan(self, file: Path) -> Scan:
        """Read a binary log, whose end may be missing."""
        argv = ["mysqlbinlog", "--no-defaults", "--base64-output=DECODE-ROWS", str(file)]
        size = file.stat().st_size
        with subprocess.Popen(  # noqa: S603
            argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace"
        ) as reader:
            return scan(reader.stdout, size, str(file))


# --- Back up -----------------------------------------------------------------------------------------------------


def free_bytes(path: Path) -> int:
    return shutil.disk_usage(path).free


def check_space(path: Path, needed: int, what: str) -> None:
    """A full disk would stop the server that is to be protected: a tenth of it stays free."""
    reserve = shutil.disk_usage(path).total // 10
    free = free_bytes(path)
    if needed + reserve > free:
        raise BackupError(
            f"{what} takes about {needed >> 20} MiB in {path}, and of {free >> 20} MiB that are free a tenth of the"
            f" disk ({reserve >> 20} MiB) stays untouched; make room, or set mysql_backup_directory to a larger disk"
        )


def backup(host: Host, options: argparse.Namespace) -> None:
    """Clone the server's data, store the clone, forget what is out of date."""
    bases, pieces = host.contents()
    host.note_others(bases, pieces)
    server = host.server()
    mine, why = host.turn("base", server)
    if not mine and not options.now:
        print(f"Nothing to do: {why}.")
        host.record("turn", ok=True, base=False, why=why)
        return
    started = time.time()
    size = int(host.mysql.value("(SELECT SUM(FILE_SIZE) FROM information_schema.INNODB_TABLESPACES)"))
    check_space(host.stage, size, "the copy of the data")
    clone = host.stage / "clone"
    variables = ("innodb_data_file_path", "innodb_page_size", "lower_case_table_names")
    tags: dict[str, Any] = dict(
        zip(variables, host.mysql.query(f"SELECT JSON_ARRAY({', '.join('@@' + v for v in variables)})")[0], strict=True)
    )
    low, since = host.mysql.gtids(), time.time()
    host.mysql.query(f"CLONE LOCAL DATA DIRECTORY = '{clone}'")
    high, until = host.mysql.gtids(), time.time()
    tags |= {
        "kind": "base",
        "low": low.tag,
        "high": high.tag,
        "since": f"{since:.3f}",
        "until": f"{until:.3f}",
        "size": sum(file.stat().st_size for file in clone.rglob("*") if file.is_file()),
        "version": server.version,
        "role": "replica" if server.channel else "primary",
    }
    stored = host.store(clone, tags)
    retain(host)
    result = {
        "snapshot": stored["snapshot_id"][:8],
        "role": tags["role"],
        "gtid_low": str(low),
        "gtid_high": str(high),
        "bytes": tags["size"],
        "bytes_stored": stored.get("data_added_packed", stored.get("data_added", 0)),
        "clone_seconds": round(until - since, 1),
        "seconds": round(time.time() - started, 1),
    }
    host.record("backup", ok=True, **result)
    print(json.dumps(result))


def retain(host: Host) -> None:
    """Forget bases by the rules, and pieces that belong to no base any more."""
    host.restic("unlock")
    rules = [f"--keep-{name}={count}" for name, count in host.settings["keep"].items() if count]
    host.restic("forget", "--tag=kind=base", "--group-by=", *rules)
    bases, pieces = host.contents()
    # What is that much older than the oldest base and not in it belongs to a history that a failover has ended.
    ended = (bases[0].since - LAG_SECONDS) * MICROSECONDS if bases else 0
    if expired := [piece.id for piece in pieces if bases and (piece.gtids <= bases[0].low or piece.last < ended)]:
        host.restic("forget", *expired)
    host.restic("prune")


# --- Archive binary logs -----------------------------------------------------------------------------------------


def spooled(host: Host) -> list[Path]:
    """Files received, oldest first."""
    return [
        file
        for folder in sorted(host.spool.iterdir())
        for file in sorted(folder.iterdir(), key=lambda f: int(f.suffix[1:] or 0))
    ]


def stream(host: Host, _: argparse.Namespace) -> None:
    """Receive, as long as it is this host's turn; wait for it otherwise."""
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
        try:
            bases, pieces = host.contents()
            covered = union(piece.gtids for piece in pieces)
            oldest, newest = (bases[0].low, bases[-1].low) if bases else (Gtids(), Gtids())
            host.remember(covered=str(covered), oldest=str(oldest), newest=str(newest))
        except BackupError as error:
            # The repository is away. What it held when last asked is enough to go on: what comes twice is
            # replayed once.
            state = host.state()
            if "covered" not in state:
                raise
            print(f"The repository does not answer: {error}", file=sys.stderr)
            covered, oldest, newest = (Gtids.parse(state[name]) for name in ("covered", "oldest", "newest"))
        received = gtids_of(one for file in spooled(host) for one in host.scan(file).transactions)
        purged = host.mysql.gtids("gtid_purged")
        if covered | newest and (missing := purged - covered - received - newest):
            host.remember(hole=str(missing))
        have = covered | received | oldest | purged
        folder = host.spool / f"{time.time():017.3f}"
        folder.mkdir(mode=0o700)
    argv = ["mysqlbinlog", "--no-defaults", *host.mysql.options, "--read-from-remote-source=BINLOG-DUMP-GTIDS", "--raw"]
    argv += ["--stop-never", f"--connection-server-id={DUMP_SERVER_ID}", f"--exclude-gtids={have}"]
    # No name: the server looks for the file where what is lacking begins.
    with subprocess.Popen([*argv, f"--result-file={folder}/", ""]) as child:  # noqa: S603
        try:
            while child.poll() is None and host.turn("binlog")[0]:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(POLL_SECONDS)
        finally:
            ended = child.poll()
            child.terminate()
    if ended is not None:
        raise BackupError(f"mysqlbinlog ended with status {ended}; it is started again")


def archive(host: Host, _: argparse.Namespace) -> None:
    """Store every binary log in the spool that grew."""
    state = host.state()
    mine, why = host.turn("binlog")
    if time.time() - state.get("others_read", 0) > OTHERS_SECONDS:
        bases, stored_pieces = host.everything()
        host.note_others(bases, stored_pieces)
        ended = time.time() - READER_SECONDS
        if replaced := [name for name, since in superseded(stored_pieces).items() if since < ended]:
            host.restic("forget", *replaced)
    now = time.time()
    executed = host.mysql.gtids()
    known = Gtids.parse(state.get("covered", "")) | Gtids.parse(state.get("oldest", ""))
    files = spooled(host)
    pieces: dict[str, dict[str, Any]] = {str(f): p for f, p in state.get("pieces", {}).items() if Path(f) in files}
    stored = 0
    scans = {str(file): host.scan(file) for file in files}
    received = known | union(gtids_of(one.transactions) for one in scans.values())
    # Everything that this server had committed by now was received: the archive then speaks for this moment.
    complete = executed <= received | host.mysql.gtids("gtid_purged")
    for place, file in enumerate(files):
        found, size = scans[str(file)], file.stat().st_size
        is_open = place == len(files) - 1
        before = pieces.get(str(file), {})
        unchanged = before.get("end") == found.end
        current = unchanged and not (is_open and complete and now - before["stored"] > OPEN_PIECE_SECONDS)
        if found.transactions and not current:
            tags = {
                "kind": "binlog",
                "gtids": gtids_of(found.transactions).tag,
                "executed": executed.tag,
                "first": found.transactions[0].committed,
                "last": max(one.committed for one in found.transactions),
                "until": f"{now:.3f}" if complete and is_open else "0",
                "size": size,
                "open": int(is_open),
            }
            summary = host.store(file, tags)
            stored += summary.get("data_added_packed", summary.get("data_added", 0))
            pieces[str(file)] = {"end": found.end, "stored": now}
            known |= gtids_of(found.transactions)
            host.remember(pieces=pieces, covered=str(known))
        if not is_open:
            file.unlink()
            pieces.pop(str(file), None)
    for folder in host.spool.iterdir():
        if not any(folder.iterdir()) and folder != max(host.spool.iterdir()):
            folder.rmdir()
    behind = None if complete or not mine else state.get("behind") or now
    host.remember(pieces=pieces, covered=str(known), behind=behind)
    report = {"turn": mine, "why": why, "gtids": str(known), "bytes_stored": stored, "hole": state.get("hole", "")}
    if behind and now - behind > BEHIND_SECONDS:
        raise BackupError(
            f"what the server committed since {clock(behind)} has not been received: see"
            " journalctl -u mysql-backup-stream"
        )
    if hole := Gtids.parse(state.get("hole", "")):
        hole -= union(base.low for base in host.contents()[0])
        host.remember(hole=str(hole))
        if hole:
            raise BackupError(
                f"binary logs with {hole} are gone from the server before they were archived; a time after that can be"
                " restored from the next backup on: run playbooks/backup.yml"
            )
    host.record("archive", ok=True, **report, complete=complete)


# --- Restore -----------------------------------------------------------------------------------------------------


class Scratch:
    """A MySQL server of our own on restored data: no network, no binary log, little memory, gone at the end."""

    def __init__(self, folder: Path, base: Base, memory_mb: int) -> None:
        self.folder, self.data = folder, folder / "data"
        # A socket's path has at most 107 characters.
        self.socket, self.log = folder / "s", folder / "error.log"
        self.mysql = Mysql(self.socket, RESTORER)
        self._base, self._memory_mb = base, memory_mb
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, timeout: float) -> None:
        me = pwd.getpwuid(os.geteuid()).pw_name
        setup = self.folder / "setup.sql"
        # Without a binary log these get no GTID, and the history stays that of the backup.
        setup.write_text(
            f"CREATE USER IF NOT EXISTS `{RESTORER}`@localhost IDENTIFIED WITH auth_socket AS '{me}';\n"
            f"GRANT ALL ON *.* TO `{RESTORER}`@localhost WITH GRANT OPTION;\n"
        )
        argv = [
            "mysqld",
            "--no-defaults",
            f"--datadir={self.data}",
            f"--socket={self.socket}",
            f"--log-error={self.log}",
        ]
        argv += [f"--pid-file={self.folder / 'pid'}", f"--init-file={setup}", f"--tmpdir={self.folder}"]
        argv += [
            "--skip-networking",
            "--mysqlx=OFF",
            "--skip-log-bin",
            "--gtid-mode=ON",
            "--enforce-gtid-consistency=ON",
        ]
        argv += [
            "--plugin-load-add=auth_socket.so",
            "--skip-replica-start",
            "--event-scheduler=OFF",
            "--secure-file-priv=NULL",
        ]
        argv += [f"--innodb-buffer-pool-size={self._memory_mb}M", "--performance-schema=OFF", "--max-connections=10"]
        # It is thrown away after a crash, not recovered.
        argv += ["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=OFF"]
        argv += [f"--{name.replace('_', '-')}={value}" for name, value in self._base.options.items()]
        with (self.folder / "output").open("wb") as output:
            self._process = subprocess.Popen(argv, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603
        deadline = time.monotonic() + timeout
        while True:
            try:
                self.mysql.value("1")
            except BackupError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise BackupError(f"the scratch instance does not start: {self.last_words() or error}") from None
                time.sleep(0.2)
            else:
                return

    def last_words(self) -> str:
        with contextlib.suppress(FileNotFoundError):
            errors = [line for line in self.log.read_text(errors="replace").splitlines() if "[ERROR]" in line]
            return " ".join(errors[-3:])
        return ""

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(120)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def replay(self, sequence: Iterable[Transaction], done: Gtids) -> None:
        """Execute the transactions that are not in it yet, with their GTIDs."""
        for file, transactions in runs(sequence):
            lacking = gtids_of(transactions) - done
            if not lacking:
                continue
            read = ["mysqlbinlog", "--no-defaults", f"--include-gtids={lacking}", file]
            write = ["mysql", "--no-defaults", *self.mysql.options, "--binary-mode", "--max-allowed-packet=1G"]
            with subprocess.Popen(read, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as reader:  # noqa: S603
                written = subprocess.run(write, stdin=reader.stdout, capture_output=True, check=False)  # noqa: S603
                reader.stdout.close()
                complaint = reader.stderr.read()
            if reader.returncode or written.returncode:
                said = " ".join((written.stderr or complaint).decode(errors="replace").split())
                raise BackupError(f"replaying {Path(file).name} failed: {said[-1500:]}")

    def tables(self) -> dict[str, dict[str, Any]]:
        """Check every table of the users' databases: rows and checksum of each. BackupError where one is damaged."""
        names = ", ".join(f"'{schema}'" for schema in OWN_SCHEMAS)
        listed = self.mysql.query(
            "SELECT JSON_ARRAY(TABLE_SCHEMA, TABLE_NAME) FROM information_schema.TABLES"  # noqa: S608
            f" WHERE TABLE_TYPE = 'BASE TABLE' AND TABLE_SCHEMA NOT IN ({names})"
            " ORDER BY TABLE_SCHEMA, TABLE_NAME"
        )
        found = {}
        for schema, table in listed:
            place = f"{quoted(schema)}.{quoted(table)}"
            check = self.mysql.table(f"CHECK TABLE {place}")
            if check[-1]["Msg_text"] != "OK":
                raise BackupError(f"CHECK TABLE {place}: {check[-1]['Msg_text']}")
            found[f"{schema}.{table}"] = measure(self.mysql, place)
        return found


def quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


def measure(mysql: Mysql, place: str) -> dict[str, Any]:
    """Rows and checksum of a table."""
    return {
        "rows": mysql.value(f"(SELECT COUNT(*) FROM {place})"),  # noqa: S608
        "checksum": mysql.table(f"CHECKSUM TABLE {place}")[0]["Checksum"],
    }


def series(version: str) -> tuple[int, int]:
    major, minor = version.split("-")[0].split(".")[:2]
    return int(major), int(minor)


def fetch_base(host: Host, base: Base, folder: Path) -> None:
    here = run(["mysqld", "--no-defaults", "--version"]).stdout
    own = re.search(r"Ver ([0-9.]+)", here)
    if own and series(own[1]) < series(base.version):
        raise BackupError(
            f"the backup is of MySQL {base.version}, and this host has {own[1]}, which cannot read it; restore on a"
            " host with the newer one"
        )
    host.restic("restore", f"{base.id}:{base.path}", f"--target={folder}")


def fetch_pieces(host: Host, pieces: Iterable[Piece], folder: Path) -> list[Scan]:
    """Binary logs, each cut off after its last complete transaction, and what is in them."""
    folder.mkdir()
    scans = []
    for number, piece in enumerate(pieces):
        file = folder / f"{number:06}-{Path(piece.path).name}"
        host.restic("dump", f"--target={file}", piece.id, piece.path)
        found = host.scan(file)
        if lost := piece.gtids - gtids_of(found.transactions):
            raise BackupError(f"the archived binary log {piece.id[:8]} no longer holds {lost}")
        os.truncate(file, found.end)
        scans.append(found)
    return scans


@contextlib.contextmanager
def restored(host: Host, target: Target, say: Callable[[str], None]) -> Iterator[tuple[Scratch, dict[str, Any]]]:
    """A running instance that holds the target and nothing more, checked, and a report on it."""
    started = time.time()
    bases, pieces = host.contents()
    history, base, needed = select(bases, pieces, target)
    check_space(host.scratch, 2 * base.size + sum(piece.size for piece in needed), "restoring")
    # What one that was killed has left: there is only one at a time.
    for left in host.scratch.glob("[0-9]*"):
        shutil.rmtree(left)
    folder = host.scratch / f"{os.getpid()}"
    folder.mkdir(mode=0o700)
    scratch = Scratch(folder, base, host.settings["restore_memory_mb"])
    try:
        say(f"Reading {len(needed)} archived binary logs")
        scans = fetch_pieces(host, needed, folder / "binlogs")
        sequence = [one for one in replay_order(s.transactions for s in scans) if one in history]
        sequence = cut(sequence, base, target)
        have = base.low | gtids_of(sequence)
        if missing := holes(base, have, bases, needed) & history:
            raise BackupError(
                f"the archive has a hole: the transactions {missing} were committed and not archived. What can be"
                " restored ends before them, or begins with a later backup (mysql-backup list)"
            )
        say(f"Restoring the backup {base.id[:8]} of {clock(base.until)} ({base.size >> 20} MiB)")
        fetch_base(host, base, scratch.data)
        scratch.start(host.settings["start_timeout"])
        exact = scratch.mysql.gtids()
        if not (base.low <= exact and exact <= base.high):
            raise BackupError(f"the backup holds {exact}, and not what its description says: {base.low} to {base.high}")
        # Before a time, or at the end, there may be some that no piece holds yet.
        if target.transaction and (beyond := exact - have):
            raise BackupError(f"the backup {base.id[:8]} already holds {beyond}, which is beyond the target")
        say(f"Replaying {len(have - exact)} transactions")
        scratch.replay(sequence, exact)
        if (reached := scratch.mysql.gtids()).intervals != (have | exact).intervals:
            raise BackupError(f"the instance ended at {reached}, and {have | exact} was asked for")
        say("Checking every table")
        tables = scratch.tables()
        last = sequence[-1] if sequence else None
        yield (
            scratch,
            {
                "target": str(target),
                "base": base.id[:8],
                "base_at": clock(base.until),
                "replayed": len(have - exact),
                "gtid_executed": str(reached),
                "last_transaction": last.gtid if last else "",
                "last_committed": clock(last.committed / MICROSECONDS) if last else "",
                "tables": tables,
                "rows": sum(one["rows"] for one in tables.values()),
                "seconds": round(time.time() - started, 1),
            },
        )
    finally:
        scratch.stop()
        shutil.rmtree(folder, ignore_errors=True)


def say(text: str) -> None:
    print(f"{text} ...", file=sys.stderr, flush=True)


def restore(host: Host, options: argparse.Namespace) -> None:
    """Restore, check, dump."""
    if len([1 for given in (options.to, options.gtid, options.before_gtid) if given]) > 1:
        raise BackupError("give one of a time, a GTID and a GTID to stop before, not several")
    target = Target(parse_time(options.to) if options.to else None, options.gtid, options.before_gtid)
    databases = [name for name in options.databases.split(",") if name]
    tables = [name for name in options.tables.split(",") if name]
    if tables and len(databases) != 1:
        raise BackupError("tables are of one database: name that one")
    if options.check:
        bases, pieces = host.contents()
        history, base, needed = select(bases, pieces, target)
        check_space(host.scratch, 2 * base.size + sum(piece.size for piece in needed), "restoring")
        have = base.low | union(piece.gtids for piece in needed) & history
        if missing := holes(base, have, bases, needed) & history:
            # Where the target is before it, the restore itself finds that out.
            say(f"The archive has a hole, {missing}: only what comes before it can be restored from this backup")
        plan = {"target": str(target), "base": base.id[:8], "base_at": clock(base.until), "bytes": base.size}
        print(json.dumps(plan | {"binary_logs": len(needed), "databases": databases, "tables": tables}))
        return
    with host.lock("restore", wait=False), restored(host, target, say) as (scratch, report):
        report["dumps"] = []
        for database in databases:
            if database not in {name.split(".")[0] for name in report["tables"]}:
                raise BackupError(
                    f"{database} has no tables at that point; there are {', '.join(report['tables']) or 'none'}"
                )
            if gone := [name for name in tables if f"{database}.{name}" not in report["tables"]]:
                raise BackupError(f"{database} has no table {', '.join(gone)} at that point")
            file = host.home / "restored" / f"{database}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.sql"
            say(f"Writing {file}")
            dump(scratch.mysql, database, tables, file)
            report["dumps"].append({"database": database, "file": str(file), "bytes": file.stat().st_size})
        print(json.dumps(report))


def dump(mysql: Mysql, database: str, tables: Sequence[str], file: Path) -> None:
    """Write a database, or tables of it, as SQL that names no database: whoever loads it says where to."""
    argv = ["mysqldump", "--no-defaults", *mysql.options, "--single-transaction", "--set-gtid-purged=OFF", "--hex-blob"]
    argv += ["--routines", "--events", "--triggers", "--no-tablespaces", "--default-character-set=utf8mb4"]
    with file.open("wb") as output:
        file.chmod(0o600)
        done = subprocess.run([*argv, database, *tables], stdout=output, stderr=subprocess.PIPE, check=False)  # noqa: S603
    if done.returncode:
        file.unlink()
        raise BackupError(f"mysqldump {database}: {' '.join(done.stderr.decode(errors='replace').split())}")


def verify(host: Host, options: argparse.Namespace) -> None:
    """Restore everything that is archived and check it, then read back a part of the repository."""
    mine, why = (True, "") if options.now else host.turn("base")
    if not mine:
        print(f"Nothing to do: {why}.")
        return
    with host.lock("restore", wait=False), restored(host, Target(), say) as (_, report):
        pass
    say("Reading the repository")
    host.restic("check", f"--read-data-subset={host.settings['verify_read']}")
    host.record("verify", ok=True, **report)
    print(json.dumps(report))


def find(host: Host, options: argparse.Namespace) -> None:
    """Print the transactions that define data and match, with the GTID that a restore needs."""
    pattern = re.compile(options.pattern, re.IGNORECASE)
    _, pieces = host.contents()
    folder = host.scratch / f"find-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        scans = fetch_pieces(host, pieces, folder / "binlogs")
    finally:
        shutil.rmtree(folder)
    statements = {gtid: text for one in scans for gtid, text in one.statements.items()}
    archived = list(replay_order(scan.transactions for scan in scans))
    matching = [one for one in archived if pattern.search(statements.get(one.gtid, ""))]
    for one in matching:
        at = datetime.fromtimestamp(one.committed / MICROSECONDS, UTC).strftime("%Y-%m-%d %H:%M:%S.%f UTC")
        print(f"{one.gtid}  {at}  {statements[one.gtid]}")
    if not matching:
        reach = clock(max(one.committed for one in archived) / MICROSECONDS) if archived else "nowhere yet"
        print(f"No statement that defines data matches; the archive reaches up to {reach}.", file=sys.stderr)


# --- Into the primary --------------------------------------------------------------------------------------------


def swap(host: Host, options: argparse.Namespace) -> None:
    """Load a dump beside a database, compare, and exchange the tables in one statement."""
    mysql = Mysql(host.settings["socket"], "root")
    database, stamp = options.database, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    incoming, outgoing = f"{database}__restored", f"{database}__replaced_{stamp}"
    expected = json.loads(sys.stdin.read())
    check_swap(mysql, database, [name.split(".", 1)[1] for name in expected], incoming)
    if options.check:
        return
    for command in (f"CREATE DATABASE {quoted(incoming)}", f"CREATE DATABASE {quoted(outgoing)}"):
        mysql.query(command)
    try:
        with Path(options.file).open("rb") as source:
            argv = ["mysql", "--no-defaults", *mysql.options, "--binary-mode", "--max-allowed-packet=1G", incoming]
            loaded = subprocess.run(argv, stdin=source, capture_output=True, check=False)  # noqa: S603
        if loaded.returncode:
            raise BackupError(f"loading {options.file}: {loaded.stderr.decode(errors='replace').strip()}")
        tables = [name.split(".", 1)[1] for name in expected]
        for table in tables:
            there = measure(mysql, f"{quoted(incoming)}.{quoted(table)}")
            if there != expected[f"{database}.{table}"]:
                raise BackupError(f"{table} was loaded as {there}, and restored as {expected[f'{database}.{table}']}")
        present = [table for table in tables if table in tables_of(mysql, database)]
        saved = ""
        if present:
            saved = str(host.home / "replaced" / f"{database}-{stamp}.sql")
            Path(saved).parent.mkdir(mode=0o700, exist_ok=True)
            dump(mysql, database, present, Path(saved))
        moves = [f"{quoted(database)}.{quoted(t)} TO {quoted(outgoing)}.{quoted(t)}" for t in present]
        moves += [f"{quoted(incoming)}.{quoted(t)} TO {quoted(database)}.{quoted(t)}" for t in tables]
        mysql.query(f"SET SESSION lock_wait_timeout = 30, foreign_key_checks = OFF; RENAME TABLE {', '.join(moves)}")
    except BackupError:
        mysql.query(f"DROP DATABASE {quoted(outgoing)}; DROP DATABASE {quoted(incoming)}")
        raise
    mysql.query(f"DROP DATABASE {quoted(incoming)}")
    if not present:
        mysql.query(f"DROP DATABASE {quoted(outgoing)}")
    print(json.dumps({"replaced": present, "restored": tables, "kept_in": outgoing if present else "", "saved": saved}))


def tables_of(mysql: Mysql, database: str) -> list[str]:
    name = database.replace("'", "''")
    rows = mysql.query(
        "SELECT JSON_ARRAY(TABLE_NAME) FROM information_schema.TABLES"  # noqa: S608
        f" WHERE TABLE_SCHEMA = '{name}' AND TABLE_TYPE = 'BASE TABLE'"
    )
    return [row[0] for row in rows]


def check_swap(mysql: Mysql, database: str, tables: Sequence[str], incoming: str) -> None:
    """BackupError where the tables cannot be exchanged without loss."""
    name = database.replace("'", "''")
    if mysql.value("@@read_only OR @@super_read_only"):
        raise BackupError("this server takes no writes; restore into the primary, on its own host")
    if mysql.value(f"(SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '{incoming}')"):  # noqa: S608
        raise BackupError(f"an interrupted restore left the database {incoming}; drop it and run this again")
    triggers = mysql.query(
        "SELECT JSON_ARRAY(EVENT_OBJECT_TABLE, TRIGGER_NAME) FROM information_schema.TRIGGERS"  # noqa: S608
        f" WHERE TRIGGER_SCHEMA = '{name}'"
    )
    if hit := [f"{trigger} of {table}" for table, trigger in triggers if table in tables]:
        raise BackupError(
            f"tables with triggers cannot be exchanged ({', '.join(hit)}); take the dump (webstack_restore_into=dump)"
        )
    links = mysql.query(
        "SELECT JSON_ARRAY(CONSTRAINT_SCHEMA, TABLE_NAME, UNIQUE_CONSTRAINT_SCHEMA, REFERENCED_TABLE_NAME)"  # noqa: S608
        " FROM information_schema.REFERENTIAL_CONSTRAINTS"
        f" WHERE CONSTRAINT_SCHEMA = '{name}' OR UNIQUE_CONSTRAINT_SCHEMA = '{name}'"
    )
    for child_schema, child, parent_schema, parent in links:
        inside = [
            schema == database and table in tables for schema, table in ((child_schema, child), (parent_schema, parent))
        ]
        if any(inside) and not all(inside):
            raise BackupError(
                f"a foreign key ties {child_schema}.{child} to {parent_schema}.{parent}, and only one of them would be"
                " exchanged; restore both, or take the dump (webstack_restore_into=dump)"
            )


# --- Questions ---------------------------------------------------------------------------------------------------


def show_state(host: Host, _: argparse.Namespace) -> None:
    server = host.server()
    mine, why = host.turn("base", server)
    # The order in which hosts are asked to do what one of them is to do: a replica that runs, then the primary.
    rank = 0 if server.channel and server.receiver and server.applier else 1 if server.writable else 2
    print(json.dumps(asdict(server) | {"host": host.name, "rank": rank, "turn": mine, "why": why}))


def show_status(host: Host, _: argparse.Namespace) -> None:
    print(json.dumps(host.status(), indent=2))


def show_list(host: Host, _: argparse.Namespace) -> None:
    bases, pieces = host.contents()
    have = union(piece.gtids for piece in pieces)
    listed = [
        {"id": b.id[:8], "host": b.host, "at": clock(b.until), "bytes": b.size, "high": str(b.high)} for b in bases
    ]
    until = max((max(p.until, p.last / MICROSECONDS) for p in pieces), default=0)
    archived = {"binary_logs": len(pieces), "gtids": str(have), "until": clock(until) if pieces else ""}
    print(json.dumps({"bases": listed, "archive": archived}, indent=2))


def init(host: Host, options: argparse.Namespace) -> None:
    """Make the repository. One that is there and opens is left alone; one that opens with the password before gets
    the new one.
    """
    try:
        host.restic("cat", "config")
    except BackupError as error:
        if "wrong password" in str(error):
            change_password(host, options.previous)
            print("changed")
            return
        if not re.search(r"does not exist|unable to open config file|Is there a repository", str(error)):
            raise
        host.restic("init")
        print("made")
    else:
        print("there" if host.contents()[0] else "empty")


def change_password(host: Host, previous: str) -> None:
    """Of the repository, from the one before to that of the environment."""
    file = host.home / ".new-password"
    file.write_text(os.environ["RESTIC_PASSWORD"])
    before = os.environ | {"RESTIC_PASSWORD": previous}
    try:
        host.restic("key", "passwd", f"--new-password-file={file}", env=before)
    except BackupError as error:
        raise BackupError(
            "the repository is there and has another password; give it the one that it was made with"
            f" (mysql_backup_password). The one that worked here last does not open it, either: {error}"
        ) from None
    finally:
        file.unlink()


# --- Entry -------------------------------------------------------------------------------------------------------

ACTIONS: dict[str, Callable[[Host, argparse.Namespace], None]] = {
    "backup": backup,
    "stream": stream,
    "archive": archive,
    "verify": verify,
    "restore": restore,
    "find": find,
    "swap": swap,
    "list": show_list,
    "state": show_state,
    "status": show_status,
    "init": init,
}
RECORDED = ("backup", "archive", "verify")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True)
    commands = {name: actions.add_parser(name) for name in ACTIONS}
    commands["backup"].add_argument("--now", action="store_true", help="whether or not it is this host's turn")
    commands["verify"].add_argument("--now", action="store_true", help="whether or not it is this host's turn")
    commands["find"].add_argument("pattern", nargs="?", default="", help="regular expression, such as 'DROP TABLE'")
    for name, meaning in {
        "to": "time in UTC, such as 2026-11-23T12:00:00",
        "gtid": "up to this transaction, itself included",
        "before-gtid": "up to this transaction, itself not included",
        "databases": "databases to dump, separated by commas",
        "tables": "tables of the one database to dump, separated by commas",
    }.items():
        commands["restore"].add_argument(f"--{name}", default="", help=meaning)
    commands["restore"].add_argument("--check", action="store_true", help="only say what would be done")
    commands["swap"].add_argument("--database", required=True)
    commands["swap"].add_argument("--file", default="", help="the dump")
    commands["swap"].add_argument("--check", action="store_true", help="only check whether it can be done")
    return parser.parse_args()


def credentials(file: Path) -> dict[str, str]:
    """Variables of an EnvironmentFile as the role writes it. Empty where there is none."""
    found = {}
    with contextlib.suppress(FileNotFoundError):
        for line in file.read_text().splitlines():
            if match := re.fullmatch(r'([A-Za-z_][A-Za-z0-9_]*)="(.*)"', line):
                found[match[1]] = re.sub(r"\\(.)", r"\1", match[2])
    return found


def become(user: str) -> None:
    """From root, with the environment that only root may read, to the user that does the work."""
    os.environ |= credentials(ENVIRONMENT)
    entry = pwd.getpwnam(user)
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.environ |= {"HOME": entry.pw_dir, "USER": user, "LOGNAME": user}
    os.chdir("/")


def main() -> int:
    options = arguments()
    settings = json.loads(SETTINGS.read_text())
    os.umask(0o077)
    options.previous = credentials(WORKED).get("RESTIC_PASSWORD", "") if os.geteuid() == 0 else ""
    if os.geteuid() == 0 and options.action != "swap":
        become(settings["user"])
    host = Host(settings)
    try:
        if options.action in ("backup", "archive"):
            with host.lock(options.action):
                ACTIONS[options.action](host, options)
        else:
            ACTIONS[options.action](host, options)
    except BackupError as error:
        if options.action in RECORDED:
            host.record(options.action, ok=False, error=str(error))
        print(f"mysql-backup {options.action}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
