"""What a picture of a site shows: its groups with their hosts and programs, who opens connections to whom, and which
addresses move.

Everything comes from what the stack gives its roles already: the table of groups, the flows and rules of the firewall,
the listeners, the VRRP instances and the replication. A host stands in the box of each of its groups, with what that
group has it run, so that a flow between two groups is one arrow however many hosts there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.flows import ANY_ADDRESS, Flow, read_flows
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.listeners import EVERY_HOST, Listener, placed
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import TopologyError, ip, shown

ANYBODY = "anybody"
_NETWORKS = 3
"""So many addresses of one source are shown; more are counted."""


class Kind(str, Enum):
    """What an arrow begins or ends at."""

    GROUP = "group"
    HOST = "host"
    SOURCE = "source"
    VIRTUAL = "virtual"


@dataclass(frozen=True, slots=True)
class End:
    """Where an arrow begins or ends. A host is that of the box of `group`."""

    kind: Kind
    name: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """What listens on a host; `local` are the ports that only the host itself reaches."""

    name: str
    ports: tuple[str, ...]
    local: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Host:
    """A host in the box of one group. `also` are the others that it is in; `role` is that of its database, or empty."""

    name: str
    address: str
    programs: tuple[Program, ...]
    also: tuple[str, ...]
    role: str


@dataclass(frozen=True, slots=True)
class Box:
    """A group. `among` is what its hosts open to each other."""

    group: str
    roles: tuple[str, ...]
    hosts: tuple[Host, ...]
    among: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """Somebody who is no host of the inventory."""

    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Virtual:
    """Addresses that move together. `holders`, hosts of `group`, in the order in which they take over."""

    name: str
    group: str
    addresses: tuple[str, ...]
    holders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Arrow:
    """Connections that are opened; a label for each flow or rule."""

    source: End
    target: End
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Replication:
    """Which hosts of the box of `group` replicate from which: pairs of source and replica."""

    group: str
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """The picture. `everywhere` is what all hosts listen on and let in, and which of them where they differ."""

    boxes: tuple[Box, ...]
    sources: tuple[Source, ...]
    virtuals: tuple[Virtual, ...]
    arrows: tuple[Arrow, ...]
    replication: Replication
    everywhere: tuple[str, ...]


@dataclass(frozen=True)
class Site:
    """What the picture is made of, as the files of playbooks/group_vars/all have it.

    `hosts` holds of each host its `address`, `listeners` (those of all groups) and `rules` (of its firewall).
    `instances` are the VRRP instances of each host of the group `front`; `settings` the replication settings of each
    host of the group `databases`. `idle` are roles of the table that have nothing to do here.
    """

    flows: Sequence[Mapping[str, Any]]
    groups: Mapping[str, Sequence[str]]
    table: Mapping[str, Mapping[str, Any]]
    hosts: Mapping[str, Mapping[str, Any]]
    optional: Sequence[str] = ()
    front: str = "loadbalancers"
    instances: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    databases: str = "databases"
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    idle: Sequence[str] = ()

    def members(self, group: str) -> list[str]:
        """The hosts of a group, each once."""
        return list(dict.fromkeys(self.groups.get(group) or ()))


def graph(site: Site) -> Graph:
    """The picture of a site, in the order of the table, of the inventory and of the flows.

    Raises TopologyError for what `flows.read_flows` and `listeners.placed` refuse, and for a host of a group that is
    not in `hosts`.
    """
    boxes = [name for name in site.table if site.members(name)]
    for group in boxes:
        for host in site.members(group):
            if host not in site.hosts:
                raise TopologyError(f"graph: nothing is known of {shown(host)}, a host of {group}; leave out --limit")
    flows = read_flows(site.flows, site.groups, site.optional)
    virtuals = _virtuals(site)
    arrows: dict[tuple[End, End], list[str]] = {}
    sources: dict[str, Source] = {}
    hosts = list(dict.fromkeys(host for group in boxes for host in site.members(group)))
    everywhere, rules = _rules(site, flows, hosts)
    for source, target, label in [*_flow_arrows(site, flows, virtuals), *_rule_arrows(site, rules, boxes)]:
        if isinstance(source, Source):
            sources.setdefault(source.name, source)
            source = End(Kind.SOURCE, source.name)
        arrows.setdefault((source, target), []).append(label)
    return Graph(
        boxes=tuple(_box(site, group, flows, boxes) for group in boxes),
        sources=tuple(sources.values()),
        virtuals=tuple(virtuals),
        arrows=tuple(Arrow(source, target, tuple(dict.fromkeys(of))) for (source, target), of in arrows.items()),
        replication=Replication(site.databases, tuple(_replicas(site))),
        everywhere=(*_everywhere(site, hosts), *everywhere),
    )


def ports_text(ports: Iterable[object], protocol: str) -> str:
    """`80, 443/tcp`; the protocol alone where it has no ports."""
    listed = ", ".join(str(port) for port in ports)
    return f"{listed}/{protocol}" if listed else protocol


# --- boxes ------------------------------------------------------------------------------------------------------------


def _box(site: Site, group: str, flows: Sequence[Flow], boxes: Sequence[str]) -> Box:
    hosts = []
    for name in site.members(group):
        known = site.hosts[name]
        also = tuple(other for other in boxes if other != group and name in site.members(other))
        role = _role(site.settings.get(name, {})) if group == site.databases else ""
        hosts.append(Host(name, str(known["address"]), tuple(_programs(known, group)), also, role))
    roles = [str(role) for role in site.table[group].get("roles", ()) if role not in site.idle]
    among = [_label(site, flow, group) for flow in flows if _within(flow, group)]
    return Box(group, tuple(roles), tuple(hosts), tuple(among) if len(hosts) > 1 else ())


def _programs(known: Mapping[str, Any], group: str) -> Iterator[Program]:
    found: dict[str, list[Listener]] = {}
    for listener in placed(known["listeners"], [group]):
        if listener.group == group:
            found.setdefault(listener.program, []).append(listener)
    for program, listeners in found.items():
        outside = dict.fromkeys(_port(one) for one in listeners if not _is_local(one.address))
        local = dict.fromkeys(_port(one) for one in listeners if _is_local(one.address))
        yield Program(program, tuple(outside), tuple(port for port in local if port not in outside))


def _port(listener: Listener) -> str:
    return str(listener.port) if listener.protocol == "tcp" else f"{listener.port}/{listener.protocol}"


def _is_local(address: str) -> bool:
    found = ip(address)
    return address == "localhost" if found is None else found.is_loopback


def _everywhere(site: Site, hosts: Sequence[str]) -> Iterator[str]:
    """The ports that every host has, whatever its groups; which hosts have them where a program's differ."""
    by_program: dict[str, dict[str, list[str]]] = {}
    for host in hosts:
        listeners = placed(site.hosts[host]["listeners"], [])
        for listener in (one for one in listeners if one.group == EVERY_HOST):
            port = ports_text([listener.port], listener.protocol)
            by_program.setdefault(listener.program, {}).setdefault(port, []).append(host)
    for program, by_port in by_program.items():
        most = max(map(len, by_port.values()))
        every = "every other host" if len(by_port) > 1 else "every host"
        for port, having in by_port.items():
            yield f"{program} {port} on {every if len(having) == most else ', '.join(having)}"


