"""The ids that the proxies in front have given a request: in the record that is logged of it, and in its SQL.

The record is one JSON object in the form that every tier has, without query string, header or body. A statement has
the trace in a comment (https://google.github.io/sqlcommenter/), by which the database's own logs name the request.
"""

import json
import logging
import re
import sys
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, request
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

TRACEPARENT = re.compile("00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
# Proxies ask for it all the time. Where it fails, that is logged.
HEALTH = "/healthz"

log = logging.getLogger(__name__)


@dataclass
class Work:
    """What a database has done for a request."""

    statements: int = 0
    seconds: float = 0.0


@dataclass
class Trace:
    """A request on its way."""

    request_id: str
    traceparent: str
    began: float
    databases: dict[str, Work] = field(default_factory=dict)

    @classmethod
    def of_request(cls) -> "Trace":
        given = request.headers.get("traceparent", "")
        known = given if TRACEPARENT.fullmatch(given) else ""
        return cls(request.headers.get("X-Request-ID", ""), known, time.monotonic())

    @property
    def trace_id(self) -> str:
        return self.traceparent.split("-")[1] if self.traceparent else ""

    def record(self, host: str, status: int) -> dict[str, Any]:
        return {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "tier": "application",
            "host": host,
            "request_id": self.request_id,
            "trace_id": self.trace_id,
            "method": request.method,
            # As it came, which only the server knows: gunicorn says it here.
            "path": request.environ.get("RAW_URI", request.path).partition("?")[0],
            "status": status,
            "seconds": round(time.monotonic() - self.began, 3),
            "databases": [
                {"host": name, "statements": work.statements, "seconds": round(work.seconds, 4)}
                for name, work in self.databases.items()
            ],
        }


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def watch_requests(app: Flask, host: str) -> None:
    """To be called before others are registered: the first to see a request, and the last to see its answer."""
    if not log.handlers:
        log.addHandler(logging.StreamHandler(sys.stdout))
        log.setLevel(logging.INFO)
        log.propagate = False

    @app.before_request
    def begin() -> None:
        _current.set(Trace.of_request())

    @app.after_request
    def end(response: Response) -> Response:
        trace = _current.get()
        if trace and not (request.path == HEALTH and response.status_code < 400):
            log.info(json.dumps(trace.record(host, response.status_code), separators=(",", ":")))
        return response

    @app.teardown_request
    def forget(_error: BaseException | None) -> None:
        _current.set(None)


def watch_statements(engine: Engine) -> None:
    """Have an engine's statements say which request they are for, and count them and their time for it."""

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def begin(
        connection: Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
    ) -> tuple[str, Any]:
        trace = _current.get()
        connection.info["began"] = time.monotonic()
        # Nothing in it has to be escaped: it was matched.
        return (f"{statement} /*traceparent='{trace.traceparent}'*/" if trace and trace.traceparent else statement), (
            parameters
        )

    @event.listens_for(engine, "after_cursor_execute")
    def end(
        connection: Connection, _cursor: Any, _statement: str, _parameters: Any, _context: Any, _many: bool
    ) -> None:
        trace = _current.get()
        if trace:
            name = str(connection.info.get("server", connection.dialect.name))
            work = trace.databases.setdefault(name, Work())
            work.statements += 1
            work.seconds += time.monotonic() - connection.info["began"]
