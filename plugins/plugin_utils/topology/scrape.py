"""What Prometheus asks: for each flow of the monitoring hosts a job, with the hosts that listen as its targets.

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
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import Address, TopologyError


@dataclass(frozen=True, slots=True)
class Target:
    """One program of one host. `host` is its inventory name, by which alerts and pictures call it."""

    host: str
    address: Address
    port: int

    def as_data(self) -> dict[str, Any]:
        """As the role monitoring takes it."""
        at = f"[{self.address}]" if self.address.version == 6 else str(self.address)
        return {"address": f"{at}:{self.port}", "labels": {"instance": self.host}}


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
