"""Sets of global transaction identifiers, as MySQL writes them. Pure.

The controller compares what servers have that cannot be asked together: one of them may be gone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

Intervals = tuple[tuple[int, int], ...]
"""First and last of each run of numbers, sorted, neither touching nor overlapping."""

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TAG = re.compile(r"[a-z_][a-z0-9_]{0,31}")
_INTERVAL = re.compile(r"([0-9]+)(?:-([0-9]+))?")


class GtidSet:
    """Transactions by source, that is by server_uuid and tag (MySQL 8.3 and later; empty where there is none)."""

    __slots__ = ("_parts",)

    def __init__(self, parts: Mapping[tuple[str, str], Iterable[tuple[int, int]]] | None = None) -> None:
        merged = {source: _merged(intervals) for source, intervals in (parts or {}).items()}
        self._parts: dict[tuple[str, str], Intervals] = {source: runs for source, runs in merged.items() if runs}

    @classmethod
    def parse(cls, text: str) -> GtidSet:
        """Of @@gtid_executed and the like, line breaks and all. ValueError if it is something else."""
        parts: dict[tuple[str, str], list[tuple[int, int]]] = {}
        for item in "".join(text.split()).lower().split(","):
            if not item:
                continue
            uuid, *rest = item.split(":")
            if not _UUID.fullmatch(uuid) or not rest:
                raise ValueError(f"{item!r} is no GTID set")
            tag = ""
            for word in rest:
                interval = _INTERVAL.fullmatch(word)
                if interval:
                    first, last = int(interval[1]), int(interval[2] or interval[1])
                    if not 0 < first <= last:
                        raise ValueError(f"{item!r} is no GTID set")
                    parts.setdefault((uuid, tag), []).append((first, last))
                elif _TAG.fullmatch(word):
                    tag = word
                else:
                    raise ValueError(f"{item!r} is no GTID set")
        return cls(parts)

    def __sub__(self, other: GtidSet) -> GtidSet:
        """GTID_SUBTRACT."""
        parts = {}
        for source, runs in self._parts.items():
            left = list(runs)
            for first, last in other._parts.get(source, ()):
                cut = []
                for low, high in left:
                    cut += [(low, min(high, first - 1)), (max(low, last + 1), high)]
                left = [(low, high) for low, high in cut if low <= high]
            parts[source] = left
        return GtidSet(parts)

    def __and__(self, other: GtidSet) -> GtidSet:
        """What both have."""
        return self - (self - other)

    def __le__(self, other: GtidSet) -> bool:
        """GTID_SUBSET."""
        return not self - other

    def __bool__(self) -> bool:
        return bool(self._parts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GtidSet) and self._parts == other._parts

    def __hash__(self) -> int:
        return hash(tuple(sorted(self._parts.items())))

    def without(self, uuid: str) -> GtidSet:
        """What other servers have committed."""
        return GtidSet({source: runs for source, runs in self._parts.items() if source[0] != uuid.lower()})

    @property
    def count(self) -> int:
        """How many transactions."""
        return sum(last - first + 1 for runs in self._parts.values() for first, last in runs)

    def __str__(self) -> str:
        """On one line."""
        words: dict[str, list[str]] = {}
        for (uuid, tag), runs in sorted(self._parts.items()):
            intervals = [str(first) if first == last else f"{first}-{last}" for first, last in runs]
            words.setdefault(uuid, [uuid]).extend([tag, *intervals] if tag else intervals)
        return ",".join(":".join(each) for each in words.values())

    def __repr__(self) -> str:
        return f"GtidSet({str(self)!r})"


def _merged(intervals: Iterable[tuple[int, int]]) -> Intervals:
    found: list[tuple[int, int]] = []
    for first, last in sorted(intervals):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return tuple(found)
