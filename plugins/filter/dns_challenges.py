"""Filter foobar.webstack.dns_challenges."""

from __future__ import annotations

DOCUMENTATION = r"""
name: dns_challenges
version_added: 1.0.0
short_description: Names of the records with which an ACME client proves its right to names
author: The foobar.webstack maintainers
description:
  - Takes the names of a certificate and gives those of the TXT records of DNS-01 (RFC 8555, 8.4) in the site's own
    zone.
  - Nothing where the right to the names is proven by HTTP, as it is unless a name is a wildcard.
  - A name outside of the zone is refused, and so is the wish for DNS-01 where no host answers for the zone.
positional: zone, servers, wanted
options:
  _input:
    description: The names of the certificate.
    type: list
    elements: str
    required: true
  zone:
    description: Name of the zone.
    type: str
    required: true
  servers:
    description: Inventory names of the hosts that answer for the zone.
    type: list
    elements: str
    required: true
  wanted:
    description:
      - Whether the names are proven by records. Not given, they are if one is a wildcard and there are name servers.
    type: bool
seealso:
  - plugin: foobar.webstack.dns_zones
    plugin_type: filter
"""

EXAMPLES = r"""
names: "{{ ['www.foobar.com', '*.foobar.com'] | foobar.webstack.dns_challenges('foobar.com', ['lb1']) }}"
# => ['_acme-challenge.www.foobar.com', '_acme-challenge.foobar.com']
"""

RETURN = r"""
_value:
  description: The names of the records, each once, without a dot at the end.
  type: list
  elements: str
"""

from collections.abc import Callable, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology import acme
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import TopologyError


def dns_challenges(names: Sequence[str], zone: str, servers: Sequence[str], wanted: bool | None = None) -> list[str]:
    """The records' names; AnsibleFilterError for names that cannot be proven so."""
    try:
        return acme.challenges(names, zone, servers, wanted)
    except TopologyError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"dns_challenges": dns_challenges}
