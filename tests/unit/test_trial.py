"""The trial of a new configuration: it is kept when confirmed, and rolled back in every other case."""

import fcntl
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils import _process, _trial
from ansible_collections.foobar.webstack.plugins.module_utils._process import RefusedError
from ansible_collections.foobar.webstack.plugins.module_utils._trial import State, Trial

PROGRAM = "/usr/local/sbin/tool"


@dataclass
class Host:
    """A host whose whole configuration is one word. `broken` cannot be applied."""

    wanted: str = "new"
    running: str = "old"
    confirmed: str = "old"
    timer: bool = False
    timer_fails: bool = False
    ran: list[tuple[str, ...]] = field(default_factory=list)

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Systemd, which has no other timer than ours."""
        self.ran.append(argv)
        if argv[0] == "systemd-run":
            assert not self.timer, "a timer of that name is there already"
            self.timer = not self.timer_fails
        else:
            assert argv == ("systemctl", "stop", "tool-rollback.timer")
            self.timer = False
        return subprocess.CompletedProcess(argv, int(argv[0] == "systemd-run" and self.timer_fails), "", "No bus.")

    def apply(self) -> None:
        assert self.timer, "what is applied without a timer stays"
        if self.wanted == "broken":
            raise RefusedError("broken is not accepted")
        self.running = self.wanted

    def restore(self, previous: Path) -> None:
        self.running = previous.read_text()

    def confirm(self) -> None:
        self.confirmed = self.running


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host()
    monkeypatch.setattr(_process, "run", made.run)
    return made


@pytest.fixture
def trial(host: Host, tmp_path: Path) -> Trial:
    return Trial(
        noun="configuration",
        unit="tool-rollback",
        previous=tmp_path / "previous",
        in_force=lambda: host.running == host.confirmed == host.wanted,
        snapshot=lambda: host.running,
        apply=host.apply,
        restore=host.restore,
        confirm=host.confirm,
    )


def attempt(trial: Trial) -> State:
    return _trial.attempt(trial, 60, PROGRAM)


def test_what_is_in_force_is_not_tried(host: Host, trial: Trial) -> None:
    host.wanted = "old"
    assert attempt(trial) is State.CURRENT
    assert (host.ran, trial.previous.exists()) == ([], False)


def test_the_timer_rolls_back_after_the_seconds(host: Host, trial: Trial) -> None:
    assert attempt(trial) is State.LOADED
    [armed] = host.ran
    assert armed[0] == "systemd-run"
    assert {"--unit=tool-rollback", "--on-active=60s"} <= set(armed)
    assert armed[-2:] == (PROGRAM, "rollback")


def test_what_is_tried_is_not_in_force_before_it_is_confirmed(host: Host, trial: Trial) -> None:
    """Also where nothing else tells it from what is wanted. Catches a run that believes an earlier, interrupted one."""
    attempt(trial)
    host.confirmed = "new"
    assert _trial.check(trial) is State.OUTDATED


def test_keep_makes_it_permanent_and_stops_the_timer(host: Host, trial: Trial) -> None:
    attempt(trial)
    assert _trial.keep(trial)
    assert (host.running, host.confirmed, host.timer) == ("new", "new", False)
    assert _trial.check(trial) is State.CURRENT


def test_rollback_brings_the_previous_back(host: Host, trial: Trial) -> None:
    attempt(trial)
    assert _trial.rollback(trial)
    assert (host.running, host.confirmed) == ("old", "old")
    assert not _trial.rollback(trial), "nothing is pending any more"


def test_keep_after_the_rollback_changes_nothing(host: Host, trial: Trial) -> None:
    attempt(trial)
    _trial.rollback(trial)
    assert not _trial.keep(trial)
    assert (host.running, host.confirmed) == ("old", "old")


def test_without_a_timer_nothing_is_tried(host: Host, trial: Trial) -> None:
    host.timer_fails = True
    with pytest.raises(RefusedError, match=r"cannot be set; nothing has changed\. No bus\."):
        attempt(trial)
    assert (host.running, trial.previous.exists()) == ("old", False)


def test_what_cannot_be_applied_leaves_no_timer_and_no_trial(host: Host, trial: Trial) -> None:
    """Catches a timer that rolls back a later run's good configuration."""
    host.wanted = "broken"
    with pytest.raises(RefusedError, match="broken is not accepted"):
        attempt(trial)
    assert (host.running, host.timer, trial.previous.exists()) == ("old", False, False)


def test_a_second_attempt_goes_back_to_what_was_before_the_first(host: Host, trial: Trial) -> None:
    """A run that was interrupted before it confirmed leaves something unproven: that is not what to return to."""
    attempt(trial)
    host.wanted = "newer"
    assert attempt(trial) is State.LOADED
    assert (host.running, host.timer) == ("newer", True)
    _trial.rollback(trial)
    assert host.running == "old"


def test_a_second_attempt_that_is_refused_ends_the_first_as_well(host: Host, trial: Trial) -> None:
    attempt(trial)
    host.wanted = "broken"
    with pytest.raises(RefusedError):
        attempt(trial)
    assert (host.running, host.timer, trial.previous.exists()) == ("old", False, False)


# --- the command line -------------------------------------------------------------------------------------------------


@pytest.fixture
def command(trial: Trial, capsys: pytest.CaptureFixture[str]):
    """Runs the command line; its exit status, and what it printed to standard output and to standard error."""

    def run(*words: str) -> tuple[int, str, str]:
        status = _trial.main(trial, [PROGRAM, *words], "Usage", {"hello": lambda: print("hello")})
        printed = capsys.readouterr()
        return status, printed.out.strip(), printed.err.strip()

    return run


def test_a_trial_that_is_confirmed(command) -> None:
    assert command("check") == (0, "outdated", "")
    assert command("try", "60") == (0, "loaded", "")
    assert command("keep") == (0, "", "")
    assert command("check") == (0, "current", "")
    assert command("try", "60") == (0, "current", "")


def test_a_trial_that_is_rolled_back(command) -> None:
    command("try", "60")
    assert command("rollback") == (
        0,
        "Nothing confirmed the new configuration in time; the previous state is back.",
        "",
    )
    assert command("keep") == (3, "The configuration had been rolled back before the confirmation arrived.", "")
    assert command("rollback") == (0, "", "")


def test_a_refusal_is_a_sentence_and_exit_status_1(host: Host, command) -> None:
    host.wanted = "broken"
    assert command("try", "60") == (1, "", "broken is not accepted")


def test_a_command_of_the_program_itself(command) -> None:
    assert command("hello") == (0, "hello", "")


@pytest.mark.parametrize(
    "words", [(), ("",), ("trie",), ("try",), ("try", "1", "2"), ("try", "soon"), ("check", "x"), ("hello", "x")]
)
def test_what_is_no_command_gets_the_usage(words: tuple[str, ...], host: Host, command) -> None:
    assert command(*words) == (1, "", "Usage")
    assert host.ran == []


def test_one_program_at_a_time(trial: Trial) -> None:
    """The timer may run out while a trial is confirmed: whoever comes second waits."""
    found = []

    def look() -> None:
        with (trial.previous.parent / "lock").open("w") as other:
            try:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                found.append("locked")

    assert _trial.main(trial, [PROGRAM, "look"], "Usage", {"look": look}) == 0
    assert found == ["locked"]
