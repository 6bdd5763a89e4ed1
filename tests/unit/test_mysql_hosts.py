"""What modules do on a host, with servers that only remember what they were asked: convergence, promotion, recovery."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._mysql import donor, epoch
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair import (
    convergence,
    promotion,
    recovery,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.channel import Channel, Endpoint
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.plan import Intent
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.state import Local, Source, Unreachable
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import ReasonError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import NoServerError, Server, ServerError

A, B = (f"{n}e11fa47-71ca-11e1-9e33-c80aa9429562" for n in (1, 2))


class Recorder(Server):
    """Answers what it was given, by the beginning of the question, and fails with the errors that it was given."""

    def __init__(self, answers: dict[str, Any] | None = None, errors: dict[str, ServerError] | None = None) -> None:
        super().__init__()
        self.answers, self.errors = answers or {}, errors or {}
        self.executed: list[str] = []

    def patient(self, timeout: float) -> Server:
        return self

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        self.executed.append(statement)
        for beginning, error in self.errors.items():
            if statement.startswith(beginning):
                raise error
        for beginning, answer in self.answers.items():
            if statement.startswith(beginning):
                return list(answer() if callable(answer) else answer)
        return []

    def value(self, expression: str, values: Sequence[Any] = ()) -> Any:
        found = self.rows(f"SELECT {expression}")
        return found[0]["value"] if found else ""

    def variables(self) -> dict[str, str]:
        return dict(self.answers["variables"])


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes only where somebody waits."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))


WANTED = Endpoint(host="198.18.0.31", port=3306, user="replication", password="hush")
RUNNING = Channel(WANTED)
SOURCE = Source(version="9.7.4", server_uuid=A, server_id=31, gtid_executed=f"{A}:1-9")
FRESH = Local(version="9.7.4", server_uuid=B, server_id=32)
COPY = replace(FRESH, gtid_executed=f"{A}:1-9", schemas=("guestbook",))

Converge = Callable[..., convergence.Convergence]


@pytest.fixture
def converge(monkeypatch: pytest.MonkeyPatch) -> Converge:
    """A convergence whose server is first the one, then the next of the given states."""

    def make(
        *locals_: Local,
        channels: Sequence[Channel | None] = (RUNNING,),
        source: Source | Unreachable = SOURCE,
        **more: Any,
    ) -> convergence.Convergence:
        states, answers = iter(locals_), [*channels]
        monkeypatch.setattr(convergence, "observe", lambda *_: next(states))
        monkeypatch.setattr(convergence, "observe_source", lambda *_: source)
        monkeypatch.setattr(
            convergence, "observe_channel", lambda *_: answers.pop(0) if len(answers) > 1 else answers[0]
        )
        options: dict[str, Any] = {
            "server": Recorder({"SELECT @@GLOBAL.gtid_executed": [{"value": f"{A}:1-9"}]}),
            "wanted": WANTED,
            "intent": Intent(),
            "control": lambda verb: "",
            "timeout": 5,
            "clone_timeout": 9,
        }
        return convergence.Convergence(**options | more)

    return make


def code(raised: pytest.ExceptionInfo[ReasonError]) -> str:
    return str(raised.value.reasons[0].code.value)


def test_what_is_planned_is_executed_and_waited_for(converge: Converge) -> None:
    connecting = Channel(WANTED, receiver="Connecting")
    run = converge(COPY, channels=[connecting, RUNNING])
    done = run.converge()
    assert run.executed == [str(statement) for statement in done.statements]
    assert [statement.split()[0] for statement in run.executed] == ["CHANGE", "START"]
    assert "hush" not in str(run.executed)


def test_a_rehearsal_executes_nothing(converge: Converge) -> None:
    run = converge(COPY, intent=Intent(rehearsal=True))
    assert run.converge().statements
    assert run.executed == []


def test_after_a_clone_the_server_is_looked_at_again(converge: Converge) -> None:
    """It has another state then, and is not cloned twice. The connection may break before the answer comes."""
    server = Recorder(
        {
            "SELECT STATE": [{"STATE": "Completed", "ERROR_MESSAGE": ""}],
            "SELECT @@GLOBAL.gtid_executed": [{"value": f"{A}:1-9"}],
        },
        {"CLONE": ServerError(2013, "Lost connection")},
    )
    run = converge(FRESH, replace(COPY, channel=None), server=server)
    run.converge()
    assert [statement.split()[0] for statement in run.executed] == ["SET", "CLONE", "CHANGE", "START"]
    assert run.intent.cloned


def test_the_source_has_a_name_while_clone_copies(
    converge: Converge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only then, and nothing else in the file changes, whatever a run that was killed has left there."""
    hosts = tmp_path / "hosts"
    before = "127.0.0.1 localhost\n::1 localhost\n"
    during = f"{before}2001:db8::31 {donor.donor_name('2001:db8::31')} # while CLONE copies from it\n"
    hosts.write_text(during.strip())
    monkeypatch.setattr(donor, "HOSTS", hosts)
    seen: list[str] = []
    server = Recorder(
        {
            "CLONE": lambda: seen.append(hosts.read_text()) or [],
            "SELECT STATE": [{"STATE": "Completed", "ERROR_MESSAGE": ""}],
            "SELECT @@GLOBAL.gtid_executed": [{"value": f"{A}:1-9"}],
        }
    )
    converge(FRESH, replace(COPY, channel=None), server=server, wanted=replace(WANTED, host="2001:db8::31")).converge()
    assert (seen, hosts.read_text()) == ([during], before)


