"""Times in nginx's notation: ``90``, ``1h 30m``, ``500ms`` (https://nginx.org/en/docs/syntax.html)."""

from __future__ import annotations

import re
from collections.abc import Iterable

_UNITS = {
    "ms": 0.001,
    "": 1.0,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 7 * 86400.0,
    "M": 30 * 86400.0,
    "y": 365 * 86400.0,
}
_PART = re.compile(r"(\d+)(ms|[smhdwMy]?)")


def seconds(time: str) -> float:
    """A time in seconds. Raises ValueError for what is no time of nginx."""
    text = time.replace(" ", "")
    if not re.fullmatch(rf"(?:{_PART.pattern})+", text):
        raise ValueError(f"{time!r} is not a time of nginx")
    return sum(int(found[1]) * _UNITS[found[2]] for found in _PART.finditer(text))


def shortest(times: Iterable[str]) -> str:
    """The first of the shortest times, as it was given; what is no time, or 0 for no limit, counts as the longest."""

    def length(time: str) -> float:
        try:
            return seconds(time) or float("inf")
        except ValueError:
            return float("inf")

    return min(times, key=length)
