"""The ids of requests: made for everybody, kept of those who are trusted, told, and logged."""

import json
import re
from collections.abc import Callable

import pytest
from testinfra.host import Host

testinfra_hosts = ["ansible://loadbalancers"]

Get = Callable[..., tuple[int, dict[str, str], str]]

# Ports of the frontends that trust nobody, and those behind a CDN, which does not limit 127.0.0.9.
OPEN, BEHIND = 8082, 8084
CDN, ANYBODY = "127.0.0.21", "127.0.0.9"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
GIVEN = {
    "traceparent": f"00-{TRACE}-00f067aa0ba902b7-00",
    "tracestate": "a=b",
    "X-Request-ID": "of-the-client",
    "X-Forwarded-Proto": "https",
}
SPAN = "[0-9a-f]{16}"


def seen(headers: dict[str, str]) -> tuple[str, str, str, str]:
    """Trace, flags and state that the origin got, and the request's id, which the client is told."""
    version, trace, span, flags = headers["x-got-traceparent"].split("-")
    assert (version, bool(re.fullmatch(SPAN, span))) == ("00", True)
    assert headers["x-got-x-request-id"] == headers["x-request-id"]
    return trace, flags, headers["x-got-tracestate"], headers["x-request-id"]


@pytest.mark.parametrize("sent", [{}, GIVEN])
def test_ids_are_made(get: Get, sent: dict[str, str]) -> None:
    """Each time others, and whatever a client sends. Red where it is trusted, or its tracestate left."""
    first, second = (seen(get("/", OPEN, source=ANYBODY, headers=sent)[1]) for _ in range(2))
    for trace, flags, state, name in (first, second):
        assert re.fullmatch("[0-9a-f]{32}", trace)
        assert (flags, state, name) == ("01", "None", trace)
    assert TRACE not in (first[0], second[0])
    assert first != second


def test_ids_of_a_trusted_client_are_kept(get: Get) -> None:
    """With a span of the load balancer's own."""
    headers = get("/", BEHIND, source=CDN, headers=GIVEN)[1]
    assert seen(headers) == (TRACE, "00", "a=b", "of-the-client")
    assert "00f067aa0ba902b7" not in headers["x-got-traceparent"]


def test_nobody_else_is_trusted_there(get: Get) -> None:
    _, headers, _ = get("/", BEHIND, source=ANYBODY, headers=GIVEN)
    assert re.fullmatch("[0-9a-f]{32}", headers["x-request-id"])


@pytest.mark.parametrize(
    "wrong", [f"00-{'0' * 32}-00f067aa0ba902b7-01", f"00-{TRACE}-{'0' * 16}-01", f"01-{TRACE}-00f067aa0ba902b7-01", '"']
)
def test_what_is_not_valid_is_replaced(get: Get, wrong: str) -> None:
    sent = GIVEN | {"traceparent": wrong, "X-Request-ID": 'a"b'}
    trace, flags, state, name = seen(get("/", BEHIND, source=CDN, headers=sent)[1])
    assert trace != TRACE
    assert (flags, state, name) == ("01", "None", trace)


def test_a_record_has_them(host: Host, get: Get) -> None:
    """And what else all tiers have. Red where a character of the path breaks it."""
    status, headers, _ = get('/a"b\\c?secret', BEHIND, source=CDN, headers=GIVEN | {"X-Request-ID": "logged-here"})
    find = "journalctl --unit=haproxy --since=-1min --output=cat --grep=logged-here"
    record = json.loads(host.check_output(find))
    names = ["time", "tier", "host", "request_id", "trace_id", "method", "path", "status", "seconds"]
    assert list(record)[: len(names)] == names
    assert (record["request_id"], record["trace_id"]) == (headers["x-request-id"], TRACE)
    assert (record["path"], record["status"]) == ('/a"b\\c', status)
    assert 0 <= record["seconds"] < 10
    assert "secret" not in host.check_output("journalctl --unit=haproxy --since=-1min --output=cat --grep=logged-here")


def test_a_request_that_cannot_be_read_is_a_record_too(host: Host) -> None:
    """Of a connection. Red where it is of another form, or has what was sent."""
    send = (
        "printf 'nonsense?secret\\r\\n\\r\\n' | timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/8082; cat >&3; cat <&3'"
    )
    assert " 400 " in host.run(send).stdout
    found = host.check_output('journalctl --unit=haproxy --since=-1min --output=cat --grep=\'"frontend":"limited"\'')
    record = json.loads(found.splitlines()[-1])
    assert (record["status"], record["path"], record["request_id"]) == (400, "", "")
    assert "secret" not in found
