"""Filter foobar.webstack.dns_zones."""

from __future__ import annotations

DOCUMENTATION = r"""
name: dns_zones
version_added: 1.0.0
short_description: The DNS zone of the site, and reverse zones, from the topology
author: The foobar.webstack maintainers
description:
  - Makes the zone in which the site's name is, as the role dns takes it. It has the site's names with the addresses at
    which visitors reach it, the hosts' names, which authorities may issue certificates, and further records.
  - The serial is constant; the server counts by itself.
  - Without name servers the zone is one that lives elsewhere, and has neither SOA nor NS.
  - Internationalized names become A-labels (C(xn--bcher-kva.example)). A name of the site that is not in the zone is
    left out.
  - Refused, with a message that says what to write instead, are a site that has no zone, a name server or a further
    record that cannot be, a host with the name of the site, and a CNAME beside other records.
positional: >-
  hostvars, servers, balancers, domain, zone, names, virtual_addresses, public_addresses, host_names, caa, records,
  reverse, ttl, contact
options:
  _input:
    description: Inventory names of all hosts of the stack.
    type: list
    elements: str
    required: true
  hostvars:
    description: Variables of every host by inventory name, that is Ansible's C(hostvars).
    type: dict
    required: true
  servers:
    description: Inventory names of the hosts that answer for the zone, the primary first. They are among the hosts.
    type: list
    elements: str
    required: true
  balancers:
    description: Inventory names of the hosts at which the site is reached. They are among the hosts.
    type: list
    elements: str
    required: true
  domain:
    description: Name of the site.
    type: str
    required: true
  zone:
    description: Name of the zone. Empty, it is O(domain) without a C(www.) before it.
    type: str
    default: ''
  names:
    description: Further names of the site.
    type: list
    elements: str
  virtual_addresses:
    description: Addresses of the site that no host has of its own. Without them, those of O(balancers).
    type: list
    elements: str
  public_addresses:
    description: Addresses at which visitors reach the site, where they are others.
    type: list
    elements: str
  host_names:
    description: Whether the hosts' names are in the zone.
    type: bool
    default: true
  caa:
    description: Names of the authorities that may issue certificates, as they stand in CAA records.
    type: list
    elements: str
  records:
    description: Further records, each with C(name), C(type), C(value) and perhaps C(ttl).
    type: list
    elements: dict
  reverse:
    description: Networks that get a reverse zone.
    type: list
    elements: str
  ttl:
    description: Seconds for which others may keep an answer.
    type: int
    default: 3600
  contact:
    description: Mail address of who keeps the zone. Empty, it is C(hostmaster) in the zone.
    type: str
    default: ''
seealso:
  - plugin: foobar.webstack.dns_octodns
    plugin_type: filter
  - plugin: foobar.webstack.dns_errors
    plugin_type: filter
"""

EXAMPLES = r"""
zones: >-
  {{ ['lb1'] | foobar.webstack.dns_zones(hostvars, ['lb1'], ['lb1'], domain='www.foobar.com') }}
# => [{'name': 'foobar.com', 'records': [{'name': 'foobar.com', 'type': 'SOA', 'ttl': 3600, 'value': ...}, ...]}]
"""

RETURN = r"""
_value:
  description: >-
    The zone of the site, then the reverse zones, each with C(name) and C(records), of which each has C(name), C(type),
    C(ttl) and C(value) as a zone file has them. The names are absolute and without a dot at the end.
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import TopologyError
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.zone import Settings, zones


def dns_zones(
    hosts: Sequence[str],
    hostvars: Mapping[str, Any],
    servers: Sequence[str],
    balancers: Sequence[str],
    domain: str,
    zone: str = "",
    names: Sequence[str] | None = None,
    virtual_addresses: Sequence[str] | None = None,
    public_addresses: Sequence[str] | None = None,
    host_names: bool = True,
    caa: Sequence[str] | None = None,
    records: Sequence[Mapping[str, Any]] | None = None,
    reverse: Sequence[str] | None = None,
    ttl: int = 3600,
    contact: str = "",
) -> list[dict[str, Any]]:
    """The zones as data; AnsibleFilterError for an inventory that cannot have them."""
    settings = Settings(
        domain=domain,
        zone=zone,
        names=names or (),
        virtual_addresses=virtual_addresses or (),
        public_addresses=public_addresses or (),
        host_names=host_names,
        caa=caa or (),
        records=records or (),
        reverse=reverse or (),
        ttl=ttl,
        contact=contact,
    )
    try:
        found = zones(hosts, hostvars, servers, balancers, settings)
    except TopologyError as error:
        raise AnsibleFilterError(str(error)) from error
    return [one.data() for one in found]


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"dns_zones": dns_zones}
