"""Filter foobar.webstack.stack_errors."""

from __future__ import annotations

DOCUMENTATION = r"""
name: stack_errors
version_added: 1.0.0
short_description: What is wrong with the variables of the whole stack
author: The foobar.webstack maintainers
description:
  - Checks the variables of the whole stack for what an argument specification cannot express, such as the form of a
    host name. Variables that are not given are not looked at.
positional: type_errors, endpoint_ports, acme_email, taken, application_hosts
options:
  _input:
    description: The variables that the inventory gives, by name.
    type: dict
    required: true
  type_errors:
    description: >-
      What P(foobar.webstack.argument_errors#filter) says of them. Where it says anything, that is the result, because
      the rules are for values of the right type.
    type: list
    elements: str
  endpoint_ports:
    description: The different values of C(mysql_endpoint_port) among the database hosts.
    type: list
    elements: int
  acme_email:
    description: C(certificates_acme_email) of the load balancers, empty where it is not set.
    type: str
    default: ""
  taken:
    description: By variable, names of the stack's own, which what the variable adds must not have.
    type: dict
  application_hosts:
    description: Names of the hosts in the group C(appservers). What depends on them is not looked at without.
    type: list
    elements: str
seealso:
  - plugin: foobar.webstack.argument_errors
    plugin_type: filter
"""

EXAMPLES = r"""
# {'webstack_app_port': 80} | foobar.webstack.stack_errors
# => ["webstack_app_port is 80; in the inventory's group_vars/all, set it to a port from 1024 to 65535."]
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
from ansible_collections.foobar.webstack.plugins.plugin_utils import stack


def stack_errors(
    given: Mapping[str, Any],
    type_errors: Sequence[str] | None = None,
    endpoint_ports: Sequence[int] | None = None,
    acme_email: str = "",
    taken: Mapping[str, Sequence[str]] | None = None,
    application_hosts: Sequence[str] | None = None,
) -> list[str]:
    """Say what is wrong with the variables. Raises AnsibleFilterError when they are not a dict."""
    if not isinstance(given, Mapping):
        raise AnsibleFilterError(f"stack_errors: the input is {type(given).__name__}; give a dict")
    said = [error if error.endswith("?") else f"{error}." for error in type_errors or ()]
    return said or stack.stack_errors(given, endpoint_ports or (), acme_email, taken or {}, application_hosts or ())


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"stack_errors": stack_errors}
