"""What is known of the releases on a host, for people and for whoever chooses one of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._release import before, releases, verb_lock
from ansible_collections.foobar.webstack.plugins.module_utils._release.layout import Layout

MIGRATIONS = ("*migrat*", "alembic")
"""Names of files and folders that change a database, as Django, Flask-Migrate, Alembic and others call them."""

_NEVER = {".venv", "__pycache__", "node_modules"}


@dataclass(frozen=True)
class Release:
    """A release on the host. Times are seconds since 1970, and 0 for never.

    `whole`: it is complete. `served` and `until`: since when and until when it served the last time. `withdrawn`: when
    somebody went back from it. `migrations`: files that change the database, with a digest of each.
    """

    release: str
    whole: bool
    served: float = 0
    until: float = 0
    withdrawn: float = 0
    migrations: dict[str, str] = field(default_factory=dict)


def listing(at: Layout, patterns: Sequence[str] = MIGRATIONS) -> list[Release]:
    """The releases, the one that served last first."""
    names = [path.name for path in at.releases.iterdir() if path.is_dir()] if at.releases.is_dir() else []
    found = [_of(at, name, patterns) for name in sorted(names)]
    return sorted(found, key=lambda one: -one.served)


def as_data(at: Layout, now: float, patterns: Sequence[str] = MIGRATIONS) -> dict[str, Any]:
    """All of it as plain data. `not_final`: what served before a deployment that has not come to its end."""
    kept, holder = before.load(at), verb_lock.standing(at)
    return {
        "serving": at.serving() or "",
        "interrupted": releases.interrupted(at),
        "not_final": kept.release if kept else None,
        "holder": {**holder.as_data(now), "since": holder.since} if holder else {},
        "releases": [asdict(one) for one in listing(at, patterns)],
    }


def migrations(top: Path, patterns: Sequence[str]) -> dict[str, str]:
    """Files of a release with a name, or in a folder of a name, that matches; with the digest of their contents."""
    return {str(path.relative_to(top)): _digest(path) for path in _matching(top, patterns)}


def _of(at: Layout, name: str, patterns: Sequence[str]) -> Release:
    state = releases.state_of(at, name)
    if state is None:
        return Release(name, whole=False)
    times = {key: float(state.get(key) or 0) for key in ("served", "until", "withdrawn")}
    return Release(name, whole=True, migrations=migrations(at.release(name), patterns), **times)


def _matching(top: Path, patterns: Sequence[str]) -> Iterator[Path]:
    for folder, folders, names in os.walk(top):
        folders[:] = sorted(set(folders) - _NEVER)
        inside = Path(folder).relative_to(top).parts
        for name in sorted(names):
            if any(fnmatchcase(part.lower(), pattern) for part in (*inside, name) for pattern in patterns):
                yield Path(folder, name)


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    except OSError:
        # A symlink to nowhere, say.
        return ""
