"""Filter foobar.webstack.bracketed."""

from __future__ import annotations

DOCUMENTATION = r"""
name: bracketed
version_added: 1.0.0
short_description: An address as it stands before a port
author: The foobar.webstack maintainers
description:
  - Puts an IPv6 address into brackets, and leaves whatever else it is given as it is.
options:
  _input:
    description: An address.
    type: str
    required: true
"""

EXAMPLES = r"""
listen: "{{ '2001:db8::11' | foobar.webstack.bracketed }}:9100"
# => [2001:db8::11]:9100
"""

RETURN = r"""
_value:
  description: The address.
  type: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import ip


def bracketed(address: str) -> str:
    """The address as a URL has it."""
    found = ip(address)
    return f"[{address}]" if found is not None and found.version == 6 else address


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"bracketed": bracketed}
