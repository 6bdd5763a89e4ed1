"""keepalived-notify: the newest state of each instance is told until it was told with success."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from keepalived_notify import notify
from keepalived_notify.cli import addresses
from keepalived_notify.notify import FIRST_DELAY, LONGEST_DELAY, Change, Memory, Teller, change, run, serve
from patience import until

FILES = Path(__file__).resolve().parents[2] / "roles/keepalived/files"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('INSTANCE "webstack_1" MASTER 254\n', Change("webstack_1", "MASTER")),
        ('INSTANCE "webstack_2" FAULT 253\n', Change("webstack_2", "FAULT")),
        # After a partition, of two that have told that they are master: the right one says it once more.
        ('INSTANCE "webstack_1" MASTER_RX_LOWER_PRI 254\n', Change("webstack_1", "MASTER")),
        ('INSTANCE "webstack_1" MASTER_PRIORITY 254\n', None),
        ('GROUP "g" MASTER 254\n', None),
        ("\n", None),
    ],
)
def test_what_keepalived_writes(line: str, expected: Change | None) -> None:
    assert change(line) == expected


class Program:
    """Stands for the user's program: fails so many times, and remembers what it was told."""

    def __init__(self, failures: int = 0) -> None:
        self.failures, self.told = failures, list[tuple[str, ...]]()

    def __call__(self, command: Sequence[str]) -> str:
        self.told.append(tuple(command))
        self.failures -= 1
        return "ended with status 1" if self.failures >= 0 else ""


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state settles at once, and is confirmed after a moment."""
    monkeypatch.setattr(notify, "SETTLE", 0.0)
    monkeypatch.setattr(notify, "CONFIRM", 0.01)


def teller(program: Any) -> Teller:
    return Teller(["/opt/move", "--fast"], ["198.18.0.9", "fd00::9"], program)


def test_it_gets_the_state_and_the_addresses() -> None:
    program = Program()
    one = teller(program)
    one.want("MASTER")
    assert one.tell_once(FIRST_DELAY) == FIRST_DELAY
    assert program.told == [("/opt/move", "--fast", "MASTER", "198.18.0.9", "fd00::9")]


def test_one_that_fails_is_run_again_later_and_later() -> None:
    """Red where a provider's interface that is out for a moment leaves the site without an address."""
    program = Program(failures=3)
    one = teller(program)
    one.want("MASTER")
    assert [one.tell_once(0.01), one.tell_once(0.02), one.tell_once(LONGEST_DELAY / 1e4)] == [0.02, 0.04, 0.006]
    assert one.tell_once(0.01) == FIRST_DELAY
    assert len(program.told) == 4
    assert one.told == one.wanted


def test_the_delay_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "LONGEST_DELAY", 0.03)
    one = teller(Program(failures=9))
    one.want("MASTER")
    assert one.tell_once(0.02) == 0.03


def test_a_newer_state_is_told_at_once_and_the_older_one_no_more() -> None:
    """Red where a host that has lost the address goes on asking for it."""
    said: list[str] = []

    def program(command: Sequence[str]) -> str:
        said.append(command[2])
        if command[2] == "MASTER":
            one.want("BACKUP")
            return "ended with status 1"
        return ""

    one = teller(program)
    one.want("MASTER")
    assert one.tell_once(3600) == FIRST_DELAY
    one.tell_once(FIRST_DELAY)
    assert said == ["MASTER", "BACKUP"]
    assert one.told == one.wanted


def test_a_state_that_does_not_last_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that was busy takes itself for the master for a moment. Red where the provider would move the address."""
    monkeypatch.setattr(notify, "SETTLE", 0.2)
    program = Program()
    one = teller(program)
    one.want("MASTER")
    threading.Timer(0.02, one.want, ["BACKUP"]).start()
    one.tell_once(FIRST_DELAY)
    assert [command[2] for command in program.told] == ["BACKUP"]


def test_a_master_says_so_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the other one asked for before may be done after. Red where the address stays there for ever."""
    program = Program()
    one = teller(program)
    one.want("MASTER")
    one.tell_once(FIRST_DELAY)
    assert one.told == one.wanted
    one.tell_once(FIRST_DELAY)
    assert [command[2] for command in program.told] == ["MASTER", "MASTER"]
    assert not one.unconfirmed
    one.want("BACKUP")
    one.tell_once(FIRST_DELAY)
    assert not one.unconfirmed, "and nobody else does"


