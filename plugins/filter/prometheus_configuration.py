"""Filter foobar.webstack.prometheus_configuration."""

from __future__ import annotations

DOCUMENTATION = r"""
name: prometheus_configuration
version_added: 1.0.0
short_description: The configuration of Prometheus, from the variables of the role monitoring
author: The foobar.webstack maintainers
description:
  - Makes what Prometheus reads of jobs that are given as data. A job with C(probe) is asked by the blackbox exporter.
options:
  _input:
    description: >-
      C(global_settings), C(external_labels), C(jobs), C(scrape_configs), C(alertmanagers), C(rule_files), and the
      address of the blackbox exporter as C(prober).
    type: dict
    required: true
seealso:
  - plugin: foobar.webstack.scrape_jobs
    plugin_type: filter
"""

EXAMPLES = r"""
configuration: >-
  {{ {'global_settings': {'scrape_interval': '10s'}, 'external_labels': {}, 'scrape_configs': [], 'rule_files': [],
      'jobs': [{'name': 'node', 'targets': [{'address': '198.18.0.21:9100', 'labels': {'instance': 'web1'}}]}],
      'alertmanagers': ['127.0.0.1:9093'], 'prober': '127.0.0.1:9115'} | foobar.webstack.prometheus_configuration }}
# => {'global': {'scrape_interval': '10s'}, ..., 'scrape_configs': [{'job_name': 'node', ...}]}
"""

RETURN = r"""
_value:
  description: The configuration, to be written as YAML.
  type: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.monitoring import Prometheus, prometheus


def prometheus_configuration(variables: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration; AnsibleFilterError for data of another shape."""
    try:
        return prometheus(Prometheus(**variables))
    except (TypeError, KeyError) as error:
        raise AnsibleFilterError(f"prometheus_configuration: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"prometheus_configuration": prometheus_configuration}
