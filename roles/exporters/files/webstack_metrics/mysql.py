"""What the MySQL server of this host is, as its endpoint says it, compared with what its source says."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet

from webstack_metrics.metrics import Sample

State = Mapping[str, Any]
TIMEOUT = 3.0
"""Seconds for an endpoint to answer, which takes at most one until it knows."""
AGE = 0.2
"""Seconds after which no answer of an endpoint is from before: it keeps each for 0.1."""


def asked(url: str, ca: str) -> Callable[[str], State]:
    """A function that asks the endpoint of a host, by its address, at the port of `url`. OSError and ValueError."""
    parts = urlsplit(url)
    context = ssl.create_default_context(cafile=ca or None) if parts.scheme == "https" else None

    def ask(host: str) -> State:
        if context is None:
            connection = http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT)
        else:
            connection = http.client.HTTPSConnection(host, parts.port, timeout=TIMEOUT, context=context)
        try:
            connection.request("GET", "/state")
            answer = connection.getresponse()
            state = json.loads(answer.read())
        except http.client.HTTPException as error:
            raise OSError(f"{host}: {error!r}") from error
        finally:
            connection.close()
        if answer.status != 200 or not isinstance(state, dict):
            raise ValueError(f"{host}: {state.get('error', answer.status) if isinstance(state, dict) else state}")
        return state

    return ask


def samples(own: State, source: Callable[[str], State]) -> Iterator[Sample]:
    """Of the own state, which was asked before `source` is, so that a source has whatever its replica has.

    What the source seems to lack may be younger than its answer, so it is asked once more then.
    """
    yield Sample("webstack_mysql_up", 1)
    yield Sample("webstack_mysql_writable", bool(own["writable"]))
    group = own["group"]
    if own["writable"]:
        # Commits in a group wait for most of its members, whatever is set.
        if not group:
            yield Sample("webstack_mysql_semi_sync", bool(own["semi_sync_source"]))
            yield Sample("webstack_mysql_semi_sync_replicas", own["semi_sync_replicas"])
        if own.get("heartbeat"):
            age = datetime.fromisoformat(own["time"]) - datetime.fromisoformat(own["heartbeat"]["written"])
            yield Sample("webstack_mysql_heartbeat_age_seconds", age.total_seconds())
        return
    if group:
        follows = group["state"] == "ONLINE" and group["majority"] and group["applier"]
        yield Sample("webstack_mysql_replicates", follows)
    else:
        yield Sample("webstack_mysql_replicates", bool(own["receiver"] and own["applier"]))
    if own["lag_seconds"] is not None:
        yield Sample("webstack_mysql_lag_seconds", own["lag_seconds"])
    if own["source_host"]:
        errant = GtidSet.parse(own["gtid_executed"]) - GtidSet.parse(source(own["source_host"])["gtid_executed"])
        if errant:
            time.sleep(AGE)
            errant -= GtidSet.parse(source(own["source_host"])["gtid_executed"])
        yield Sample("webstack_mysql_errant_transactions", errant.count)
