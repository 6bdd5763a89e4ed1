"""The exchange of two servers, with a failure at every statement: done or as it was, never two that take writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.channel import Endpoint
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.exchange import Exchange
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.inspection import unwritten
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.switchover import (
    Code,
    PairState,
    decide,
    obstacles,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, ReasonError, reason
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import ServerError
from reading import read

PASSWORD = "hush"
DB1 = Endpoint(host="198.18.0.31", port=3306, user="replication", password=PASSWORD)
DB2 = Endpoint(host="198.18.0.32", port=3306, user="replication", password=PASSWORD)


class Pair:
    """Two servers. Statement number `fails` fails, before or after it was executed, or the server `gone` is gone."""

    def __init__(self, fails: int = -1, *, after: bool = False, gone: str = "") -> None:
        self.fails, self.after, self.gone = fails, after, gone
        self.count = -1
        self.now = 0.0
        self.dead: set[str] = set()
        self.both_wrote = False
        self.recorded = ["db1"]
        """Who was made the primary, one after the other."""
        self.db1, self.db2 = Fake(self, "db1", writable=True, semi_sync=True), Fake(self, "db2", source="198.18.0.31")
        self.db2.running = True

    def state(self) -> list[tuple[Any, ...]]:
        return [(db.writable, db.source, db.running, db.semi_sync) for db in (self.db1, self.db2)]

    def exchange(self, **options: Any) -> Exchange:
        return Exchange(self.db1, self.db2, back=DB1, forward=DB2, clock=lambda: self.now, sleep=self.sleep, **options)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


BEFORE = [(True, "", False, True), (False, "198.18.0.31", True, False)]
AFTER = [(False, "198.18.0.32", True, False), (True, "", False, True)]


@dataclass
class Fake:
    """A server that knows the statements of the exchange and no other."""

    pair: Pair
    name: str
    writable: bool = False
    source: str = ""
    running: bool = False
    semi_sync: bool = False
    late: int = 0
    errant: str = ""
    refuses: tuple[int, str] = (0, "")
    locked: bool = False
    thread: int = 7
    executed: list[str] = field(default_factory=list)

    def value(self, expression: str, values: Sequence[Any] = ()) -> Any:
        return self.rows(f"SELECT {expression}", values)[0]["value"]

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        pair = self.pair
        pair.count += 1
        now = pair.count == pair.fails
        if now and pair.gone:
            pair.dead.add(pair.gone)
        if self.name in pair.dead:
            pair.now += 0.1
            raise ServerError(2003, "nobody answers")
        if now and not pair.gone and not pair.after:
            raise ServerError(2013, "lost before")
        found = self.execute(statement, values)
        pair.both_wrote |= pair.db1.writable and pair.db2.writable
        if now and not pair.gone:
            self.thread += 1
            raise ServerError(2013, "lost after")
        return found

    def execute(self, statement: str, values: Sequence[Any]) -> list[dict[str, Any]]:
        self.executed.append(statement)
        match statement.split("(")[0].removeprefix("SELECT ").split():
            case ["CONNECTION_ID"]:
                return [{"value": self.thread}]
            case ["SET", "SESSION", *_]:
                pass
            case ["SET", "GLOBAL", "super_read_only", *_]:
                if self.locked:
                    raise ServerError(1205, "Lock wait timeout exceeded")
                self.writable = False
            case ["SET", "GLOBAL", "read_only", *_]:
                self.writable = True
            case ["SET", "GLOBAL", "rpl_semi_sync_source_enabled", *_]:
                self.semi_sync = values[0] == "ON"
            case ["epoch,", *_]:
                return [{"epoch": 1, "server_uuid": "db1"}]
            case ["INSERT", "INTO", "webstack.primary_epoch"]:
                assert self.writable, "a server that is read-only cannot write it down"
                self.pair.recorded.append(values[0])
            case ["1"]:
                return [{"1": 1}]
            case ["@@GLOBAL.server_uuid"]:
                return [{"value": self.name}]
            case ["@@GLOBAL.gtid_executed"]:
                return [{"value": "uuid:1-9"}]
            case ["@@GLOBAL.read_only"]:
                return [{"value": int(not self.writable)}]
            case ["WAIT_FOR_EXECUTED_GTID_SET"]:
                return [{"value": self.late}]
            case ["GTID_SUBTRACT"]:
                return [{"value": self.errant.encode()}]
            case ["STOP", "REPLICA"]:
                self.running = False
            case ["START", "REPLICA"]:
                assert self.source, "START REPLICA without a source is an error"
                self.running = not self.refuses[0]
            case ["RESET", "REPLICA", "ALL"]:
                assert not self.running, "RESET REPLICA while it runs is an error"
                self.source = ""
            case ["CHANGE", "REPLICATION", *_]:
                assert not self.running, "CHANGE REPLICATION SOURCE while it runs is an error"
                self.source = values[0]
            case ["SHOW", "REPLICA", "STATUS"]:
                return [{"Source_Host": self.source}] if self.source else []
            case ["SHOW", "GLOBAL", "STATUS", *_]:
                return [{"Value": "ON" if self.running else "OFF"}]
            case ["SERVICE_STATE", *_]:
                state = "ON" if self.running else "CONNECTING"
                return [{"state": state, "number": self.refuses[0], "message": self.refuses[1]}]
            case ["t.PROCESSLIST_ID", *_]:
                return [{"id": 4, "user": "root", "host": "localhost", "seconds": 99, "doing": "ALTER TABLE entry"}]
            case ["1", "AS", "there", *_]:
                return []
            case _:
                raise AssertionError(f"unknown: {statement}")
        return []


def test_the_roles_are_exchanged() -> None:
    pair = Pair()
    exchange = pair.exchange()
    exchange.run()
    assert pair.state() == AFTER
    assert not pair.both_wrote
    assert exchange.done[:2] == ["record that the candidate takes over", "let the old source take no more writes"]
    assert pair.recorded == ["db1", "db2"]
    assert exchange.done[-2:] == ["let the candidate take writes", "let the commits of the old source wait for none"]


STATEMENTS = range(50)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("fails", STATEMENTS)
def test_a_statement_that_fails_once_leaves_it_done_or_as_it_was(fails: int, after: bool) -> None:
    pair = Pair(fails, after=after)
    said = ""
    try:
        pair.exchange().run()
    except ReasonError as error:
        said = read(error.reasons[0])
    assert pair.state() == (BEFORE if said else AFTER)
    # Red when an exchange that was taken back leaves it written down that the candidate is the primary.
    assert pair.recorded[-1] == ("db1" if said else "db2")
    assert PASSWORD not in said
    assert not pair.both_wrote


def test_every_statement_was_made_to_fail() -> None:
    """The range above reaches beyond the last one."""
    pair = Pair()
    pair.exchange().run()
    assert len(STATEMENTS) > pair.count + 1


@pytest.mark.parametrize("fails", STATEMENTS)
def test_a_candidate_that_is_lost_leaves_the_old_source_unless_it_may_take_writes(fails: int) -> None:
    """It never was told to take writes: then the old source goes on. If it may have been, nobody does."""
    pair = Pair(fails, gone="db2")
    last = Pair()
    last.exchange().run()
    # The one after that is for the old source, and no longer needs the candidate.
    opens = last.count - 1
    if fails > opens:
        pair.exchange().run()
        assert pair.state() == AFTER
        return
    with pytest.raises(ReasonError) as raised:
        pair.exchange().run()
    assert not pair.both_wrote
    if fails == opens:
        assert not pair.db1.writable
        assert "nobody knows which one" in read(raised.value.reasons[0])
    else:
        assert pair.state()[0] == BEFORE[0]


@pytest.mark.parametrize("fails", STATEMENTS)
def test_an_old_source_that_is_lost_leaves_a_replica_or_a_source(fails: int) -> None:
    pair = Pair(fails, gone="db1")
    try:
        pair.exchange().run()
        assert pair.state()[1] == AFTER[1]
    except ReasonError:
        assert pair.state()[1] == BEFORE[1]
    assert not pair.both_wrote or fails == 0


@pytest.mark.parametrize(
    ("server", "attribute", "value", "expected"),
    [
        ("db2", "late", 1, "not applied everything within 5 s"),
        ("db2", "errant", "other:1", "transactions that the old source has not: other:1"),
        ("db1", "locked", True, "connection 4 (root@localhost, for 99 s: ALTER TABLE entry)"),
        ("db1", "refuses", (1045, "Access denied"), "the source does not take the account"),
        ("db1", "refuses", (2003, "Can't connect"), "nothing answers there"),
    ],
)
def test_what_stands_in_the_way_is_said_and_all_is_as_it_was(
    server: str, attribute: str, value: Any, expected: str
) -> None:
    pair = Pair()
    setattr(getattr(pair, server), attribute, value)
    with pytest.raises(ReasonError) as raised:
        pair.exchange().run()
    assert expected in read(raised.value.reasons[0])
    assert "Everything was taken back" in read(raised.value.reasons[0])
    assert pair.state() == BEFORE


def test_semi_sync_that_was_off_stays_off() -> None:
    pair = Pair()
    pair.db1.semi_sync = False
    pair.exchange(semi_sync=False).run()
    assert [db.semi_sync for db in (pair.db1, pair.db2)] == [False, False]


BLOCKER = reason(Code.LOCK_HOLDER, id=4, user="root", host="localhost", seconds=99, statement="ALTER TABLE entry")
SOUND = PairState(old_uuid="a", source_uuid="a", versions=("9.7.4-2", "9.7.4-2"))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"old_writable": False}, "takes no writes, so there is nothing to move"),
        ({"old_replicates": True}, "replicates from another one"),
        ({"candidate_writable": True}, "takes writes as this server does"),
        ({"source_uuid": ""}, "not a direct replica"),
        ({"source_uuid": "b"}, "not a direct replica"),
        ({"candidate_super_read_only": False}, "lets root write"),
        ({"receiver": False}, "receiver is stopped"),
        ({"applier": False}, "applier is stopped"),
        ({"caught_up": False}, "more than 2 s behind"),
        (
            {"caught_up": False, "acknowledged": False, "unwritten": "./relay-bin.000007"},
            "the disk of the candidate is full, so that it receives nothing any more (it cannot write",
        ),
        ({"errant": "b:1"}, "transactions that this server has not (b:1)"),
        ({"acknowledged": False}, "does not acknowledge commits"),
        ({"versions": ("9.7.4-2", "8.4.6")}, "older than this server's 9.7.4-2"),
        ({"refused": "Access denied"}, "refuses the replication account: Access denied"),
        (
            {"blockers": (BLOCKER,)},
            "writes would be lost, or would wait for others: connection 4 (root@",
        ),
    ],
)
def test_each_obstacle_is_named(found: dict[str, Any], expected: str) -> None:
    (said,) = obstacles(replace(SOUND, **found), max_lag=2)
    assert expected in read(said)


@pytest.mark.parametrize(
    ("blocker", "beginning"),
    [
        (BLOCKER, "connection 4 (root@localhost, for 99 s: ALTER TABLE entry); wait until"),
        (
            reason(Code.OPEN_TRANSACTION, id=12, user="shop", host="198.18.0.21:5", seconds=40, rows=3),
            "connection 12 (shop@198.18.0.21:5) has changed 3 rows in a transaction that is open for 40 s; wait until",
        ),
    ],
)
def test_who_stops_a_switchover_is_named_with_both_ways_on(blocker: Reason, beginning: str) -> None:
    """Red when somebody has to look up how a connection is ended, and where."""
    said = read(blocker)
    assert said.startswith(beginning)
    assert f"mysql -e 'KILL {blocker.data['id']}'" in said


@pytest.mark.parametrize(
    ("rows", "file"),
    [
        ([], ""),
        ([{"said": "Disk is full writing './relay-bin.000007' (OS errno 28 - No space left)."}], "./relay-bin.000007"),
        ([{"said": b"Disk is full writing 'binlog.000002' (OS errno 28)."}], "binlog.000002"),
        ([{"said": "Disk is full writing something"}], "a file"),
    ],
)
def test_a_full_disk_is_read_from_the_candidate_s_error_log(rows: list[dict[str, Any]], file: str) -> None:
    class Said:
        def rows(self, statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
            return rows

        def value(self, expression: str, values: Sequence[Any] = ()) -> Any:
            raise AssertionError(expression)

    assert unwritten(Said()) == file


def test_a_sound_pair_has_no_obstacle() -> None:
    assert obstacles(SOUND, max_lag=2) == []
    assert obstacles(replace(SOUND, semi_sync=False, acknowledged=False), max_lag=2) == []
    assert len(obstacles(replace(SOUND, refused="x", errant="b:1", receiver=False), max_lag=2)) == 3


def test_the_plan_is_what_is_done() -> None:
    pair = Pair()
    exchange = pair.exchange()
    planned = exchange.plan()
    assert pair.state() == BEFORE
    exchange.run()
    assert exchange.done == planned


def test_what_is_left_when_the_old_source_is_lost_at_the_end_is_said() -> None:
    whole = Pair()
    whole.exchange().run()
    pair = Pair(whole.count, gone="db1")
    exchange = pair.exchange()
    exchange.run()
    assert pair.db2.writable
    (warning,) = exchange.warnings
    assert "Run ansible-playbook playbooks/site.yml" in read(warning)


PAIR = {"db1": "primary", "db2": "replica"}


@pytest.mark.parametrize("candidate", ["db1", "db2"])
def test_a_replica_takes_the_writes_of_the_primary(candidate: str) -> None:
    choice = decide(PAIR, list(PAIR), candidate)
    assert (choice.old, choice.candidate, choice.refusals) == ("db1", candidate, ())
    assert choice.done is (candidate == "db1")


@pytest.mark.parametrize(
    ("roles", "candidate", "code"),
    [
        (PAIR, "", Code.NO_CANDIDATE),
        (PAIR, "web1", Code.UNKNOWN_CANDIDATE),
        (PAIR | {"db2": "fresh"}, "db2", Code.CANDIDATE_IS_NO_REPLICA),
        ({"db1": "primary"}, "db2", Code.CANDIDATE_IS_NO_REPLICA),
        (PAIR | {"db1": "down"}, "db2", Code.NOT_ONE_PRIMARY),
        ({"db1": "primary", "db2": "primary"}, "db1", Code.NOT_ONE_PRIMARY),
    ],
)
def test_other_hosts_exchange_nothing(roles: dict[str, str], candidate: str, code: Code) -> None:
    assert [refusal.code for refusal in decide(roles, ["db1", "db2"], candidate).refusals] == [code]
