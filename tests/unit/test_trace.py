"""trace.yml: one request through all tiers, what is said where nothing is known of it, and what is no record."""

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.filter.trace_report import trace_report
from ansible_collections.foobar.webstack.plugins.plugin_utils.trace.records import read, requests

ID = "8a62aab325b64708aaa7668b0822b4b2"
BEGAN = datetime(2026, 11, 27, 20, 34, 5, 447000, timezone.utc)  # noqa: UP017
VARIABLES: dict[str, Any] = {"inventory_hostname": "lb1", "ansible_inventory_sources": []}


def record(tier: str, host: str, at: float = 0, seconds: float = 0.01, **fields: Any) -> dict[str, Any]:
    """A record that begins ``at`` seconds after the request."""
    ended = BEGAN + timedelta(seconds=at + seconds)
    return {
        "time": ended.isoformat(timespec="milliseconds"),
        "tier": tier,
        "host": host,
        "request_id": ID,
        "trace_id": ID,
        "method": "GET",
        "path": "/api/entries",
        "status": 200,
        "seconds": seconds,
        **fields,
    }


LB = record("loadbalancer", "lb1", 0, 0.012, client="198.51.100.7", server="www/web1", termination="--")
WEB = record("web", "web1", 0.001, 0.01, client="198.18.0.11", upstream="198.18.0.21:8000")
SERVER = record("appserver", "web1", 0.002, 0.009, bytes=123)
APPLICATION = record(
    "application",
    "web1",
    0.003,
    0.007,
    databases=[
        {"host": "db2", "statements": 1, "seconds": 0.002},
        {"host": "db1", "statements": 2, "seconds": 0.0014},
    ],
)
ALL = [LB, WEB, SERVER, APPLICATION]


def result(*records: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What the module command registers."""
    lines = [json.dumps(each, separators=(",", ":")) for each in records]
    return {"rc": 0 if lines else 1, "stdout": "\n".join(lines), "stderr": ""} | more


def said(results: dict[str, Any], wanted: str = ID, **options: Any) -> dict[str, str]:
    return trace_report(results, wanted, VARIABLES, since="-1d", **options)


def test_a_request_through_all_tiers() -> None:
    # As journals have them: by the times at which the tiers were done.
    assert said({"web2": result(*reversed(ALL))}) == {
        "failure": "",
        "text": """\
Request 8a62aab325b64708aaa7668b0822b4b2
GET /api/entries: 200 after 0.012 s, begun at 2026-11-27 20:34:05.447 UTC

TIER          host  at      took     status
loadbalancer  lb1   +0.000  0.012 s  200     of 198.51.100.7, to www/web1
web           web1  +0.001  0.010 s  200     to 198.18.0.21:8000
appserver     web1  +0.002  0.009 s  200
application   web1  +0.003  0.007 s  200
database      db2   -       0.002 s  -       1 statement
database      db1   -       0.001 s  -       2 statements""",
    }


def test_what_several_hosts_have_collected_is_told_once() -> None:
    assert said({"web1": result(*ALL), "web2": result(*ALL)}) == said({"web2": result(*ALL)})


def test_each_host_has_its_part() -> None:
    """Where nobody collects."""
    apart = {"lb1": result(LB), "web1": result(WEB, SERVER, APPLICATION), "db1": result()}
    assert said(apart) == said({"web2": result(*ALL)})


def test_tiers_stand_in_their_order_whatever_the_clocks_say() -> None:
    late = record("loadbalancer", "lb1", 5, 0.012)
    text = said({"web2": result(WEB, late)})["text"]
    assert [line.split()[:3] for line in text.splitlines()[4:6]] == [
        ["loadbalancer", "lb1", "+0.000"],
        ["web", "web1", "-4.999"],
    ]


def test_a_trace_of_several_requests() -> None:
    """A client's own trace, which the load balancer was told to keep."""
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    records = [record("loadbalancer", "lb1", at, request_id=name, trace_id=trace) for name, at in (("b", 2), ("a", 1))]
    text = said({"web2": result(*records)}, trace)["text"]
    assert [line for line in text.splitlines() if line.startswith("Request")] == [
        f"Request a of trace {trace}",
        f"Request b of trace {trace}",
    ]
    assert "Request b" not in said({"web2": result(*records)}, "a")["text"]


def test_where_it_ended_is_said() -> None:
    refused = LB | {"status": 429, "server": "www/<NOSRV>", "termination": "PR"}
    text = said({"web2": result(refused)})["text"]
    assert "of 198.51.100.7, to www/<NOSRV>, ended PR" in text
    assert "Nothing is known of it behind the tier loadbalancer: it was answered there" in text
    assert "behind the tier web" in said({"web2": result(LB, WEB)})["text"]
    assert "behind" not in said({"web2": result(LB, WEB, SERVER)})["text"], "an application need not log it"


def test_an_unknown_id_is_said() -> None:
    """Red where an empty table, or nothing, would be printed and the run succeed."""
    found = said({"web2": result(), "web1": result(LB)}, "another")
    assert found["text"] == ""
    assert found["failure"].startswith("No request another is known to web2 and web1 since -1d.")
    assert "foobar.webstack.trace looks further back" in found["failure"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"unreachable": True, "msg": "No route to host"}, "No route to host"),
        ({}, "it does not answer"),
        ({"rc": 1, "stderr": "Failed to parse timestamp: x"}, "Failed to parse timestamp: x"),
        ({"rc": 127, "stdout": ""}, "journalctl ended with 127"),
        ({"msg": "No such file or directory"}, "No such file or directory"),
    ],
)
def test_a_host_that_cannot_be_asked_is_told_of(answer: dict[str, Any], error: str) -> None:
    told = f"The journal on web1 could not be looked through: {error}."
    found = said({"web2": result(*ALL), "web1": answer})
    assert (found["failure"], found["text"].splitlines()[-1]) == ("", told)
    assert said({"web1": answer}) == {"text": told, "failure": "No journal could be looked through."}
    assert said({"web2": result(), "web1": answer})["text"] == told


