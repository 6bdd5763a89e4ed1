"""Files and symlinks that are replaced in one step, and the lock that keeps two runs apart."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.foobar.webstack.plugins.module_utils._release.errors import ReleaseError


def write(path: Path, content: bytes, mode: int) -> None:
    """Replace a file as a whole: whoever reads it finds the old content or the new one, after a power cut too."""
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial)
        raise


def read(path: Path) -> bytes | None:
    """The content of a file; None when there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def link(path: Path, target: str) -> None:
    """Point a symlink somewhere else in one step."""
    partial = path.with_name(f".{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        partial.unlink()
    partial.symlink_to(target)
    partial.replace(path)


@contextlib.contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Two runs at once would try and switch across each other."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ReleaseError(
                "another run is deploying this application on this host; wait until it has finished"
            ) from None
        yield
