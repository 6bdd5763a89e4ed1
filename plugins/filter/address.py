"""Filter foobar.webstack.address."""

from __future__ import annotations

DOCUMENTATION = r"""
name: address
version_added: 1.0.0
short_description: Address at which the other hosts reach a host
author: The foobar.webstack maintainers
description:
  - Returns the IP address of an inventory host - C(webstack_address) if the host has it, else C(ansible_host),
    else the inventory name where that is itself an address.
  - A host name in place of an address is refused, because every host would resolve it for itself and at another time.
    So are addresses at which no server can be reached - unspecified, multicast, broadcast, link-local IPv6, and
    IPv4 written as IPv6.
positional: hostvars
options:
  _input:
    description: Inventory name of the host.
    type: str
    required: true
  hostvars:
    description:
      - Variables of every host by inventory name, that is Ansible's C(hostvars). Read of the host are
      - C(webstack_address), the IPv4 or IPv6 address at which the other hosts reach it, and
      - C(ansible_host), where C(webstack_address) is not set.
    type: dict
    required: true
seealso:
  - plugin: foobar.webstack.haproxy_backend
    plugin_type: filter
  - plugin: foobar.webstack.nginx_upstream
    plugin_type: filter
  - plugin: foobar.webstack.mysql_replication
    plugin_type: filter
"""

EXAMPLES = r"""
# lb1 has ansible_host=198.18.0.11
load_balancer: "{{ 'lb1' | foobar.webstack.address(hostvars) }}"
# => 198.18.0.11

nginx_trusted_proxies: "{{ groups['loadbalancers'] | map('foobar.webstack.address', hostvars) }}"
# => [198.18.0.11]
"""

RETURN = r"""
_value:
  description: The IPv4 or IPv6 address; IPv6 in its compressed form, without brackets.
  type: str
  sample: 198.18.0.11
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology import addresses
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import TopologyError


def address(host: str, hostvars: Mapping[str, Any]) -> str:
    """The address of `host` as a string; AnsibleFilterError where it has none that other hosts could use."""
    try:
        return str(addresses.address(host, hostvars))
    except TopologyError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"address": address}
