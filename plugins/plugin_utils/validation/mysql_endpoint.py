"""Mistakes in the variables of the role mysql_endpoint that a type cannot say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import PORTS, is_address, is_port

TLS = ("certificate", "key")


@dataclass(frozen=True)
class Variables:
    """The role's variables, without the prefix."""

    address: str
    port: int
    tls: Mapping[str, Any]
    max_lag: float
    mode: str = "pair"
    reopen: bool = False
    peers: Sequence[Mapping[str, Any]] = ()
    ca: str = ""


def errors(variables: Variables) -> list[str]:
    """All mistakes, each as a sentence that names the variable and the fix."""
    return list(_errors(variables))


def _errors(variables: Variables) -> Iterator[str]:
    if variables.address != "*" and not is_address(variables.address):
        yield (
            f'mysql_endpoint_address: "{variables.address}" is not a valid address; use an IPv4 or IPv6 address'
            ' without brackets, or "*" for all.'
        )
    if not is_port(variables.port):
        yield f"mysql_endpoint_port: {variables.port} is not a valid port; use {PORTS[0]} to {PORTS[-1]}."
    missing = [name for name in TLS if not variables.tls.get(name)]
    if variables.tls and missing:
        yield f"mysql_endpoint_tls has no {' and no '.join(missing)}; set both certificate and key, or leave it empty."
    if variables.max_lag <= 0:
        yield f"mysql_endpoint_max_lag is {variables.max_lag:g}; use more than 0 seconds."
    if variables.reopen and not variables.ca:
        yield "mysql_endpoint_reopen is true without mysql_endpoint_ca; name the file with the CA of the others."
    for peer in variables.peers:
        name, address, port = str(peer.get("name", "")), str(peer.get("address", "")), peer.get("port", 3308)
        if not name or set(name) & set(", "):
            yield f'mysql_endpoint_peers: "{name}" is not a valid name; use one without commas and spaces.'
        if not is_address(address):
            yield f'mysql_endpoint_peers: {name}: "{address}" is not a valid address; use an IPv4 or IPv6 address.'
        if not is_port(port):
            yield f"mysql_endpoint_peers: {name}: {port} is not a valid port; use {PORTS[0]} to {PORTS[-1]}."
