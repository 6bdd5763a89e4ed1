"""Filter foobar.webstack.probe_jobs."""

from __future__ import annotations

DOCUMENTATION = r"""
name: probe_jobs
version_added: 1.0.0
short_description: What is asked as visitors do, from the topology
author: The foobar.webstack maintainers
description:
  - Makes the jobs C(site) and C(dns) of the role monitoring. The site is asked over HTTPS by its name at each address,
    and each name server for the zone, over both families where hosts have both.
  - Refused, with a message that says what to write instead, are hosts that have no address, and an address that is
    none.
positional: hostvars, servers, addresses, uri, hostname, own_ca
options:
  _input:
    description: Inventory names of the hosts at which the site is reached.
    type: list
    elements: str
    required: true
  hostvars:
    description:
      - Variables of every host by inventory name, that is Ansible's C(hostvars).
      - Read are C(webstack_dns_addresses), else the address, as P(foobar.webstack.address#filter) finds it.
    type: dict
    required: true
  servers:
    description: Inventory names of the name servers.
    type: list
    elements: str
  addresses:
    description: Addresses at which the site is asked, in place of those of the hosts.
    type: list
    elements: str
  uri:
    description: What is asked for.
    type: str
    default: /
  hostname:
    description: The site's name.
    type: str
    default: ''
  own_ca:
    description: Whether the site's certificate is one of the stack's own CA.
    type: bool
    default: false
seealso:
  - plugin: foobar.webstack.scrape_jobs
    plugin_type: filter
"""

EXAMPLES = r"""
jobs: >-
  {{ ['lb1'] | foobar.webstack.probe_jobs(hostvars, servers=['lb1'], uri='/healthz', hostname='www.foobar.com') }}
# => [{'name': 'site', 'probe': {'module': 'site', ...}, 'targets': [...]}, {'name': 'dns', ...}]
"""

RETURN = r"""
_value:
  description: The jobs, each with C(name), C(probe) and C(targets).
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.scrape import probes
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import TopologyError


def probe_jobs(
    balancers: Sequence[str],
    hostvars: Mapping[str, Any],
    servers: Sequence[str] | None = None,
    addresses: Sequence[str] | None = None,
    uri: str = "/",
    hostname: str = "",
    own_ca: bool = False,
) -> list[dict[str, Any]]:
    """The jobs as data; AnsibleFilterError where the inventory does not make them."""
    try:
        return probes(balancers, hostvars, servers or (), addresses or (), uri, hostname, own_ca)
    except TopologyError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"probe_jobs": probe_jobs}
