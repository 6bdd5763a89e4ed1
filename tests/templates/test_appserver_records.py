"""What a worker of gunicorn logs of requests, run here as the workers do it."""

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SECRET = "SecretOfAVisitor"
Worker = SimpleNamespace


@pytest.fixture
def loaded(render_template: Callable[..., str]) -> Callable[..., dict[str, Any]]:
    def load(**variables: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        given = {"appserver_wsgi": "hello:app", **variables}
        exec(render_template("appserver", "gunicorn.conf.py.j2", given), found)  # noqa: S102
        return found

    return load


@pytest.fixture
def worker() -> Worker:
    """A worker with gunicorn's logs; what they say is kept."""
    said: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    class Logger:
        access_log, error_log = logging.Logger("access"), logging.Logger("error")

        def access(self, *_: Any) -> None:
            self.access_log.info("gunicorn's own line")

    class Counting(Logger):
        """As gunicorn's for statsd."""

        counted = 0

        def access(self, *request: Any) -> None:
            Logger.access(self, *request)
            self.counted += 1

    logs = Counting()
    for log in (logs.access_log, logs.error_log):
        log.addHandler(Keep())
    return SimpleNamespace(log=logs, said=said)


def of_wsgi(worker: Worker, path: str, status: Any = "200 OK") -> None:
    """What the workers of gunicorn itself call once they have answered."""
    environ = {
        "REQUEST_METHOD": "GET",
        "RAW_URI": f"{path}?{SECRET}",
        "HTTP_X_REQUEST_ID": "of-the-visitor",
        "HTTP_TRACEPARENT": f"00-{TRACE}-00f067aa0ba902b7-01",
        "HTTP_COOKIE": SECRET,
        "HTTP_USER_AGENT": SECRET,
    }
    worker.log.access(SimpleNamespace(status=status, sent=12), None, environ, timedelta(seconds=1, microseconds=234567))


def of_asgi(loaded: dict[str, Any], worker: Worker, app: Any, scope: dict[str, Any]) -> None:
    """What uvicorn does: it makes the application and calls it."""
    worker.config = SimpleNamespace(ssl_certfile=None, loaded_app=None)
    own = logging.getLogger("uvicorn.access")
    own.handlers, own.propagate = [logging.NullHandler()], False
    worker.config.load = lambda: setattr(worker.config, "loaded_app", app)
    loaded["record_requests"](worker)
    worker.config.load()
    assert not own.hasHandlers(), "uvicorn would log the query string, too"

    async def send(_message: dict[str, Any]) -> None:
        pass

    asyncio.run(worker.config.loaded_app(scope, None, send))


def scope(path: str, kind: str = "http") -> dict[str, Any]:
    return {
        "type": kind,
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": SECRET.encode(),
        "headers": [
            (b"x-request-id", b"of-the-visitor"),
            (b"traceparent", f"00-{TRACE}-00f067aa0ba902b7-01".encode()),
            (b"cookie", SECRET.encode()),
        ],
    }


def check(worker: Worker, **expected: Any) -> None:
    (line,) = worker.said
    assert SECRET not in line
    record = json.loads(line)
    assert datetime.fromisoformat(record.pop("time")).utcoffset() == timedelta(0)
    ids = {"tier": "appserver", "host": "host1", "request_id": "of-the-visitor", "trace_id": TRACE}
    assert record == ids | {"method": "GET"} | expected


@pytest.mark.parametrize("status", ["200 OK", 200])
def test_a_request_of_wsgi(loaded: Callable[..., dict[str, Any]], worker: Worker, status: Any) -> None:
    loaded()["record_requests"](worker)
    of_wsgi(worker, '/a"b%20c', status)
    check(worker, path='/a"b%20c', status=200, seconds=1.235, bytes=12)
    assert worker.log.counted == 1, "what is sent to statsd would be lost"


def test_a_request_of_asgi(loaded: Callable[..., dict[str, Any]], worker: Worker) -> None:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 201})
        await send({"type": "http.response.body", "body": b"12345"})

    of_asgi(loaded(), worker, app, scope("/made"))
    check(worker, path="/made", status=201, seconds=0.0, bytes=5)


def test_an_application_that_fails(loaded: Callable[..., dict[str, Any]], worker: Worker) -> None:
    """uvicorn answers in its place."""

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        of_asgi(loaded(), worker, app, scope("/fails"))
    check(worker, path="/fails", status=500, seconds=0.0, bytes=0)


def test_a_request_that_an_application_of_wsgi_fails(loaded: Callable[..., dict[str, Any]], worker: Worker) -> None:
    """gunicorn answers in its place, and then knows the headers of the request itself alone."""
    loaded()["record_requests"](worker)
    request = SimpleNamespace(
        headers=[("X-REQUEST-ID", "of-the-visitor"), ("TRACEPARENT", f"00-{TRACE}-{'1' * 16}-01")]
    )
    environ = {"REQUEST_METHOD": "GET", "RAW_URI": "/fails"}
    worker.log.access(SimpleNamespace(status="500 Internal Server Error"), request, environ, timedelta())
    check(worker, path="/fails", status=500, seconds=0.0, bytes=0)


@pytest.mark.parametrize(("message", "status"), [("websocket.accept", 101), ("websocket.close", 403)])
def test_a_websocket(loaded: Callable[..., dict[str, Any]], worker: Worker, message: str, status: int) -> None:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": message})

    of_asgi(loaded(), worker, app, scope("/chat", "websocket"))
    check(worker, path="/chat", status=status, seconds=0.0, bytes=0)


def test_what_asgi_has_beside_requests_is_none(loaded: Callable[..., dict[str, Any]], worker: Worker) -> None:
    called = []

    async def app(of: Any, _receive: Any, _send: Any) -> None:
        called.append(of["type"])

    of_asgi(loaded(), worker, app, {"type": "lifespan"})
    assert (called, worker.said) == (["lifespan"], [])


def test_health_checks_are_logged_when_they_fail(loaded: Callable[..., dict[str, Any]], worker: Worker) -> None:
    loaded(appserver_health_uri="/live?deep=1")["record_requests"](worker)
    of_wsgi(worker, "/live")
    assert worker.said == []
    of_wsgi(worker, "/live", "503 Service Unavailable")
    check(worker, path="/live", status=503, seconds=1.235, bytes=12)


def test_an_error_is_logged_without_the_query(loaded: Callable[..., dict[str, Any]], worker: Worker) -> None:
    """gunicorn names the URL of a request that it could not handle."""
    loaded(appserver_access_log=False)["post_worker_init"](worker)
    worker.log.error_log.error("Error handling request %s", f"/a?{SECRET}")
    worker.log.error_log.info("Booting worker with pid: %s", 12)
    # uvicorn's, which have the same handlers.
    uvicorn = logging.Logger("uvicorn.error")
    uvicorn.handlers = worker.log.error_log.handlers
    uvicorn.info('%s - "WebSocket %s" [accepted]', ("127.0.0.1", 1), f"/chat?{SECRET}")
    assert worker.said == [
        "Error handling request /a",
        "Booting worker with pid: 12",
        """('127.0.0.1', 1) - "WebSocket /chat" [accepted]""",
    ]


def test_nobody_logs_where_it_is_off(loaded: Callable[..., dict[str, Any]], worker: Worker) -> None:
    loaded(appserver_access_log=False)["post_worker_init"](worker)
    of_wsgi(worker, "/")
    assert worker.said == ["gunicorn's own line"]
