"""Whether other hosts, which are not part of this run, let this one in."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

PATIENCE = 3
"""Seconds for an answer. A firewall that drops gives none."""


def lets_in(address: str, port: int) -> bool:
    """Whether a packet comes through: somebody accepts the connection, or the host itself refuses it."""
    try:
        with socket.create_connection((address, port), PATIENCE):
            return True
    except ConnectionRefusedError:
        return True
    except OSError:
        return False


def closed(
    rules: Sequence[Mapping[str, Any]], left_out: Sequence[str], lets_in: Callable[[str, int], bool] = lets_in
) -> list[str]:
    """Names of outbound TCP rules that lead only to hosts that are left out, of which none lets this host in.

    Nothing is tried where this host is itself one of those that a rule leads to.
    """
    own = {rule["name"] for rule in rules if rule.get("direction", "in") == "in"}
    ends: dict[str, list[tuple[str, int]]] = {}
    for rule in rules:
        if rule.get("direction") == "out" and rule.get("protocol", "tcp") == "tcp" and rule["name"] not in own:
            for address in rule.get("addresses", []):
                ends.setdefault(rule["name"], []).extend((address, int(port)) for port in list(rule["ports"])[:1])
    return [
        name
        for name, of_rule in ends.items()
        if {address for address, _port in of_rule} <= set(left_out) and not any(lets_in(*end) for end in of_rule)
    ]
