"""The network interfaces of a host and their addresses, of Ansible's facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import ip


def interface_of(facts: Mapping[str, Any], address: str) -> str:
    """The network interface that has the address, of Ansible's facts; empty when none has it."""
    wanted = ip(address)
    return next((name for name, found in _addresses(facts) if found == wanted), "")


def present_addresses(facts: Mapping[str, Any], addresses: Sequence[str]) -> list[str]:
    """Of the addresses those that the host has, by Ansible's facts: in their order, as the host writes them."""
    has = {found for _name, found in _addresses(facts)}
    return [str(address) for address in map(ip, addresses) if address in has]


def _addresses(facts: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each interface with each of its addresses."""
    for name in facts.get("interfaces", []):
        interface = facts.get(str(name).replace("-", "_").replace(".", "_").replace(":", "_"), {})
        four = interface.get("ipv4", {})
        has = [four] if isinstance(four, Mapping) else list(four)
        has += [*interface.get("ipv4_secondaries", []), *interface.get("ipv6", [])]
        for entry in has:
            yield str(interface.get("device", name)), ip(entry.get("address"))
