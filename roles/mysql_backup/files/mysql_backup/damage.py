"""What restic's words say about a damaged repository. Pure.

The words are those of restic 0.16 to 0.18. They are not the same for a repository that cannot be reached, which is not
damaged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_SIGNS = (
    (
        r"file is too short|unexpected file size|does not match (?:real|calculated) size|header is larger than file",
        "a file of it is cut off",
    ),
    (
        r"packs from index missing in repo|pack [0-9a-f]{64}: does not exist"
        r"|<(?:data|index)/[0-9a-f]+>.*(?:no such file|does not exist|not found)",
        "a file of it is missing",
    ),
    (
        r"ciphertext verification failed|invalid data returned|hash does not match|wrong data returned",
        "a file of it no longer holds what was written",
    ),
    (r"not found in (?:index|repository)", "it lacks data that a backup needs"),
    (r"repository contains errors|(?:is|contains) damaged|must be repaired", "restic finds errors in it"),
)
_PACK = re.compile(r"^pack ([0-9a-f]{64})(?:: unexpected file size| contains [0-9]+ errors)", re.MULTILINE)
_ADVICE = re.compile(r"^restic repair packs ([0-9a-f ]+)$", re.MULTILINE)
_MISSING = re.compile(r"^pack ([0-9a-f]{64}): does not exist", re.MULTILINE)
_SNAPSHOT = re.compile(r"failed to load snapshot \S+: LoadRaw\(<snapshot/([0-9a-f]+)>\): invalid data")


@dataclass(frozen=True)
class Damage:
    """What restic's check has found."""

    packs: tuple[str, ...] = ()
    """Files with data that are cut off or changed."""
    missing: tuple[str, ...] = ()
    """Files with data that are gone."""
    index: bool = False
    """The index cannot be read."""
    snapshots: tuple[str, ...] = ()
    """Files of snapshots that cannot be read, by the beginning of their names."""
    other: str = ""
    """What it has said where it is nothing of these."""

    def __bool__(self) -> bool:
        return bool(self.packs or self.missing or self.index or self.snapshots or self.other)

    def __str__(self) -> str:
        counted = (
            (len(self.packs), "with data cut off or changed"),
            (len(self.missing), "with data missing"),
            (len(self.snapshots), "of snapshots not readable"),
        )
        found = [f"{number} file{'s' if number > 1 else ''} {what}" for number, what in counted if number]
        if self.index:
            found.append("the index not readable")
        return ", ".join(found) or self.other


def sign(said: str) -> str:
    """What is wrong with the repository, in words; empty where restic says something else."""
    return next((words for pattern, words in _SIGNS if re.search(pattern, said)), "")


def damage_of(said: str) -> Damage:
    """From what a check that failed has printed."""
    missing = set(_MISSING.findall(said))
    packs = {*_PACK.findall(said), *" ".join(_ADVICE.findall(said)).split()}
    return Damage(
        packs=tuple(sorted(packs - missing)),
        missing=tuple(sorted(missing)),
        index="error loading index" in said or "repository index is damaged" in said,
        snapshots=tuple(sorted(set(_SNAPSHOT.findall(said)))),
        other=sign(said) or _last(said.splitlines()),
    )


def _last(lines: Iterable[str]) -> str:
    return next((line.strip() for line in reversed(list(lines)) if line.strip()), "restic's check failed")
