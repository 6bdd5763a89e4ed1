"""Building a release: commands that run in it once, before it is whole."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ansible_collections.foobar.webstack.plugins.module_utils._release import one_off
from ansible_collections.foobar.webstack.plugins.module_utils._release.deployment import Deployment
from ansible_collections.foobar.webstack.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.foobar.webstack.plugins.module_utils._release.systemd import JOURNAL_LINES

WHAT = "build"
_VIRTUAL_ENVIRONMENT = ".venv"


def build(deployment: Deployment, target: Path) -> None:
    """Run the commands as the application's user, to whom the files belong meanwhile; then they are root's again.

    Raises ReleaseError, with what the command printed last, when one fails.
    """
    at, wanted = deployment.at, deployment.wanted
    one_off.remove(at, deployment.systemd, WHAT)
    _give(target, wanted.uid, wanted.gid)
    for words in wanted.build:
        command = one_off.Command(
            what=WHAT,
            words=words,
            unit=wanted.unit,
            release=wanted.release,
            environment=wanted.environment,
            owner=(wanted.uid, wanted.gid),
            timeout=wanted.build_timeout,
            writable=[str(target)],
            umask="0022",
        )
        ended = one_off.run(at, deployment.systemd, command)
        if ended.problem:
            raise ReleaseError(
                deployment.not_live(
                    f"its build failed: the command {' '.join(words)!r} {ended.problem}. The last lines of its "
                    f"output:\n{ended.last_lines(JOURNAL_LINES)}"
                )
            )
    _give(target, os.geteuid(), os.getegid())
    _let_read(target)


def _give(target: Path, uid: int, gid: int) -> None:
    """Everything but the virtual environment, which the application may not change."""
    for folder, folders, names in os.walk(target):
        if Path(folder) == target and _VIRTUAL_ENVIRONMENT in folders:
            folders.remove(_VIRTUAL_ENVIRONMENT)
        for name in (folder, *(os.path.join(folder, item) for item in [*folders, *names])):
            os.chown(name, uid, gid, follow_symlinks=False)


def _let_read(target: Path) -> None:
    """For the application and for the web server beside it to read, and for nobody to write."""
    for folder, _folders, names in os.walk(target):
        os.chmod(folder, 0o755)  # noqa: S103
        for name in names:
            path = os.path.join(folder, name)
            state = os.lstat(path)
            if stat.S_ISREG(state.st_mode):
                os.chmod(path, 0o755 if state.st_mode & 0o111 else 0o644)
