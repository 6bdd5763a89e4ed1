"""The lines of statsd, with the labels that DogStatsD has added to them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

COUNTER, GAUGE, TIMER = "c", "g", "ms"
MOST = 1e15
"""No value is greater: what is added up stays a number."""
_LINE = re.compile(
    r"(?P<name>[A-Za-z][A-Za-z0-9_.-]{0,119}):(?P<value>[+-]?[0-9]+(?:[.][0-9]*)?(?:[eE][+-]?[0-9]{1,2})?)"
    r"[|](?P<kind>[a-z]+)(?:[|]@(?P<rate>[0-9.]{1,20}))?(?:[|]#(?P<tags>.*))?"
)
# No slash: a path is not a label, there are too many.
_TAG = re.compile(r"(?P<name>[a-z][a-z0-9_]{0,39}):(?P<value>[A-Za-z0-9_.:-]{1,64})")
_TAKEN = frozenset({"le", "quantile", "job", "instance"})
"""Labels of Prometheus itself."""
_LABELS = 4
_STATUS = re.compile(r"gunicorn[.]request[.]status[.]([1-5])[0-9]{2}")


class RefusedError(ValueError):
    """A line that is not counted. Its argument is the reason, one word."""


@dataclass(frozen=True)
class Event:
    """What a line says. A timer's value is seconds; a relative gauge's is added to what it was."""

    name: str
    kind: str
    value: float
    labels: tuple[tuple[str, str], ...] = ()
    is_relative: bool = False


def parse(line: str) -> Event:
    """The event of a line. RefusedError for what is not one, `format`, or of a kind that is not known, `type`."""
    found = _LINE.fullmatch(line)
    if not found:
        raise RefusedError("format")
    name, kind, value = found["name"], found["kind"], float(found["value"])
    if kind not in (COUNTER, GAUGE, TIMER):
        raise RefusedError("type")
    if abs(value) > MOST or (value < 0 and kind != GAUGE):
        raise RefusedError("format")
    if kind == COUNTER:
        value /= _rate(found["rate"])
    elif kind == TIMER:
        value /= 1000
    labels = _labels(found["tags"]) if found["tags"] else ()
    status = _STATUS.fullmatch(name)
    if status:
        # One metric with a label, by classes as HAProxy has them, in place of one for each status.
        name, labels = "gunicorn.responses", (*labels, ("code", f"{status[1]}xx"))
    return Event(name, kind, value, labels, kind == GAUGE and found["value"][0] in "+-")


def _rate(text: str | None) -> float:
    """The part of the events that is sent."""
    try:
        rate = float(text or 1)
    except ValueError:
        raise RefusedError("format") from None
    if not 1e-6 <= rate <= 1:
        raise RefusedError("format")
    return rate


def _labels(tags: str) -> tuple[tuple[str, str], ...]:
    found = [_TAG.fullmatch(tag) for tag in tags.split(",")]
    labels = {tag["name"]: tag["value"] for tag in found if tag}
    if len(labels) != len(found) or len(labels) > _LABELS or labels.keys() & _TAKEN:
        raise RefusedError("format")
    return tuple(sorted(labels.items()))
