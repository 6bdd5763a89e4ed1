"""What trace.yml prints: a table for each request, or a JSON document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timezone
from enum import Enum
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, reason
from ansible_collections.foobar.webstack.plugins.plugin_utils.sentences import Caller, sentences
from ansible_collections.foobar.webstack.plugins.plugin_utils.status.screen import NOTHING, table
from ansible_collections.foobar.webstack.plugins.plugin_utils.trace.records import Record, Request, is_id, requests

FORMATS = ("text", "json")


class Code(str, Enum):
    """Why there is nothing to show, or what is missing of it."""

    NO_ID = "trace.no_id"
    BAD_ID = "trace.bad_id"
    UNKNOWN = "trace.unknown"
    NOBODY = "trace.nobody"
    NOT_ASKED = "trace.not_asked"
    ENDS = "trace.ends"


@dataclass(frozen=True)
class Looked:
    """The journals of a host, looked through: the lines that were found, or why they could not be."""

    lines: tuple[str, ...] = ()
    error: str = ""

    @classmethod
    def of_result(cls, result: Mapping[str, Any]) -> Looked:
        """Of what the module command has registered. journalctl ends with 1 when it finds nothing, and says nothing."""
        if result.get("unreachable") or "rc" not in result:
            return cls(error=str(result.get("msg") or "it does not answer"))
        said = str(result.get("stderr") or "").strip()
        if result["rc"] != 0 and (said or result["rc"] != 1):
            return cls(error=said or f"journalctl ended with {result['rc']}")
        return cls(tuple(str(result.get("stdout") or "").splitlines()))


@dataclass(frozen=True)
class Report:
    """What is printed, and a sentence where the run is to fail."""

    text: str = ""
    failure: str = ""

    def as_data(self) -> dict[str, str]:
        """As plain data."""
        return {"text": self.text, "failure": self.failure}


@dataclass(frozen=True)
class Question:
    """Which request, and how it is told."""

    wanted: str
    since: str
    form: str = "text"
    caller: Caller = field(default_factory=Caller)

    @property
    def mistakes(self) -> list[str]:
        """What keeps it from being asked."""
        found: list[Reason] = []
        if not self.wanted:
            found.append(reason(Code.NO_ID))
        elif not is_id(self.wanted):
            found.append(reason(Code.BAD_ID, id=self.wanted))
        said = self._said(found)
        if self.form not in FORMATS:
            said.append(f'format is "{self.form}"; write {" or ".join(FORMATS)}.')
        return said

    def answer(self, looked: Mapping[str, Looked]) -> Report:
        """What the hosts know of it; `looked` is by their names."""
        silent = [reason(Code.NOT_ASKED, host=host, error=each.error) for host, each in looked.items() if each.error]
        asked = [host for host, each in looked.items() if not each.error]
        if not asked:
            return Report("\n".join(self._said(silent)), " ".join(self._said([reason(Code.NOBODY)])))
        found = requests((line for host in asked for line in looked[host].lines), self.wanted)
        if not found:
            unknown = reason(Code.UNKNOWN, id=self.wanted, since=self.since, hosts=asked)
            return Report("\n".join(self._said(silent)), " ".join(self._said([unknown])))
        if self.form == "json":
            return Report(json.dumps({"requests": [document(request) for request in found]}, indent=2))
        parts = ["\n".join(self._screen(request)) for request in found]
        return Report("\n\n".join([*parts, *(["\n".join(self._said(silent))] if silent else [])]))

    def _screen(self, request: Request) -> Iterator[str]:
        yield from headline(request)
        yield ""
        yield from table(list(rows(request)))
        # An application of somebody else's may log what it likes.
        if request.last_tier in ("loadbalancer", "web"):
            yield ""
            yield from self._said([reason(Code.ENDS, tier=request.last_tier)])

    def _said(self, reasons: Sequence[Reason]) -> list[str]:
        return [f"{text}." for text in sentences([each.as_data() for each in reasons], self.caller)]


def headline(request: Request) -> Iterator[str]:
    """What it was, and what came of it, as the tier nearest to the visitor has it."""
    first = request.first
    trace = f" of trace {first.trace_id}" if first.trace_id not in ("", first.request_id) else ""
    began = first.began.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]  # noqa: UP017
    yield f"Request {first.request_id}{trace}"
    yield f"{first.method} {first.path}: {first.status} after {first.seconds:.3f} s, begun at {began} UTC"


def rows(request: Request) -> Iterator[Sequence[str]]:
    """A row for each record and for each database. `at` is seconds after the first tier's, by the hosts' clocks."""
    yield ("TIER", "host", "at", "took", "status", "")
    for record in request.records:
        at = (record.began - request.first.began).total_seconds()
        yield (record.tier, record.host, f"{at:+.3f}", f"{record.seconds:.3f} s", str(record.status), _detail(record))
        for work in _databases(record):
            count = work.get("statements", 0)
            statements = "1 statement" if count == 1 else f"{count} statements"
            took = f"{float(work.get('seconds', 0)):.3f} s"
            yield ("database", str(work.get("host", NOTHING)), NOTHING, took, NOTHING, statements)


def document(request: Request) -> dict[str, Any]:
    """The same for programs."""
    first = request.first
    records = [record.as_data() for record in request.records]
    return {"request_id": first.request_id, "trace_id": first.trace_id, "records": records}


def _databases(record: Record) -> list[Mapping[str, Any]]:
    found = record.other.get("databases")
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _detail(record: Record) -> str:
    """What only this tier knows, in few words."""
    other = {name: str(value) for name, value in record.other.items()}
    parts = []
    if record.tier == "loadbalancer":
        parts.append(f"of {other.get('client', NOTHING)}")
    target = other.get("server") or other.get("upstream")
    if target:
        parts.append(f"to {target}")
    # HAProxy's: who ended it, and when. Two dashes are the usual end.
    if other.get("termination", "--") != "--":
        parts.append(f"ended {other['termination']}")
    return ", ".join(parts)
