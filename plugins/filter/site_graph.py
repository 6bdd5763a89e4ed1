"""Filter foobar.webstack.site_graph."""

from __future__ import annotations

DOCUMENTATION = r"""
name: site_graph
version_added: 1.0.0
short_description: A picture of a site, as a description for Graphviz
author: The foobar.webstack maintainers
description:
  - Describes the groups of a site with their hosts and what listens there, which connections the firewalls let in, the
    virtual addresses and the replication, in the language of Graphviz.
  - It is made of what the stack gives its roles, so it shows what the playbooks configure. The same site gives the same
    text. The first line has an identifier of the text, which Graphviz writes into an SVG, too.
positional: title
options:
  _input:
    description:
      - The site, a dict.
      - C(flows) are flows between groups, as P(foobar.webstack.firewall_rules#filter) takes them; C(optional) the
        groups that the inventory may lack.
      - C(groups) are the hosts of every group by its name, that is Ansible's C(groups); C(table) is the table of
        groups, in whose order they are shown.
      - C(hosts) has by inventory name of each host its C(address), its C(listeners) as
        P(foobar.webstack.listener_conflicts#filter) takes them, and C(rules), those of its firewall.
      - C(instances) are the VRRP instances by host, as P(foobar.webstack.vrrp_instances#filter) makes them, and
        C(front) (default C(loadbalancers)) the group of these hosts.
      - C(settings) are the replication settings by host, as P(foobar.webstack.mysql_replication#filter) makes them, and
        C(databases) (default C(databases)) the group of these hosts.
      - C(idle) are roles of the table that have nothing to do in this site.
    type: dict
    required: true
  title:
    description: What stands above the picture.
    type: str
    required: true
seealso:
  - plugin: foobar.webstack.firewall_rules
    plugin_type: filter
"""

EXAMPLES = r"""
description: >-
  {{
    {
      'flows': [{'name': 'www', 'to': 'loadbalancers', 'from': 'any', 'ports': [80, 443]}],
      'groups': {'loadbalancers': ['lb1']},
      'table': {'loadbalancers': {'roles': ['haproxy']}},
      'hosts': {
        'lb1': {
          'address': '198.18.0.11',
          'listeners': {'loadbalancers': [{'program': 'HAProxy', 'port': [80, 443]}]},
          'rules': [],
        },
      },
    }
    | foobar.webstack.site_graph('www.foobar.com')
  }}
# => 'digraph site { ... }', for: dot -Tsvg
"""

RETURN = r"""
_value:
  description: The description, a digraph in Graphviz' language.
  type: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.graphviz import dot
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.graph import Site, graph
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import TopologyError


def site_graph(site: Mapping[str, Any], title: str) -> str:
    """The description; AnsibleFilterError for a site that cannot be, or for data of another shape."""
    try:
        return dot(graph(Site(**site)), title)
    except (TopologyError, TypeError) as error:
        raise AnsibleFilterError(f"site_graph: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"site_graph": site_graph}
