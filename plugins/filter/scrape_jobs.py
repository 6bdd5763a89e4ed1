"""Filter foobar.webstack.scrape_jobs."""

from __future__ import annotations

DOCUMENTATION = r"""
name: scrape_jobs
version_added: 1.0.0
short_description: What Prometheus asks, from the flows of the firewall
author: The foobar.webstack maintainers
description:
  - Makes a job for each flow of the monitoring hosts, with the hosts that listen as its targets. The firewall opens the
    same flows, so that whatever is asked is open to who asks it, and to nobody else.
  - A host that has left the inventory, or the group, is no target any more. A job without targets is left out.
  - Refused, with a message that says what to write instead, are flows that P(foobar.webstack.firewall_rules#filter)
    refuses, a flow with several ports of one host, and hosts that have no address.
positional: groups, hostvars, optional, prefix
options:
  _input:
    description: Flows as P(foobar.webstack.firewall_rules#filter) takes them, each with one port of each host.
    type: list
    elements: dict
    required: true
  groups:
    description: Hosts of every group by its name, that is Ansible's C(groups).
    type: dict
    required: true
  hostvars:
    description:
      - Variables of every host by inventory name, that is Ansible's C(hostvars).
      - Read is the address of each target, as P(foobar.webstack.address#filter) finds it.
    type: dict
    required: true
  optional:
    description: Groups that the inventory may lack; none if not given.
    type: list
    elements: str
  prefix:
    description: What a flow's name begins with, and its job's does not.
    type: str
    default: ''
seealso:
  - plugin: foobar.webstack.firewall_rules
    plugin_type: filter
"""

EXAMPLES = r"""
# Of web1 and web2 with ansible_host=198.18.0.21 and .22
monitoring_jobs: >-
  {{
    [{'name': 'metrics-nginx', 'to': 'webservers', 'from': 'monitoring', 'ports': [9113]}]
    | foobar.webstack.scrape_jobs(groups, hostvars, prefix='metrics-')
  }}
"""

RETURN = r"""
_value:
  description: The jobs, in the order of the flows.
  type: list
  elements: dict
  contains:
    name:
      description: Name of the job.
      type: str
    targets:
      description: C(address) with the port, and C(labels) with the host's inventory name as C(instance).
      type: list
      elements: dict
  sample:
    - name: nginx
      targets:
        - {address: "198.18.0.21:9113", labels: {instance: web1}}
        - {address: "198.18.0.22:9113", labels: {instance: web2}}
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.scrape import jobs
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import TopologyError


def scrape_jobs(
    flows: Sequence[Mapping[str, Any]],
    groups: Mapping[str, Sequence[str]],
    hostvars: Mapping[str, Any],
    optional: Sequence[str] | None = None,
    prefix: str = "",
) -> list[dict[str, Any]]:
    """The jobs as data; AnsibleFilterError where the flows and the inventory do not make them."""
    try:
        return [job.as_data() for job in jobs(flows, groups, hostvars, optional or (), prefix)]
    except TopologyError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"scrape_jobs": scrape_jobs}
