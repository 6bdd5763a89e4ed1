# Copyright: The foobar.webstack maintainers
# Apache License 2.0 (see LICENSE)
"""A release's files on the controller: a directory, an archive or a commit becomes one reproducible tarball with an id.

The same content gives the same id wherever it is packed. The tarball is sorted and owned by root. It keeps the files'
times, because web servers make validators of caches from them.
"""

from __future__ import annotations

import calendar
import gzip
import hashlib
import io
import os
import re
import shutil
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import IO, Any

from ansible_collections.foobar.webstack.plugins.module_utils._release.credentials import for_git

# What never belongs into a release: version control, caches, and what the host makes itself (the virtual environment,
# and the mark of a release that is whole).
NEVER = (
    ".git",
    ".hg",
    ".svn",
    "__pycache__",
    "*.pyc",
    ".venv",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".DS_Store",
    ".release.json",
)
ID_LENGTH = 12
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# What the specification of Git LFS says: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
LFS_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-.*\n)*oid sha256:[0-9a-f]{64}\nsize [0-9]+\n?"
)
CHECKSUM = re.compile(r"sha256:([0-9a-f]{64})")


class SourceError(Exception):
    """The source cannot become a release; the message says what to write instead."""


@dataclass(frozen=True)
class Entry:
    """A file (or a symlink, then ``target`` is set) of the release."""

    path: str
    executable: bool
    modified: int
    read: Callable[[], bytes]
    target: str = ""


def content_of(entry: Entry) -> bytes:
    """The content of a file. Raises SourceError where it is not there, but a pointer of Git LFS to it."""
    content = entry.read()
    if LFS_POINTER.fullmatch(content):
        raise SourceError(
            f"{entry.path} is a pointer of Git LFS, not the file itself, which is not fetched; run git lfs pull in a "
            "checkout and release that as a directory or an archive, or exclude the file"
        )
    return content


def identify(entries: Iterable[Entry]) -> str:
    """Hash of names, contents, execute bits and link targets: nothing else reaches the host."""
    digest = hashlib.sha256()
    for entry in entries:
        kind = f"link {entry.target}" if entry.target else f"file {entry.executable:d}"
        content = b"" if entry.target else content_of(entry)
        for part in (entry.path.encode(), kind.encode(), content):
            digest.update(b"%d:" % len(part) + part)
    return digest.hexdigest()[:ID_LENGTH]


