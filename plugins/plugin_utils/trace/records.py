"""The records of requests, as every tier writes them: one JSON object a line (docs/logs.md)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

TIERS = ("loadbalancer", "web", "appserver", "application")
"""In the order in which a request passes them."""

# What HAProxy takes of a client that it trusts; its own ids are 32 hexadecimal digits.
_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


@dataclass(frozen=True)
class Record:
    """What one tier has logged of a request. `other` are the fields that only this tier has."""

    ended: datetime
    tier: str
    host: str
    request_id: str
    trace_id: str
    method: str
    path: str
    status: int
    seconds: float
    other: Mapping[str, Any]

    @property
    def began(self) -> datetime:
        """When the tier got the request, by the clock of its host."""
        return self.ended - timedelta(seconds=max(self.seconds, 0))

    @property
    def order(self) -> tuple[int, datetime]:
        """The tier's place on the way, and the time: clocks may differ by more than a tier takes."""
        return (TIERS.index(self.tier) if self.tier in TIERS else len(TIERS), self.began)

    def as_data(self) -> dict[str, Any]:
        """As it was logged."""
        return {
            "time": self.ended.isoformat(timespec="milliseconds"),
            "tier": self.tier,
            "host": self.host,
            "request_id": self.request_id,
            "trace_id": self.trace_id,
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "seconds": self.seconds,
            **self.other,
        }


@dataclass(frozen=True)
class Request:
    """The records of one request, in the order of the tiers."""

    records: tuple[Record, ...]

    @property
    def first(self) -> Record:
        """That of the tier nearest to the visitor."""
        return self.records[0]

    @property
    def last_tier(self) -> str:
        """The tier farthest from the visitor."""
        return self.records[-1].tier


def is_id(text: str) -> bool:
    """Whether a request or a trace can be called so."""
    return _ID.fullmatch(text) is not None


def requests(lines: Iterable[str], wanted: str) -> list[Request]:
    """The requests of which the id, or the id of the trace, is the wanted one; each record once, however often told.

    What is no record, or of another request that has the id in its path, say, is passed over.
    """
    found: dict[str, list[Record]] = {}
    for line in dict.fromkeys(lines):
        record = read(line)
        if record and wanted in (record.request_id, record.trace_id):
            found.setdefault(record.request_id, []).append(record)
    made = [Request(tuple(sorted(records, key=lambda each: each.order))) for records in found.values()]
    return sorted(made, key=lambda request: request.first.began)


def read(line: str) -> Record | None:
    """The record of a line, if it is one."""
    if not line.startswith("{"):
        return None
    try:
        data = json.loads(line)
        time = datetime.fromisoformat(data.pop("time"))
        return Record(
            ended=time if time.tzinfo else time.replace(tzinfo=timezone.utc),  # noqa: UP017
            status=int(data.pop("status")),
            seconds=float(data.pop("seconds")),
            **{name: str(data.pop(name)) for name in ("tier", "host", "request_id", "trace_id", "method", "path")},
            other=data,
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
