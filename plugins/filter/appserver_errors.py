"""Filter foobar.webstack.appserver_errors."""

from __future__ import annotations

DOCUMENTATION = r"""
name: appserver_errors
version_added: 1.0.0
short_description: Mistakes in the variables of the role appserver
author: The foobar.webstack maintainers
description:
  - Finds what the role's argument specification cannot say, such as a process without a command or a job whose schedule
    is one of cron.
options:
  _input:
    description: Variables of the role by name; those of others are left alone.
    type: dict
    required: true
seealso:
  - plugin: foobar.webstack.units_of_host
    plugin_type: filter
"""

EXAMPLES = r"""
errors: "{{ {'appserver_processes': {'worker': {'command': []}}} | foobar.webstack.appserver_errors }}"
# => ['appserver_processes.worker.command has no words; write what is to be run']
"""

RETURN = r"""
_value:
  description: A sentence for each mistake, without its full stop. Empty when there is none.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.validation.appserver import errors


def appserver_errors(variables: Mapping[str, Any]) -> list[str]:
    """All mistakes as sentences; AnsibleFilterError for data of another shape."""
    if not isinstance(variables, Mapping):
        raise AnsibleFilterError(f"appserver_errors: the input is {type(variables).__name__}; give a dict")
    return errors(variables)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"appserver_errors": appserver_errors}
