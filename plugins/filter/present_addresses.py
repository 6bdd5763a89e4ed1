"""Filter foobar.webstack.present_addresses."""

from __future__ import annotations

DOCUMENTATION = r"""
name: present_addresses
version_added: 1.0.0
short_description: Of some addresses those that a host has
author: The foobar.webstack maintainers
description:
  - Looks for addresses in Ansible's facts about the network interfaces of a host.
positional: addresses
options:
  _input:
    description: The host's facts, that is C(ansible_facts), with those of the subset C(network).
    type: dict
    required: true
  addresses:
    description: IPv4 and IPv6 addresses.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
addresses: "{{ ansible_facts | foobar.webstack.present_addresses(['198.18.0.11', '203.0.113.11']) }}"
# => ['198.18.0.11'] where 203.0.113.11 is brought to the host by an address translation
"""

RETURN = r"""
_value:
  description: Those that an interface of the host has, in their order, as the host writes them.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.interfaces import present_addresses


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"present_addresses": present_addresses}
