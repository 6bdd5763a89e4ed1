"""Virtual addresses: which load balancer holds which one, and who takes it over.

VRRP (RFC 9568) elects for each instance the router with the highest priority. An instance is tied to one family, that
of the hosts' own addresses; virtual addresses of the other family go along with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.addresses import HostVars, addresses
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import (
    Address,
    TopologyError,
    reachable_address,
    shown,
)

ROUTER_IDS = range(1, 256)
"""RFC 9568, 5.2.3."""
HIGHEST_PRIORITY = 254
"""RFC 9568, 5.2.4: 255 is for the owner of an address, which a virtual one has not."""


class Mode(str, Enum):
    """Whether one load balancer serves all virtual addresses, or each some of them."""

    ACTIVE_PASSIVE = "active_passive"
    ACTIVE_ACTIVE = "active_active"


@dataclass(frozen=True)
class Instance:
    """A VRRP instance as one host has it. `peers` in the order in which they take over."""

    name: str
    router_id: int
    priority: int
    address: Address
    peers: tuple[Address, ...]
    addresses: tuple[Address, ...]

    def data(self) -> dict[str, Any]:
        """As the role keepalived takes it."""
        return {
            "name": self.name,
            "router_id": self.router_id,
            "priority": self.priority,
            "address": str(self.address),
            "peers": [str(peer) for peer in self.peers],
            "addresses": [str(address) for address in self.addresses],
        }


def instances(
    hosts: Sequence[str],
    hostvars: HostVars,
    virtual: Sequence[str],
    mode: str = Mode.ACTIVE_PASSIVE.value,
    router_id: int = 51,
) -> dict[str, list[Instance]]:
    """The instances of each of the load balancers `hosts`.

    Active-passive: one instance with all virtual addresses; the first load balancer of the inventory has the highest
    priority. Active-active: an instance for each load balancer, of which that one is the first; the n-th address of
    each family is the n-th load balancer's, and those after it take over in turn.

    Raises TopologyError for less than two load balancers, an address that is a host's own, given twice or not one that
    can be reached, fewer addresses than load balancers in active-active, and an instance whose addresses are all of
    the other family than the hosts' own.
    """
    own = addresses(hosts, hostvars)
    if len(own) < 2:
        raise TopologyError(
            f"webstack_virtual_addresses is set and the group loadbalancers has {len(own)} host; a virtual address "
            "moves between load balancers, so add a second one, or leave it out"
        )
    modes = [known.value for known in Mode]
    if mode not in modes:
        raise TopologyError(f"webstack_lb_mode is {shown(mode)}; write one of {' and '.join(modes)}")
    if router_id not in ROUTER_IDS or router_id + len(own) - 1 not in ROUTER_IDS:
        raise TopologyError(
            f"webstack_vrrp_router_id is {shown(router_id)}; use 1 to {ROUTER_IDS[-1] - len(own) + 1}, "
            "the numbers that follow are used, too"
        )
    wanted = _virtual(virtual, own)
    shares = [wanted] if mode == Mode.ACTIVE_PASSIVE else _shares(wanted, list(own))
    return {
        host: [_instance(host, own, number, share, router_id) for number, share in enumerate(shares)] for host in own
    }


def _instance(host: str, own: Mapping[str, Address], number: int, share: Sequence[Address], router_id: int) -> Instance:
    """An instance as `host` has it. Of the n-th one the n-th host is the first; the next ones take over."""
    names = list(own)
    order = names[number:] + names[:number]
    family = own[host].version
    if not any(address.version == family for address in share):
        raise TopologyError(
            f"webstack_virtual_addresses: {', '.join(map(str, share))} is not of the family in which the load "
            f"balancers reach each other (IPv{family}); give an address of that family with it"
        )
    return Instance(
        name=f"webstack_{number + 1}",
        router_id=router_id + number,
        priority=HIGHEST_PRIORITY - order.index(host),
        address=own[host],
        peers=tuple(own[name] for name in order if name != host),
        # Those of the hosts' family first: the instance is theirs.
        addresses=tuple(sorted(share, key=lambda address: address.version != family)),
    )


def _virtual(virtual: Sequence[str], own: Mapping[str, Address]) -> list[Address]:
    """The virtual addresses, each of its own kind and once."""
    if isinstance(virtual, str) or not isinstance(virtual, Sequence) or not virtual:
        raise TopologyError(f"webstack_virtual_addresses is {shown(virtual)}; give a list of addresses")
    owners = {address: name for name, address in own.items()}
    found: list[Address] = []
    for value in virtual:
        address = reachable_address(
            value, "webstack_virtual_addresses", "an entry", "give the bare IPv4 or IPv6 address, without a prefix"
        )
        if address in owners:
            raise TopologyError(
                f"webstack_virtual_addresses has {address}, which is the address of {owners[address]} itself; "
                "use one that no host has"
            )
        if address in found:
            raise TopologyError(f"webstack_virtual_addresses has {address} twice; leave one out")
        found.append(address)
    return found


def _shares(virtual: Sequence[Address], names: Sequence[str]) -> list[list[Address]]:
    """For each load balancer its share: of each family the addresses in turn."""
    shares: list[list[Address]] = [[] for _name in names]
    for version in (4, 6):
        for number, address in enumerate(address for address in virtual if address.version == version):
            shares[number % len(names)].append(address)
    if not all(shares):
        raise TopologyError(
            f"webstack_lb_mode is active_active with {len(names)} load balancers and {len(virtual)} address in "
            "webstack_virtual_addresses; give each load balancer one, or use active_passive"
        )
    return shares
