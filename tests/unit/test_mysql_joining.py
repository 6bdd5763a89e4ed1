"""A member of a group as its endpoint answers for it, and how the service beside it keeps it in the group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._mysql import beginnings
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.beginnings import Beginning
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.group import APPLIER, MEMBERS
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.reopen import Act, Why
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import ServerError
from group_views import ALONE, GROUP, A, B, C, view
from mysql_endpoint.joining import SERVER, Joiner, other_of
from mysql_endpoint.modes import MODES
from mysql_endpoint.reopen import Peer
from mysql_endpoint.state import State

DB2, DB3 = (Peer.parse(f"db{n},198.18.0.3{n},3308") for n in (2, 3))
MODE = MODES["group"]
PRIMARY = State(read_only=False, super_read_only=False, server_uuid=A, server_id=1, group=view(), heartbeat_age=0.8)
SECONDARY = replace(PRIMARY, read_only=True, super_read_only=True, group=view(own=B), lag=0.8)


@pytest.mark.parametrize(
    ("found", "primary", "replica"),
    [
        (PRIMARY, "", "it takes writes"),
        (SECONDARY, "it is a secondary", ""),
        (replace(PRIMARY, read_only=True), "it is read-only", "it takes writes"),
        (replace(PRIMARY, super_read_only=True), "it is read-only", "it takes writes"),
        (replace(PRIMARY, heartbeat_age=5.0), "", "it takes writes"),
        # Frozen for longer than the others wait, and thawed: its view is still the old one for a moment.
        (replace(PRIMARY, heartbeat_age=5.1), "it has committed nothing for 5.1 s, more than 5", "it takes writes"),
        (replace(PRIMARY, heartbeat_age=None), "it has not written a heartbeat yet", "it takes writes"),
        (
            replace(PRIMARY, group=view(b="UNREACHABLE", c="UNREACHABLE")),
            "it hears of 1 of 3 members, which is no majority",
            "it hears of 1 of 3 members, which is no majority",
        ),
        (replace(PRIMARY, group=view(a="ERROR")), "it is ERROR in its group", "it is ERROR in its group"),
        (replace(PRIMARY, group=ALONE), "it is OFFLINE in its group", "it is OFFLINE in its group"),
        # Somebody has opened it by hand, and it is in no group.
        (replace(PRIMARY, group=None), "group replication is not loaded", "group replication is not loaded"),
        (replace(SECONDARY, lag=5.2), "it is a secondary", "it is 5.2 s behind, more than 5"),
        (replace(SECONDARY, lag=None), "it is a secondary", "it has no heartbeat of the primary yet"),
        (
            replace(SECONDARY, group=replace(view(own=B), applier=False)),
            "it is a secondary",
            "it does not apply what it receives",
        ),
        (
            replace(SECONDARY, group=view(own=B, b="RECOVERING")),
            "it is RECOVERING in its group",
            "it is RECOVERING in its group",
        ),
    ],
)
def test_answers(found: State, primary: str, replica: str) -> None:
    """Red for a server that is asked only whether it is read-only."""
    assert (MODE.not_primary(found), MODE.not_replica(found, 5.0)) == (primary, replica)


def test_summaries() -> None:
    assert MODE.summary(PRIMARY) == "MySQL is the primary of its group, writable"
    assert MODE.summary(SECONDARY) == "MySQL is a secondary of its group, read-only"
    assert MODE.summary(replace(SECONDARY, group=ALONE)) == "MySQL: it is OFFLINE in its group"


class Server:
    """A member that is in no group. It knows what the service asks, and no other question."""

    def __init__(self, executed: str = f"{GROUP}:1-9", state: str = "OFFLINE") -> None:
        self.executed, self.state = executed, state
        self.beginnings: tuple[Beginning, ...] = ()
        self.done: list[str] = []
        self.fails: dict[str, ServerError] = {}

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        if statement == SERVER:
            return [{"server_uuid": A, "gtid_executed": self.executed, "channels": 0}]
        if statement == MEMBERS:
            there = [(A, self.state)] + ([(B, "UNREACHABLE"), (C, "ONLINE")] if self.state == "ONLINE" else [])
            row = {"host": "db1", "port": 3306, "role": "", "own": A}
            return [row | {"uuid": uuid, "state": state} for uuid, state in there]
        if statement == beginnings.SELECT:
            return [{"id": each.id, "kept": f"{each.kept}"} for each in self.beginnings]
        if statement == APPLIER:
            return [{"received": f"{GROUP}:1-10", "applier": "OFF"}]
        self.done.append(statement)
        if error := self.fails.get(statement):
            raise error
        return []

    def value(self, expression: str, values: Sequence[Any] = ()) -> Any:
        raise AssertionError(expression)


def told(uuid: str, state: str = "", **more: Any) -> dict[str, Any]:
    """What /state of another member says."""
    seen = replace(view(own=uuid) if state == "ONLINE" else ALONE, own=uuid, received=f"{GROUP}:1-10")
    data = {"server_uuid": uuid, "group": seen.as_data(), "gtid_executed": f"{GROUP}:1-8", "lock": None}
    data["beginnings"] = []
    return data | {"gtid_received": seen.received} | more


BEGIN = [
    "SET GLOBAL group_replication_bootstrap_group = ON",
    "START GROUP_REPLICATION",
    "SET GLOBAL group_replication_bootstrap_group = OFF",
]
JOIN = [BEGIN[2], BEGIN[1]]


@pytest.mark.parametrize(
    ("server", "answers", "act", "done"),
    [
        (Server(), (told(B, "ONLINE"), told(C, "ONLINE")), Act.JOIN, JOIN),
        (Server(), (told(B), told(C)), Act.BOOTSTRAP, BEGIN),
        (Server(), (told(B), OSError("no route")), Act.NOTHING, []),
        (Server(), (told(B), {"error": "MySQL does not answer"}), Act.NOTHING, []),
        (Server(), (told(B), told(C, lock={"verb": "restore.yml", "who": "op"})), Act.NOTHING, []),
        (Server(state="ERROR"), (), Act.LEAVE, ["STOP GROUP_REPLICATION"]),
    ],
)
def test_what_it_does(tmp_path: Path, server: Server, answers: tuple[Any, ...], act: Act, done: list[str]) -> None:
    found = joiner(server, tmp_path, answers).look()
    assert (found.act, server.done) == (act, done)


def test_it_wakes_the_group_while_a_member_is_silent(tmp_path: Path) -> None:
    """Without the lock: a verb may be at work, and a member that is silent is to be expelled all the same."""
    server = Server(state="ONLINE")
    assert joiner(server, tmp_path / "no such folder", ()).look().act is Act.WAKE
    (statement,) = server.done
    assert statement.startswith("SET GLOBAL group_replication_member_expel_timeout = @@GLOBAL.")


def test_bootstrap_is_switched_off_whatever_happens(tmp_path: Path) -> None:
    """Red where an error leaves it on: the next start would begin a second group."""
    server = Server()
    server.fails[BEGIN[1]] = ServerError(3092, "no")
    with pytest.raises(ServerError, match="3092"):
        joiner(server, tmp_path, (told(B), told(C))).look()
    assert server.done == BEGIN


def test_a_host_that_was_lost_stays_outside_where_the_numbers_are_the_same(tmp_path: Path) -> None:
    """The group was begun anew without the last transaction of this one, and has given its number to another."""
    row = Beginning("7", GtidSet.parse(f"{GROUP}:1-9")).as_data()
    there = told(B, "ONLINE", beginnings=[row])
    assert joiner(Server(), tmp_path, (there, there)).look().why is Why.ANEW
    whole = told(B, "ONLINE", beginnings=[row | {"kept": f"{GROUP}:1-10"}])
    assert joiner(Server(), tmp_path, (whole, whole)).look().act is Act.JOIN
    server = Server()
    server.beginnings = (Beginning("8"),)
    assert joiner(server, tmp_path, (there, there)).look().why is Why.STRAY
    with pytest.raises(ValueError, match="beginnings"):
        other_of(DB2, {key: value for key, value in told(B).items() if key != "beginnings"})


def test_why_it_stays_outside() -> None:
    other = other_of(DB2, told(B, "ONLINE"))
    assert other.serves
    assert other_of(DB3, {"error": "no"}).error == "no"
    with pytest.raises(ValueError, match="group"):
        other_of(DB2, {"server_uuid": B})
    assert "{host}" in Why.NO_ANSWER.value


def joiner(server: Server, folder: Path, answers: tuple[Any, ...]) -> Joiner:
    said = dict(zip(("db2", "db3"), answers, strict=False))

    def ask(peer: Peer) -> dict[str, Any]:
        answer = said[peer.name]
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, dict)
        return answer

    return Joiner(server, server, [DB2, DB3], ask, lock=str(folder / "role.lock"))
