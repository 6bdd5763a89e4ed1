"""Filter foobar.webstack.vrrp_instances."""

from __future__ import annotations

DOCUMENTATION = r"""
name: vrrp_instances
version_added: 1.0.0
short_description: Which virtual addresses each load balancer holds, and which it takes over
author: The foobar.webstack maintainers
description:
  - Makes the VRRP instances of each load balancer, as the role keepalived takes them, from the virtual addresses.
  - In the mode C(active_passive) all addresses are the first load balancer's, and another one's when that is lost. In
    C(active_active) the n-th address of each family is the n-th load balancer's.
  - An instance is of the family in which the load balancers reach each other. Its addresses of the other family move
    with it.
  - Refused, with a message that says what to write instead, are less than two load balancers, an address that is a
    host's own, given twice, or not one that can be reached, and fewer addresses than load balancers in
    C(active_active).
positional: hostvars, addresses, mode, router_id
options:
  _input:
    description: Inventory names of the load balancers, such as C(groups['loadbalancers']).
    type: list
    elements: str
    required: true
  hostvars:
    description: Variables of every host by inventory name, that is Ansible's C(hostvars).
    type: dict
    required: true
  addresses:
    description: The virtual addresses, IPv4 and IPv6.
    type: list
    elements: str
    required: true
  mode:
    description: Whether one load balancer serves all addresses, or each some of them.
    type: str
    choices: [active_passive, active_active]
    default: active_passive
  router_id:
    description: Virtual router identifier of the first instance, V(1) to V(255). The others have the numbers after it.
    type: int
    default: 51
seealso:
  - plugin: foobar.webstack.keepalived_errors
    plugin_type: filter
"""

EXAMPLES = r"""
instances: >-
  {{ groups['loadbalancers'] | foobar.webstack.vrrp_instances(hostvars, ['198.18.0.10']) }}
# => {'lb1': [{'name': 'webstack_1', 'router_id': 51, 'priority': 254, 'address': '198.18.0.11',
#              'peers': ['198.18.0.12'], 'addresses': ['198.18.0.10']}], 'lb2': ...}
"""

RETURN = r"""
_value:
  description: >-
    By inventory name a list of instances, each with C(name), C(router_id), C(priority), C(address), C(peers) and
    C(addresses).
  type: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology import vrrp
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import TopologyError


def vrrp_instances(
    hosts: Sequence[str],
    hostvars: Mapping[str, Any],
    addresses: Sequence[str],
    mode: str = "active_passive",
    router_id: int = 51,
) -> dict[str, list[dict[str, Any]]]:
    """The instances of each host as data; AnsibleFilterError for an inventory that cannot have them."""
    try:
        found = vrrp.instances(hosts, hostvars, addresses, mode, router_id)
    except TopologyError as error:
        raise AnsibleFilterError(str(error)) from error
    return {host: [instance.data() for instance in own] for host, own in found.items()}


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"vrrp_instances": vrrp_instances}