def test_nothing_is_cloned_from_a_source_without_a_name(
    converge: Converge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(donor, "HOSTS", tmp_path / "missing")
    run = converge(FRESH, wanted=replace(WANTED, host="2001:db8::31"))
    with pytest.raises(ReasonError) as raised:
        run.converge()
    assert code(raised) == "cloning.no_name"
    assert not [done for done in run.server.executed if done.startswith("CLONE")]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("number", "verbs", "expected"),
    [(3707, ["restart", "start"], "cloning.clone_incomplete"), (3862, [], "cloning.not_cloned")],
)
def test_a_clone_that_fails_is_said(converge: Converge, number: int, verbs: list[str], expected: str) -> None:
    server = Recorder(
        {"SELECT STATE": [{"STATE": "Failed", "ERROR_MESSAGE": "no"}]}, {"CLONE": ServerError(number, "no")}
    )
    asked: list[str] = []
    run = converge(FRESH, server=server, control=lambda verb: asked.append(verb) or "")
    with pytest.raises(ReasonError) as raised:
        run.converge()
    assert (code(raised), asked) == (expected, verbs)
    if not verbs:
        assert server.executed[-1] == "SET GLOBAL super_read_only = ON", "a failed CLONE leaves it read-only"


BUSY = ServerError(3862, "Clone Donor Error: 3634 : Too many concurrent clone operations. Maximum allowed - 1.")


