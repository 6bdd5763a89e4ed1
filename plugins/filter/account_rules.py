"""Filter foobar.webstack.account_rules."""

from __future__ import annotations

DOCUMENTATION = r"""
name: account_rules
version_added: 1.0.0
short_description: Firewall rules for accounts of the databases
author: The foobar.webstack maintainers
description:
  - Makes the rule that lets in the hosts of MySQL accounts. C(localhost), which is the socket, and C(%), which is
    anybody, make none.
positional: ports
options:
  _input:
    description: >-
      The accounts, as C(mysql_replication_users) of the role P(foobar.webstack.mysql_replication#role) has them.
    type: list
    elements: dict
    required: true
  ports:
    description: Ports of the databases.
    type: list
    elements: int
    required: true
"""

EXAMPLES = r"""
firewall_rules: "{{ [{'name': 'bi', 'hosts': ['192.0.2.%']}] | foobar.webstack.account_rules([3306]) }}"
# => [{name: mysql-accounts, direction: in, protocol: tcp, ports: ['3306'], addresses: [192.0.2.0/24]}]
"""

RETURN = r"""
_value:
  description: >-
    One rule for all of them, or none, as C(firewall_rules) of the role P(foobar.webstack.firewall#role) has it.
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils import additions


def account_rules(users: Sequence[Mapping[str, Any]], ports: Sequence[int]) -> list[dict[str, Any]]:
    """The rule for the accounts' hosts, or none."""
    return additions.account_rules(users, ports)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"account_rules": account_rules}
