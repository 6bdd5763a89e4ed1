"""Filter foobar.webstack.monitoring_errors."""

from __future__ import annotations

DOCUMENTATION = r"""
name: monitoring_errors
version_added: 1.0.0
short_description: Mistakes in the variables of the role monitoring
author: The foobar.webstack maintainers
description:
  - Finds what a type cannot say, such as a route to a receiver that is not there, or a password among the receivers.
  - Types and required options are not looked at; the role's argument specification does that before. The configurations
    are read by the programs themselves besides.
options:
  _input:
    description:
      - C(listen), C(times) and C(sizes), each a dict of the role's variables by their names.
      - C(jobs), C(scrape_configs), C(receivers), C(route), C(smtp), C(watchdog_url), C(objective),
        C(virtual_addresses), C(users) and C(external_url); of C(secrets) the names alone.
    type: dict
    required: true
seealso:
  - plugin: foobar.webstack.alertmanager_configuration
    plugin_type: filter
"""

EXAMPLES = r"""
errors: >-
  {{ {'listen': {}, 'times': {}, 'sizes': {}, 'jobs': [], 'scrape_configs': [], 'receivers': [], 'smtp': {},
      'route': {'receiver': 'people'}, 'secrets': [], 'watchdog_url': '', 'objective': 99.9, 'virtual_addresses': [],
      'users': {}, 'external_url': ''}
     | foobar.webstack.monitoring_errors }}
# => ['monitoring_alertmanager_route names people; add it to monitoring_alertmanager_receivers.']
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
from ansible_collections.foobar.webstack.plugins.plugin_utils.validation.monitoring import Variables, errors


def monitoring_errors(variables: Mapping[str, Any]) -> list[str]:
    """All mistakes as sentences; AnsibleFilterError for data of another shape."""
    try:
        return errors(Variables(**variables))
    except TypeError as error:
        raise AnsibleFilterError(f"monitoring_errors: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"monitoring_errors": monitoring_errors}
