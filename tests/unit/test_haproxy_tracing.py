"""What HAProxy logs of a request, and the ids that it gives one."""

import json
import re
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.filter.haproxy_sections import haproxy_sections

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
# What documentation, alerts and the trace rely on, in every tier.
COMMON = ["time", "tier", "host", "request_id", "trace_id", "method", "path", "status", "seconds"]


def section(host: str = "lb1", **options: Any) -> list[str]:
    """The lines of a frontend with these options."""
    frontend = {"name": "web", "bind": [{"port": 80}]} | options
    found = haproxy_sections([frontend], backends=[], listens=[], stats={}, retry_methods=[], host=host)
    return found["proxies"][0]["lines"]


def rules(**options: Any) -> list[str]:
    """Those about ids."""
    names = re.compile(r"traceparent|tracestate|X-Request-ID|txn\.(trace|request_id)", re.IGNORECASE)
    return [line for line in section(**options) if names.search(line) and "log-format" not in line]


def written(line: str) -> dict[str, Any]:
    """The object of a log format, with what HAProxy would put in."""
    text = line.partition("'")[2].removesuffix("'")
    text = re.sub(r"(?<=:)%\[[^]]*\]\.%\[[^]]*\]|(?<=:)%(ST|B)\b", "1.5", text)
    return json.loads(text)


def test_a_request_and_a_connection_are_one_object_each() -> None:
    of_request, of_connection = (written(line) for line in section() if "log-format" in line)
    assert list(of_request)[: len(COMMON)] == list(of_connection)[: len(COMMON)] == COMMON
    assert (of_request["tier"], of_request["host"]) == ("loadbalancer", "lb1")


def test_no_field_is_what_a_visitor_may_keep_for_himself() -> None:
    """Red with %r, %HU, %HQ, captured headers or cookies, or url in the place of path."""
    for line in section(request_id={"trust": True}):
        if "log-format" in line or "txn.path" in line:
            assert not re.search(r"%(r|HU|HQ|hr|hs|CC|CS)\b|\b(url|pathq|query|capture|hdr|cook)\b", line), line


@pytest.mark.parametrize(("host", "written_as"), [("web-1.example", "web-1.example"), ("a'b\"c%d", "a_b_c_d")])
def test_no_name_of_a_host_breaks_the_format(host: str, written_as: str) -> None:
    assert all(written(line)["host"] == written_as for line in section(host) if "log-format" in line)


def test_tcp_is_logged_as_before() -> None:
    lines = section(mode="tcp")
    assert "option tcplog" in lines
    assert not [line for line in lines if "log-format" in line or "http-request" in line]


def test_what_is_logged_is_noted_before_anybody_is_refused() -> None:
    """Red where a refused request had no path in the log."""
    lines = section(rate_limit={}, max_body_size="1m", request_id={}, http_request=["deny"])
    denied = next(number for number, line in enumerate(lines) if " deny " in line)
    for noted in ("txn.began", "txn.path", "txn.trace_id", "txn.request_id"):
        assert next(number for number, line in enumerate(lines) if f"set-var({noted})" in line) < denied


def test_without_the_option_no_header_is_touched() -> None:
    assert rules() == []


def test_a_client_decides_nothing() -> None:
    """The default. Red where any condition or value is taken of what it sent."""
    lines = rules(request_id={})
    assert not [line for line in lines if "req.hdr" in line]
    assert "http-request set-var(txn.trace_id) uuid,regsub(-,,g) unless { var(txn.trace_id) -m found }" in lines
    assert "http-request set-header X-Request-ID %[var(txn.request_id)]" in lines


def test_ids_of_a_client_are_kept_of_those_who_are_trusted() -> None:
    anybody = rules(request_id={"trust": True})
    proxies = rules(request_id={"trust": True}, trusted_proxies=["192.0.2.0/24"])
    taken = [line for line in anybody if "req.hdr_cnt" in line]
    assert len(taken) == 2
    assert [line for line in proxies if "req.hdr_cnt" in line] == [
        line.replace(" if ", " if via_trusted_proxy ") for line in taken
    ]


@pytest.mark.parametrize(
    ("given", "valid"),
    [
        (f"00-{TRACE}-00f067aa0ba902b7-01", True),
        (f"00-{TRACE}-00f067aa0ba902b7-00", True),
        (f"01-{TRACE}-00f067aa0ba902b7-01", False),
        (f"00-{TRACE.upper()}-00f067aa0ba902b7-01", False),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        (f"00-{TRACE}-00f067aa0ba902b7-01-more", False),
        (f"00-{TRACE}-00f067aa0ba902b7", False),
        ('"', False),
    ],
)
def test_which_traceparent_is_valid(given: str, valid: bool) -> None:
    """By the patterns as HAProxy is given them."""
    (rule,) = (line for line in rules(request_id={"trust": True}) if "hdr_cnt(traceparent)" in line)
    wanted, refused = re.findall(r"-m reg (\S+) }", rule)
    assert bool(re.search(wanted, given) and not re.search(refused, given)) == valid


@pytest.mark.parametrize(
    ("given", "valid"), [("a.B_9:-", True), ("a" * 128, True), ("a" * 129, False), ("", False), ('a"b', False)]
)
def test_which_request_id_is_valid(given: str, valid: bool) -> None:
    (rule,) = (line for line in rules(request_id={"trust": True}) if "hdr_cnt(X-Request-ID)" in line)
    (wanted,) = re.findall(r"-m reg (\S+) }", rule)
    assert bool(re.search(wanted, given)) == valid
