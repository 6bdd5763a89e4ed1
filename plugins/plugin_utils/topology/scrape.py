"""What Prometheus asks: for each flow of the monitoring hosts a job, with the hosts that listen as its targets, and
the site and its names, as visitors do.

A flow of the firewall says already who listens where for whom. Made of the same flows, no target is closed to who asks
it, and no port is open that nobody asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.addresses import (
    HostVars,
    address_in,
    require_mapping,
    variables_of,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.flows import read_flows
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import (
    Address,
    TopologyError,
    reachable_address,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.zone import dns_addresses


@dataclass(frozen=True, slots=True)
class Target:
    """One program of one host. `host` is its inventory name, by which alerts and pictures call it."""

    host: str
    address: Address
    port: int

    def as_data(self) -> dict[str, Any]:
        """As the role monitoring takes it."""
        return {"address": f"{_bracketed(self.address)}:{self.port}", "labels": {"instance": self.host}}


@dataclass(frozen=True, slots=True)
class Job:
    """Programs of one kind."""

    name: str
    targets: tuple[Target, ...]

    def as_data(self) -> dict[str, Any]:
        """As the role monitoring takes it."""
        return {"name": self.name, "targets": [target.as_data() for target in self.targets]}


def jobs(
    flows: Sequence[Mapping[str, Any]],
    groups: Mapping[str, Sequence[str]],
    hostvars: HostVars,
    optional: Sequence[str] = (),
    prefix: str = "",
) -> list[Job]:
    """A job for each flow, named as the flow is without `prefix`, in the order of `flows`.

    Its targets are the hosts of the groups that the flow leads to, each once, in the order of the groups. A host that
    has left the inventory is none, and a job without targets is left out; so is everything where the group that asks
    has no hosts.

    Reads of each host: what `address` reads.

    Raises TopologyError for flows that are not of the form that `host_rules` has, one without a name behind the prefix
    or with several ports of a host, and a host that is unknown or without a usable address.
    """
    require_mapping(hostvars)
    found = []
    for flow in read_flows(flows, groups, optional):
        where = f"flow {flow.name}"
        name = flow.name.removeprefix(prefix)
        if not name:
            raise TopologyError(f"{where}: it has no name behind {prefix}; write {prefix}<job>")
        targets = []
        for host in dict.fromkeys(member for group in flow.targets for member in groups[group]):
            ports = flow.ports_of(host)
            if len(ports) != 1:
                raise TopologyError(f"{where}: {host} has {len(ports)} ports; write one, at which the host is scraped")
            targets.append(Target(host, address_in(host, variables_of(host, hostvars, where)), ports[0]))
        found.append(Job(name, tuple(targets)))
    return [job for job in found if job.targets]


def probes(
    balancers: Sequence[str],
    hostvars: HostVars,
    servers: Sequence[str] = (),
    addresses: Sequence[str] = (),
    uri: str = "/",
    hostname: str = "",
    own_ca: bool = False,
) -> list[dict[str, Any]]:
    """The jobs that ask as visitors do, as the role monitoring takes them: `site`, and `dns` where there are `servers`.

    The site is asked for `uri` over HTTPS by `hostname`, at `addresses`; without any, at all that DNS has of the load
    balancers. A name server is asked at each of its own. So both families are, where hosts have both.

    Reads of each host: `webstack_dns_addresses`, else what `address` reads.

    Raises TopologyError for a host that is unknown or without a usable address, and an address that is none.
    """
    require_mapping(hostvars)

    def of(host: str, where: str) -> tuple[Address, ...]:
        return dns_addresses(host, variables_of(host, hostvars, where))

    given = [reachable_address(value, "the stack", "webstack_monitoring_site_addresses", _BARE) for value in addresses]
    front = dict.fromkeys(given or [address for host in balancers for address in of(host, "the site's addresses")])
    site = {
        "name": "site",
        "probe": {"module": "site_own_ca" if own_ca else "site", "hostname": hostname},
        "targets": [
            {"address": f"https://{_bracketed(address)}{uri}", "labels": {"instance": str(address)}}
            for address in front
        ],
    }
    named = [(host, address) for host in servers for address in of(host, "the name servers")]
    dns = {
        "name": "dns",
        "probe": {"module": "dns"},
        "targets": [{"address": f"{_bracketed(address)}:53", "labels": {"instance": host}} for host, address in named],
    }
    return [job for job in (site, dns) if job["targets"]]


_BARE = "give bare IPv4 and IPv6 addresses at which the monitoring hosts reach the site"


def _bracketed(address: Address) -> str:
    return f"[{address}]" if address.version == 6 else str(address)
