"""What HAProxy writes of each request, and the ids by which its records are found in every tier.

The form is the one of docs/logs.md: one JSON object a request, without query string, cookie or body. It is written in
the terms of HAProxy 2.6, which has no log format for JSON: times in milliseconds are cut with arithmetic.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.foobar.webstack.plugins.plugin_utils.haproxy.model import Proxy

TIER = "loadbalancer"

# W3C Trace Context: version 00, and neither id may be zero alone.
_TRACEPARENT = "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"
_ZEROS = "^00-(0{32}|[0-9a-f]{32}-0{16})-"
# Of another one nothing is kept: it is written into logs, and into comments of SQL by whoever likes.
_REQUEST_ID = "^[A-Za-z0-9._:-]{1,128}$"

# Milliseconds as three digits: 1007 without its first one.
_DIGITS = "mod(1000),add(1000),regsub(^1,)"
_NOW = f"%[date,utime(%Y-%m-%dT%H:%M:%S)].%[date(0,ms),{_DIGITS}]+00:00"
_SPENT = "date(0,ms),sub(txn.began)"
# The converter writes / as \/, which is right in JSON and hard to search for. Of four backslashes HAProxy makes two,
# and its pattern one.
_PATH = r"%[var(txn.path),json(utf8s),regsub(\\\\/,/,g)]"
_SECONDS = f"%[{_SPENT},div(1000)].%[{_SPENT},{_DIGITS}]"


def log_formats(host: str) -> Iterator[str]:
    """The lines that say what is logged: of a request, and of a connection or a request that could not be read."""
    yield (
        f"log-format '{{{_opening(host)}"
        '"request_id":"%[var(txn.request_id)]","trace_id":"%[var(txn.trace_id)]",'
        f'"method":"%HM","path":"{_PATH}","status":%ST,"seconds":{_SECONDS},'
        '"client":"%ci","frontend":"%f","server":"%b/%s","bytes":%B,"timers":"%TR/%Tw/%Tc/%Tr/%Ta",'
        '"termination":"%ts"}\''
    )
    yield (
        f"error-log-format '{{{_opening(host)}"
        '"request_id":"","trace_id":"","method":"","path":"","status":%ST,"seconds":0,'
        '"client":"%ci","frontend":"%f","connection":"%[fc_err_str]"}\''
    )


def _opening(host: str) -> str:
    # A name that JSON or HAProxy would have to quote is none that anybody has.
    name = re.sub(r"[^A-Za-z0-9_.:-]", "_", host)
    return f'"time":"{_NOW}","tier":"{TIER}","host":"{name}",'


def noted() -> Iterator[str]:
    """The rules that keep for the log what is gone by the time of writing it. They stand before any that refuses."""
    yield "http-request set-var(txn.began) date(0,ms)"
    yield "http-request set-var(txn.path) path"


def identified(proxy: Proxy, from_proxy: str) -> Iterator[str]:
    """The rules that give a request its ids; those of a client are kept where it is trusted, and valid.

    `from_proxy` is the condition that a trusted proxy has sent it: where there are such, only theirs are kept.
    """
    if proxy.request_id is None:
        return
    yield "# Ids of the request, for the logs of every tier: https://www.w3.org/TR/trace-context/"
    if proxy.request_id.trust:
        trusted = f" {from_proxy}" if proxy.trusted_proxies else ""
        parent = "req.hdr(traceparent)"
        yield (
            f"http-request set-var(txn.traced) bool(true) if{trusted} {{ req.hdr_cnt(traceparent) eq 1 }}"
            f" {{ {parent} -m reg {_TRACEPARENT} }} !{{ {parent} -m reg {_ZEROS} }}"
        )
        yield f"http-request set-var(txn.trace_id) {parent},field(2,-) if {{ var(txn.traced) -m bool }}"
        yield f"http-request set-var(txn.trace_flags) {parent},field(4,-) if {{ var(txn.traced) -m bool }}"
        yield (
            f"http-request set-var(txn.request_id) req.hdr(X-Request-ID) if{trusted}"
            f" {{ req.hdr_cnt(X-Request-ID) eq 1 }} {{ req.hdr(X-Request-ID) -m reg {_REQUEST_ID} }}"
        )
    yield "http-request set-var(txn.trace_id) uuid,regsub(-,,g) unless { var(txn.trace_id) -m found }"
    yield "http-request set-var(txn.request_id) var(txn.trace_id) unless { var(txn.request_id) -m found }"
    yield "http-request set-header X-Request-ID %[var(txn.request_id)]"
    # A span of our own. What belongs to a trace that was not kept goes with it.
    yield (
        "http-request set-header traceparent"
        " 00-%[var(txn.trace_id)]-%[uuid,field(1,-)]%[uuid,field(1,-)]-%[var(txn.trace_flags,01)]"
    )
    yield "http-request del-header tracestate unless { var(txn.traced) -m bool }"
    # For whoever reports an error: refusals and errors of HAProxy's own have it, too.
    yield ("http-after-response set-header X-Request-ID %[var(txn.request_id)] if { var(txn.request_id) -m found }")
