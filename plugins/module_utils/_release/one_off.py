"""A command that runs once, confined as the application is: in a unit of its own, which ends with it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._release import files, units
from ansible_collections.foobar.webstack.plugins.module_utils._release.environment import environment_text
from ansible_collections.foobar.webstack.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.foobar.webstack.plugins.module_utils._release.layout import Layout
from ansible_collections.foobar.webstack.plugins.module_utils._release.systemd import Systemd

LONGEST_OUTPUT = 1 << 20
"""Of what a command prints, so much of its end is kept."""

# From here on, systemd could not start the command at all.
_NOT_STARTED = 200
_KILLED = "2"


@dataclass(frozen=True)
class Command:
    """What runs, and where. `writable` are paths that the application itself may not write to."""

    what: str
    words: Sequence[str]
    unit: str
    release: str
    environment: Mapping[str, Any] | bytes
    owner: tuple[int, int]
    timeout: int
    writable: Sequence[str] = ()
    umask: str = ""


@dataclass(frozen=True)
class Ended:
    """How it ended: `problem` is empty when its status was 0."""

    status: int
    problem: str
    output: str

    def last_lines(self, count: int) -> str:
        return "\n".join(self.output.strip().splitlines()[-count:]) or "(none)"


def unit_text(at: Layout, command: Command) -> str:
    """The unit of the command."""
    etc = at.one_off_etc(command.what)
    service = [
        ("Type", "oneshot"),
        ("ExecStart", units.command_line(command.words)),
        ("TimeoutStartSec", str(command.timeout)),
        # Caches of programs have a place where nobody else looks, because /tmp is its own.
        ("Environment", "HOME=/tmp"),
        ("StandardOutput", f"append:{etc / 'output'}"),
        ("StandardError", "inherit"),
        *(("ReadWritePaths", path) for path in command.writable),
        *([("UMask", command.umask)] if command.umask else []),
    ]
    text = units.derived(command.unit, f"{at.name}, {command.what} of release {command.release}", service)
    return units.pinned(text, at, command.release).replace(f"{at.etc}/", f"{etc}/")


def run(at: Layout, systemd: Systemd, command: Command) -> Ended:
    """Run it to its end. Raises ReleaseError where one is running already, or none can be started."""
    service, unit, etc = at.one_off_service(command.what), at.one_off_unit(command.what), at.one_off_etc(command.what)
    if systemd.state(service).get("ActiveState") in {"activating", "active", "deactivating"}:
        raise ReleaseError(
            f"{service} is running already on this host; wait until it has ended, or run systemctl stop {service} there"
        )
    etc.mkdir(parents=True, exist_ok=True)
    etc.chmod(0o700)
    unit.parent.mkdir(parents=True, exist_ok=True)
    given = command.environment
    environment = given if isinstance(given, bytes) else environment_text(given).encode()
    try:
        files.write(etc / at.environment.name, environment, 0o600)
        files.write(etc / "output", b"", 0o600)
        os.chown(etc / "output", *command.owner)
        files.write(unit, unit_text(at, command).encode(), 0o644)
        systemd.call("daemon-reload")
        succeeded = systemd.succeeds("start", service)
        return _ended(command, {} if succeeded else systemd.state(service), _output(etc / "output"))
    finally:
        remove(at, systemd, command.what)


def remove(at: Layout, systemd: Systemd, what: str) -> None:
    """End it, and leave nothing of it: this one, or one of a run that was interrupted."""
    service, unit = at.one_off_service(what), at.one_off_unit(what)
    shutil.rmtree(at.one_off_etc(what), ignore_errors=True)
    if not unit.exists():
        return
    systemd.succeeds("stop", service)
    systemd.succeeds("reset-failed", service)
    unit.unlink()
    systemd.call("daemon-reload")


def _output(path: os.PathLike[str]) -> str:
    with open(path, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - LONGEST_OUTPUT))
        return file.read().decode(errors="replace")


def _ended(command: Command, state: Mapping[str, str], output: str) -> Ended:
    """What systemd says of it; nothing of one that succeeded."""
    if not state:
        return Ended(0, "", output)
    status, killed = int(state.get("ExecMainStatus") or 0), state.get("ExecMainCode") == _KILLED
    if state.get("Result") == "timeout":
        return Ended(status or 1, f"was ended after exceeding the {command.timeout} s timeout", output)
    if killed:
        return Ended(128 + status, f"was ended by signal {status}", output)
    if not status or status >= _NOT_STARTED:
        return Ended(status or 1, f"could not be started ({state.get('Result')}, status {status})", output)
    return Ended(status, f"ended with status {status}", output)
