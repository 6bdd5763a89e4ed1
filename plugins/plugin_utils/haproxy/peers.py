"""Load balancers that tell each other how much each client has asked of them.

A peer pushes its values over those of the others, and HAProxy does not add them up (configuration manual, 3.5 "Peers").
So each balancer counts in a table of its own, which the others have a copy of, and the limit is compared with the sum.
"""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.foobar.webstack.plugins.plugin_utils.haproxy.model import Peers, endpoint

SECTION = "balancers"
"""Name of the section, which is part of the tables' names elsewhere."""


def table_name(host: str, proxy: str) -> str:
    """What the table of a balancer for a proxy is called in the section."""
    return f"{host}_{proxy}"


def section(peers: Peers, tables: dict[str, str]) -> Iterator[str]:
    """The lines of the section; `tables` has the description of the table of each proxy that counts.

    It listens where the others ask: HAProxy takes one address in such a section.
    """
    tls = f"ssl crt {peers.certificate} ca-file {peers.ca_file} verify required"
    places = {host.name: endpoint(host.address, peers.port) for host in peers.hosts}
    yield f"bind {places[peers.local]} {tls}"
    yield f"default-server {tls}"
    for name, place in places.items():
        yield f"server {name}" if name == peers.local else f"server {name} {place} verifyhost {name}"
    for proxy, described in tables.items():
        for host in peers.hosts:
            yield f"table {table_name(host.name, proxy)} {described}"


def sum_of(peers: Peers, proxy: str, client: str, own: str) -> Iterator[str]:
    """Rules that set `txn.rate` to what a client has asked of all balancers: `own` here, and what the others told."""
    so_far = ""
    for other in peers.others:
        yield f"http-request set-var(txn.rate) {client},table_gpc0_rate({SECTION}/{table_name(other, proxy)}){so_far}"
        so_far = ",add(txn.rate)"
    yield f"http-request set-var(txn.rate) {own}{so_far}"
