"""Filter foobar.webstack.pictured_hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
name: pictured_hosts
version_added: 1.0.0
short_description: What the pages of the monitoring show, from the inventory
author: The foobar.webstack maintainers
description:
  - Makes an entry for each host of each tier, with its address and the services that make it what it is. A host of
    several tiers has an entry in each.
  - How a host is at the moment is not among them; the pages ask that when somebody looks.
  - Refused, with a message that says what to write instead, are hosts that have no address.
positional: groups, hostvars
options:
  _input:
    description: >-
      Units of systemd of each tier by its name, which is that of a group, in the order in which tiers are shown. A
      group that the inventory lacks is left out.
    type: dict
    required: true
  groups:
    description: Hosts of every group by its name, that is Ansible's C(groups).
    type: dict
    required: true
  hostvars:
    description:
      - Variables of every host by inventory name, that is Ansible's C(hostvars).
      - Read is the address of each host, as P(foobar.webstack.address#filter) finds it.
    type: dict
    required: true
seealso:
  - plugin: foobar.webstack.scrape_jobs
    plugin_type: filter
"""

EXAMPLES = r"""
# Of web1 with ansible_host=198.18.0.21
monitoring_hosts: "{{ {'webservers': ['nginx']} | foobar.webstack.pictured_hosts(groups, hostvars) }}"
# => [{name: web1, address: 198.18.0.21, tier: webservers, units: [nginx]}]
"""

RETURN = r"""
_value:
  description: The hosts, as C(monitoring_hosts) of the role P(foobar.webstack.monitoring#role) has them.
  type: list
  elements: dict
  contains:
    name:
      description: Inventory name.
      type: str
    address:
      description: Address, IPv6 compressed.
      type: str
    tier:
      description: Name of the group.
      type: str
    units:
      description: Units of the tier, as given.
      type: list
      elements: str
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.picture import pictured
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import TopologyError


def pictured_hosts(
    tiers: Mapping[str, Sequence[str]], groups: Mapping[str, Sequence[str]], hostvars: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The hosts as data; AnsibleFilterError where the inventory does not make them."""
    try:
        return [host.as_data() for host in pictured(tiers, groups, hostvars)]
    except TopologyError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"pictured_hosts": pictured_hosts}
