"""Try a new configuration on a host, which takes it back by itself unless it is confirmed in time.

A configuration that cuts the controller off can no longer be repaired over the network. So the previous one is saved
and a timer of systemd is set before the new one is applied, and the timer brings the previous one back. Whoever can
still reach the host stops the timer.

A program describes in a Trial what it changes, and hands its command line to `main`. A trial is pending while the
file with the previous content exists. It is below /run, where a boot leaves nothing.
"""

from __future__ import annotations

import fcntl
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from ansible_collections.foobar.webstack.plugins.module_utils import _process
from ansible_collections.foobar.webstack.plugins.module_utils._process import RefusedError

ROLLED_BACK = 3
"""Exit status of `keep` when there is nothing left to confirm."""


class State(Enum):
    """Whether the wanted configuration is in force."""

    CURRENT = "current"
    OUTDATED = "outdated"
    LOADED = "loaded"
    """It has been applied just now and waits to be confirmed."""


@dataclass(frozen=True)
class Trial:
    """What a program changes on the host, and how it goes back."""

    noun: str
    """What is tried, for messages: `firewall rules`."""
    unit: str
    """Name of the timer and the service that roll back."""
    previous: Path
    """The content to go back to, while a trial is pending. Its folder also holds the lock."""
    in_force: Callable[[], bool]
    """Whether the wanted configuration is in force, apart from a pending trial."""
    snapshot: Callable[[], str]
    """The content to go back to."""
    apply: Callable[[], None]
    """Put the wanted configuration in force. Leaves everything as it was when it raises RefusedError."""
    restore: Callable[[Path], None]
    """Go back to the content of the file."""
    confirm: Callable[[], None]
    """Make what is in force permanent."""


def check(trial: Trial) -> State:
    """Whether the wanted configuration is in force and nothing waits to be confirmed."""
    current = not trial.previous.exists() and trial.in_force()
    return State.CURRENT if current else State.OUTDATED


def attempt(trial: Trial, seconds: int, program: str) -> State:
    """Unless it is in force, apply the wanted configuration; `program rollback` is run after `seconds`.

    Raises RefusedError, and has changed nothing, when the timer cannot be set or the configuration is not accepted.
    """
    if check(trial) is State.CURRENT:
        return State.CURRENT
    if trial.previous.exists():
        # An earlier trial was never confirmed: the content to go back to is still the one before it.
        _stop_timer(trial)
        rollback(trial)
    trial.previous.write_text(trial.snapshot())
    try:
        _set_timer(trial, seconds, program)
    except RefusedError:
        trial.previous.unlink()
        raise
    try:
        trial.apply()
    except RefusedError:
        _stop_timer(trial)
        trial.previous.unlink()
        raise
    return State.LOADED


def keep(trial: Trial) -> bool:
    """Make the configuration that is tried permanent. False: it has been rolled back already."""
    if not trial.previous.exists():
        return False
    _stop_timer(trial)
    trial.confirm()
    trial.previous.unlink()
    return True


def rollback(trial: Trial) -> bool:
    """Go back to what was before the trial. False: no trial is pending."""
    if not trial.previous.exists():
        return False
    trial.restore(trial.previous)
    trial.previous.unlink()
    return True


def _set_timer(trial: Trial, seconds: int, program: str) -> None:
    done = _process.run(
        "systemd-run",
        "--quiet",
        "--collect",
        f"--unit={trial.unit}",
        f"--on-active={seconds}s",
        "--timer-property=AccuracySec=100ms",
        program,
        "rollback",
    )
    if done.returncode:
        raise RefusedError(
            f"The timer that would roll back the {trial.noun} cannot be set; nothing has changed. {done.stderr.strip()}"
        )


def _stop_timer(trial: Trial) -> None:
    _process.run("systemctl", "stop", f"{trial.unit}.timer")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One program at a time: the timer may run out while a trial is confirmed."""
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(trial: Trial, argv: Sequence[str], usage: str | None, more: Mapping[str, Callable[[], None]]) -> int:
    """Run the command line `argv`, which may also name one of the commands `more`. Returns the exit status."""
    program, name, *arguments = argv if len(argv) > 1 else [*argv, ""]
    if name == "try":
        valid = len(arguments) == 1 and arguments[0].isdecimal()
    else:
        valid = (name in _COMMANDS or name in more) and not arguments
    if not valid:
        sys.stderr.write(f"{usage}\n")
        return 1
    try:
        with locked(trial.previous.parent):
            if name in more:
                more[name]()
                return 0
            if name == "try":
                _say(attempt(trial, int(arguments[0]), program).value)
                return 0
            return _COMMANDS[name](trial)
    except RefusedError as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 1


def _check(trial: Trial) -> int:
    _say(check(trial).value)
    return 0


def _keep(trial: Trial) -> int:
    if keep(trial):
        return 0
    _say(f"The {trial.noun} had been rolled back before the confirmation arrived.")
    return ROLLED_BACK


def _rollback(trial: Trial) -> int:
    if rollback(trial):
        _say(f"Nothing confirmed the new {trial.noun} in time; the previous state is back.")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


_COMMANDS = {"check": _check, "keep": _keep, "rollback": _rollback}
