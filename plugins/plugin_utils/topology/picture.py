"""What a picture of the site shows: its tiers, the hosts of each, and the services that make a host what it is.

How each is at the moment is asked when somebody looks, so nothing of it is here.
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
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import Address, TopologyError, shown


@dataclass(frozen=True, slots=True)
class Pictured:
    """A host as a member of one tier. `units` are those of systemd, without `.service`."""

    name: str
    address: Address
    tier: str
    units: tuple[str, ...]

    def as_data(self) -> dict[str, Any]:
        """As the role monitoring takes it."""
        return {"name": self.name, "address": str(self.address), "tier": self.tier, "units": list(self.units)}


def pictured(
    tiers: Mapping[str, Sequence[str]], groups: Mapping[str, Sequence[str]], hostvars: HostVars
) -> list[Pictured]:
    """The hosts of each tier, in the order of `tiers` and then of the group; a group that is absent has none.

    `tiers` has by group the units of its hosts. Reads of each host: what `address` reads.

    Raises TopologyError for tiers that are not of this form, and a host that is unknown or without a usable address.
    """
    require_mapping(hostvars)
    if not isinstance(tiers, Mapping):
        raise TopologyError(f"pictured_hosts: tiers is {shown(tiers)}; pass the units of each group by its name")
    found = []
    for tier, units in tiers.items():
        if isinstance(units, str) or not isinstance(units, Sequence):
            raise TopologyError(f"pictured_hosts: {tier} has {shown(units)}; pass a list of units such as [nginx]")
        for host in dict.fromkeys(groups.get(tier) or ()):
            at = address_in(host, variables_of(host, hostvars, f"group {tier}"))
            found.append(Pictured(host, at, tier, tuple(map(str, units))))
    return found
