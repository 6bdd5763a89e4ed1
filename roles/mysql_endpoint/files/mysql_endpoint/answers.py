"""Requests to answers. Pure.

Of HTTP a health check needs the first line of a request and one answer, after which the connection ends.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import ServerError

from mysql_endpoint.modes import MODES, Mode
from mysql_endpoint.state import State, utc_now

OK, UNAVAILABLE = "200 OK", "503 Service Unavailable"


def parse(head: bytes) -> tuple[str, str]:
    """Method and path of a request's head. ValueError if it is not HTTP."""
    method, target, version = head.split(b"\r\n", 1)[0].decode("ascii").split(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError(version)
    return method, target.split("?", 1)[0]


def response(status: str, body: str, kind: str = "text/plain") -> bytes:
    """A whole answer, after which the connection is closed."""
    content = f"{body}\n".encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {len(content)}\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + content


def respond(head: bytes, answer: Callable[[str], bytes]) -> bytes:
    """The answer to a request. `answer` takes the path."""
    try:
        method, path = parse(head)
    except ValueError:
        return response("400 Bad Request", "this is no HTTP request")
    if method not in ("GET", "HEAD"):
        return response("405 Method Not Allowed", "only GET and HEAD")
    found = answer(path)
    return found[: found.index(b"\r\n\r\n") + 4] if method == "HEAD" else found


def answers(get: Callable[[], State], max_lag: float, mode: Mode = MODES["pair"]) -> Callable[[str], bytes]:
    """The function from a path to its answer. `get` returns the state or raises ServerError."""
    reasons: dict[str, Callable[[State], str]] = {
        "/primary": mode.not_primary,
        "/replica": lambda state: mode.not_replica(state, max_lag),
        "/readable": lambda state: "",
    }

    def answer(path: str) -> bytes:
        if path not in reasons and path != "/state":
            return response("404 Not Found", f"there is {', '.join(reasons)} and /state")
        try:
            state = get()
        except ServerError as error:
            if path == "/state":
                return response(UNAVAILABLE, json.dumps({"error": str(error)}), "application/json")
            return response(UNAVAILABLE, f"MySQL does not answer: {error}")
        if path == "/state":
            return response(OK, json.dumps(state.as_dict(utc_now())), "application/json")
        reason = reasons[path](state)
        return response(UNAVAILABLE, reason) if reason else response(OK, "yes")

    return answer
