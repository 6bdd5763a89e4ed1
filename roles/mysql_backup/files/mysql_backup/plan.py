"""What the repository holds, and what of it a restore takes. Pure.

A base is a copy of the data, with GTID_EXECUTED as it was just before the copy (low) and just after it (high):
everything in low is in the base, and nothing beyond high. An archived log is a binary log, or the part of one that had
been received, with the GTIDs of its complete transactions. A restore takes a base and replays from the archived logs
what the base lacks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.group_name import GROUP_NAME
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidError, GtidSet, Source, union

from mysql_backup.errors import BackupError

MICROSECONDS = 1_000_000

GROUP: Source = (GROUP_NAME, "")
"""That of all transactions of a group."""


def parse_gtids(text: str) -> GtidSet:
    """From MySQL's notation, or from a snapshot's tag, which has ; for the comma. Raises BackupError."""
    try:
        return GtidSet.parse(text.replace(";", ","))
    except GtidError as error:
        raise BackupError(str(error)) from error


@dataclass(frozen=True)
class Base:
    """A copy of a server's data. Times are seconds since 1970; the copy was made between `since` and `until`."""

    id: str
    host: str
    path: str
    low: GtidSet
    high: GtidSet
    since: float
    until: float
    size: int = 0
    version: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ArchivedLog:
    """A binary log, or what there is of it. `executed`: what its server had executed at `until`."""

    id: str
    host: str
    path: str
    gtids: GtidSet
    executed: GtidSet
    first: int
    last: int
    until: float
    size: int = 0
    stored: float = 0

    @property
    def end(self) -> float:
        """Up to when it says what happened, seconds since 1970."""
        return max(self.until, self.last / MICROSECONDS)


@dataclass(frozen=True)
class Transaction:
    """One of a binary log. `committed`: microseconds since 1970, by the clock of the server that committed it first."""

    gtid: str
    committed: int
    file: str = ""

    @property
    def source(self) -> Source:
        uuid, _colon, tag = self.gtid.rpartition(":")[0].partition(":")
        return uuid, tag

    @property
    def number(self) -> int:
        return int(self.gtid.rpartition(":")[2])


