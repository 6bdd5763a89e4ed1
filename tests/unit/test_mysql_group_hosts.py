"""What makes a server a member on its host, with servers that only remember what they were asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._mysql import beginnings, group
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.beginnings import Beginning
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.group import View
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group import (
    convergence,
    exchange,
    promotion,
    recovery,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.membership import ELECTOR
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.observe import has_elector
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.plan import Intent
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.state import Account, Local, Peer
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.channel import Endpoint
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.promotion import Occasion
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import ReasonError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import Server, ServerError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.statements import Statement
from group_views import ALONE, GROUP, A, B, view

ACCOUNT = Account("replication", "secret")
DB2 = Peer("db2", "198.18.0.32")


class Remembering(Server):
    """Remembers the statements, and fails with the errors that it was given by their beginning. It is read-only."""

    def __init__(self, fails: dict[str, ServerError] | None = None, answers: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.executed: list[str] = []
        self.fails, self.answers = fails or {}, answers or {}

    def patient(self, timeout: float) -> Server:
        return self

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        self.executed.append(str(Statement(statement, tuple(values))))
        for beginning, error in self.fails.items():
            if statement.startswith(beginning):
                raise error
        return next((rows for beginning, rows in self.answers.items() if statement.startswith(beginning)), [])

    def variables(self) -> dict[str, str]:
        return {"plugin_dir": "/usr/lib/mysql/plugin/"}

    def value(self, expression: str, values: Sequence[Any] = ()) -> Any:
        return self.answers.get(expression, 1)


@pytest.fixture
def member(monkeypatch: pytest.MonkeyPatch) -> Callable[..., convergence.Convergence]:
    """A convergence of a server that is what `local` says, in a group as `peers` say, and then ONLINE."""

    def make(local: Local, peers: list[Peer], server: Server | None = None, **more: Any) -> convergence.Convergence:
        monkeypatch.setattr(convergence, "POLL_SECONDS", 0.0)
        monkeypatch.setattr(convergence, "observe", lambda _server: local)
        monkeypatch.setattr(convergence, "observe_peer", lambda peer, _server: peer)
        monkeypatch.setattr(convergence, "has_elector", lambda _server, _folder: local.elector)
        monkeypatch.setattr(group, "read", lambda _server: after)
        after, intent = more.pop("after", view(own=B)), more.pop("intent", Intent(ACCOUNT))
        return convergence.Convergence(
            server=server or Remembering(),
            peers=peers,
            ask=lambda _peer: Remembering(),
            intent=intent,
            control=lambda _verb: "",
            timeout=0.2,
            clone_timeout=1,
            **more,
        )

    return make


HELD = GtidSet.parse(f"{GROUP}:1-10")
LOCAL = Local("9.7.4", B, replace(ALONE, own=B), HELD, schemas=("guestbook",), account=ACCOUNT)
SERVING = replace(
    DB2, server_uuid=A, version="9.7.4", state=group.MemberState.ONLINE, majority=True, primary=True, held=HELD
)
IDLE = replace(SERVING, state=group.MemberState.OFFLINE, majority=False, primary=False)
OFF = "SET GLOBAL group_replication_bootstrap_group = OFF"
START = "START GROUP_REPLICATION"


def test_it_joins_and_hides_the_password(member: Callable[..., convergence.Convergence]) -> None:
    """Bootstrap is switched off first: whatever somebody has set by hand, it does not begin a second group."""
    run = member(replace(LOCAL, account=None), [SERVING])
    run.converge()
    assert run.executed[-2:] == [OFF, START]
    assert run.executed[0].startswith(
        "CHANGE REPLICATION SOURCE TO SOURCE_USER = 'replication', SOURCE_PASSWORD = '***"
    )
    assert "secret" not in str(run.executed)


def test_it_does_not_join_where_it_might_begin_a_group(member: Callable[..., convergence.Convergence]) -> None:
    """Whether it would begin one cannot be switched off: red where only the others' failures count."""
    server = Remembering({OFF: ServerError(1227, "no")})
    with pytest.raises(ReasonError) as raised:
        member(LOCAL, [SERVING], server).converge()
    assert raised.value.reasons[0].code.value == "membership.statement"
    assert server.executed == [OFF]


def test_a_member_stays_as_it_is(member: Callable[..., convergence.Convergence]) -> None:
    run = member(replace(LOCAL, view=view(own=B)), [], after=view(own=B))
    assert run.converge().steps == ()
    assert run.executed == []


READ_ONLY, BUT_FOR_ROOT = "SET GLOBAL super_read_only = ON", "SET GLOBAL super_read_only = OFF"
INSTALL = f"INSTALL COMPONENT 'file://{ELECTOR}'"


@pytest.mark.parametrize(
    ("read_only", "expected"),
    [(1, [BUT_FOR_ROOT, INSTALL, READ_ONLY, OFF, START]), (0, [INSTALL, OFF, START])],
)
def test_it_elects_who_has_least_to_apply(
    member: Callable[..., convergence.Convergence], read_only: int, expected: list[str]
) -> None:
    """Before it joins. A server that is read-only is so again."""
    server = Remembering(answers={"@@GLOBAL.super_read_only": read_only})
    run = member(replace(LOCAL, elector=False), [SERVING], server)
    run.converge()
    assert server.executed == expected


