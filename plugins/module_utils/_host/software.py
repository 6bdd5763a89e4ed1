"""Which versions of packages are installed, and which updates wait, as apt's cache has it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils import _process
from ansible_collections.foobar.webstack.plugins.module_utils._packages.apt import LISTS

REBOOT = Path("/run/reboot-required")
"""What packages write that need a reboot, such as a kernel."""

PERIODIC = Path("/var/lib/apt/periodic/update-success-stamp")

_INSTALLED = "${Package} ${Version} ${db:Status-Status}\\n"
# apt-get(8), --simulate: Inst package [installed version] (new version origins [architecture]).
_UPDATE = re.compile(r"^Inst (\S+) \[[^\]]*\] \(\S+ ([^)\[]*)", re.MULTILINE)


def versions(names: Sequence[str]) -> dict[str, str]:
    """The version of each package that is installed, by name."""
    if not names:
        return {}
    listing = _process.run("dpkg-query", "--show", f"--showformat={_INSTALLED}", *names).stdout
    rows = [line.split(" ") for line in listing.splitlines()]
    return {row[0]: row[1] for row in rows if len(row) == 3 and row[2] == "installed"}


def updates(now: float) -> dict[str, Any]:
    """What an upgrade would replace, without a lock and without asking a mirror."""
    age = lists_age(now)
    if age is None:
        return {"known": False, "error": "apt has no package lists", "age_days": None}
    # With root's lock it would fail while another apt runs, and it changes nothing.
    command = ("apt-get", "--simulate", "--quiet", "--option=Debug::NoLocking=true", "dist-upgrade")
    done = _process.run("env", "LC_ALL=C", *command)
    if done.returncode:
        return {"known": False, "error": complaint(done.stderr), "age_days": age}
    return {"known": True, "error": "", "age_days": age, **waiting(done.stdout)}


def waiting(text: str) -> dict[str, Any]:
    """The packages that `apt-get --simulate dist-upgrade` would replace, and those of them that are security's. Pure.

    A package that would be new is none that waits.
    """
    found = _UPDATE.findall(text)
    return {
        "packages": [name for name, _origins in found],
        "security": [name for name, origins in found if "security" in origins.lower()],
    }


def complaint(said: str) -> str:
    """What apt says first of what is wrong."""
    errors = re.findall(r"^E: (.*)$", said, re.MULTILINE)
    return errors[0].rstrip(".") if errors else "apt-get --simulate dist-upgrade failed"


def lists_age(now: float, lists: Path = LISTS, stamp: Path = PERIODIC) -> float | None:
    """For how many days nobody has updated the package lists; None where there are none.

    apt leaves the folder as old as it was where nothing is new; the one below it is written to each time.
    """
    if not any(lists.glob("*Packages*")):
        return None
    times = [path.stat().st_mtime for path in (lists, lists / "partial", stamp) if path.exists()]
    return round(max(0.0, now - max(times)) / 86400, 1)