# --- arrows -----------------------------------------------------------------------------------------------------------


def _within(flow: Flow, group: str) -> bool:
    return group in flow.targets and flow.sources is not None and group in flow.sources


def _label(site: Site, flow: Flow, group: str) -> str:
    ports = dict.fromkeys(port for host in site.members(group) for port in flow.ports_of(host))
    return f"{flow.name} {ports_text(ports, flow.protocol)}" if ports else flow.name


def _flow_arrows(
    site: Site, flows: Sequence[Flow], virtuals: Sequence[Virtual]
) -> Iterator[tuple[End | Source, End, str]]:
    anybody = Source(ANYBODY, (ANYBODY,))
    for flow in flows:
        for target in (name for name in flow.targets if site.members(name)):
            label, end = _label(site, flow, target), End(Kind.GROUP, target)
            if flow.sources is None:
                ends = [End(Kind.VIRTUAL, one.name) for one in virtuals] if target == site.front else []
                yield from ((anybody, at, label) for at in ends or [end])
                continue
            for source in flow.sources:
                if source != target and site.members(source):
                    yield End(Kind.GROUP, source), end, label


def _rules(
    site: Site, flows: Sequence[Flow], hosts: Sequence[str]
) -> tuple[list[str], dict[tuple[Source, str, tuple[str, ...]], list[str]]]:
    """What the firewalls let in besides the flows, for accounts, further frontends, and what the inventory adds.

    First what all hosts let in, as it is said of all; then by source, label and ports the hosts that let it in.
    """
    of_flows = {flow.name for flow in flows}
    found: dict[tuple[Source, str, tuple[str, ...]], list[str]] = {}
    for host in hosts:
        for rule in site.hosts[host].get("rules", ()):
            if rule.get("direction") == "in" and rule["name"] not in of_flows:
                ports = tuple(str(port) for port in rule.get("ports") or ())
                label = f"{rule['name']} {ports_text(ports, str(rule.get('protocol', 'tcp')))}"
                found.setdefault((_source(rule.get("addresses") or ANY_ADDRESS), label, ports), []).append(host)
    common = [key for key, having in found.items() if having == hosts and len(hosts) > 1]
    everywhere = [f"{label} from {', '.join(source.lines)} on every host" for source, label, _ports in common]
    return everywhere, {key: having for key, having in found.items() if key not in common}