def test_the_same_state_is_told_again() -> None:
    """After a partition the address may be at the other one, though nothing has changed here."""
    program = Program()
    one = teller(program)
    for _ in range(2):
        one.want("MASTER")
        one.tell_once(FIRST_DELAY)
    assert len(program.told) == 2


class Noted(Teller):
    """Remembers what it has to tell, and tells nothing."""

    def __init__(self) -> None:
        super().__init__([], [])
        self.states: list[str] = []

    def want(self, state: str) -> None:
        self.states.append(state)


def test_a_restart_tells_the_last_state_again(tmp_path: Path) -> None:
    """What was not told yet would be lost with the service else."""
    file = tmp_path / "states"
    lines = ['INSTANCE "a" BACKUP 254\n', 'INSTANCE "a" MASTER 254\n', 'INSTANCE "gone" MASTER 254\n']
    serve(iter(lines), {"a": Noted()}, Memory(file))
    assert json.loads(file.read_text()) == {"a": "MASTER"}
    again = Noted()
    serve(iter(()), {"a": again}, Memory(file))
    assert again.states == ["MASTER"]


@pytest.mark.parametrize("broken", ["", "{", "[]"])
def test_a_memory_that_cannot_be_read_is_none(tmp_path: Path, broken: str) -> None:
    (tmp_path / "states").write_text(broken)
    assert Memory(tmp_path / "states").states == {}


def test_a_program_that_fails_hangs_or_is_not_there(tmp_path: Path) -> None:
    assert run(["/bin/true"]) == ""
    assert run(["/bin/false"]) == "ended with status 1"
    assert "cannot be started" in run([str(tmp_path / "gone")])
    # What it has started itself goes with it.
    assert (
        run(["/bin/sh", "-c", f"sleep 60 & echo $! > {tmp_path}/pid; wait"], timeout=0.5) == "did not end within 0.5 s"
    )
    pid = int((tmp_path / "pid").read_text())
    until(lambda: not Path(f"/proc/{pid}").exists() or " Z " in Path(f"/proc/{pid}/stat").read_text(), "its end")


def test_an_instance_without_addresses_is_refused() -> None:
    assert addresses("webstack_1=198.18.0.9,fd00::9") == ("webstack_1", ["198.18.0.9", "fd00::9"])
    with pytest.raises(Exception, match="is not <instance>=<address>,<address>"):
        addresses("webstack_1")


def test_through_the_pipe(tmp_path: Path) -> None:
    """The whole program: what is written into the pipe, before it runs and after a writer has gone, is told."""
    pipe, told = tmp_path / "fifo", tmp_path / "told"
    os.mkfifo(pipe)
    early = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    os.write(early, b'INSTANCE "a" BACKUP 254\n')
    command = [sys.executable, "-c", "import sys; from keepalived_notify.cli import main; sys.exit(main())"]
    command += [f"--fifo={pipe}", f"--states={tmp_path}/states", "--instance=a=198.18.0.9", "--"]
    command += ["/bin/sh", "-c", f'echo "$@" >> {told}', "move"]
    with subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(FILES)}) as process:
        try:
            until(lambda: told.exists() and told.read_text() == "BACKUP 198.18.0.9\n", "the first state")
            os.close(early)
            with pipe.open("w") as later:
                later.write('INSTANCE "a" MASTER 254\n')
            until(lambda: told.read_text().endswith("MASTER 198.18.0.9\n"), "the second state")
        finally:
            process.kill()
