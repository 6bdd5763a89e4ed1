"""New connections to virtual addresses are passed on to another load balancer, before that one gets the addresses.

An address that moves breaks every connection that is open. So a host that is stopped in order first lets its frames
through to the host that will have the address, but for the connections that it has already: those end here, and what
begins now ends there, before and after the move. Nothing of it is needed on a host that is lost.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any

from haproxy_watch.watch import answers

PATIENCE = 0.5
"""Seconds for another load balancer to answer."""
PAUSE = 0.05
"""Seconds between two looks at the connections."""

TABLE = "table netdev webstack_handover"

Rows = Sequence[Mapping[str, Any]]
"""What `ip -json` says."""


class HandoverError(Exception):
    """Why nothing is passed on."""


def interface_of(links: Rows, addresses: Sequence[str]) -> tuple[str, str]:
    """Name and MAC address of the interface that has one of the addresses. HandoverError where none has."""
    for link in links:
        if link["ifname"] != "lo" and any(entry.get("local") in addresses for entry in link["addr_info"]):
            return link["ifname"], link["address"]
    raise HandoverError("no virtual address is here")


def link_addresses(neighbours: Rows, peers: Sequence[str]) -> dict[str, str]:
    """The MAC address of each peer that is known."""
    return {row["dst"]: row["lladdr"] for row in neighbours if row["dst"] in peers and "lladdr" in row}


def rules(interface: str, own: str, peer: str, others: Sequence[str], addresses: Sequence[str]) -> str:
    """For `nft -f`: connections that begin from now on go to the host with the MAC address `peer`.

    `others` are the MAC addresses of all load balancers: what one of them has passed on is not passed on again.
    """
    lines = [f"add {TABLE}", f"delete {TABLE}", f"{TABLE} {{"]
    chain = [f'  chain ingress {{ type filter hook ingress device "{interface}" priority 0; policy accept;']
    chain.append(f"    ether saddr {{ {', '.join(sorted({peer, *others}))} }} accept")
    pass_on = f'ether saddr set {own} ether daddr set {peer} fwd to "{interface}"'
    for family, name in (("ip", "ipv4_addr"), ("ip6", "ipv6_addr")):
        mine = [address for address in addresses if (":" in address) == (family == "ip6")]
        if not mine:
            continue
        begun = f"begun_{family}"
        connection = f"{family} daddr . {family} saddr . tcp sport . tcp dport"
        kind = f"{name} . {name} . inet_service . inet_service"
        lines.append(f"  set {begun} {{ type {kind}; flags dynamic,timeout; timeout 5m; size 65535; }}")
        to = f"{family} daddr {{ {', '.join(mine)} }}"
        remember = f"update @{begun} {{ {connection} }}"
        chain.append(f"    {to} tcp flags & (syn | ack) == syn {remember}")
        chain.append(f"    {to} {connection} @{begun} {remember} {pass_on}")
    return "\n".join([*lines, *chain, "  }", "}"]) + "\n"


def said(*command: str, given: str | None = None) -> str:
    """What a command prints. HandoverError if it fails."""
    try:
        done = subprocess.run(command, check=False, input=given, capture_output=True, text=True)  # noqa: S603
    except OSError as error:
        raise HandoverError(f"{command[0]} cannot be run: {error.strerror}") from error
    if done.returncode != 0:
        raise HandoverError(f"{command[0]} fails: {done.stderr.strip()}")
    return done.stdout


def hand_over(addresses: Sequence[str], peers: Sequence[str], port: int, seconds: float) -> str:
    """Pass on what begins, and return when what is open has ended, at the latest after `seconds`; what happened.

    At `port`, a peer answers only where its keepalived and its HAProxy run, and takes what is passed on to it.
    HandoverError where nothing is passed on.
    """
    deadline = time.monotonic() + seconds
    interface, own = interface_of(json.loads(said("ip", "-json", "address")), addresses)
    peer = next((peer for peer in peers if answers(peer, port, PATIENCE)), "")
    if not peer:
        raise HandoverError("no other load balancer is ready")
    known = link_addresses(json.loads(said("ip", "-json", "neighbour", "show", "dev", interface)), peers)
    if peer not in known:
        raise HandoverError(f"{peer} is not on the link of {interface}")
    said("nft", "--file", "-", given=rules(interface, own, known[peer], list(known.values()), addresses))
    open_here = ("ss", "-Htn", "state", "connected", "exclude", "time-wait")
    which = " or ".join(f"src {f'[{address}]' if ':' in address else address}" for address in addresses)
    while (left := len(said(*open_here, which).splitlines())) and time.monotonic() < deadline:
        time.sleep(PAUSE)
    return f"{peer} gets what begins now; connections that are still open here: {left}"
