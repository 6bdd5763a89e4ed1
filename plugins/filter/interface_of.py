"""Filter foobar.webstack.interface_of."""

from __future__ import annotations

DOCUMENTATION = r"""
name: interface_of
version_added: 1.0.0
short_description: The network interface of a host that has an address
author: The foobar.webstack maintainers
description:
  - Looks for an address in Ansible's facts about the network interfaces of a host.
positional: address
options:
  _input:
    description: The host's facts, that is C(ansible_facts), with those of the subset C(network).
    type: dict
    required: true
  address:
    description: An IPv4 or IPv6 address.
    type: str
    required: true
"""

EXAMPLES = r"""
interface: "{{ ansible_facts | foobar.webstack.interface_of('198.18.0.11') }}"
# => 'eth0'
"""

RETURN = r"""
_value:
  description: Name of the interface. Empty where none has the address.
  type: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.interfaces import interface_of


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"interface_of": interface_of}
