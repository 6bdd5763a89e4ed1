"""The lock of a database host: which verb is at work on the servers' roles.

A file, so that it outlasts a restart of MySQL and of the host. Two things keep others out of it:

- Its content says which verb holds it, for whom, since when, and when it expires: for the time between a verb's tasks.
- flock(2) on it, which ends with the process: while somebody looks at the content and acts on what it says. So of a
  verb that takes the lock and a server that reopens by itself (mysql_endpoint) one sees what the other did.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

DIRECTORY = "/var/lib/webstack-mysql"
FILE = f"{DIRECTORY}/role.lock"
GROUP = "mysql-endpoint"
"""May read it, and so keep it for a moment."""

LIFETIME = 1800.0
"""Seconds after which a lock counts no more: longer than a verb takes, from its first look to its last change."""

MARGIN = 900.0
"""Seconds that a lock must have left for a change of roles to begin under it."""

POLL_SECONDS = 0.05


class LockError(Exception):
    """The lock cannot be had. `holder` says who has it, where that is known."""

    def __init__(self, message: str, holder: Holder | None = None) -> None:
        super().__init__(message)
        self.holder = holder


@dataclass(frozen=True)
class Holder:
    """Who holds the lock. Times are seconds since 1970 by the host's clock."""

    verb: str
    who: str
    """Person and machine."""
    process: int
    """Of ansible-playbook, on that machine."""
    since: float
    until: float
    token: str

    @classmethod
    def from_text(cls, text: str) -> Holder | None:
        """What a lock's file says; None for an empty one. ValueError where it cannot be read."""
        if not text.strip():
            return None
        data = json.loads(text)
        if not isinstance(data, dict):
            raise ValueError("it is no record")
        try:
            return cls(**data)
        except TypeError as error:
            raise ValueError(str(error)) from error

    def as_text(self) -> str:
        return f"{json.dumps(asdict(self))}\n"

    def expired(self, now: float) -> bool:
        return now >= self.until

    def as_data(self, now: float) -> dict[str, Any]:
        """For people and other hosts: without the token."""
        return {
            "verb": self.verb,
            "who": self.who,
            "process": self.process,
            "seconds": round(now - self.since, 1),
            "expires_in": round(self.until - now, 1),
            "expired": self.expired(now),
        }


@contextlib.contextmanager
def alone(patience: float, path: str = FILE) -> Iterator[int]:
    """The file, kept from everybody else meanwhile. LockError where somebody keeps it for longer than the patience."""
    deadline = time.monotonic() + patience
    descriptor = _opened(path)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise LockError(f"{path} is in use for longer than {patience:g} s") from None
            time.sleep(POLL_SECONDS)
        yield descriptor
    finally:
        os.close(descriptor)


def read(descriptor: int) -> Holder | None:
    """Who holds the lock. LockError where the file cannot be read."""
    try:
        return Holder.from_text(os.pread(descriptor, 65536, 0).decode())
    except ValueError as error:
        raise LockError(f"the lock cannot be read ({error}); empty the file {FILE}") from error


def write(descriptor: int, holder: Holder | None) -> None:
    """Say who holds the lock. The file stays the same one, because others wait for it."""
    content = holder.as_text().encode() if holder else b""
    os.pwrite(descriptor, content, 0)
    os.ftruncate(descriptor, len(content))
    os.fsync(descriptor)


def standing(path: str = FILE) -> Holder | None:
    """Who holds the lock at this moment, expired or not. LockError where that cannot be told."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LockError(f"the lock cannot be read: {error}") from error
    try:
        return read(descriptor)
    finally:
        os.close(descriptor)


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


def _opened(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except PermissionError:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        pass
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    # The group is there where mysql_endpoint is; its unit sees to that, too.
    with contextlib.suppress(LookupError, PermissionError):
        shutil.chown(path, group=GROUP)
        os.fchmod(descriptor, 0o640)
    return descriptor
