"""Mistakes in the data of the role firewall that nft would explain badly, or take for a name to look up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import (
    is_network,
    is_port,
    is_port_range,
    is_rule_name,
)

RULES = ("firewall_rules", "firewall_extra_rules", "firewall_outbound_rules")
RATES = ("firewall_ssh_rate", "firewall_ping_rate")
LEAST_ROLLBACK_SECONDS = 10

_RATE = re.compile(r"[1-9][0-9]*/(second|minute|hour|day)")


def errors(variables: Mapping[str, Any]) -> list[str]:
    """A sentence for each mistake in the role's variables; those that are not given are not checked."""
    return [
        *(error for variable in RULES for rule in variables.get(variable, ()) for error in _of_rule(variable, rule)),
        *_of_addresses("firewall_ssh_sources", variables.get("firewall_ssh_sources", ())),
        *_of_numbers(variables),
    ]


def _of_rule(variable: str, rule: Mapping[str, Any]) -> Iterator[str]:
    where = f'{variable}: rule "{rule["name"]}"'
    has_ports, ports = rule.get("protocol", "tcp") != "vrrp", rule.get("ports") or []
    if not is_rule_name(rule["name"]):
        yield (
            f"{where} has a name that nftables does not accept; write at most 64 letters, digits, spaces, "
            '"_", "-" and ".".'
        )
    if ports and not has_ports:
        yield f"{where} has ports and the protocol vrrp, which has none; leave ports out."
    if has_ports and not ports:
        yield f"{where} has no ports; write the ports to open, or remove the rule."
    for port in ports:
        if not is_port_range(port):
            yield (
                f'{where}: port "{port}" is not valid; write a number from 1 to 65535, or a range such as 8000-8010.'
            )
    if "addresses" in rule and not rule["addresses"]:
        yield f"{where} has no addresses; write some, leave addresses out for everybody, or remove the rule."
    yield from _of_addresses(where, rule.get("addresses") or [])


def _of_addresses(where: str, addresses: Iterable[object]) -> Iterator[str]:
    for address in addresses:
        if not is_network(address):
            yield (
                f'{where}: "{address}" is not an address or network; '
                "write one such as 198.51.100.7, 198.51.100.0/24 or 2001:db8::/32."
            )


def _of_numbers(variables: Mapping[str, Any]) -> Iterator[str]:
    port = variables.get("firewall_ssh_port", 22)
    if not is_port(port):
        yield f"firewall_ssh_port is {port}; write a port from 1 to 65535."
    for name in RATES:
        if name in variables and not _RATE.fullmatch(str(variables[name])):
            yield f'{name} is "{variables[name]}"; write a rate such as 60/minute.'
    seconds = int(variables.get("firewall_rollback_seconds", LEAST_ROLLBACK_SECONDS))
    if seconds < LEAST_ROLLBACK_SECONDS:
        yield (
            f"firewall_rollback_seconds is {seconds}; write at least {LEAST_ROLLBACK_SECONDS}, or good rules may be "
            "rolled back before they are confirmed."
        )
