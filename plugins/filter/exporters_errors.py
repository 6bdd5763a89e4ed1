"""Filter foobar.webstack.exporters_errors."""

from __future__ import annotations

DOCUMENTATION = r"""
name: exporters_errors
version_added: 1.0.0
short_description: Mistakes in the variables of the role exporters
author: The foobar.webstack maintainers
description:
  - Finds what a type cannot say, such as an address without a port, or two exporters at one port.
  - Types and required options are not looked at; the role's argument specification does that before.
options:
  _input:
    description:
      - C(listen), C(collectors) and C(arguments), each a dict of the role's variables by their names; C(statsd),
        C(endpoint), C(interval) and C(memory_max), the values of those.
    type: dict
    required: true
seealso:
  - plugin: foobar.webstack.scrape_jobs
    plugin_type: filter
"""

EXAMPLES = r"""
errors: >-
  {{ {'listen': {'exporters_node_web_listen_address': 'lb1'}, 'collectors': {}, 'arguments': {},
      'statsd': '127.0.0.1:9125', 'endpoint': '', 'interval': '15s', 'memory_max': '64M'}
     | foobar.webstack.exporters_errors }}
# => ['exporters_node_web_listen_address is "lb1"; give an address and a port, such as 127.0.0.1:9100 or [::1]:9100.']
"""

RETURN = r"""
_value:
  description: A sentence for each mistake, with the variable and the fix. Empty when there is none.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.validation.exporters import Variables, errors


def exporters_errors(variables: Mapping[str, Any]) -> list[str]:
    """All mistakes as sentences; AnsibleFilterError for data of another shape."""
    try:
        return errors(Variables(**variables))
    except TypeError as error:
        raise AnsibleFilterError(f"exporters_errors: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"exporters_errors": exporters_errors}
