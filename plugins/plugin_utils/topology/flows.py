"""Firewall rules of a host, from who may speak to whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.addresses import (
    HostVars,
    address_in,
    require_mapping,
    variables_of,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import (
    Address,
    TopologyError,
    is_rule_name,
    listed,
    port_number,
    shown,
)

PROTOCOLS = ("tcp", "udp", "vrrp")
"""What a flow may be. VRRP is an IP protocol of its own, without ports."""
ANY_ADDRESS = ("0.0.0.0/0", "::/0")

_FLOW_KEYS = ("name", "to", "from", "ports", "protocol")


@dataclass(frozen=True, slots=True)
class Flow:
    """Hosts of the groups `sources` (None: any address) may open connections to `ports` of the hosts of `targets`.

    `ports_by_host` are those of each target where they differ; None where all have `ports`.
    """

    name: str
    protocol: str
    ports: tuple[int, ...]
    sources: tuple[str, ...] | None
    targets: tuple[str, ...]
    ports_by_host: Mapping[str, tuple[int, ...]] | None = None

    def ports_of(self, host: str) -> tuple[int, ...]:
        """The ports of a target."""
        if self.ports_by_host is None:
            return self.ports
        if host not in self.ports_by_host:
            raise TopologyError(f"flow {self.name}: ports has none of {host}; write those of every host that listens")
        return self.ports_by_host[host]


@dataclass(frozen=True, slots=True)
class FirewallRule:
    """What one host lets in, or may open. `addresses` None: from or to any address. `ports` is empty with VRRP."""

    name: str
    direction: Literal["in", "out"]
    protocol: str
    ports: tuple[int, ...]
    addresses: tuple[Address, ...] | None

    def as_data(self) -> dict[str, Any]:
        """The rule as plain data: the same keys, IPv6 compressed, any address as the networks of both families."""
        return {
            "name": self.name,
            "direction": self.direction,
            "protocol": self.protocol,
            "ports": list(self.ports),
            "addresses": list(ANY_ADDRESS) if self.addresses is None else [str(address) for address in self.addresses],
        }


def host_rules(
    flows: Sequence[Mapping[str, Any]],
    groups: Mapping[str, Sequence[str]],
    hostvars: HostVars,
    host: str,
    optional: Sequence[str] = (),
) -> list[FirewallRule]:
    """What `host` lets in, then what it may open itself, each in the order of `flows`.

    A flow is a mapping with `name` (unique), `to` and `from` (a group or a list of groups; `from` may be any),
    `ports` (a list of ports, or by host a port or a list of them; none with vrrp) and `protocol` (PROTOCOLS, default
    tcp). All flows are checked, on every host alike. A rule names every other host once, in the order of the groups;
    the host's own address is left out, and a rule that would have no address is none. Where the targets of a flow have
    different ports, there is a rule for each set of ports.

    `optional` are groups that the inventory may lack: what a flow says of one that is absent or empty does not count,
    and a flow that is left without a source or a target is dropped.

    Reads of each host that a rule names, and of `host`: what `address` reads.

    Raises TopologyError for a flow that is not of this form, a group that the inventory lacks and that is not optional,
    a host that is unknown or without a usable address.
    """
    require_mapping(hostvars)
    if not isinstance(groups, Mapping):
        raise TopologyError(f"groups is {shown(groups)}; pass Ansible's groups")
    if not isinstance(host, str) or host not in hostvars:
        raise TopologyError(f"firewall: {shown(host)} is not a host of the inventory; pass inventory_hostname")
    read = read_flows(flows, groups, optional)
    found: dict[str, Address] = {}

    def address_of(name: str, where: str) -> Address:
        if name not in found:
            found[name] = address_in(name, variables_of(name, hostvars, where))
        return found[name]

    def members(names: Sequence[str]) -> list[str]:
        return list(dict.fromkeys(member for name in names for member in groups[name] if member != host))

    def others(names: Iterable[str], where: str) -> tuple[Address, ...]:
        own = address_of(host, where)
        return tuple(at for at in dict.fromkeys(address_of(name, where) for name in names) if at != own)

    inbound, outbound = [], []
    for flow in read:
        where = f"flow {flow.name}"
        if any(host in groups[name] for name in flow.targets):
            sources = None if flow.sources is None else others(members(flow.sources), where)
            inbound.append(FirewallRule(flow.name, "in", flow.protocol, flow.ports_of(host), sources))
        if flow.sources is None or any(host in groups[name] for name in flow.sources):
            listening: dict[tuple[int, ...], list[str]] = {}
            for target in members(flow.targets):
                listening.setdefault(flow.ports_of(target), []).append(target)
            for ports, targets in listening.items():
                outbound.append(FirewallRule(flow.name, "out", flow.protocol, ports, others(targets, where)))
    return [rule for rule in inbound + outbound if rule.addresses is None or rule.addresses]


def read_flows(
    flows: Sequence[Mapping[str, Any]], groups: Mapping[str, Sequence[str]], optional: Sequence[str] = ()
) -> list[Flow]:
    """The flows that have a source and a target, in their order; their form and errors as in `host_rules`."""
    if isinstance(optional, str) or not isinstance(optional, Sequence):
        raise TopologyError(f"firewall: optional is {shown(optional)}; pass a list of group names")
    if isinstance(flows, str) or not isinstance(flows, Sequence):
        raise TopologyError(f"firewall: flows is {shown(flows)}; pass a list of flows, each with name, to, from, ports")
    read = [_flow(flow, number, groups, frozenset(optional)) for number, flow in enumerate(flows, 1)]
    names: set[str] = set()
    for flow in read:
        if flow.name in names:
            raise TopologyError(f"flow {flow.name}: two flows have this name; give each a name of its own")
        names.add(flow.name)
    return [flow for flow in read if flow.targets and flow.sources != ()]


def _flow(flow: Mapping[str, Any], number: int, groups: Mapping[str, Sequence[str]], optional: frozenset[str]) -> Flow:
    if not isinstance(flow, Mapping):
        raise TopologyError(f"flow {number}: it is {shown(flow)}; write a mapping with name, to, from and ports")
    name = flow.get("name")
    if not isinstance(name, str) or not is_rule_name(name):
        raise TopologyError(
            f"flow {number}: name is {shown(name)}; write at most 64 letters, digits, spaces, '_', '-' and '.'"
        )
    where = f"flow {name}"
    for key in flow:
        if key not in _FLOW_KEYS:
            raise TopologyError(f"{where}: {shown(key)} is not an option of a flow; use {listed(_FLOW_KEYS)}")
    protocol = flow.get("protocol", PROTOCOLS[0])
    if protocol not in PROTOCOLS:
        raise TopologyError(f"{where}: protocol is {shown(protocol)}; write one of {listed(PROTOCOLS)}")
    ports = flow.get("ports", [])
    by_host = ports if isinstance(ports, Mapping) else None
    if by_host is None and (isinstance(ports, str) or not isinstance(ports, Sequence)):
        raise TopologyError(f"{where}: ports is {shown(ports)}; write a list of ports such as [443]")
    if protocol == "vrrp" and ports:
        raise TopologyError(f"{where}: ports is {shown(ports)} and protocol is vrrp, which has none; leave ports out")
    if protocol != "vrrp" and not ports:
        raise TopologyError(f"{where}: ports is empty; write the ports to open such as [443], or remove the flow")
    sources = None if flow.get("from") == "any" else _group_names(flow, "from", where, groups, optional)
    targets = _group_names(flow, "to", where, groups, optional)
    if by_host is None:
        return Flow(name, protocol, _numbers(ports, where), sources, targets)
    return Flow(name, protocol, (), sources, targets, {host: _numbers(of, where) for host, of in by_host.items()})


def _numbers(ports: Any, where: str) -> tuple[int, ...]:
    several = ports if isinstance(ports, Sequence) and not isinstance(ports, str) else [ports]
    return tuple(dict.fromkeys(port_number(port, where, "ports") for port in several))


def _group_names(
    flow: Mapping[str, Any], key: str, where: str, groups: Mapping[str, Sequence[str]], optional: frozenset[str]
) -> tuple[str, ...]:
    """The groups that a flow names, without the optional ones that have no hosts."""
    value = flow.get(key)
    names = [value] if isinstance(value, str) else value
    example = "any, a group or a list of groups" if key == "from" else "a group or a list of groups"
    if not isinstance(names, Sequence) or not names:
        raise TopologyError(f"{where}: {key} is {shown(value)}; write {example}")
    for name in names:
        if not isinstance(name, str) or (name not in groups and name not in optional):
            raise TopologyError(
                f"{where}: {key} has {shown(name)}, which is not a group of the inventory; write {example}"
            )
    return tuple(name for name in names if name not in optional or groups.get(name))
