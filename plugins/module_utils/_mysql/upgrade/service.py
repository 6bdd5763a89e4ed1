"""The server's unit: whether it runs what is installed, and the mark of a server that was taken out on purpose."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.role_lock import DIRECTORY
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.upgrade.packages import SERVER, Run

MARK = f"{DIRECTORY}/out-for-upgrade"
"""There while a server is out for its upgrade: a run that was interrupted is known by it, and goes on there."""


def is_out(mark: str = MARK) -> bool:
    return os.path.exists(mark)


def mark_out(mark: str = MARK) -> bool:
    """Leave the mark; whether it was not there."""
    if is_out(mark):
        return False
    os.makedirs(os.path.dirname(mark), mode=0o755, exist_ok=True)
    Path(mark).touch(mode=0o644)
    return True


def mark_back(mark: str = MARK) -> bool:
    """Remove the mark; whether it was there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(mark)
        return True
    return False


def process(run: Run, unit: str) -> int:
    """The main process of the unit, 0 where it does not run."""
    shown = run("systemctl", "show", "--property=MainPID", "--value", unit).stdout.strip()
    return int(shown) if shown.isdecimal() else 0


def runs_old_file(number: int, processes: Path = Path("/proc")) -> bool:
    """Whether the program of a process was replaced since it was started."""
    try:
        return os.readlink(processes / str(number) / "exe").endswith(" (deleted)")
    except OSError:
        return False


def installed_version(run: Run) -> str:
    """What the program says that a start of the unit would run."""
    words = run(SERVER, "--no-defaults", "--version").stdout.split()
    return words[words.index("Ver") + 1] if "Ver" in words[:-1] else ""
