"""What keepalived writes into its pipe, and who is told of it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from os import killpg
from pathlib import Path

TIMEOUT = 60.0
"""Seconds that a program may take."""
FIRST_DELAY, LONGEST_DELAY = 1.0, 30.0
"""Seconds until a program that failed is started again; twice as many each time."""

SETTLE = 0.5
"""Seconds that a state has to last. A busy host takes itself for the master for a moment, and is soon told better."""
CONFIRMED, CONFIRM = "MASTER", TIMEOUT
"""A state that is told once more after so many seconds. By then nobody else's program still runs that began earlier:
both hosts may have told that they are master, and an interface may do last what it was asked first."""

STATES = ("MASTER", "BACKUP", "FAULT", "STOP")
# A master that has heard another one: after a partition both have told that they are, and the one that stays is right.
_SAME = {"MASTER_RX_LOWER_PRI": "MASTER"}
_LINE = re.compile(r'INSTANCE "([^"]+)" ([A-Z_]+)')


@dataclass(frozen=True)
class Change:
    """The state that an instance has from now on."""

    instance: str
    state: str


def change(line: str) -> Change | None:
    """What a line of the pipe says (keepalived.conf(5), `vrrp_notify_fifo`); None for what is told to nobody."""
    found = _LINE.match(line)
    if not found:
        return None
    state = _SAME.get(found[2], found[2])
    return Change(found[1], state) if state in STATES else None


def run(command: Sequence[str], timeout: float = TIMEOUT) -> str:
    """Run a program; why it failed, empty where it did not. What it prints goes to the journal."""
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
    except OSError as error:
        return f"cannot be started: {error}"
    try:
        status = process.wait(timeout)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            killpg(process.pid, signal.SIGKILL)
        process.wait()
        return f"did not end within {timeout:g} s"
    return f"ended with status {status}" if status else ""


class Teller(threading.Thread):
    """Tells the newest state of one instance, until it was told with success."""

    def __init__(
        self, command: Sequence[str], addresses: Sequence[str], tell: Callable[[Sequence[str]], str] = run
    ) -> None:
        super().__init__(daemon=True)
        self.command, self.addresses, self.tell = command, addresses, tell
        self.changed = threading.Condition()
        self.state = ""
        # The same state may be told again, so changes are counted.
        self.wanted = self.told = 0
        self.unconfirmed = False

    def want(self, state: str) -> None:
        """Have this told as soon as the one before has been, or has failed."""
        with self.changed:
            self.state, self.wanted = state, self.wanted + 1
            self.changed.notify_all()

    def run(self) -> None:
        """For ever."""
        delay = FIRST_DELAY
        while True:
            delay = self.tell_once(delay)

    def tell_once(self, delay: float) -> float:
        """Tell the next thing. Where that fails, wait so long; returned is how long the next time."""
        with self.changed:
            confirming = not self._next()
            state, number = self.state, self.wanted
        wrong = self.tell([*self.command, state, *self.addresses])
        how = f"was not told: {self.command[0]} {wrong}" if wrong else "was told"
        print(f"{self.name}: {state} {how}", flush=True)
        with self.changed:
            if not wrong:
                self.told = number
                self.unconfirmed = state == CONFIRMED and not confirming
                return FIRST_DELAY
            # A newer one is told at once.
            newer = self._another(number, delay)
        return FIRST_DELAY if newer else min(delay * 2, LONGEST_DELAY)

    def _next(self) -> bool:
        """Wait until there is something to tell; whether it is new, or what was told has to be confirmed."""
        if self.wanted == self.told and not self._another(self.told, CONFIRM if self.unconfirmed else None):
            return False
        while self._another(self.wanted, SETTLE):
            pass
        return True

    def _another(self, number: int, seconds: float | None) -> bool:
        """Wait so long for another change than that one."""
        return self.changed.wait_for(lambda: self.wanted != number, seconds)


class Memory:
    """The last state of each instance, so that a restart of this service tells it again."""

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            known = json.loads(file.read_text())
        except (OSError, ValueError):
            known = {}
        self.states: dict[str, str] = known if isinstance(known, dict) else {}

    def keep(self, change: Change) -> None:
        """Remember a change."""
        self.states[change.instance] = change.state
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps(self.states))
        new.replace(self.file)


def serve(lines: Iterator[str], tellers: Mapping[str, Teller], memory: Memory) -> None:
    """Pass on what was the case before, and then every change."""
    for instance, state in memory.states.items():
        if instance in tellers and state in STATES:
            tellers[instance].want(state)
    for line in lines:
        found = change(line)
        if found and found.instance in tellers:
            memory.keep(found)
            tellers[found.instance].want(found.state)
