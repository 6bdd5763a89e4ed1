"""What a host's package management says: missing packages, locks and who holds them, sources."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import struct
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.foobar.webstack.plugins.module_utils import _process

LOCKS = tuple(
    Path("/var") / name
    for name in ("lib/dpkg/lock-frontend", "lib/dpkg/lock", "lib/apt/lists/lock", "cache/apt/archives/lock")
)
"""What apt and dpkg lock: an installation the first two and the last, an update of the lists the third."""

SOURCES = Path("/etc/apt")

LISTS = Path("/var/lib/apt/lists")
VALID_SECONDS = 86400

POLL_SECONDS = 1.0

_FLOCK = "hhqqi"
"""struct flock of Linux: type, whence, start, length, process."""


@dataclass(frozen=True)
class Holder:
    """A process that holds a lock. The process is 0 where it runs in another container."""

    lock: str
    process: int
    program: str

    def __str__(self) -> str:
        who = f"process {self.process} ({self.program})" if self.process else "a process outside of this container"
        return f"{who} holds {self.lock}"


def missing(names: Sequence[str]) -> list[str]:
    """Those of the packages that are not installed. One with a version or a pattern counts as missing: apt decides."""
    plain = [name for name in names if re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", name)]
    listing = _process.run("dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *plain).stdout
    installed = {line.partition(" ")[0] for line in listing.splitlines() if line.endswith(" installed")}
    return [name for name in names if name not in installed]


def holder(lock: Path, processes: Path = Path("/proc")) -> Holder | None:
    """Who holds the lock; None where nobody does, or where there is no such file."""
    with contextlib.suppress(FileNotFoundError), lock.open("rb") as file:
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _whence, _start, _length, process = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, asked))
        if kind != fcntl.F_UNLCK:
            return Holder(str(lock), max(process, 0), program(processes / str(process)))
    return None


def program(process: Path) -> str:
    """The command line of a process, as far as it says what runs."""
    with contextlib.suppress(OSError):
        words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
        return " ".join(words).strip()[:80]
    return "unknown"


def wait(seconds: float, locks: Iterable[Path] = LOCKS) -> list[Holder]:
    """Wait until nobody holds a lock; who still does after this time."""
    deadline = time.monotonic() + seconds
    locks = tuple(locks)
    while True:
        held = [found for found in map(holder, locks) if found]
        if not held or time.monotonic() >= deadline:
            return held
        time.sleep(POLL_SECONDS)


def sources(folder: Path = SOURCES) -> dict[str, list[str]]:
    """Which addresses each file of apt's sources names."""
    files = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    found = {}
    for file in files:
        if file.suffix in (".list", ".sources") and file.is_file():
            lines = [
                line for line in file.read_text(errors="replace").splitlines() if not line.lstrip().startswith("#")
            ]
            found[str(file)] = re.findall(r"[a-z+]+:/\S*", "\n".join(lines))
    return found


def lists_are_old(lists: Path = LISTS, folder: Path = SOURCES) -> bool:
    """Whether the package lists are older than a day, or than a source, or not there at all."""
    if not any(lists.glob("*Packages*")):
        return True
    files = [folder / "sources.list.d", *map(Path, sources(folder))]
    newest = max((file.stat().st_mtime for file in files if file.exists()), default=0.0)
    updated = lists.stat().st_mtime
    return updated < newest or updated < time.time() - VALID_SECONDS


def update_lists() -> list[str]:
    """Update the package lists; what apt could not read, each with the file that names it."""
    done = _process.run("env", "LC_ALL=C", "apt-get", "update", "--quiet")
    found = complaints(done.stderr, sources())
    if not found:
        # apt leaves the folder as old as it was where it had the newest lists already.
        os.utime(LISTS)
    return found


def complaints(said: str, known: Mapping[str, Sequence[str]]) -> list[str]:
    """What is wrong with sources, from what `apt-get update` says, each with the file of the source. Pure."""
    found = []
    for kind, message in re.findall(r"^([EW]): (.*)$", said, re.MULTILINE):
        if kind == "E" or re.search("^Failed to fetch|^GPG error|^An error occurred", message):
            named = [file for file, addresses in known.items() if any(_names(message, one) for one in addresses)]
            found.append(f"{message.rstrip('.')} ({', '.join(named)})" if named else message.rstrip("."))
    return [one for one in dict.fromkeys(found) if not one.startswith("Some index files failed")]


def _names(message: str, address: str) -> bool:
    return bool(re.search(rf"{re.escape(address.rstrip('/'))}(?![\w-])", message))