@dataclass(frozen=True)
class Target:
    """Where a restore ends: with nothing set, at the end of the archive."""

    at: float | None = None
    """Everything committed up to then, seconds since 1970."""
    gtid: str = ""
    """Everything up to and including this transaction."""
    before: str = ""
    """Everything before this transaction."""

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
    """A time for people, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def parse_time(text: str) -> float:
    """Seconds since 1970 of ``2026-11-23 12:00:00``, with or without fractions, T, Z or UTC. Always read as UTC.

    Raises BackupError for what is not a time.
    """
    plain = re.sub(r"\s*(Z|UTC)$", "", text.strip()).replace("T", " ")
    for form in ("%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"):
        with suppress(ValueError):
            return datetime.strptime(plain, form).replace(tzinfo=UTC).timestamp()
    raise BackupError(f"{text!r} is not a valid time; write it in UTC, such as 2026-11-23T12:00:00")


def select(
    bases: Sequence[Base], logs: Sequence[ArchivedLog], target: Target
) -> tuple[GtidSet, Base, list[ArchivedLog]]:
    """History, base and archived logs that a restore takes. BackupError where the target cannot be reached."""
    history = history_of(bases, logs, target)
    base = choose_base([base for base in bases if base.high <= history], logs, target)
    return history, base, needed_logs(base, (log for log in logs if log.gtids & history))


def choose_base(bases: Iterable[Base], logs: Sequence[ArchivedLog], target: Target) -> Base:
    """The newest base that holds nothing beyond the target. BackupError where the archive cannot reach the target."""
    ordered = sorted(bases, key=lambda base: base.until)
    if not ordered:
        raise BackupError("the repository holds no backup yet; run playbooks/backup.yml")
    if target.at is not None:
        return _base_before_time(ordered, logs, target.at)
    if target.transaction:
        return _base_before_transaction(ordered, logs, target.transaction)
    return ordered[-1]


def _base_before_time(ordered: Sequence[Base], logs: Iterable[ArchivedLog], at: float) -> Base:
    archived = max((log.end for log in logs), default=0.0)
    fitting = [base for base in ordered if base.until <= at]
    if not fitting:
        raise BackupError(
            f"{clock(at)} is before the end of the first backup ({clock(ordered[0].until)}), and nothing older can be"
            " restored; choose a later time"
        )
    if at > archived:
        raise BackupError(
            f"the archive reaches up to {clock(archived)}, and {clock(at)} is later; choose an earlier time, wait a"
            " minute if it has only just passed, or leave the time out to restore everything that is archived"
        )
    return fitting[-1]


def _base_before_transaction(ordered: Sequence[Base], logs: Sequence[ArchivedLog], transaction: str) -> Base:
    wanted = parse_gtids(transaction)
    if wanted.count != 1:
        raise BackupError(f"{transaction} is not one GTID; give one such as <uuid>:23")
    archived = union(log.gtids for log in logs)
    if wanted - archived:
        if wanted <= ordered[0].high:
            raise BackupError(
                f"{transaction} is older than the first backup ({clock(ordered[0].until)}), and nothing before that"
                " can be restored"
            )
        raise BackupError(
            f"the archive has no transaction {transaction}; if it is less than a minute old, wait until it is archived."
            f" Archived are: {archived or 'none'}"
        )
    fitting = [base for base in ordered if not wanted & base.high]
    if not fitting:
        raise BackupError(
            f"every backup was made after {transaction}, the first at {clock(ordered[0].until)}; nothing before that"
            " can be restored"
        )
    return fitting[-1]


def history_of(bases: Iterable[Base], logs: Iterable[ArchivedLog], target: Target) -> GtidSet:
    """The history that the target belongs to: every transaction of it that is known.

    A failover that lost transactions leaves two histories: what the old source went on to commit alone, and what the
    new one did. Replaying both would give data that no server ever had. The newest is taken, or that of the transaction
    asked for. What another server had beyond it, without lacking any of it, is the same history, further on. A history
    that starts with no base cannot be restored: that of new, empty servers that have replaced lost ones.
    """
    bases = list(bases)
    ends = [(base.until, base.high) for base in bases]
    ends += [(log.end, log.executed | log.gtids) for log in logs]
    ends.sort(key=lambda end: end[0], reverse=True)
    begun = [base.high for base in bases if target.at is None or base.until <= target.at]
    ends = [end for end in ends if any(base <= end[1] for base in begun)] or ends
    if target.transaction:
        wanted = parse_gtids(target.transaction)
        ends = [end for end in ends if wanted <= end[1]] or ends
    history = ends[0][1] if ends else GtidSet()
    return history | union(other for _until, other in ends if history <= other)


def needed_logs(base: Base, logs: Iterable[ArchivedLog]) -> list[ArchivedLog]:
    """Those that hold something the base may lack, oldest first."""
    return sorted((log for log in logs if not log.gtids <= base.low), key=lambda log: (log.first, log.until, log.path))


def superseded(logs: Iterable[ArchivedLog]) -> dict[str, float]:
    """Identity of each archived log of which a later version of the same file holds all: since when that is so."""
    files: dict[tuple[str, str], list[ArchivedLog]] = {}
    for log in sorted(logs, key=lambda log: log.stored):
        files.setdefault((log.host, log.path), []).append(log)
    return {
        earlier.id: later.stored
        for versions in files.values()
        for earlier, later in pairwise(versions)
        if earlier.gtids <= later.gtids
    }


def holes(base: Base, have: GtidSet, bases: Iterable[Base], logs: Iterable[ArchivedLog]) -> GtidSet:
    """Transactions that some server had executed, that come before what we have, and that we do not have.

    A number that no server ever executed is not a hole: a source may skip one.
    """
    known = union(gtids for log in logs for gtids in (log.executed, log.gtids)) | union(each.high for each in bases)
    return known.up_to(have) - have - base.low


def replay_order(files: Iterable[Sequence[Transaction]]) -> list[Transaction]:
    """Every transaction once, in an order in which they can be replayed.

    Binary logs of one server follow each other. Of two servers (the backups moved from one host to another) the later
    one's usually begin where the earlier one's end; where they are interleaved, the time of the commit decides. Within
    a source numbers rise in the order of commits: that is checked. Those of a group are the order in which it has
    certified, which is one to replay in, and the binary logs of its primary may have two that were at work at the same
    time the other way round: they are put in order. Raises BackupError where no order is found.
    """
    sequence: list[Transaction] = []
    seen: set[str] = set()
    for transactions in files:
        for transaction in transactions:
            if transaction.gtid not in seen:
                seen.add(transaction.gtid)
                sequence.append(transaction)
    disorder = ""
    for attempt in (sequence, sorted(sequence, key=lambda one: one.committed), _as_certified(sequence)):
        found = _disorder(attempt)
        if not found:
            return attempt
        disorder = disorder or found
    raise BackupError(
        f"the archived binary logs cannot be put in order: {disorder}. Restore to a point before it, and report this"
    )


def _as_certified(sequence: Sequence[Transaction]) -> list[Transaction]:
    """The same, with a group's transactions by number in the places that they have."""
    places = [place for place, one in enumerate(sequence) if one.source == GROUP]
    found = list(sequence)
    for place, one in zip(
        places, sorted((sequence[place] for place in places), key=lambda one: one.number), strict=True
    ):
        found[place] = one
    return found


def _disorder(sequence: Iterable[Transaction]) -> str:
    last: dict[Source, Transaction] = {}
    for one in sequence:
        before = last.get(one.source)
        if before and one.number < before.number:
            return f"{one.gtid} comes after {before.gtid}"
        last[one.source] = one
    return ""


def cut(sequence: Sequence[Transaction], base: Base, target: Target) -> list[Transaction]:
    """The transactions up to the target. A time ends before the first that was committed later."""
    if target.transaction:
        names = [one.gtid for one in sequence]
        place = names.index(str(parse_gtids(target.transaction)))
        return list(sequence[: place + 1 if target.gtid else place])
    if target.at is not None:
        limit = target.at * MICROSECONDS
        for place, one in enumerate(sequence):
            # What the base holds was committed before it ended, whatever another server's clock said.
            if one.committed > limit and one.gtid not in base.high:
                return list(sequence[:place])
    return list(sequence)


def gtids_of(transactions: Iterable[Transaction]) -> GtidSet:
    """The set of their GTIDs."""
    found: dict[Source, list[tuple[int, int]]] = {}
    for one in transactions:
        found.setdefault(one.source, []).append((one.number, one.number))
    return GtidSet(found)


def by_file(sequence: Iterable[Transaction]) -> Iterator[tuple[str, list[Transaction]]]:
    """The sequence in parts, each of which is of one file."""
    current: list[Transaction] = []
    for one in sequence:
        if current and one.file != current[0].file:
            yield current[0].file, current
            current = []
        current.append(one)
    if current:
        yield current[0].file, current
