"""A lock that lasts between the tasks of a verb: a file on a host that says who holds it.

A file, so that it outlasts a restart of the host. Two things keep others out of it:

- Its content says which verb holds it, for whom, since when, and when it expires: for the time between a verb's tasks.
- flock(2) on it, which ends with the process: while somebody looks at the content and acts on what it says.
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

    def left_over(self, now: float) -> str:
        """Whose lock is replaced, in words that go on."""
        return f"{self.verb} of {self.who}, which began {now - self.since:.0f} s ago and has not ended properly"

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
def alone(path: str, patience: float, group: str = "") -> Iterator[int]:
    """The file, kept from everybody else meanwhile. LockError where somebody keeps it for longer than the patience.

    A `group` may read a file that is made, and so keep it for a moment.
    """
    deadline = time.monotonic() + patience
    descriptor = _opened(path, group)
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


def read(descriptor: int, path: str) -> Holder | None:
    """Who holds the lock. LockError where the file cannot be read."""
    try:
        return Holder.from_text(os.pread(descriptor, 65536, 0).decode())
    except ValueError as error:
        raise LockError(f"the lock cannot be read ({error}); empty the file {path}") from error


def write(descriptor: int, holder: Holder | None) -> None:
    """Say who holds the lock. The file stays the same one, because others wait for it."""
    content = holder.as_text().encode() if holder else b""
    os.pwrite(descriptor, content, 0)
    os.ftruncate(descriptor, len(content))
    os.fsync(descriptor)


def standing(path: str) -> Holder | None:
    """Who holds the lock at this moment, expired or not. LockError where that cannot be told."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LockError(f"the lock cannot be read: {error}") from error
    try:
        return read(descriptor, path)
    finally:
        os.close(descriptor)


def free(path: str, patience: float, token: str) -> None:
    """Give it back. Without a token, whoever's it is; another one's is left alone."""
    if not os.path.exists(path):
        return
    with alone(path, patience) as descriptor:
        if token:
            there = read(descriptor, path)
            if there is None or there.token != token:
                return
        write(descriptor, None)


def _opened(path: str, group: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except PermissionError:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        pass
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    if group:
        # The group is there where its program is; that one's unit sees to it, too.
        with contextlib.suppress(LookupError, PermissionError):
            shutil.chown(path, group=group)
            os.fchmod(descriptor, 0o640)
    return descriptor
