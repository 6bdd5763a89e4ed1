"""The lock of a database host: which verb is at work on the servers' roles.

What the lock is made of stands in `_lock.py`. A verb takes it, and a server that reopens by itself (mysql_endpoint)
looks at it: of these two, one sees what the other did.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from ansible_collections.foobar.webstack.plugins.module_utils import _lock
from ansible_collections.foobar.webstack.plugins.module_utils._lock import Holder, LockError, write

__all__ = ["FILE", "LIFETIME", "MARGIN", "Holder", "LockError", "alone", "free", "read", "standing", "under", "write"]

DIRECTORY = "/var/lib/webstack-mysql"
FILE = f"{DIRECTORY}/role.lock"
GROUP = "mysql-endpoint"
"""May read it, and so keep it for a moment."""

LIFETIME = 1800.0
"""Seconds after which a lock counts no more: longer than a verb takes, from its first look to its last change."""

MARGIN = 900.0
"""Seconds that a lock must have left for a change of roles to begin under it."""


def alone(patience: float, path: str = FILE) -> contextlib.AbstractContextManager[int]:
    """The file, kept from everybody else meanwhile. LockError where somebody keeps it for longer than the patience."""
    return _lock.alone(path, patience, GROUP)


def read(descriptor: int) -> Holder | None:
    """Who holds the lock. LockError where the file cannot be read."""
    return _lock.read(descriptor, FILE)


def standing(path: str = FILE) -> Holder | None:
    """Who holds the lock at this moment, expired or not. LockError where that cannot be told."""
    return _lock.standing(path)


def free(patience: float, token: str, path: str = FILE) -> None:
    """Give it back. Without a token, whoever's it is; another one's is left alone."""
    _lock.free(path, patience, token)


@contextlib.contextmanager
def under(token: str, patience: float = 10.0, path: str = FILE) -> Iterator[None]:
    """Change roles under a lock that was taken before. LockError where it is another's by now, or expires too soon.

    Without a token nothing is asked: whoever calls has seen to it that no server reopens.
    """
    if not token:
        yield
        return
    with alone(patience, path) as descriptor:
        holder = read(descriptor)
        if holder is None or holder.token != token:
            raise LockError("the lock that this run took is not its own any more", holder)
        if time.time() > holder.until - MARGIN:
            raise LockError("the lock that this run took is too old", holder)
        yield