def test_a_server_that_cannot_have_the_component_is_read_only_again(
    member: Callable[..., convergence.Convergence],
) -> None:
    server = Remembering({"INSTALL": ServerError(3529, "no")})
    with pytest.raises(ReasonError):
        member(replace(LOCAL, elector=False), [SERVING], server).converge()
    assert server.executed == [BUT_FOR_ROOT, INSTALL, READ_ONLY]


@pytest.mark.parametrize(("packaged", "loaded", "expected"), [(False, [], True), (True, [], False), (True, [{}], True)])
def test_only_a_package_that_has_the_component_is_asked_for_it(
    tmp_path: Path, packaged: bool, loaded: list[dict[str, Any]], expected: bool
) -> None:
    if packaged:
        (tmp_path / f"{ELECTOR}.so").touch()
    assert has_elector(Remembering(answers={"SELECT component_id": loaded}), str(tmp_path)) is expected


def test_a_new_member_is_copied_first(member: Callable[..., convergence.Convergence]) -> None:
    server = Remembering(answers={"SELECT STATE": [{"STATE": "Completed", "ERROR_MESSAGE": ""}]})
    new = replace(LOCAL, schemas=(), executed=GtidSet(), account=None)
    run = member(new, [SERVING], server, clone_account=Account("clone", "hush"), ca="/ca.pem")
    run.converge()
    assert [done.split(" ")[0] for done in run.executed] == ["SET", "SET", "CLONE", "CHANGE", "SET", "START"]
    assert "'clone'@'198.18.0.32':3306" in run.executed[2]
    assert "hush" not in str(run.executed)


def test_it_waits_for_who_begins_and_says_so_in_the_end(member: Callable[..., convergence.Convergence]) -> None:
    run = member(LOCAL, [IDLE])
    with pytest.raises(ReasonError) as raised:
        run.converge()
    assert raised.value.reasons[0].code.value == "membership.no_group"
    rehearsal = member(LOCAL, [IDLE], intent=Intent(ACCOUNT, rehearsal=True))
    assert rehearsal.converge().steps
    assert rehearsal.executed == []


@pytest.mark.parametrize("fails", [{}, {START: ServerError(3092, "no")}])
def test_whoever_begins_ends_that_whatever_happens(
    member: Callable[..., convergence.Convergence], fails: dict[str, ServerError]
) -> None:
    server = Remembering(fails)
    run = member(LOCAL, [IDLE], server, intent=Intent(ACCOUNT, first=True), after=view(own=A))
    if fails:
        with pytest.raises(ReasonError):
            run.converge()
    else:
        run.converge()
        assert run.writable
    assert server.executed == ["SET GLOBAL group_replication_bootstrap_group = ON", START, OFF]


def test_one_that_fails_after_it_has_joined_is_said(member: Callable[..., convergence.Convergence]) -> None:
    run = member(LOCAL, [SERVING], after=view(own=A, a="ERROR"))
    with pytest.raises(ReasonError) as raised:
        run.converge()
    assert raised.value.reasons[0].code.value == "membership.not_online"


STATE = {"writable": False, "role": "read_only", "channel": None, "semi_sync_source": False, "epoch": None}


def promote(
    monkeypatch: pytest.MonkeyPatch, seen: View | None, writing: Sequence[str] = (), **more: Any
) -> tuple[promotion.Promotion, list[str]]:
    views = [seen, view()]
    monkeypatch.setattr(promotion, "observe", lambda _server: STATE)
    monkeypatch.setattr(group, "read", lambda _server: views.pop(0) if len(views) > 1 else views[0])
    server = Remembering(answers={"@@GLOBAL.super_read_only": 0})
    run = promotion.Promotion(server, more.pop("occasion", Occasion.FAILOVER), lambda: writing, **more)
    return run, server.executed


def test_a_group_is_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    run, executed = promote(monkeypatch, ALONE)
    assert run.promote() is None
    assert executed[:3] == ["SET GLOBAL group_replication_bootstrap_group = ON", START, OFF]
    run, executed = promote(monkeypatch, view(a="ERROR", primary=""))
    run.promote()
    assert executed[0] == "STOP GROUP_REPLICATION"
    run, executed = promote(monkeypatch, ALONE, check=True)
    run.promote()
    assert executed == []
    assert len(run.statements) == 3


