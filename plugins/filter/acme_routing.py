"""Filter foobar.webstack.acme_routing."""

from __future__ import annotations

DOCUMENTATION = r"""
name: acme_routing
version_added: 1.0.0
short_description: How an ACME server's question finds the load balancer that has asked for a certificate
author: The foobar.webstack maintainers
description:
  - Each load balancer gets certificates of its own for the same names, and the ACME server's question (HTTP-01) comes
    to any of them. One whose ACME client has no answer passes the question on to the others, once.
positional: hostvars, host, address, port, proxies
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
  host:
    description: Inventory name of the load balancer whose routes are wanted.
    type: str
    required: true
  address:
    description: Where the ACME client of a host listens while it asks.
    type: str
    required: true
  port:
    description: The client's TCP port.
    type: int
    required: true
  proxies:
    description:
      - Addresses and networks from which the load balancers take nothing but connections with a header of the PROXY
        protocol. A load balancer in one of them sends it with the questions that it passes on. None if not given.
    type: list
    elements: str
seealso:
  - plugin: foobar.webstack.haproxy_backend
    plugin_type: filter
"""

EXAMPLES = r"""
acme: "{{ groups['loadbalancers'] | foobar.webstack.acme_routing(hostvars, inventory_hostname, '127.0.0.1', 8402) }}"
# => {'backends': [{'name': 'acme', 'servers': [...]}, ...], 'routes': [{'backend': 'acme', 'condition': ...}]}
"""

RETURN = r"""
_value:
  description: >-
    C(backends) as C(haproxy_backends) of the role haproxy has them, and C(routes) as C(use_backends) of a frontend.
  type: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology import acme
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import TopologyError


def acme_routing(
    hosts: Sequence[str],
    hostvars: Mapping[str, Any],
    host: str,
    address: str,
    port: int,
    proxies: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Backends and routes as data; AnsibleFilterError for an inventory that cannot have them."""
    try:
        return acme.routing(hosts, hostvars, host, {"address": address, "port": port}, proxies or ())
    except TopologyError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"acme_routing": acme_routing}
