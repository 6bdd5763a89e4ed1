"""How an ACME server finds the answer to its question (RFC 8555, 8).

Each load balancer gets certificates of its own for the same names. The question by HTTP (HTTP-01) comes to any of them.
That by DNS (DNS-01) comes to a name server, at which each writes an answer of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.addresses import HostVars, addresses
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.dns_records import in_zone
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import TopologyError, ascii_name, listed

PATH = "{ path_beg /.well-known/acme-challenge/ }"
RELAYED = "X-ACME-Relayed"
"""Header of a question that another load balancer has passed on: it goes no further, or it would go in circles."""
PORT = 80
"""The only one at which an ACME server asks."""


def routing(
    hosts: Sequence[str], hostvars: HostVars, host: str, client: dict[str, Any], proxies: Sequence[str] = ()
) -> dict[str, Any]:
    """HAProxy's backends and routes on `host`, one of the load balancers `hosts`.

    `client` is where the ACME client of a host listens while it asks: `address` and `port`. It has an answer on one
    host alone. Nobody listens on the others, or answers 404, and the question is sent to the next.

    `proxies` are addresses and networks from which the load balancers take connections with a header of the PROXY
    protocol alone. Where `host` is in one of them, it has to send one, too.

    Raises TopologyError for load balancers without an address.
    """
    here = {"name": "lego", **client, "check": False}
    found = addresses(hosts, hostvars)
    as_proxy = any(found.get(host) in ip_network(network, strict=False) for network in proxies)
    header = {"extra": ["send-proxy-v2"]} if as_proxy else {}
    others = [
        {"name": name, "address": str(address), "port": PORT, "check": False, **header}
        for name, address in found.items()
        if name != host
    ]
    if not others:
        return {"backends": [{"name": "acme", "servers": [here]}], "routes": [{"backend": "acme", "condition": PATH}]}
    anywhere = {
        "name": "acme",
        "servers": [here, *others],
        "retries": len(others) + 1,
        "redispatch": 1,
        "retry_on": ["conn-failure", "empty-response", "404", "503"],
        "http_request": [f"set-header {RELAYED} 1"],
    }
    return {
        "backends": [anywhere, {"name": "acme-here", "servers": [here]}],
        "routes": [
            {"backend": "acme-here", "condition": f"{PATH} {{ req.hdr({RELAYED}) -m found }}"},
            {"backend": "acme", "condition": PATH},
        ],
    }


def challenges(names: Sequence[str], zone: str, servers: Sequence[str], wanted: bool | None) -> list[str]:
    """Names of the TXT records that prove the right to `names` in the own zone; none where HTTP-01 proves it.

    Raises TopologyError for names outside of the zone, and where `wanted` is true and nobody answers for the zone.
    """
    by_dns = wanted if wanted is not None else bool(servers) and any(name.startswith("*.") for name in names)
    if not by_dns:
        return []
    if not servers:
        raise TopologyError(
            "webstack_dns_acme is true, and the group dns has no host; name the site's name servers there, or set "
            "certificates_acme_dns to the service in which the zone is"
        )
    bare = dict.fromkeys(ascii_name(name.removeprefix("*.")) for name in names)
    outside = [name for name in bare if not in_zone(name, zone)]
    if outside:
        raise TopologyError(
            f"webstack_dns_acme: {listed(outside)} cannot be proven by a record of the zone {zone}; leave out of the "
            "certificate what is not in the zone, or set certificates_acme_dns"
        )
    return [f"_acme-challenge.{name}" for name in bare]
