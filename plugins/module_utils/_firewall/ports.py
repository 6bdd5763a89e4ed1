"""Ports of the stack, and whether a rule's ports are among them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Range = tuple[int, int]


def of_rules(rules: Iterable[Mapping[str, Any]]) -> list[Range]:
    """The TCP ports that rules of the role firewall open."""
    return [
        as_range(str(port))
        for rule in rules
        if rule.get("direction", "in") == "in" and rule.get("protocol", "tcp") == "tcp"
        for port in rule.get("ports") or []
    ]


def as_range(text: str) -> Range:
    """22, or 8000-8010 as the role and 8000:8010 as iptables write it. No port at all for what is no number."""
    low, _separator, high = text.replace(":", "-").partition("-")
    return (int(low), int(high or low)) if low.isdigit() and (high or low).isdigit() else (-1, -1)


def matched(ours: Iterable[Range], theirs: Iterable[Range], *, negated: bool) -> bool:
    """Whether one of our ports is among theirs, or with `negated` outside of them."""
    found = list(theirs)
    if negated:
        return any(not any(low >= start and high <= end for start, end in found) for low, high in ours)
    return any(low <= end and high >= start for low, high in ours for start, end in found)
