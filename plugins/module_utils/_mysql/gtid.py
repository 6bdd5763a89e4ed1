"""Sets of global transaction identifiers (GTIDs), as MySQL writes them. Pure.

For everything that compares what servers have executed without asking one of them: the controller, because the server
may be gone, and the program that makes and restores backups.

What is accepted is what the server accepts: the manual, "GTID Sets" (replication-gtids-concepts.html), and
`Gtid_set::add_gtid_text` in sql/rpl_gtid_set.cc; checked with GTID_SUBTRACT of MySQL 9.7. In particular:

- An interval whose end is before its start, `uuid:5-3`, is empty and not an error.
- Numbers are 1 to 2^63 - 2. 0 is an error as a start, and an empty interval as an end.
- Tags (MySQL 8.3 and later) apply to the intervals that follow them. Case is ignored and written in lower case.

It is stricter in two things. A UUID without any number is refused: the server reads an empty set, but whoever wrote it
has forgotten the number. So are numbers with leading zeros: 8.4 reads `010` as octal, 9.7 as decimal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

Intervals = tuple[tuple[int, int], ...]
"""First and last of each run of numbers, sorted, neither touching nor overlapping."""
Source = tuple[str, str]
"""A server_uuid and a tag, which is empty where there is none."""

LARGEST = 2**63 - 2

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TAG = re.compile(r"[a-z_][a-z0-9_]{0,31}")
_INTERVAL = re.compile(r"([1-9][0-9]*)(?:\s*-\s*(0|[1-9][0-9]*))?")


class GtidError(ValueError):
    """A text that is not a GTID set. `item` is the part that cannot be read."""

    def __init__(self, item: str) -> None:
        super().__init__(f"{item!r} is not a valid GTID set; one looks like 3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:7")
        self.item = item


class GtidSet:
    """Transactions by source. Immutable: `intervals` must not be changed."""

    __slots__ = ("intervals",)

    def __init__(self, intervals: Mapping[Source, Iterable[tuple[int, int]]] | None = None) -> None:
        merged = {source: _merged(runs) for source, runs in (intervals or {}).items()}
        self.intervals: Mapping[Source, Intervals] = {source: runs for source, runs in merged.items() if runs}

    @classmethod
    def parse(cls, text: str) -> GtidSet:
        """Read @@gtid_executed and the like, including line breaks. Raises GtidError."""
        found: dict[Source, list[tuple[int, int]]] = {}
        for item in filter(None, map(str.strip, text.lower().split(","))):
            uuid, *words = map(str.strip, item.split(":"))
            if not _UUID.fullmatch(uuid) or not any(map(_INTERVAL.fullmatch, words)):
                raise GtidError(item)
            tag = ""
            for word in words:
                if interval := _INTERVAL.fullmatch(word):
                    first, last = int(interval[1]), int(interval[2] or interval[1])
                    if max(first, last) > LARGEST:
                        raise GtidError(item)
                    found.setdefault((uuid, tag), []).append((first, last))
                elif _TAG.fullmatch(word):
                    tag = word
                else:
                    raise GtidError(item)
        return cls(found)

    def __or__(self, other: GtidSet) -> GtidSet:
        """What either has."""
        return union((self, other))

    def __sub__(self, other: GtidSet) -> GtidSet:
        """GTID_SUBTRACT."""
        return GtidSet({source: _without(runs, other.intervals.get(source, ())) for source, runs in self})

    def __and__(self, other: GtidSet) -> GtidSet:
        """What both have."""
        return self - (self - other)

    def __le__(self, other: GtidSet) -> bool:
        """GTID_SUBSET."""
        return not self - other

    def __contains__(self, gtid: str) -> bool:
        """Whether one transaction, in the notation `uuid:number` or `uuid:tag:number`, is in the set."""
        source, _colon, number = gtid.rpartition(":")
        uuid, _colon, tag = source.partition(":")
        return any(first <= int(number) <= last for first, last in self.intervals.get((uuid, tag), ()))

    def __iter__(self) -> Iterator[tuple[Source, Intervals]]:
        return iter(sorted(self.intervals.items()))

    def __bool__(self) -> bool:
        return bool(self.intervals)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GtidSet) and self.intervals == other.intervals

    def __hash__(self) -> int:
        return hash(tuple(self))

    @property
    def count(self) -> int:
        """How many transactions. Not len(), which refuses as many as a set may have."""
        return sum(last - first + 1 for runs in self.intervals.values() for first, last in runs)

    def without(self, uuid: str) -> GtidSet:
        """What other servers have committed."""
        return GtidSet({source: runs for source, runs in self if source[0] != uuid.lower()})

    def up_to(self, other: GtidSet) -> GtidSet:
        """What is not beyond the last number that the other set has of the same source."""
        return self & GtidSet({source: ((1, runs[-1][1]),) for source, runs in other})

    def __str__(self) -> str:
        """As MySQL writes it, on one line."""
        words: dict[str, list[str]] = {}
        for (uuid, tag), runs in self:
            intervals = [str(first) if first == last else f"{first}-{last}" for first, last in runs]
            words.setdefault(uuid, [uuid]).extend([tag, *intervals] if tag else intervals)
        return ",".join(":".join(each) for each in words.values())

    def __repr__(self) -> str:
        return f"GtidSet({str(self)!r})"


def union(sets: Iterable[GtidSet]) -> GtidSet:
    """What any of them has."""
    found: dict[Source, list[tuple[int, int]]] = {}
    for each in sets:
        for source, runs in each.intervals.items():
            found.setdefault(source, []).extend(runs)
    return GtidSet(found)


def one_line(gtids: str | bytes) -> str:
    """The text of a GTID set, which MySQL breaks into lines, on one line."""
    text = gtids.decode() if isinstance(gtids, bytes) else gtids
    return text.replace("\n", "")


def _merged(intervals: Iterable[tuple[int, int]]) -> Intervals:
    found: list[tuple[int, int]] = []
    for first, last in sorted(intervals):
        if first > last:
            continue
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return tuple(found)


def _without(runs: Intervals, holes: Intervals) -> Iterator[tuple[int, int]]:
    """The numbers of `runs` that are not in `holes`, in one pass over both."""
    place = 0
    for start, last in runs:
        first = start
        while place < len(holes) and holes[place][0] <= last:
            yield first, holes[place][0] - 1
            first = max(first, holes[place][1] + 1)
            if holes[place][1] > last:
                break
            place += 1
        yield first, last
