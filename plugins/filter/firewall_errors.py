"""Filter foobar.webstack.firewall_errors."""

from __future__ import annotations

DOCUMENTATION = r"""
name: firewall_errors
version_added: 1.0.0
short_description: What is wrong with the data of the role firewall
author: The foobar.webstack maintainers
description:
  - Checks what an argument specification cannot say - names of rules, ports, addresses and networks, rates, and values
    that contradict each other.
  - The role P(foobar.webstack.firewall#role) uses it before it changes anything.
options:
  _input:
    description:
      - Variables of the role P(foobar.webstack.firewall#role) by their names, of the types that its argument
        specification gives. One that is left out is not checked.
    type: dict
    required: true
seealso:
  - plugin: foobar.webstack.firewall_rules
    plugin_type: filter
"""

EXAMPLES = r"""
errors: "{{ {'firewall_ssh_port': 0} | foobar.webstack.firewall_errors }}"
# => ['firewall_ssh_port is 0; write a port from 1 to 65535.']
"""

RETURN = r"""
_value:
  description: A sentence for each mistake, with the variable and what to write instead. Empty if there is none.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.validation import firewall


def firewall_errors(variables: Mapping[str, Any]) -> list[str]:
    """A sentence for each mistake. Raises AnsibleFilterError when the input is not a dict."""
    if not isinstance(variables, Mapping):
        raise AnsibleFilterError(f"firewall_errors: the input is {type(variables).__name__}; give a dict")
    return firewall.errors(variables)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"firewall_errors": firewall_errors}