def _rule_arrows(
    site: Site, rules: Mapping[tuple[Source, str, tuple[str, ...]], Sequence[str]], boxes: Sequence[str]
) -> Iterator[tuple[Source, End, str]]:
    for (source, label, ports), having in rules.items():
        by_group: dict[str, list[str]] = {}
        for host in having:
            by_group.setdefault(_listening(site, host, ports, boxes), []).append(host)
        for group, hosts in by_group.items():
            if hosts == site.members(group):
                yield source, End(Kind.GROUP, group), label
            else:
                yield from ((source, End(Kind.HOST, host, group), label) for host in hosts)


def _listening(site: Site, host: str, ports: Sequence[str], boxes: Sequence[str]) -> str:
    """The group for which the host has a program at one of the ports; its foremost where none has."""
    own = [group for group in boxes if host in site.members(group)]
    for group in own:
        if any(str(one.port) in ports for one in placed(site.hosts[host]["listeners"], [group]) if one.group == group):
            return group
    return site.front if site.front in own else own[-1]


def _source(addresses: Sequence[object]) -> Source:
    texts = [str(address) for address in addresses]
    if set(ANY_ADDRESS) <= set(texts):
        return Source(ANYBODY, (ANYBODY,))
    more = len(texts) - _NETWORKS
    lines = texts if more <= 0 else [*texts[: _NETWORKS - 1], f"and {more + 1} more"]
    return Source(" ".join(texts), tuple(lines))


def _virtuals(site: Site) -> list[Virtual]:
    held: dict[str, list[tuple[int, str]]] = {}
    addresses: dict[str, tuple[str, ...]] = {}
    for host in site.members(site.front):
        for instance in site.instances.get(host, ()):
            held.setdefault(instance["name"], []).append((-instance["priority"], host))
            addresses[instance["name"]] = tuple(instance["addresses"])
    return [
        Virtual(name, site.front, addresses[name], tuple(host for _priority, host in sorted(holders)))
        for name, holders in held.items()
    ]


def _role(settings: Mapping[str, Any]) -> str:
    """What a database host is. Members of a group elect their primary: the inventory does not know which it is."""
    return "member" if settings.get("group") else str(settings.get("role", ""))


def _replicas(site: Site) -> Iterator[tuple[str, str]]:
    for host in site.members(site.databases):
        source = site.settings.get(host, {}).get("source")
        if source:
            yield str(source["name"]), host
