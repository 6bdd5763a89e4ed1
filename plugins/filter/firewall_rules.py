"""Filter foobar.webstack.firewall_rules."""

from __future__ import annotations

DOCUMENTATION = r"""
name: firewall_rules
version_added: 1.0.0
short_description: Firewall rules of a host made from who speaks to whom
author: The foobar.webstack maintainers
description:
  - Makes C(firewall_rules) of the role P(foobar.webstack.firewall#role) for one host, from flows between groups.
  - Inbound rules come first, then the outbound ones, each in the order of the flows. A rule names the address of every
    other host once. A flow in which the host has no part, or no partner, makes no rule.
  - Hosts are taken to speak from the address at which they are reached, see P(foobar.webstack.address#filter).
  - Refused, with a message that says what to write instead, are flows that are not of the form below, groups that the
    inventory lacks and that are not in O(optional), and hosts that a rule names and that have no address.
positional: groups, hostvars, host, optional
options:
  _input:
    description:
      - Flows, each a dict. C(name) is unique.
      - C(to) is the group (or list of groups) that listens.
      - C(from) is the group (or list of groups) that opens connections, or C(any) for any address.
      - C(ports) is a list of ports; or, where the hosts that listen have different ones, a dict with the port or list
        of ports of each by inventory name. It is left out with the protocol C(vrrp).
      - C(protocol) is C(tcp), which is the default, C(udp) or C(vrrp).
    type: list
    elements: dict
    required: true
  groups:
    description: Hosts of every group by its name, that is Ansible's C(groups).
    type: dict
    required: true
  hostvars:
    description:
      - Variables of every host by inventory name, that is Ansible's C(hostvars).
      - Read is the address of each host that a rule names, as P(foobar.webstack.address#filter) finds it.
    type: dict
    required: true
  host:
    description: Inventory name of the host whose rules are made, that is C(inventory_hostname).
    type: str
    required: true
  optional:
    description:
      - Groups that the inventory may lack; none if not given.
      - A flow is read as if it did not name those that are absent or empty. One that is left without a source or a
        target makes no rule.
    type: list
    elements: str
seealso:
  - plugin: foobar.webstack.address
    plugin_type: filter
"""

EXAMPLES = r"""
# On web2, of lb1, web1 and web2 with ansible_host=198.18.0.11, .21 and .22
firewall_rules: >-
  {{
    [
      {'name': 'www', 'to': 'loadbalancers', 'from': 'any', 'ports': [80, 443]},
      {'name': 'web', 'to': 'webservers', 'from': 'loadbalancers', 'ports': [443]},
      {'name': 'application', 'to': 'appservers', 'from': ['webservers'], 'ports': [8000]},
    ]
    | foobar.webstack.firewall_rules(groups, hostvars, inventory_hostname)
  }}
"""

RETURN = r"""
_value:
  description: The rules, inbound before outbound.
  type: list
  elements: dict
  contains:
    name:
      description: Name of the flow.
      type: str
    direction:
      description: C(in) or C(out).
      type: str
    protocol:
      description: C(tcp), C(udp) or C(vrrp).
      type: str
    ports:
      description: Ports of the host that listens; empty for C(vrrp).
      type: list
      elements: int
    addresses:
      description: IPv4 and IPv6 addresses of the others, or the networks C(0.0.0.0/0) and C(::/0) for any address.
      type: list
      elements: str
  sample:
    - {name: web, direction: in, protocol: tcp, ports: [443], addresses: [198.18.0.11]}
    - {name: application, direction: in, protocol: tcp, ports: [8000], addresses: [198.18.0.21]}
    - {name: www, direction: out, protocol: tcp, ports: [80, 443], addresses: [198.18.0.11]}
    - {name: application, direction: out, protocol: tcp, ports: [8000], addresses: [198.18.0.21]}
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.flows import host_rules
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import TopologyError


def firewall_rules(
    flows: Sequence[Mapping[str, Any]],
    groups: Mapping[str, Sequence[str]],
    hostvars: Mapping[str, Any],
    host: str,
    optional: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """The rules of `host` as data; AnsibleFilterError where the flows and the inventory do not make them."""
    try:
        return [rule.as_data() for rule in host_rules(flows, groups, hostvars, host, optional or ())]
    except TopologyError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"firewall_rules": firewall_rules}
