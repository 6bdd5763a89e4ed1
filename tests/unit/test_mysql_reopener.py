"""How a server is looked at and opened: on one connection, under the lock, and only in the start that was looked at."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._mysql import epoch, role_lock
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.reopen import Closed, StayClosed
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.role_lock import Holder, LockError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import ServerError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.statements import ALLOW_WRITES
from mysql_endpoint.reopen import SEMISYNC_SOURCE, STARTED, Peer, Reopener, other_of
from mysql_endpoint.state import SERVER, reopen_data

A, B = (f"{n}e11fa47-71ca-11e1-9e33-c80aa9429562" for n in (1, 2))
DB2 = Peer.parse("db2,198.18.0.32,3308")


class Server:
    """A primary that has restarted. It knows what the service asks, and no other statement."""

    def __init__(self) -> None:
        self.read_only = 1
        self.process, self.started, self.channels = 100, time.time() - 5, 0
        self.primary = A
        self.replicas = 1
        self.done: list[tuple[str, list[Any]]] = []
        self.fails: list[Exception] = []
        self.gone: list[list[dict[str, Any]] | Exception] = []

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        if statement == SERVER:
            found = {"read_only": self.read_only, "super_read_only": self.read_only, "server_uuid": A, "server_id": 1}
            return [found | {"gtid_executed": f"{A}:1-9,\n{B}:1-5"}]
        if statement == STARTED:
            uptime = int(time.time() - self.started)
            return [{"process": self.process, "uptime": str(uptime), "channels": self.channels, "connection": 7}]
        if statement == epoch.SELECT:
            return [{"epoch": 3, "server_uuid": self.primary}]
        if statement.startswith("SHOW GLOBAL VARIABLES"):
            return []
        if statement.startswith("SHOW GLOBAL STATUS"):
            return [{"Variable_name": "Rpl_semi_sync_source_clients", "Value": str(self.replicas)}]
        if statement.startswith("SELECT 1 AS there"):
            answer = self.gone.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        assert statement in (SEMISYNC_SOURCE, ALLOW_WRITES), statement
        self.done.append((statement, list(values)))
        if statement == ALLOW_WRITES:
            if self.fails:
                raise self.fails.pop(0)
            self.read_only = 0
        return []

    def value(self, expression: str, values: Sequence[Any] = ()) -> Any:
        raise AssertionError(expression)


OPENED = [(SEMISYNC_SOURCE, ["ON"]), (ALLOW_WRITES, [])]


def told(**more: Any) -> dict[str, Any]:
    """What /state of the replica says."""
    return {
        "read_only": True,
        "receiver": True,
        "source_uuid": A,
        "gtid_executed": f"{A}:1-8,{B}:1-5",
        "gtid_received": f"{A}:5-9",
        "epoch": {"number": 3, "server_uuid": A},
        "lock": None,
    } | more


Make = Callable[..., Reopener]


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def make(server: Server, tmp_path: Path) -> Make:
    def reopener(*answers: Any, peers: Sequence[Peer] = (DB2,)) -> Reopener:
        def ask(peer: Peer) -> dict[str, Any]:
            with pytest.raises(LockError), role_lock.alone(0.01, str(tmp_path / "role.lock")):
                pytest.fail("another may take the lock meanwhile")
            if isinstance(answers[0], Exception):
                raise answers[0]
            return answers[0]

        paths = {"lock": str(tmp_path / "role.lock"), "opened": str(tmp_path / "opened.json")}
        return Reopener(server, peers, ask, **paths)

    return reopener


def test_it_opens_and_its_commits_wait_for_a_replica_as_before(make: Make, server: Server) -> None:
    assert make(told()).look() is None
    assert server.done == OPENED


def test_a_server_without_others_waits_for_nobody(make: Make, server: Server) -> None:
    server.replicas = 0
    assert make(peers=()).look() is None
    assert server.done == [(SEMISYNC_SOURCE, ["OFF"]), (ALLOW_WRITES, [])]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (told(read_only=False), Closed.TAKES_WRITES),
        (told(receiver=False), Closed.NOT_FOLLOWING),
        (told(receiver=None, source_uuid=None), Closed.NOT_FOLLOWING),
        (told(source_uuid=B), Closed.NOT_FOLLOWING),
        (told(epoch={"number": 4, "server_uuid": B}), Closed.PROMOTED),
        (told(gtid_executed=f"{A}:1-10"), Closed.HAS_MORE),
        (told(gtid_received=f"{A}:5-10"), Closed.HAS_MORE),
        (told(lock={"verb": "failover.yml", "who": "ada@desk", "expired": False}), Closed.VERB_THERE),
        (told(lock={"error": "it cannot be read"}), Closed.VERB_THERE),
        ({"error": "MySQL has not answered"}, Closed.NO_ANSWER),
        ({"read_only": True}, Closed.NO_ANSWER),
        (told(epoch=3), Closed.NO_ANSWER),
        (told(gtid_executed="nonsense"), Closed.NO_ANSWER),
        (TimeoutError("timed out"), Closed.NO_ANSWER),
        (ValueError("no JSON"), Closed.NO_ANSWER),
    ],
)
def test_what_another_host_says_keeps_it_closed(make: Make, server: Server, answer: Any, why: Closed) -> None:
    """Red when an answer that is not understood counts as none that speaks against it."""
    found = make(answer).look()
    assert isinstance(found, StayClosed)
    assert found.why is why
    assert server.done == []


def test_a_replica_that_is_new_has_no_epoch_yet_and_a_lock_that_expired_is_none(make: Make, server: Server) -> None:
    expired = {"verb": "failover.yml", "who": "ada@desk", "expired": True}
    assert make(told(epoch=None, lock=expired)).look() is None
    assert server.done == OPENED


@pytest.mark.parametrize(
    ("attribute", "value", "why"),
    [
        ("primary", B, Closed.NOT_THE_PRIMARY),
        ("channels", 1, Closed.REPLICATES),
        ("replicas", 0, Closed.LACKS_ACKNOWLEDGER),
    ],
)
def test_what_the_server_says_keeps_it_closed(
    make: Make, server: Server, attribute: str, value: Any, why: Closed
) -> None:
    setattr(server, attribute, value)
    found = make(told()).look()
    assert isinstance(found, StayClosed)
    assert found.why is why
    assert server.done == []


def test_a_verb_on_this_host_keeps_it_closed(make: Make, server: Server, tmp_path: Path) -> None:
    holder = Holder("switchover.yml", "ada@desk", 1, time.time(), time.time() + 60, "token")
    with role_lock.alone(1, str(tmp_path / "role.lock")) as descriptor:
        role_lock.write(descriptor, holder)
    assert str(make(told()).look()) == "switchover.yml of ada@desk is under way"
    with role_lock.alone(1, str(tmp_path / "role.lock")) as descriptor:
        role_lock.write(descriptor, Holder("switchover.yml", "ada@desk", 1, 1.0, 2.0, "token"))
    assert make(told()).look() is None, "it has expired"


def test_one_that_somebody_has_closed_stays_closed_until_it_restarts(make: Make, server: Server) -> None:
    reopener = make(told())
    assert reopener.look() is None
    assert reopener.look() is None, "it is seen to take writes"
    server.read_only = 1
    for one in (reopener, make(told())):
        found = one.look()
        assert isinstance(found, StayClosed)
        assert found.why is Closed.CLOSED_BY_HAND, "the service's own restart makes no difference"
    server.process, server.started = 101, server.started + 1
    assert make(told()).look() is None, "killed at once after it was opened"
    server.read_only, server.process, server.started = 1, 101, server.started + 60
    make(told()).look()
    assert server.read_only == 0, "another machine start, the same number of a process"


def test_a_connection_that_breaks_opens_nothing(make: Make, server: Server) -> None:
    """Red when the statement is sent again, to a server that may have restarted and was not looked at."""
    server.fails = [ServerError(2013, "lost")]
    refused = ServerError(2003, "nobody")
    refused.__cause__ = ConnectionRefusedError()
    server.gone = [[{"there": 1}], ServerError(2013, "it hangs"), refused]
    with pytest.raises(ServerError, match="lost"):
        make(told()).look()
    assert server.gone == [], "the lock is kept until the statement can not be executed any more"
    assert server.done == OPENED


class EnoughError(Exception):
    pass


def enough(_seconds: float) -> None:
    raise EnoughError


def test_it_says_why(make: Make, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the file that the endpoint passes on."""
    reopener = make(told(receiver=False))
    status = tmp_path / "status.json"
    with pytest.raises(EnoughError):
        reopener.run(str(status), enough)
    said = reopen_data(str(status))
    assert said
    assert (said["why"], said["code"]) == ("db2 does not receive from it", "not_following")
    for failing, expected in ((ServerError(2003, "no"), "MySQL does not answer: no"), (LockError("kept"), "kept")):

        def fails(error: Exception = failing) -> None:
            raise error

        monkeypatch.setattr(reopener, "look", fails)
        with pytest.raises(EnoughError):
            reopener.run(str(status), enough)
        said = reopen_data(str(status))
        assert said
        assert said["why"].startswith(expected)
    assert reopen_data(str(tmp_path / "nothing")) is None


def test_a_peer_is_three_words() -> None:
    assert Peer.parse("db2,2001:db8::32,3308") == Peer("db2", "2001:db8::32", 3308)
    with pytest.raises(ValueError, match=r".+"):
        Peer.parse("db2")


def test_what_it_lacks_is_named() -> None:
    assert other_of(DB2, told(gtid_received=f"{A}:5-12"), GtidSet.parse(f"{A}:1-9,{B}:1-5")).beyond == f"{A}:10-12"