@pytest.mark.parametrize(
    ("wanted", "options", "sentence"),
    [
        ("", {}, "Name the request: -e id=<what the header X-Request-ID of its answer says>."),
        ('a" .*', {}, '"a" .*" is not the id of a request or a trace'),
        ("a" * 129, {}, "is not the id of a request"),
        (ID, {"format": "xml"}, 'format is "xml"; write text or json.'),
    ],
)
def test_a_question_that_cannot_be_asked(wanted: str, options: dict[str, str], sentence: str) -> None:
    """It is refused before any host is asked, and without looking at what one says."""
    for results in ({}, {"web2": result(*ALL)}):
        assert sentence in said(results, wanted, **options)["failure"]


def test_a_question_that_can_be_asked() -> None:
    assert said({}) == {"text": "", "failure": ""}


def test_the_document() -> None:
    found = json.loads(said({"web2": result(*ALL)}, format="json")["text"])
    assert found == {"requests": [{"request_id": ID, "trace_id": ID, "records": ALL}]}


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Server www/web1 is UP",
        "{broken",
        "[]",
        json.dumps({"request_id": ID}),
        json.dumps(LB | {"time": "yesterday"}),
        json.dumps(LB | {"status": None}),
        json.dumps(LB | {"seconds": "long"}),
    ],
)
def test_what_is_no_record_is_passed_over(line: str) -> None:
    assert read(line) is None
    assert len(requests([line, json.dumps(LB)], ID)) == 1


def test_a_record_that_only_has_the_id_in_its_path_is_another_request() -> None:
    assert requests([json.dumps(LB | {"request_id": "other", "trace_id": "", "path": f"/{ID}"})], ID) == []


def test_what_haproxy_and_nginx_write_is_read() -> None:
    """As it was written by them; nginx has the offset of its host's time zone."""
    haproxy = (
        '{"time":"2026-11-27T20:34:05.461+00:00","tier":"loadbalancer","host":"lb1","request_id":"a","trace_id":"b",'
        '"method":"GET","path":"\\/a\\"b","status":-1,"seconds":0.014,"client":"::1","server":"b/s"}'
    )
    nginx = (
        '{"time":"2026-11-27T21:34:05.461+01:00","tier":"web","host":"web1","request_id":"a","trace_id":"b",'
        '"method":"GET","path":"/a\\"b","status":499,"seconds":0.000,"upstream":""}'
    )
    first, second = read(haproxy), read(nginx)
    assert first
    assert second
    assert (first.path, first.status, first.ended) == (second.path, -1, second.ended)
