"""Filter foobar.webstack.inventory_errors."""

from __future__ import annotations

DOCUMENTATION = r"""
name: inventory_errors
version_added: 1.0.0
short_description: What is wrong with the groups of an inventory
author: The foobar.webstack maintainers
description:
  - Compares the groups of an inventory with the table of the stack's groups.
  - An error is a group whose name is a misspelling of one of the table's, unless all its hosts are in that one as well;
    a required group that has no hosts; and one that has more than its C(max_hosts). Other groups are the user's own.
positional: table
options:
  _input:
    description: Hosts of every group by its name, that is Ansible's C(groups).
    type: dict
    required: true
  table:
    description:
      - The groups by name, each with C(required) (it has at least one host), C(base) (its hosts get the base roles),
        C(roles) (which make it, in this order) and, where there is a limit, C(max_hosts).
    type: dict
    required: true
seealso:
  - plugin: foobar.webstack.play_hosts
    plugin_type: filter
"""

EXAMPLES = r"""
# {'all': ['web1'], 'webserver': ['web1']}
# | foobar.webstack.inventory_errors({'webservers': {'required': true, 'base': true, 'roles': ['nginx']}})
# => ['Unknown group webserver; did you mean webservers?']
"""

RETURN = r"""
_value:
  description: A sentence for each error, none when all is well.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils import groups as stack


def inventory_errors(groups: Mapping[str, Sequence[str]], table: Mapping[str, Any]) -> list[str]:
    """Say what is wrong with the groups; AnsibleFilterError for a malformed table, and where there are no hosts."""
    try:
        return stack.inventory_errors(stack.table_of(table), groups)
    except stack.GroupError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"inventory_errors": inventory_errors}
