"""A server leaves its pair or group before it is stopped, and is started as what is installed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.draining import Drain
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.membership import LEAVE as LEAVE_GROUP
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.upgrade import LEAVE
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import ReasonError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import NoServerError, ServerError
from group_views import A
from reading import read


class Server:
    """One that counts its clients down."""

    def __init__(self, writable: bool = False, clients: Sequence[int] = (0,), fails: str = "", late: int = 0) -> None:
        self.writable, self.clients, self.fails, self.late = writable, iter(clients), fails, late
        self.said: list[str] = []

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        if self.fails and self.fails in statement:
            raise ServerError(3093, "it cannot")
        if "AS writable" in statement:
            return [{"writable": int(self.writable)}]
        if "AS clients" in statement:
            return [{"clients": next(self.clients)}]
        self.said.append(statement)
        return []

    def value(self, expression: str, values: Sequence[Any] = ()) -> Any:
        return self.late if "WAIT_FOR" in expression else "9.7.5"

    def wait(self, timeout: float) -> None:
        self.rows("SELECT 1")

    def patient(self, timeout: float) -> Server:
        return self

    def close(self) -> None:
        self.said.append("close")


class Unit:
    """A service."""

    def __init__(self, old: Iterator[bool] | None = None, fails: str = "", silent: bool = False) -> None:
        self.old, self.fails, self.did = old or iter([False, False]), fails, list[str]()
        self.silent = silent

    def silence(self) -> bool:
        assert self.did[-1:] == ["stop"], "the server that runs would not hear of it, and one that crashes would"
        self.silent = True
        return True

    def unsilence(self) -> bool:
        was, self.silent = self.silent, False
        return was

    def control(self, verb: str) -> str:
        self.did.append(verb)
        return "no such unit" if verb == self.fails else ""

    def drain(self, server: Any, **options: Any) -> Drain:
        given = {"leave": LEAVE, "patience": 5.0, **options}
        return Drain(server, self.control, lambda: next(self.old), self.silence, self.unsilence, **given)


@pytest.mark.parametrize(("leave", "statement"), [(LEAVE, "STOP REPLICA"), (LEAVE_GROUP, "STOP GROUP_REPLICATION")])
def test_a_server_leaves_before_it_is_stopped(leave: Sequence[Any], statement: str) -> None:
    """Its clients are gone by then: red where they are cut off while they read."""
    server, unit = Server(clients=(2, 1, 0)), Unit()
    assert unit.drain(server, leave=leave).stop() == 0
    assert server.said == [statement, "close"]
    assert unit.did == ["stop"]
    assert unit.silent


def test_clients_that_do_not_go_are_counted() -> None:
    assert Unit().drain(Server(clients=(3, 3)), patience=-1.0).stop() == 3


def test_a_server_that_takes_writes_stays() -> None:
    unit = Unit()
    with pytest.raises(ReasonError) as raised:
        unit.drain(Server(writable=True)).stop()
    assert read(raised.value.reasons[0]).startswith("this server takes writes. Let another one take them with")
    assert unit.did == []
    assert unit.drain(Server(writable=True), of_primary=True).stop() == 0


def test_a_server_that_does_not_answer_is_only_stopped() -> None:
    class Silent(Server):
        def rows(self, statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
            raise NoServerError(2002, "nobody")

    unit = Unit()
    assert unit.drain(Silent()).stop() == 0
    assert unit.did == ["stop"]


@pytest.mark.parametrize(
    ("server", "unit", "refused"),
    [
        (Server(fails="STOP REPLICA"), Unit(), "STOP REPLICA failed: it cannot"),
        (Server(), Unit(fails="stop"), "the service could not be stopped: no such unit"),
    ],
)
def test_what_fails_on_the_way_out_is_said(server: Server, unit: Unit, refused: str) -> None:
    with pytest.raises(ReasonError) as raised:
        unit.drain(server).stop()
    assert read(raised.value.reasons[0]).startswith(refused)


def test_a_server_that_runs_an_older_program_is_restarted() -> None:
    """The packages have started it before: then it is not restarted."""
    again, fine = Unit(iter([True, False])), Unit()
    assert again.drain(Server()).start() == fine.drain(Server()).start() == "9.7.5"
    assert (again.did, fine.did) == (["stop", "start"], ["start"])


def test_what_a_package_has_started_is_restarted() -> None:
    """It has no binary log. Red where it is taken for the server that was to be started."""
    unit = Unit(silent=True)
    unit.drain(Server()).start()
    assert (unit.did, unit.silent) == (["stop", "start"], False)


@pytest.mark.parametrize(
    ("server", "unit", "refused"),
    [
        (Server(), Unit(iter([True]), fails="stop"), "the service could not be stopped: no such unit"),
        (Server(), Unit(fails="start"), "the service could not be started: no such unit"),
        (Server(fails="SELECT 1"), Unit(), "the server does not answer 600.0 s after its start: it cannot"),
        (Server(), Unit(iter([False, True])), "the server runs an older program than the one that is installed"),
    ],
)
def test_what_fails_on_the_way_back_is_said(server: Server, unit: Unit, refused: str) -> None:
    with pytest.raises(ReasonError) as raised:
        unit.drain(server).start()
    assert read(raised.value.reasons[0]).startswith(refused)


def test_a_server_is_back_when_it_has_what_the_primary_had() -> None:
    Unit().drain(Server()).catch_up(f"{A}:1-10")
    with pytest.raises(ReasonError) as raised:
        Unit().drain(Server(late=1)).catch_up(f"{A}:1-10")
    assert read(raised.value.reasons[0]).startswith("the server has not caught up with the primary after 600.0 s")
