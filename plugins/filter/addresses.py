"""Filter foobar.webstack.addresses."""

from __future__ import annotations

DOCUMENTATION = r"""
name: addresses
version_added: 1.0.0
short_description: Addresses at which the hosts of a stack reach each other
author: The foobar.webstack maintainers
description:
  - Returns what P(foobar.webstack.address#filter) returns, of each host, and refuses what it refuses.
  - Refuses two hosts at one address, whichever groups they are in.
  - Refuses hosts of two families, too - a host that is reached at an IPv6 address is asked from one, and whoever knows
    the other by its IPv4 address would not let it in.
positional: hostvars
options:
  _input:
    description: Inventory names of the hosts.
    type: list
    elements: str
    required: true
  hostvars:
    description: Variables of every host by inventory name, that is Ansible's C(hostvars).
    type: dict
    required: true
seealso:
  - plugin: foobar.webstack.address
    plugin_type: filter
"""

EXAMPLES = r"""
# web1 has ansible_host=198.18.0.21, web2 ansible_host=198.18.0.22
addresses: "{{ groups['webservers'] | foobar.webstack.addresses(hostvars) }}"
# => {'web1': '198.18.0.21', 'web2': '198.18.0.22'}
"""

RETURN = r"""
_value:
  description: The IPv4 or IPv6 addresses by inventory name; IPv6 in its compressed form, without brackets.
  type: dict
  sample: {web1: 198.18.0.21, web2: 198.18.0.22}
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.addresses import addresses as found
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import TopologyError


def addresses(hosts: Sequence[str], hostvars: Mapping[str, Any]) -> dict[str, str]:
    """The addresses as strings; AnsibleFilterError for one without, for one that two share, for two families."""
    try:
        return {name: str(address) for name, address in found(list(hosts), hostvars).items()}
    except TopologyError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"addresses": addresses}
