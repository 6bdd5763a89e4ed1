"""Mistakes in the variables of the role dns that a type cannot say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.dnssec import SigningKeyError, signing_key
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.dns_records import in_zone
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import ip, is_address, is_dns_name
from ansible_collections.foobar.webstack.plugins.plugin_utils.validation.keys import length_errors

_TYPE = re.compile(r"[A-Z][A-Z0-9]*")


@dataclass(frozen=True)
class Variables:
    """The role's variables, without the prefix."""

    zones: Sequence[Mapping[str, Any]]
    address: str
    primary: str
    secondaries: Sequence[str]
    transfer_secret: str
    signing_secret: str
    acme_names: Sequence[str]
    acme_clients: Sequence[str]
    acme_secret: str
    listen: Sequence[str]
    rate_limit: int


def errors(variables: Variables) -> list[str]:
    """All mistakes, each as a sentence that names the variable and the fix. Secrets are not in them."""
    return [*_zone_errors(variables), *_host_errors(variables), *_acme_errors(variables), *_secret_errors(variables)]


def _zone_errors(variables: Variables) -> Iterator[str]:
    if not variables.zones:
        yield "dns_zones is empty; give at least one zone, or leave the role out."
    names = [zone["name"] for zone in variables.zones]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield f"dns_zones: two have the name {name}; give each its own."
        if not is_dns_name(name) or name != name.lower():
            yield f'dns_zones: "{name}" is not the name of a zone; write it in small letters, without a dot at the end.'
    for zone in [] if variables.primary else variables.zones:
        yield from _record_errors(zone)


def _record_errors(zone: Mapping[str, Any]) -> Iterator[str]:
    where = f"dns_zones, {zone['name']}"
    records = zone.get("records") or []
    if not records or records[0]["type"] != "SOA":
        yield f"{where}: the first record is not the SOA; begin with it."
    for record in records:
        if not in_zone(record["name"], zone["name"]) or not is_dns_name(record["name"], wildcard=True):
            yield f'{where}: "{record["name"]}" is not a name in the zone; write a whole one, without a dot at the end.'
        elif not _TYPE.fullmatch(record["type"]) or not record["value"].isprintable() or not record["value"]:
            yield f"{where}: the {record['type']} of {record['name']} cannot be written to a zone file; use one line."


def _host_errors(variables: Variables) -> Iterator[str]:
    if variables.primary and variables.secondaries:
        yield "dns_primary and dns_secondaries are both set; a primary has secondaries, and a secondary has a primary."
    primary = [variables.primary] if variables.primary else []
    others = [*primary, *variables.secondaries]
    for name, addresses in (
        ("dns_primary", primary),
        ("dns_secondaries", variables.secondaries),
        ("dns_acme_clients", variables.acme_clients),
        ("dns_listen", variables.listen),
        ("dns_address", [variables.address] if others else []),
    ):
        for address in addresses:
            if not is_address(address):
                yield f'{name} has "{address}"; give bare IPv4 or IPv6 addresses.'
    own = ip(variables.address)
    for other in map(ip, others):
        if own and other and own.version != other.version:
            yield f"dns_address ({own}) and {other} are of two families; use those of one for all name servers."
    if not variables.listen:
        yield "dns_listen is empty, and the host has no address of its own; give one at which it answers."
    if variables.rate_limit < 0:
        yield f"dns_rate_limit is {variables.rate_limit}; use a number of answers in a second, or 0 for no limit."


def _acme_errors(variables: Variables) -> Iterator[str]:
    for name in variables.acme_names:
        if not is_dns_name(name) or not any(in_zone(name, zone["name"]) for zone in variables.zones):
            yield (
                f'dns_acme_names has "{name}", which is in none of the zones; write a whole name, without a dot at the '
                "end."
            )
    if variables.acme_names and not variables.acme_clients:
        yield "dns_acme_names is set and dns_acme_clients is empty; give the addresses of the ACME clients."
    if variables.acme_names:
        yield from length_errors("dns_acme_secret", variables.acme_secret)


def _secret_errors(variables: Variables) -> Iterator[str]:
    if variables.primary or variables.secondaries:
        yield from length_errors("dns_transfer_secret", variables.transfer_secret)
    secret = variables.signing_secret
    if "-----BEGIN" in secret:
        try:
            signing_key(secret, ".")
        except SigningKeyError as error:
            yield f"dns_signing_secret: {error}."
    elif secret:
        yield from length_errors("dns_signing_secret", secret, ", or a key as PEM")
