"""What a host can tell of database hosts from outside: whether they answer, their clocks, HAProxy's view of them."""

from __future__ import annotations

import csv
import http.client
import io
import json
import socket
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._haproxy import runtime
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import ServerError, tls_context

SAMPLES = 3
"""Of another host's clock."""

STATE = "/state"


def greets(host: str, port: int, patience: float) -> bool:
    """Whether a MySQL server sends its greeting. A port that is only open may be that of a process that hangs."""
    try:
        with socket.create_connection((host, port), timeout=patience) as connection:
            connection.settimeout(patience)
            return bool(connection.recv(1))
    except OSError:
        return False


def clock(host: str, port: int, ca: str, patience: float) -> dict[str, float] | None:
    """How far this clock is ahead of the one of mysql_endpoint on another host; None where that does not answer."""
    context = tls_context(ca)
    samples = []
    for _sample in range(SAMPLES):
        connection = http.client.HTTPSConnection(host, port, timeout=patience, context=context)
        try:
            connection.connect()
            before = time.time()
            connection.request("GET", STATE)
            answer = json.loads(connection.getresponse().read())
            after = time.time()
            samples.append((before, datetime.fromisoformat(answer["time"]).timestamp(), after))
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            break
        finally:
            connection.close()
    return clock_offset(samples)


def state_of_host(host: str, port: int, ca: str, patience: float) -> dict[str, Any]:
    """What mysql_endpoint on another host says of its server. OSError or ValueError where it does not answer."""
    try:
        context = tls_context(ca)
    except ServerError as error:
        raise ValueError(str(error)) from error
    connection = http.client.HTTPSConnection(host, port, timeout=patience, context=context)
    try:
        connection.request("GET", STATE)
        answer = json.loads(connection.getresponse().read())
    except http.client.HTTPException as error:
        raise ValueError(f"{host} port {port} does not answer as it should: {error}") from error
    finally:
        connection.close()
    if not isinstance(answer, dict):
        raise ValueError(f"{host} port {port} does not answer as it should")
    return answer


def haproxy_statistics(path: str, patience: float) -> str:
    """HAProxy's `show stat`, empty where it does not answer."""
    try:
        return runtime.statistics(path, patience)
    except OSError:
        return ""


def haproxy_states(listing: str, backend: str, now: float) -> dict[str, dict[str, Any]]:
    """The state of each server of a backend, from HAProxy's `show stat`: whether it is up, and since when.

    `since` is the latest moment at which it can have changed: lastchg is in whole seconds (management guide, 9.1).
    """
    found = {}
    for row in csv.DictReader(io.StringIO(listing.removeprefix("# "))):
        if row.get("pxname") != backend or row.get("svname") in ("FRONTEND", "BACKEND", None):
            continue
        changed = row.get("lastchg") or ""
        found[row["svname"]] = {
            "up": not (row.get("status") or "").startswith(("DOWN", "MAINT")),
            "since": now - int(changed) + 1 if changed.isdecimal() else None,
        }
    return found


def clock_offset(samples: Sequence[tuple[float, float, float]]) -> dict[str, float] | None:
    """How far this clock is ahead of another, from moments here before, there, and here after; the shortest wait tells.

    `ahead` is off by no more than `error`.
    """
    if not samples:
        return None
    before, there, after = min(samples, key=lambda sample: sample[2] - sample[0])
    return {"ahead": round((before + after) / 2 - there, 4), "error": round((after - before) / 2, 4)}