def test_a_loss_that_was_accepted_is_recorded_before_the_group_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of the group, as the first of all, and only for root. Red for a row that is one of the group's own."""
    run, executed = promote(monkeypatch, view(a="ERROR", primary=""), records_loss=True)
    run.promote()
    assert executed[0] == "STOP GROUP_REPLICATION"
    assert executed[1:3] == ["SET GLOBAL super_read_only = ON", "SET GLOBAL super_read_only = OFF"]
    assert [each.split(" (")[0] for each in executed[3:6]] == [
        "CREATE DATABASE IF NOT EXISTS webstack",
        "CREATE TABLE IF NOT EXISTS webstack.group_beginnings",
        "INSERT INTO webstack.group_beginnings",
    ]
    assert executed[6:8] == ["SET GLOBAL super_read_only = ON", "SET GLOBAL group_replication_bootstrap_group = ON"]
    run, executed = promote(monkeypatch, ALONE, records_loss=True, check=True)
    run.promote()
    assert executed == []
    assert [each for each in run.statements if each.startswith("INSERT")]


def test_without_the_record_no_group_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    run, executed = promote(monkeypatch, ALONE, records_loss=True)
    run.server.fails["INSERT"] = ServerError(1114, "full")  # type: ignore[attr-defined]
    with pytest.raises(ReasonError, match="taken_back"):
        run.promote()
    assert executed[-1] == "SET GLOBAL super_read_only = ON"
    assert START not in executed


def test_a_beginning_without_a_host_is_recorded(member: Callable[..., convergence.Convergence]) -> None:
    """And one that is whole is not."""
    silent = replace(DB2, number=2003, error="no")
    server = Remembering()
    member(LOCAL, [silent], server, intent=Intent(ACCOUNT, first=True), after=view(own=A)).converge()
    assert [each.split(" (")[0] for each in server.executed if "group_beginnings" in each][-1].startswith("INSERT")
    assert server.executed[-2] == START


@pytest.mark.parametrize("number", [1049, 1146])
def test_a_table_that_is_not_there_has_no_rows(number: int) -> None:
    assert beginnings.read(Remembering({"SELECT": ServerError(number, "no")})) == ()


def test_a_table_that_may_not_be_read_may_have_rows() -> None:
    """Red where the privilege counts as an answer: the hazard would be back where the accounts are old."""
    with pytest.raises(ServerError):
        beginnings.read(Remembering({"SELECT": ServerError(1142, "no")}))
    row = {"id": "7", "kept": f",{GROUP}:1-5,\n{A}:1"}
    found = beginnings.read(Remembering(answers={"SELECT": [row]}))
    assert found == (Beginning("7", GtidSet.parse(f"{GROUP}:1-5,{A}:1")),)
    assert beginnings.from_data([each.as_data() for each in found]) == found


class Returning(Remembering):
    def variables(self) -> dict[str, str]:
        return {
            "gtid_executed": f"{GROUP}:1-9",
            "gtid_purged": f"{GROUP}:1-7",
            "log_bin_basename": "/var/lib/mysql/binlog",
        }


@pytest.mark.parametrize(
    ("kept", "diverged", "doubtful", "lost", "apart"),
    [("1-9", "", "", "", False), ("1-6", "", f"{GROUP}:7-9", f"{GROUP}:7", True)],
)
def test_what_may_be_something_else_is_saved(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kept: str, diverged: str, doubtful: str, lost: str, apart: bool
) -> None:
    """The primary has all of it, by number."""
    commands: list[str] = []

    def run(command: Sequence[str]) -> tuple[int, str, str]:
        commands.append(" ".join(command[:3]))
        return 0, "", ""

    monkeypatch.setattr(group, "read", lambda _server: ALONE)
    back = recovery.Recovery(Returning(), "mysql", run, 3, there=(Beginning("1", GtidSet.parse(f"{GROUP}:{kept}")),))
    found = back.compare(GtidSet.parse(f"{GROUP}:1-20"), str(tmp_path))
    assert (str(found.diverged), str(found.doubtful), str(found.lost), found.apart) == (diverged, doubtful, lost, apart)
    assert commands == ([f"mysqlbinlog --verbose --include-gtids={doubtful}"] if apart else [])
    assert bool(found.file) is apart


@pytest.mark.parametrize("seen", [view(), view(own=B)])
def test_a_group_with_a_majority_is_not(monkeypatch: pytest.MonkeyPatch, seen: View) -> None:
    run, executed = promote(monkeypatch, seen)
    assert run.promote() is None
    assert executed == []


def test_nor_beside_another_that_takes_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be the primary of the majority that this host does not reach."""
    run, executed = promote(monkeypatch, ALONE, ["db2"])
    with pytest.raises(ReasonError, match="other_takes_writes"):
        run.promote()
    assert executed == []


def test_a_restarted_member_is_never_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    run, executed = promote(monkeypatch, ALONE, occasion=Occasion.RESTARTED)
    assert run.promote() is None
    assert executed == []


def test_the_group_moves_the_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "read", lambda _server: view())
    server = Remembering()
    forward = Endpoint("198.18.0.32", 3306, "r", "p")
    found = exchange.prepare(server, forward, timeout=10, lock_timeout=2, max_transaction=10, max_lag=2)
    found.run()
    assert server.executed[-1] == f"SELECT group_replication_set_as_primary('{B}', 2) AS said"
    server.fails["SELECT group_replication_set"] = ServerError(3910, "no")
    with pytest.raises(ReasonError, match="failed"):
        found.run()
