"""The lock of an application on its host: which verb is at work on its releases, between that verb's tasks.

It is on each application host, and not the databases' (`_mysql/role_lock.py`), which is made of the same: going back
has to work while no database does. It never expires, because a release may take as long as it likes to be built. One
that its verb has not given back is told, with its age, and only a person who knows better takes it away.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils import _lock
from ansible_collections.foobar.webstack.plugins.module_utils._lock import Holder, LockError
from ansible_collections.foobar.webstack.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.foobar.webstack.plugins.module_utils._release.layout import Layout

LONG = 3600.0
"""Seconds after which a lock is said to be old."""

PATIENCE = 10.0


def take(at: Layout, verb: str, holder: Mapping[str, Any], replace: str = "", *, check: bool = False) -> dict[str, Any]:
    """Take the lock. `replace`: of a process that is known to have ended. LockError where somebody else holds it."""
    path, now = str(at.verb_lock), time.time()
    if check:
        there = _lock.standing(path)
        _refuse(there, replace, now)
        return _taken("", there, now)
    with _lock.alone(path, PATIENCE) as descriptor:
        there = _lock.read(descriptor, path)
        _refuse(there, replace, now)
        mine = Holder(
            verb=verb,
            who=holder["who"],
            process=holder["process"],
            since=now,
            until=now + LONG,
            token=uuid.uuid4().hex,
        )
        _lock.write(descriptor, mine)
    return _taken(mine.token, there, now)


def free(at: Layout, token: str) -> None:
    """Give it back. Without a token, whoever's it is."""
    _lock.free(str(at.verb_lock), PATIENCE, token)


def standing(at: Layout) -> Holder | None:
    """Who holds it."""
    return _lock.standing(str(at.verb_lock))


def check(at: Layout, token: str) -> None:
    """Refuse to change anything while a verb of somebody else's is at work. Raises ReleaseError."""
    try:
        _refuse(standing(at), token, time.time())
    except LockError as error:
        raise ReleaseError(f"{error}, so nothing was changed") from None


def _refuse(there: Holder | None, token: str, now: float) -> None:
    if there and there.token != token:
        raise LockError(f"{there.verb} of {there.who} is at work on this host since {now - there.since:.0f} s", there)


def _taken(token: str, replaced: Holder | None, now: float) -> dict[str, Any]:
    if replaced is None:
        return {"lock": token, "stale": "", "replaced": {}}
    told = {"verb": replaced.verb, "since": replaced.since}
    return {"lock": token, "stale": replaced.left_over(now), "replaced": told}
