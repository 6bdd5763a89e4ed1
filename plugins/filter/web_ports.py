"""Filter foobar.webstack.web_ports."""

from __future__ import annotations

DOCUMENTATION = r"""
name: web_ports
version_added: 1.0.0
short_description: Where the web server of each host listens
author: The foobar.webstack maintainers
description:
  - Gives each web server its port - C(webstack_web_port) if the host has it, else 8443 where a load balancer is on the
    same host, which has 443, and 443 elsewhere.
  - Refused, with a message that says what to write instead, are an empty list, a host that is unknown or listed twice,
    and a port that is not valid.
positional: hostvars, load_balancers
options:
  _input:
    description: Inventory names of the web servers, such as C(groups['webservers']).
    type: list
    elements: str
    required: true
  hostvars:
    description:
      - Variables of every host by inventory name, that is Ansible's C(hostvars).
      - Read of each web server is C(webstack_web_port), a TCP port.
    type: dict
    required: true
  load_balancers:
    description: Inventory names of the load balancers, such as C(groups['loadbalancers']).
    type: list
    elements: str
    required: true
seealso:
  - plugin: foobar.webstack.haproxy_backend
    plugin_type: filter
  - plugin: foobar.webstack.firewall_rules
    plugin_type: filter
"""

EXAMPLES = r"""
# lb1 is load balancer and web server, web1 is a web server alone
ports: "{{ groups['webservers'] | foobar.webstack.web_ports(hostvars, groups['loadbalancers']) }}"
# => {'lb1': 8443, 'web1': 443}
"""

RETURN = r"""
_value:
  description: Ports by inventory name, in the order of the list.
  type: dict
  sample: {lb1: 8443, web1: 443}
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology import proxies
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import TopologyError


def web_ports(hosts: Sequence[str], hostvars: Mapping[str, Any], load_balancers: Sequence[str]) -> dict[str, int]:
    """The ports by host; AnsibleFilterError where the inventory has one that is not valid."""
    try:
        return proxies.web_ports(hosts, hostvars, load_balancers)
    except TopologyError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"web_ports": web_ports}
