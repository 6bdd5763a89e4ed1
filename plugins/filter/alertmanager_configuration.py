"""Filter foobar.webstack.alertmanager_configuration."""

from __future__ import annotations

DOCUMENTATION = r"""
name: alertmanager_configuration
version_added: 1.0.0
short_description: The configuration of Alertmanager, from the variables of the role monitoring
author: The foobar.webstack maintainers
description:
  - Makes what Alertmanager reads of receivers and routes that are given as data, in Alertmanager's own form.
  - Whatever no route takes goes to the first receiver. The alert C(Watchdog), which fires for as long as everything
    works, goes to the address in C(watchdog_file) every minute, and to nobody where there is none.
  - Where a host is down, nobody is told of what runs on it, and of two alerts of one name for one host only the
    critical one.
options:
  _input:
    description: C(smtp), C(receivers), C(route), C(inhibit_rules) and C(watchdog_file).
    type: dict
    required: true
seealso:
  - plugin: foobar.webstack.prometheus_configuration
    plugin_type: filter
"""

EXAMPLES = r"""
configuration: >-
  {{ {'smtp': {'from': 'alerts@foobar.com', 'smarthost': 'mail.foobar.com:587'}, 'route': {}, 'inhibit_rules': [],
      'receivers': [{'name': 'people', 'email_configs': [{'to': 'people@foobar.com'}]}], 'watchdog_file': ''}
     | foobar.webstack.alertmanager_configuration }}
# => {'global': {'smtp_from': 'alerts@foobar.com', ...}, 'route': {'receiver': 'people', ...}, ...}
"""

RETURN = r"""
_value:
  description: The configuration, to be written as YAML.
  type: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.monitoring import Alertmanager, alertmanager


def alertmanager_configuration(variables: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration; AnsibleFilterError for data of another shape."""
    try:
        return alertmanager(Alertmanager(**variables))
    except (TypeError, KeyError) as error:
        raise AnsibleFilterError(f"alertmanager_configuration: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"alertmanager_configuration": alertmanager_configuration}