@pytest.mark.parametrize(("refused", "expected"), [(3, ""), (1000, "cloning.not_cloned")])
def test_it_waits_for_a_donor_that_is_copied_by_another(converge: Converge, refused: int, expected: str) -> None:
    """Two replicas are made at once, and a donor copies itself to one at a time: the second gets its copy after it."""
    answers = [BUSY] * refused

    class Busy(Recorder):
        def rows(self, statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
            if statement.startswith("CLONE") and answers:
                raise answers.pop()
            return super().rows(statement, values)

    server = Busy(
        {
            "SELECT STATE": [{"STATE": "Completed", "ERROR_MESSAGE": ""}],
            "SELECT @@GLOBAL.gtid_executed": [{"value": f"{A}:1-9"}],
        }
    )
    run = converge(FRESH, replace(COPY, channel=None), server=server)
    if not expected:
        run.converge()
        assert [statement.split()[0] for statement in run.executed] == ["SET", "CLONE", "CHANGE", "START"]
        return
    with pytest.raises(ReasonError) as raised:
        run.converge()
    assert code(raised) == expected


def test_a_service_that_does_not_start_is_said(converge: Converge) -> None:
    server = Recorder({}, {"CLONE": ServerError(3707, "no"), "SELECT STATE": ServerError(2003, "no")})
    with pytest.raises(ReasonError) as raised:
        converge(FRESH, server=server, control=lambda verb: f"no {verb}").converge()
    assert code(raised) == "cloning.service"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"source": Unreachable(2003, "no")}, "plan.source_refuses"),
        ({"server": Recorder({}, {"CHANGE": ServerError(1200, "no")})}, "convergence.statement"),
        ({"channels": [Channel(WANTED, receiver="No", receiver_error=(1045, "no"))]}, "convergence.does_not_run"),
        ({"channels": [Channel(WANTED, receiver="Connecting")]}, "convergence.does_not_run"),
        ({"wanted": None}, ""),
    ],
)
def test_what_stands_in_the_way_is_said(converge: Converge, options: dict[str, Any], expected: str) -> None:
    run = converge(COPY, **options)
    if not expected:
        assert run.converge().statements == ()
        return
    with pytest.raises(ReasonError) as raised:
        run.converge()
    assert code(raised) == expected


def test_a_replica_is_made_none_only_where_that_is_allowed(converge: Converge) -> None:
    replica = replace(COPY, channel=RUNNING)
    with pytest.raises(ReasonError) as raised:
        converge(replica, wanted=None).converge()
    assert code(raised) == "plan.is_a_replica"
    run = converge(replica, wanted=None, allow_reset=True)
    run.converge()
    assert run.executed == ["STOP REPLICA", "RESET REPLICA ALL"]


def state(role: str, **more: Any) -> dict[str, Any]:
    return {
        "role": role,
        "writable": role == "primary",
        "channel": None,
        "gtid_executed": f"{A}:1-9",
        "semi_sync_source": False,
        "server_uuid": B,
        "epoch": None,
    } | more


def channel(**more: Any) -> dict[str, Any]:
    return {"received": f"{A}:5-9", "applier": True, "error": ""} | more


@pytest.fixture
def promote(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[promotion.Promotion, Recorder]]:
    def make(*states: dict[str, Any], **more: Any) -> tuple[promotion.Promotion, Recorder]:
        found = [*states]
        monkeypatch.setattr(promotion, "observe", lambda _: found.pop(0) if len(found) > 1 else found[0])
        answers = {
            "SELECT @@GLOBAL.gtid_executed": [{"value": states[0]["gtid_executed"]}],
            "variables": {"rpl_semi_sync_source_wait_no_replica": "ON"},
        }
        server = Recorder(answers, more.pop("errors", {}))
        options: dict[str, Any] = {"occasion": promotion.Occasion.FAILOVER, "others": list, "timeout": 1}
        return promotion.Promotion(server=server, **options | more), server

    return make


def test_a_replica_becomes_the_primary(promote: Any) -> None:
    """It is made none last: until it takes writes, the channel says whose replica it was."""
    run, _ = promote(state("replica", channel=channel()), wait_no_replica=False)
    assert run.promote() is None
    assert run.statements == [
        "STOP REPLICA",
        "SET GLOBAL rpl_semi_sync_source_wait_no_replica = OFF",
        "SET GLOBAL rpl_semi_sync_source_enabled = ON",
        "SET GLOBAL read_only = OFF",
        "RESET REPLICA ALL",
    ]


