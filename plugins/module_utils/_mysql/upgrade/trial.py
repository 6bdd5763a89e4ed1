"""The new packages, downloaded and unpacked beside the old ones: what their mysqld says of the host's configuration.

Nothing is installed. The server that runs does not notice.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, reason
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.upgrade.packages import SERVER, Run, command

CONFIGURATION = "/etc/mysql/my.cnf"

HOME = Path("/var/cache")
"""Where the folder is made. Not in /tmp, from which programs cannot be started on every host."""

ROOM = 6
"""Bytes of room for each byte of a package: itself, and what is in it."""

_SIZE = re.compile(r"^'[^']*' \S+ (\d+) ", re.MULTILINE)
_PROBLEM = re.compile(r"\[(?:ERROR|Warning)\] (?:\[MY-\d+\] )?(?:\[[^\]]*\] )?(.*)")
_ERROR = re.compile(r"\[ERROR\] (?:\[MY-\d+\] )?(?:\[[^\]]*\] )?(.*)")


class Code(str, Enum):
    """Why the new version could not be tried, or does not take the configuration."""

    NO_ROOM = "upgrade_trial.no_room"
    NOT_DOWNLOADED = "upgrade_trial.not_downloaded"
    NOT_UNPACKED = "upgrade_trial.not_unpacked"
    DOES_NOT_RUN = "upgrade_trial.does_not_run"
    CONFIGURATION = "upgrade_trial.configuration"


@dataclass(frozen=True)
class Trial:
    """What came of it."""

    version: str = ""
    """As the new mysqld says it."""
    refusals: tuple[Reason, ...] = ()
    root: Path = Path("/")

    def has(self, library: str) -> bool:
        """Whether the new packages have the file of a plugin or a component."""
        return any(self.root.glob(f"usr/lib/mysql/plugin/{library}"))


@contextmanager
def unpacked(run: Run, names: tuple[str, ...], options: Sequence[str], home: Path | None = None) -> Iterator[Trial]:
    """The new packages while the block lasts. `options` are of mysqld, beside the configuration."""
    with tempfile.TemporaryDirectory(prefix="webstack-upgrade-", dir=home or HOME) as folder:
        # _apt, as which apt downloads, has to get in.
        os.chmod(folder, 0o711)  # noqa: S103
        yield _try(run, Path(folder), names, options)


def _try(run: Run, folder: Path, names: tuple[str, ...], options: Sequence[str]) -> Trial:
    archives, root = folder / "archives", folder / "root"
    (archives / "partial").mkdir(parents=True)
    root.mkdir()
    words = ("--no-install-recommends", f"--option=Dir::Cache::archives={archives}", "install", *names)
    listing = run(*command("--print-uris", "--option=Debug::NoLocking=true", *words)).stdout
    size = sum(map(int, _SIZE.findall(listing)))
    if ROOM * size > (free := shutil.disk_usage(folder).free):
        return Trial(refusals=(reason(Code.NO_ROOM, folder=str(folder.parent), megabytes=(ROOM * size - free) >> 20),))
    # What a source that is a folder of the host has is not copied.
    local = [Path(path) for path in re.findall(r"^'file:([^']*[.]deb)' ", listing, re.MULTILINE)]
    downloaded = run(*command("--download-only", "--option=Debug::NoLocking=true", *words))
    files = [*local, *sorted(archives.glob("*.deb"))]
    if downloaded.returncode or not files:
        return Trial(refusals=(reason(Code.NOT_DOWNLOADED, error=_last(downloaded.stderr)),))
    for file in files:
        done = run("dpkg-deb", "--extract", str(file), str(root))
        if done.returncode:
            return Trial(refusals=(reason(Code.NOT_UNPACKED, file=file.name, error=_last(done.stderr)),))
    return _validate(run, root, options)


def _validate(run: Run, root: Path, options: Sequence[str]) -> Trial:
    """With the new libraries, and the configuration files of the host."""
    libraries = ":".join(sorted({str(path.parent) for path in root.glob("**/*.so.*")}))
    loader = next((str(path) for path in root.glob("**/ld-linux*.so.*") if not path.is_symlink()), "")
    start = (loader, "--library-path", libraries) if loader else ("env", f"LD_LIBRARY_PATH={libraries}")
    mysqld = f"{root}{SERVER}"
    said = run(*start, mysqld, "--no-defaults", "--version")
    version = re.search(r"Ver (\S+)", said.stdout)
    if said.returncode or not version:
        return Trial(refusals=(reason(Code.DOES_NOT_RUN, error=_last(said.stderr or said.stdout)),), root=root)
    checked = run(
        *start,
        mysqld,
        f"--defaults-file={CONFIGURATION}",
        *options,
        "--user=mysql",
        f"--plugin-dir={root}/usr/lib/mysql/plugin",
        f"--lc-messages-dir={root}/usr/share/mysql",
        "--log-error=stderr",
        "--log-error-verbosity=2",
        "--validate-config",
    )
    refusals = (reason(Code.CONFIGURATION, file=CONFIGURATION, version=version[1], errors=complaints(checked.stderr)),)
    return Trial(version=version[1], refusals=refusals if checked.returncode else (), root=root)


def complaints(said: str) -> list[str]:
    """What mysqld says against a configuration. Pure."""
    found = _ERROR.findall(said) or _PROBLEM.findall(said)
    return list(dict.fromkeys(line.rstrip(".") for line in found if line != "Aborting")) or [_last(said)]


def _last(said: str) -> str:
    lines = said.strip().splitlines()
    return lines[-1].rstrip(".") if lines else "no reason was given"
