"""The server's unit: whether it runs what is installed, and what lies on a host whose server is out for its upgrade."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.role_lock import DIRECTORY
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.upgrade.packages import SERVER, Run

MARK = f"{DIRECTORY}/out-for-upgrade"
"""There while a server is out for its upgrade: a run that was interrupted is known by it, and goes on there."""

QUIET = "/etc/mysql/mysql.conf.d/zz-webstack-upgrade.cnf"
"""Read after all others while the packages are upgraded."""

QUIET_OPTIONS = """# Written by Ansible (foobar.webstack.mysql_drain), and removed by it before the server is started.
# The packages' scripts run mysqld with statements of their own, such as ALTER USER of debian-sys-maint. Written to the
# binary log, that would be a transaction that no other server has, and this one could not replicate any more.
[mysqld]
skip_log_bin
skip_networking = ON
skip_replica_start = ON
"""


def silence(path: str = QUIET) -> bool:
    """Have mysqld write, hear and fetch nothing, whoever starts it; whether it did before."""
    if os.path.exists(path) or not os.path.isdir(os.path.dirname(path)):
        return False
    Path(path).write_text(QUIET_OPTIONS, encoding="utf-8")
    os.chmod(path, 0o644)
    return True


def unsilence(path: str = QUIET) -> bool:
    """Take that back; whether it was so."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
        return True
    return False


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