def test_the_epoch_is_raised_before_the_server_takes_writes_and_before_commits_wait(promote: Any) -> None:
    """Red when a server that comes back could take itself for the primary still, or the commit waits for a replica."""
    for found in (state("replica", channel=channel()), state("read_only")):
        run, server = promote(found | {"epoch": {"number": 3, "server_uuid": A}})
        assert run.promote() is None
        executed = [each for each in server.executed if each.startswith(("SET GLOBAL", "INSERT"))]
        assert executed == [
            "SET GLOBAL super_read_only = OFF",
            epoch.RAISE,
            "SET GLOBAL rpl_semi_sync_source_enabled = ON",
            "SET GLOBAL read_only = OFF",
        ]
    run, server = promote(
        state("read_only", epoch={"number": 3, "server_uuid": B}), occasion=promotion.Occasion.RESTARTED
    )
    assert run.promote() is None
    assert epoch.RAISE not in server.executed, "nothing was decided anew"


def test_a_promotion_that_was_interrupted_is_finished(promote: Any) -> None:
    run, _ = promote(state("primary", channel=channel(), semi_sync_source=True))
    assert run.promote() is None
    assert run.statements == ["STOP REPLICA", "RESET REPLICA ALL"]


def test_a_new_server_takes_writes_and_waits_for_nobody_yet(promote: Any) -> None:
    run, _ = promote(state("fresh"), occasion=promotion.Occasion.NEW)
    assert run.promote() is None
    assert run.statements == ["SET GLOBAL read_only = OFF"]


def test_check_mode_executes_nothing(promote: Any) -> None:
    run, server = promote(state("replica", channel=channel(received=f"{A}:5-12")), check=True)
    assert run.promote() is None
    assert run.statements
    assert not [statement for statement in server.executed if not statement.startswith("SELECT")]


def test_another_server_that_takes_writes_refuses(promote: Any) -> None:
    run, _ = promote(state("read_only"), others=lambda: ["db2"])
    with pytest.raises(ReasonError) as raised:
        run.promote()
    assert code(raised) == "promotion.other_takes_writes"
    assert run.statements == []


def test_a_server_that_has_crashed_is_left(promote: Any) -> None:
    run, _ = promote(state("read_only"), occasion=promotion.Occasion.NEW)
    assert run.promote().code == promotion.Code.HAS_DATA
    assert run.statements == []


def test_a_promotion_that_fails_is_taken_back(promote: Any) -> None:
    run, server = promote(
        state("replica", channel=channel()), errors={"SET GLOBAL read_only = OFF": ServerError(1, "no")}
    )
    with pytest.raises(ReasonError) as raised:
        run.promote()
    assert code(raised) == "promotion.taken_back"
    assert server.executed[-3:] == [
        "SET GLOBAL super_read_only = ON",
        "SET GLOBAL rpl_semi_sync_source_enabled = OFF",
        "START REPLICA",
    ]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (channel(received=f"{A}:5-12", applier=False, error="Duplicate entry"), "promotion.cannot_apply"),
        (channel(received=f"{A}:5-12"), "promotion.not_applied_in_time"),
    ],
)
def test_what_is_not_applied_refuses(promote: Any, found: dict[str, Any], expected: str) -> None:
    run, _ = promote(state("replica", channel=found))
    with pytest.raises(ReasonError) as raised:
        run.drain()
    assert code(raised) == expected


def test_a_stopped_applier_is_started_to_drain(promote: Any) -> None:
    behind = state("replica", channel=channel(received=f"{A}:5-12", applier=False))
    done = state("replica", channel=channel(received=f"{A}:5-12"), gtid_executed=f"{A}:1-12")
    run, _ = promote(behind, done)
    assert run.drain() == done
    assert run.statements == ["START REPLICA SQL_THREAD"]


