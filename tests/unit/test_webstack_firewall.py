"""The program webstack-firewall: a kernel that only remembers takes, lists and loses the table."""

import dataclasses
import subprocess
from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils import _process, _trial
from ansible_collections.foobar.webstack.plugins.module_utils._process import RefusedError
from webstack_firewall import nftables


class Program:
    """The program with its files in a folder, a kernel and a systemd that only remember."""

    def __init__(self, folder: Path) -> None:
        self.trial = dataclasses.replace(nftables.TRIAL, previous=folder / "previous")
        self.kernel, self.armed = "", False

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        status, output = 0, ""
        if argv[:2] == ("nft", "-f"):
            content = Path(argv[2]).read_text()
            status = int("broken" in content)
            self.kernel = self.kernel if status else content.removeprefix(nftables.ABSENT)
        elif argv[:2] == ("nft", "delete"):
            self.kernel = ""
        elif argv[0] == "nft":
            status, output = int(not self.kernel), self.kernel
        else:
            self.armed = argv[0] == "systemd-run"
        return subprocess.CompletedProcess(argv, status, output, "")

    def attempt(self, wanted: str) -> str:
        nftables.WANTED.write_text(wanted)
        return _trial.attempt(self.trial, 60, "webstack-firewall").value

    def confirm(self, wanted: str) -> None:
        self.attempt(wanted)
        assert _trial.keep(self.trial)

    def rollback(self) -> None:
        _trial.rollback(self.trial)

    @property
    def current(self) -> bool:
        return _trial.check(self.trial) is _trial.State.CURRENT


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    for name in ("WANTED", "CONFIRMED", "RECORD"):
        monkeypatch.setattr(nftables, name, tmp_path / name.lower())
    made = Program(tmp_path)
    monkeypatch.setattr(_process, "run", made.run)
    return made


def test_rules_are_kept_once_confirmed(program: Program) -> None:
    assert program.attempt("new") == "loaded"
    assert (program.kernel, program.armed) == ("new", True)
    assert not program.current
    assert _trial.keep(program.trial)
    assert (nftables.CONFIRMED.read_text(), program.armed) == ("new", False)
    assert nftables.CONFIRMED.stat().st_mode & 0o777 == 0o600
    assert program.current
    assert program.attempt("new") == "current"


def test_rules_come_back_unless_confirmed(program: Program) -> None:
    """Also catches a confirmation that comes too late and is believed."""
    program.confirm("old")
    program.attempt("new")
    program.rollback()
    assert program.kernel == "old"
    assert not _trial.keep(program.trial)
    assert nftables.CONFIRMED.read_text() == "old"
    assert not program.current
    nftables.WANTED.write_text("old")
    assert program.current


def test_first_rules_come_back_to_none(program: Program) -> None:
    program.attempt("new")
    program.rollback()
    assert program.kernel == ""


@pytest.mark.parametrize(("confirmed", "after"), [("old", "old"), ("broken", "")])
def test_rules_come_back_even_if_the_listing_of_the_previous_cannot_be_read(
    confirmed: str, after: str, program: Program
) -> None:
    """Catches a host that stays cut off: first what was confirmed counts, then nothing at all."""
    program.confirm("old")
    nftables.CONFIRMED.write_text(confirmed)
    program.kernel = "broken by hand"
    program.attempt("new")
    program.rollback()
    assert program.kernel == after


def test_second_attempt_goes_back_to_what_was_before_the_first(program: Program) -> None:
    """A run that was interrupted before it confirmed leaves unproven rules: they are not what to return to."""
    program.confirm("old")
    for rules in ("first", "second"):
        program.attempt(rules)
    program.rollback()
    assert program.kernel == "old"


def test_rules_that_nft_refuses_leave_everything(program: Program) -> None:
    program.confirm("old")
    with pytest.raises(RefusedError, match="the rules have not changed"):
        program.attempt("broken")
    assert (program.kernel, program.armed, program.trial.previous.exists()) == ("old", False, False)


@pytest.mark.parametrize("change", ["", "old and something"])
def test_change_at_runtime_is_seen(change: str, program: Program) -> None:
    """Catches a comparison of files alone: a table that somebody flushed or added to is not what is wanted."""
    program.confirm("old")
    program.kernel = change
    assert not program.current


def test_what_traffic_changes_is_no_change(program: Program) -> None:
    program.kernel = "set s {\n\t\ttype ipv4_addr\n\t}"
    before = nftables.fingerprint()
    program.kernel = (
        "set s {\n\t\ttype ipv4_addr\n\t\telements = { 10.0.0.1 limit rate 1/minute,\n\t\t\t10.0.0.2 }\n\t}"
    )
    assert nftables.fingerprint() == before


def test_a_boot_loads_what_was_confirmed_and_knows_it(program: Program) -> None:
    """Catches an unconfirmed file that a boot loads, and a first run after the boot that changes something."""
    program.confirm("old")
    nftables.WANTED.write_text("new")
    program.kernel = ""
    nftables.RECORD.unlink()
    nftables.start()
    assert program.kernel == "old"
    nftables.WANTED.write_text("old")
    assert program.current
    nftables.stop()
    assert program.kernel == ""
