"""The heartbeat's row in its three forms, and that the one definition decides as the copies did that it replaced."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._mysql import epoch
from ansible_collections.foobar.webstack.plugins.module_utils._mysql import heartbeat as table
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.heartbeat import COLUMNS, Heartbeat, latest
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.schemas import NOT_OWN
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import ServerError
from ansible_collections.foobar.webstack.plugins.modules.mysql_heartbeat import STATE, create
from hypothesis import example, given
from hypothesis import strategies as st

moments = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1))
rows = st.fixed_dictionaries(
    {
        "server_uuid": st.sampled_from("abc"),
        "server_id": st.integers(0, 2**32 - 1),
        "written": moments,
        "confirmed": st.none() | moments,
        "semi_sync": st.integers(0, 1),
        "timeout_ms": st.integers(0, 2**64 - 1),
        "gtid_executed": st.sampled_from(["", "a:1-5", "a:1-5,\nb:7"]),
    }
)


def proven_until_of_endpoint(row: Mapping[str, Any]) -> datetime | None:
    """As the endpoint decided it before, in datetimes."""
    if row["confirmed"] is None:
        return None
    try:
        return row["confirmed"].replace(tzinfo=UTC) + timedelta(milliseconds=row["timeout_ms"])
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def proven_until_of_failover(data: Mapping[str, Any]) -> float | None:
    """As the failover decided it before, in seconds since 1970."""
    return None if data["confirmed"] is None else data["confirmed"] + data["timeout_ms"] / 1000


def latest_of_failover(heartbeats: list[Mapping[str, Any]], source: str) -> Mapping[str, Any] | None:
    named = [each for each in heartbeats if each["server_uuid"] == source]
    return max(named or heartbeats, key=lambda each: each["written"], default=None)


@given(rows)
@example(
    {"timeout_ms": 2**64 - 1, "confirmed": datetime(2026, 1, 1)}
    | dict.fromkeys(COLUMNS[:2], 0)
    | {"written": datetime(2026, 1, 1), "semi_sync": 1, "gtid_executed": ""}
)
def test_both_old_definitions_of_the_bound_agree_with_the_new_one(row: dict[str, Any]) -> None:
    found = Heartbeat.from_row(row)
    assert found.proven_until == proven_until_of_endpoint(row)
    in_seconds = proven_until_of_failover(found.as_data())
    if found.proven_until is None:
        assert in_seconds is None
    else:
        # The failover's had no end where the calendar has: there both are far beyond any failover.
        assert (
            abs(found.proven_until.timestamp() - min(in_seconds, datetime.max.replace(tzinfo=UTC).timestamp())) < 1e-4
        )


@given(rows)
def test_a_row_survives_the_way_to_the_controller(row: dict[str, Any]) -> None:
    """Through the module's JSON. Catches a time that loses its microseconds or its zone."""
    found = Heartbeat.from_row(row)
    assert Heartbeat.from_data(json.loads(json.dumps(found.as_data()))) == found


@given(rows)
def test_what_is_written_is_what_is_read(row: dict[str, Any]) -> None:
    """Catches values in another order than the columns."""
    found = Heartbeat.from_row(row)
    assert Heartbeat.from_row(dict(zip(COLUMNS, found.values(), strict=True))) == found
    assert [value.tzinfo for value in found.values() if isinstance(value, datetime)] in ([None], [None, None])


@given(st.lists(rows, max_size=4), st.sampled_from("abc"))
def test_the_latest_is_what_the_failover_took(found: list[dict[str, Any]], source: str) -> None:
    heartbeats = [Heartbeat.from_row(row) for row in found]
    old = latest_of_failover([each.as_data() for each in heartbeats], source)
    new = latest(heartbeats, [source])
    assert (new and new.as_data()) == old


def test_statements() -> None:
    assert table.SELECT == (
        "SELECT server_uuid, server_id, written, confirmed, semi_sync, timeout_ms, gtid_executed"
        " FROM webstack.heartbeat"
    )
    assert table.WRITE.count("%s") == len(COLUMNS)
    assert "server_uuid = new.server_uuid" not in table.WRITE


def test_the_condition_names_each_of_mysql_s_own_schemas() -> None:
    assert NOT_OWN == "NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')"


def test_the_table_has_the_columns_that_are_written() -> None:
    """Catches a column that is in one of the two only."""
    found = re.findall(r"^  (\w+) (?:CHAR|INT|DATETIME|BOOLEAN|BIGINT|MEDIUMTEXT)", table.CREATE[-1], re.MULTILINE)
    assert tuple(found) == COLUMNS


class Server:
    """Answers what the module asks, and remembers what it is told to do."""

    def __init__(self, *, writable: bool, found: bool, primary: str) -> None:
        self.state = {"writable": int(writable), "found": int(found), "server_uuid": "here", "members": 0}
        self.epoch = [{"epoch": 3, "server_uuid": primary}] if primary else []
        self.done: list[str] = []

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        if statement == STATE:
            return [self.state]
        if statement == epoch.SELECT:
            if not self.state["found"]:
                raise ServerError(1146, "no such table")
            return self.epoch
        self.done.append(statement)
        return []

    def value(self, expression: str, values: Sequence[Any] = ()) -> Any:
        raise AssertionError(expression)


ALL = [*table.CREATE, epoch.CREATE, epoch.RAISE]


@pytest.mark.parametrize(
    ("writable", "found", "primary", "check", "done", "exists"),
    [
        pytest.param(True, False, "", False, ALL, True, id="a new source"),
        pytest.param(True, False, "", True, ALL, False, id="a check run creates nothing"),
        pytest.param(True, True, "here", False, [], True, id="a source that has them"),
        pytest.param(True, True, "", False, [epoch.RAISE], True, id="nothing was recorded yet"),
        pytest.param(True, True, "there", False, [epoch.RAISE], True, id="somebody has made it the primary by hand"),
        pytest.param(False, False, "", False, [], False, id="a replica, where they are still to come"),
        pytest.param(False, True, "there", False, [], True, id="a replica that has them"),
    ],
)
def test_the_tables_are_created_on_the_source_only(
    writable: bool, found: bool, primary: str, check: bool, done: list[str], exists: bool
) -> None:
    server = Server(writable=writable, found=found, primary=primary)
    result = create(server, check=check)
    assert result == {"changed": bool(done), "writable": writable, "exists": exists, "statements": done}
    assert server.done == ([] if check else done)