class Host:
    """A host whose server is read-only once it was started, with its commands."""

    def __init__(
        self, *, runs: bool = False, read_only: bool = False, configured: str = "--super_read_only=ON"
    ) -> None:
        self.configured, self.commands = configured, []
        self.runs, self.read_only = runs, read_only
        self.fails: set[str] = set()
        self.comes_up_read_only = True

    def run(self, command: Sequence[str]) -> tuple[int, str, str]:
        self.commands.append(" ".join(command[:3]))
        if command[0] == "systemctl" and command[1] == "start":
            self.runs, self.read_only = True, self.comes_up_read_only
        return int(command[0] in self.fails), self.configured if command[0] == "my_print_defaults" else "", "no"

    def recovery(self, **more: Any) -> recovery.Recovery:
        def read_only() -> list[dict[str, Any]]:
            if not self.runs:
                raise NoServerError(2002, "nobody")
            return [{"value": int(self.read_only)}]

        variables = {
            "gtid_executed": f"{A}:1-9,\n{B}:1-3",
            "gtid_purged": f"{B}:1",
            "log_bin_basename": "/var/lib/mysql/binlog",
        }
        answers = {
            "SELECT @@GLOBAL.super_read_only": read_only,
            "SHOW BINARY LOGS": [{"Log_name": "binlog.000001"}],
            "variables": variables,
        }
        return recovery.Recovery(server=Recorder(answers), service="mysql", run=self.run, timeout=3, **more)


def test_a_server_that_is_down_is_started() -> None:
    host = Host()
    run = host.recovery()
    run.start()
    assert run.changed
    assert host.commands == ["my_print_defaults mysqld", "systemctl start mysql"]


def test_a_server_that_takes_writes_is_killed_first() -> None:
    host = Host(runs=True)
    host.recovery().start()
    assert host.commands[1:] == ["systemctl kill --signal=SIGKILL", "systemctl start mysql"]


def test_a_server_that_is_read_only_is_left() -> None:
    host = Host(runs=True, read_only=True)
    run = host.recovery()
    run.start()
    assert (run.changed, host.commands) == (False, [])


@pytest.mark.parametrize("configured", ["", "--super-read-only=0", "--super_read_only=ON\n--super_read_only=OFF"])
def test_a_server_that_would_come_up_writable_is_not_started(configured: str) -> None:
    host = Host(configured=configured)
    with pytest.raises(ReasonError) as raised:
        host.recovery().start()
    assert code(raised) == "recovery.not_configured_read_only"
    assert "systemctl start mysql" not in host.commands


def test_a_server_that_does_not_come_up_read_only_is_said() -> None:
    host = Host()
    host.comes_up_read_only = False
    with pytest.raises(ReasonError) as raised:
        host.recovery().start()
    assert code(raised) == "recovery.not_read_only"
    host = Host()
    host.fails = {"systemctl"}
    with pytest.raises(ReasonError) as raised:
        host.recovery().start()
    assert code(raised) == "recovery.systemctl"


def test_what_only_it_has_is_saved(tmp_path: Path) -> None:
    """What its binary logs no longer hold is named."""
    host = Host(runs=True)
    run = host.recovery()
    found = run.compare(GtidSet.parse(f"{A}:1-9"), str(tmp_path / "saved"))
    assert (str(found.diverged), str(found.lost)) == (f"{B}:1-3", f"{B}:1")
    assert Path(found.file).stat().st_mode & 0o777 == 0o600
    assert host.commands == [f"mysqlbinlog --verbose --include-gtids={B}:1-3"]
    assert run.changed


def test_nothing_is_saved_where_there_is_nothing_or_in_check_mode(tmp_path: Path) -> None:
    host = Host(runs=True)
    assert not host.recovery().compare(GtidSet.parse(f"{A}:1-9,{B}:1-3"), str(tmp_path)).diverged
    assert host.recovery(check=True).compare(GtidSet.parse(f"{A}:1-9"), str(tmp_path)).file == ""
    assert (host.commands, list(tmp_path.iterdir())) == ([], [])


def test_what_cannot_be_saved_stops_the_return(tmp_path: Path) -> None:
    host = Host(runs=True)
    host.fails = {"mysqlbinlog"}
    with pytest.raises(ReasonError) as raised:
        host.recovery().compare(GtidSet(), str(tmp_path))
    assert code(raised) == "recovery.not_saved"
