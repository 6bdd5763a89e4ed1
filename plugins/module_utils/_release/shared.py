"""What outlives releases: the directory shared/, and those of it whose files a web server beside it serves (uploads).

The application owns what is in there and may put anything in its place, a symlink as well. So nothing is followed here:
every change is made through an open file.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.foobar.webstack.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.foobar.webstack.plugins.module_utils._release.layout import Layout

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PRIVATE, _PASSAGE, _SERVED = 0o750, 0o710, 0o2750


@dataclass(frozen=True)
class Uploads:
    """Directories of shared/ that a web server's group reads. `mounted`: they are on a file system of their own."""

    directories: Sequence[str] = ()
    gid: int = -1
    mounted: bool = False


NONE = Uploads()


@dataclass(frozen=True)
class Place:
    """A directory, and how it is to be."""

    path: Path
    uid: int
    gid: int
    mode: int

    @property
    def served(self) -> bool:
        return self.mode == _SERVED

    @property
    def is_right(self) -> bool:
        try:
            found = self.path.lstat()
        except FileNotFoundError:
            return False
        return stat.S_ISDIR(found.st_mode) and (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (
            self.uid,
            self.gid,
            self.mode,
        )


def check(at: Layout, uploads: Uploads) -> None:
    """Refuse what is to be on a file system of its own and is not: the files would be on this host alone."""
    if not uploads.mounted or os.path.ismount(at.shared):
        return
    for name in uploads.directories:
        if not os.path.ismount(at.shared / name):
            raise ReleaseError(
                f"{at.shared / name} is not on a mounted file system; mount the shared one there or at {at.shared}, or "
                "set appserver_uploads_mounted (in the stack, webstack_app_uploads_shared) to false"
            )


def wrong(at: Layout, uid: int, gid: int, uploads: Uploads) -> list[Place]:
    """The directories that are not as they are to be. One that is mounted is as whoever mounts it has it."""
    return [place for place in _places(at, uid, gid, uploads) if not place.is_right]


def make(at: Layout, uid: int, gid: int, uploads: Uploads) -> None:
    """Make the directories, and let the web server read what was in one before that."""
    at.root.mkdir(parents=True, exist_ok=True)
    for place in wrong(at, uid, gid, uploads):
        with contextlib.suppress(FileExistsError):
            os.mkdir(place.path, 0o700)
        try:
            opened = os.open(place.path, _OPEN | os.O_DIRECTORY)
        except OSError as error:
            raise ReleaseError(
                f"{place.path} is not a directory ({error.strerror}); remove it, and mount there what it pointed to"
            ) from error
        try:
            if place.served:
                _let_read(opened, place)
            os.fchown(opened, place.uid, place.gid)
            os.fchmod(opened, place.mode)
        finally:
            os.close(opened)


def _places(at: Layout, uid: int, gid: int, uploads: Uploads) -> Iterator[Place]:
    if not (uploads.mounted and os.path.ismount(at.shared)):
        served = bool(uploads.directories)
        # The web server passes through, and sees nothing else that is in there.
        yield Place(at.shared, uid, uploads.gid if served else gid, _PASSAGE if served else _PRIVATE)
    if not uploads.mounted:
        for name in uploads.directories:
            yield Place(at.shared / name, uid, uploads.gid, _SERVED)


def _let_read(top: int, place: Place) -> None:
    """What the application's user owns below there. New files get the group from their directory."""
    for _folder, folders, names, inside in os.fwalk(".", dir_fd=top, follow_symlinks=False):
        for name in (*folders, *names):
            try:
                opened = os.open(name, _OPEN, dir_fd=inside)
            except OSError:
                # A symlink, or gone meanwhile.
                continue
            try:
                found = os.fstat(opened)
                if found.st_uid != place.uid:
                    continue
                if stat.S_ISDIR(found.st_mode):
                    os.fchown(opened, -1, place.gid)
                    os.fchmod(opened, stat.S_IMODE(found.st_mode) | 0o2050)
                elif stat.S_ISREG(found.st_mode):
                    os.fchown(opened, -1, place.gid)
                    os.fchmod(opened, stat.S_IMODE(found.st_mode) & 0o777 | 0o040)
            finally:
                os.close(opened)
