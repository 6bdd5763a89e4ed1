"""The guest book's record of a request, and the comment in its SQL."""

import json
import logging
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "roles/appserver/files/guestbook"))

from flask.testing import FlaskClient
from guestbook import create_app, tracing
from guestbook.models import Base, Entry
from guestbook.settings import Settings
from sqlalchemy import event

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
IDS = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "X-Request-ID": "of-the-visitor"}
SECRET = "SecretOfAVisitor"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    url = f"sqlite:///{tmp_path / 'db'}"
    app = create_app(Settings.from_environment({"DATABASE_WRITE_URL": url, "APP_SERVER_NAME": "app1"}))
    engine = app.extensions["guestbook"].primary.engine
    Base.metadata.create_all(engine)
    yield app.test_client()
    engine.dispose()


@pytest.fixture
def records() -> Iterator[list[dict[str, Any]]]:
    """What is logged, read."""
    found: list[dict[str, Any]] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(json.loads(record.getMessage()))

    kept = Keep()
    tracing.log.addHandler(kept)
    yield found
    tracing.log.removeHandler(kept)


@pytest.fixture
def statements(client: FlaskClient) -> Iterator[list[str]]:
    """What the database is told."""
    found: list[str] = []
    engine = client.application.extensions["guestbook"].primary.engine

    def keep(_connection: Any, _cursor: Any, statement: str, *_others: Any) -> None:
        found.append(statement)

    event.listen(engine, "after_cursor_execute", keep)
    yield found
    event.remove(engine, "after_cursor_execute", keep)


def test_a_request_is_one_record(client: FlaskClient, records: list[dict[str, Any]]) -> None:
    client.get("/api/entries?limit=1", headers=IDS)
    (record,) = records
    assert datetime.fromisoformat(record.pop("time")).utcoffset() is not None
    assert record.pop("seconds") >= 0
    (database,) = record.pop("databases")
    assert (database["host"], database["statements"], database["seconds"] >= 0) == ("sqlite", 1, True)
    assert record == {
        "tier": "application",
        "host": "app1",
        "request_id": "of-the-visitor",
        "trace_id": TRACE,
        "method": "GET",
        "path": "/api/entries",
        "status": 200,
    }


def test_an_error_is_a_record_too(client: FlaskClient, records: list[dict[str, Any]]) -> None:
    def fail() -> None:
        raise RuntimeError(SECRET)

    client.application.add_url_rule("/fails", view_func=fail)
    client.get("/fails", headers=IDS)
    client.get("/nowhere", headers=IDS)
    assert [(record["path"], record["status"], record["trace_id"]) for record in records] == [
        ("/fails", 500, TRACE),
        ("/nowhere", 404, TRACE),
    ]


def test_nothing_that_a_visitor_sends_is_logged(
    client: FlaskClient, records: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    """Nor by an error of the database, which otherwise names the values. Red without hide_parameters."""
    sent = {"name": SECRET, "message": SECRET, "key": SECRET}
    headers = IDS | {"Cookie": f"a={SECRET}", "User-Agent": SECRET, "Referer": f"/?{SECRET}"}
    client.post(f"/?{SECRET}", data=sent, headers=headers)
    with client.application.extensions["guestbook"].primary.engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE UNIQUE INDEX of_names ON {Entry.__tablename__} (name)")
    client.post(f"/?{SECRET}", data=sent | {"key": "another"}, headers=headers)
    assert [record["status"] for record in records] == [303, 500]
    assert SECRET not in json.dumps(records) + caplog.text
    assert "UNIQUE constraint failed" in caplog.text, "nothing was logged of the error"


def test_a_check_that_succeeds_is_not_logged(client: FlaskClient, records: list[dict[str, Any]]) -> None:
    client.get("/healthz")
    assert records == []
    Base.metadata.drop_all(client.application.extensions["guestbook"].primary.engine)
    client.get("/healthz")
    assert [record["status"] for record in records] == [503]


def test_statements_name_the_trace(client: FlaskClient, statements: list[str]) -> None:
    client.post("/", data={"name": "Ada", "message": "Hello"}, headers=IDS)
    assert statements
    assert {statement.partition(" /*")[2] for statement in statements} == {f"traceparent='{IDS['traceparent']}'*/"}


@pytest.mark.parametrize("given", [None, "", "*/ DROP TABLE entry --", IDS["traceparent"] + "'", "00-0-0-0"])
def test_what_is_no_trace_is_in_no_statement(client: FlaskClient, statements: list[str], given: str | None) -> None:
    client.get("/", headers={"traceparent": given} if given is not None else {})
    assert statements
    assert not [statement for statement in statements if "/*" in statement]


def test_a_trace_ends_with_its_request(client: FlaskClient, statements: list[str]) -> None:
    """Red where the next request of the same worker would be taken for it."""
    client.get("/", headers=IDS)
    with client.application.extensions["guestbook"].primary.session() as (session, _name):
        session.connection().exec_driver_sql("SELECT 1")
    assert "/*" in statements[0]
    assert statements[-1] == "SELECT 1"
