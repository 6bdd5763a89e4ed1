"""Filter foobar.webstack.frontend_rules."""

from __future__ import annotations

DOCUMENTATION = r"""
name: frontend_rules
version_added: 1.0.0
short_description: Firewall rules for frontends of HAProxy
author: The foobar.webstack maintainers
description:
  - Makes the rules that open the ports of frontends to their C(sources). A bind on the loopback or on the path of a
    socket makes none.
options:
  _input:
    description: >-
      The frontends, as C(haproxy_frontends) of the role P(foobar.webstack.haproxy#role) has them, each with C(sources),
      a list of addresses and networks.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
firewall_rules: >-
  {{ [{'name': 'api', 'bind': [{'port': 8443}], 'sources': ['192.0.2.0/24']}] | foobar.webstack.frontend_rules }}
# => [{name: frontend api, direction: in, protocol: tcp, ports: ['8443'], addresses: [192.0.2.0/24]}]
"""

RETURN = r"""
_value:
  description: The rules, as C(firewall_rules) of the role P(foobar.webstack.firewall#role) has them.
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils import additions


def frontend_rules(frontends: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rules for the frontends' ports."""
    return additions.frontend_rules(frontends)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"frontend_rules": frontend_rules}