def write_tarball(entries: Iterable[Entry], target: Path) -> None:
    """Write ``target`` under another name first: a file of that name is always whole."""
    partial = target.with_name(target.name + ".partial")
    with (
        partial.open("wb") as file,
        gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for entry in entries:
            info = tarfile.TarInfo(entry.path)
            info.mtime = entry.modified
            if entry.target:
                info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.target, 0o777
                tar.addfile(info)
                continue
            content = content_of(entry)
            info.size, info.mode = len(content), 0o755 if entry.executable else 0o644
            tar.addfile(info, io.BytesIO(content))
    partial.replace(target)


def select(entries: Iterable[Entry], subdirectory: str, exclude: Iterable[str]) -> list[Entry]:
    """The entries below ``subdirectory``, sorted, without the excluded ones. Links must stay in the release."""
    prefix = PurePosixPath(subdirectory or ".")
    patterns = (*NEVER, *exclude)
    chosen: dict[str, Entry] = {}
    for entry in entries:
        path = PurePosixPath(entry.path)
        if path.is_absolute() or ".." in path.parts:
            raise SourceError(f"{entry.path} would be unpacked outside of the release; leave it out of the source")
        if not path.is_relative_to(prefix):
            continue
        path = path.relative_to(prefix)
        if any(
            fnmatchcase(name, pattern)
            for pattern in patterns
            for name in (*path.parts, *map(str, path.parents), str(path))
        ):
            continue
        if entry.target and _leaves(path, entry.target):
            raise SourceError(
                f"{entry.path} is a symlink to {entry.target}, which is outside of the release; exclude it"
            )
        chosen[str(path)] = replace(entry, path=str(path))
    if not chosen:
        where = f" below {subdirectory}" if subdirectory else ""
        raise SourceError(f"there is no file{where} in the source")
    return [chosen[path] for path in sorted(chosen)]


def _leaves(path: PurePosixPath, target: str) -> bool:
    if PurePosixPath(target).is_absolute():
        return True
    depth = 0
    for part in (*path.parent.parts, *PurePosixPath(target).parts):
        depth += -1 if part == ".." else 1
        if depth < 0:
            return True
    return False


def from_directory(root: Path) -> Iterator[Entry]:
    if not root.is_dir():
        raise SourceError(f"{root} is not a directory")

    def walk(folder: Path) -> Iterator[Entry]:
        for child in folder.iterdir():
            if any(fnmatchcase(child.name, pattern) for pattern in NEVER):
                continue
            state = child.lstat()
            name = child.relative_to(root).as_posix()
            if stat.S_ISLNK(state.st_mode):
                yield Entry(name, False, int(state.st_mtime), bytes, os.readlink(child))
            elif stat.S_ISDIR(state.st_mode):
                yield from walk(child)
            elif stat.S_ISREG(state.st_mode):
                yield Entry(name, bool(state.st_mode & 0o111), int(state.st_mtime), child.read_bytes)
            else:
                raise SourceError(f"{child} is neither a file, a directory nor a symlink; exclude or remove it")

    return walk(root)


@contextmanager
def from_archive(path: Path) -> Iterator[Iterator[Entry]]:
    """The files of a tar archive (any compression that Python reads) or of a zip file."""
    if not path.is_file():
        raise SourceError(f"{path} is not a file")
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield (_zip_entry(archive, info) for info in archive.infolist() if not info.is_dir())
        return
    try:
        with tarfile.open(path) as tar:
            yield (_tar_entry(tar, member) for member in tar.getmembers() if not member.isdir())
    except tarfile.TarError as error:
        raise SourceError(f"{path} is not a tar archive or a zip file that can be read: {error}") from error


def _zip_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Entry:
    mode = info.external_attr >> 16
    target = archive.read(info).decode() if stat.S_ISLNK(mode) else ""
    modified = calendar.timegm((*info.date_time, 0, 0, 0))
    return Entry(info.filename, bool(mode & 0o111), modified, lambda: archive.read(info), target)


def _tar_entry(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Entry:
    name = str(PurePosixPath(member.name))
    if member.issym():
        return Entry(name, False, int(member.mtime), bytes, member.linkname)
    # A hard link is read as the file that it names.
    if not (member.isfile() or member.islnk()):
        raise SourceError(f"{member.name} is neither a file, a directory nor a symlink; leave it out of the archive")

    def read() -> bytes:
        file = tar.extractfile(member)
        return file.read() if file else b""

    return Entry(name, bool(member.mode & 0o111), int(member.mtime), read)


def _git(
    *arguments: str,
    folder: Path | None = None,
    output: IO[bytes] | None = None,
    account: Mapping[str, str] = MappingProxyType({}),
) -> str:
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", **account}
    try:
        done = subprocess.run(  # noqa: S603
            ["git", *arguments],  # noqa: S607
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output or subprocess.PIPE,
            stderr=subprocess.PIPE,
            check=False,
        )
    except FileNotFoundError:
        raise SourceError("git is not installed on the controller, where the repository is read") from None
    if done.returncode:
        raise SourceError(f"git {arguments[0]} failed: {done.stderr.decode(errors='replace').strip()}")
    return "" if output else done.stdout.decode()


def find_commit(repository: str, version: str) -> str:
    """The commit that a branch, a tag or a full commit hash names."""
    if COMMIT.fullmatch(version):
        return version
    names = (
        ("HEAD",)
        if version == "HEAD"
        else (f"refs/tags/{version}^{{}}", f"refs/tags/{version}", f"refs/heads/{version}")
    )
    repository, account = for_git(repository, os.environ)
    listed = _git("ls-remote", "--end-of-options", repository, *names, account=account)
    found = {name: commit for commit, name in (line.split("\t") for line in listed.splitlines())}
    for name in names:
        if name in found:
            return found[name]
    raise SourceError(f"{repository} has no branch or tag {version}; a commit is named by all of its 40 characters")


def fetch_commit(repository: str, version: str, commit: str, folder: Path) -> Path:
    """The files of ``commit`` as a tar archive made by git in ``folder``."""
    store = folder / "git"
    shutil.rmtree(store, ignore_errors=True)
    _git("init", "--quiet", "--bare", str(store))
    repository, account = for_git(repository, os.environ)
    fetch = ("fetch", "--quiet")
    try:
        _git(*fetch, "--depth=1", "--end-of-options", repository, commit, folder=store, account=account)
    except SourceError:
        # A server that does not hand out single commits: everything, then.
        _git(*fetch, "--end-of-options", repository, "+refs/*:refs/*", folder=store, account=account)
    target = folder / "git.tar"
    with target.open("wb") as output:
        _git("archive", "--format=tar", commit, folder=store, output=output)
    return target


def options_digest(*options: Any) -> str:
    return hashlib.sha256(repr(options).encode()).hexdigest()


class Source:
    """What ``appserver_source`` says, checked."""

    def __init__(self, options: Mapping[str, Any], download: Callable[[str, Path], None]) -> None:
        self.kind: str = options["type"]
        self.path: str = options.get("path") or ""
        self.url: str = options.get("url") or ""
        self.checksum: str = options.get("checksum") or ""
        self.repository: str = options.get("repo") or ""
        self.version: str = options.get("version") or "HEAD"
        self.subdirectory: str = (options.get("subdirectory") or "").strip("/")
        self.exclude: tuple[str, ...] = tuple(options.get("exclude") or ())
        self._download = download
        self.commit = ""
        needed = {"directory": "path", "archive": "path" if not self.url else "url", "git": "repo"}
        if self.kind not in needed:
            raise SourceError(f"type is {self.kind}; write directory, archive or git")
        if not options.get(needed[self.kind]):
            raise SourceError(
                f"a source of type {self.kind} needs {needed[self.kind]}" + " or url" * (self.kind == "archive")
            )
        if self.url and self.path:
            raise SourceError("an archive has either a path on the controller or a url")
        if self.url and not CHECKSUM.fullmatch(self.checksum):
            raise SourceError(
                "an archive that is downloaded needs a checksum; write sha256: and its 64 hexadecimal digits"
            )
        if self.version.startswith("-"):
            raise SourceError(f"version is {self.version}; write a branch, a tag or a commit")

    @property
    def key(self) -> str:
        """Name under which one run remembers this source; it changes when files on the controller change."""
        return options_digest(
            self.kind,
            self.path,
            self.url,
            self.checksum,
            self.repository,
            self.version,
            self.subdirectory,
            self.exclude,
            *(_states(Path(self.path)) if self.path else ()),
        )[:32]

    def cheap_id(self) -> str | None:
        """The release's id, when it can be told without the files."""
        if self.kind == "git":
            commit = self.commit = find_commit(self.repository, self.version)
            return commit[:ID_LENGTH] if not (self.subdirectory or self.exclude) else self._narrowed(commit)
        if self.url:
            return self._narrowed(self.checksum)
        return None

    def _narrowed(self, identity: str) -> str:
        return options_digest(identity, self.subdirectory, self.exclude)[:ID_LENGTH]

    @contextmanager
    def entries(self, folder: Path) -> Iterator[list[Entry]]:
        with ExitStack() as opened:
            if self.kind == "directory":
                found = from_directory(Path(self.path))
            else:
                found = opened.enter_context(from_archive(self._archive(folder)))
            yield select(found, self.subdirectory, self.exclude)

    def _archive(self, folder: Path) -> Path:
        if self.kind == "git":
            return fetch_commit(self.repository, self.version, self.commit, folder)
        if not self.url:
            return Path(self.path)
        target = folder / "download"
        self._download(self.url, target)
        with target.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if f"sha256:{found}" != self.checksum:
            raise SourceError(f"{self.url} has the checksum sha256:{found}, not {self.checksum}")
        return target


def _states(path: Path) -> Iterator[tuple[str, int, int]]:
    """Name, size and time of every file: what a file system tells without reading."""
    if path.is_dir():
        for folder, folders, files in os.walk(path):
            folders.sort()
            for name in sorted(files):
                state = os.lstat(os.path.join(folder, name))
                yield os.path.join(folder, name), state.st_size, state.st_mtime_ns
    elif path.exists():
        yield str(path), path.stat().st_size, path.stat().st_mtime_ns
