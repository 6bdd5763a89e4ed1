"""Filter foobar.webstack.nginx_upstream."""

from __future__ import annotations

DOCUMENTATION = r"""
name: nginx_upstream
version_added: 1.0.0
short_description: nginx upstream made from inventory hosts
author: The foobar.webstack maintainers
description:
  - Makes an entry for C(nginx_upstreams) of the role P(foobar.webstack.nginx#role) from a list of inventory hosts,
    one server a host.
  - Where the host that nginx runs on is itself one of them, it comes first and the others are its backups, so that
    requests stay on the host while its server answers. Elsewhere all are equal servers, in the order of the list.
  - Any further keyword is an option of the upstream and stands in the result as it is, such as C(keepalive=32).
  - Refused, with a message that says what to write instead, are an empty list, a host that is unknown, listed twice or
    without an address, an address that two hosts share, and a value of the wrong type or out of range.
positional: hostvars, name, port, local
options:
  _input:
    description: Inventory names of the hosts, such as C(groups['appservers']).
    type: list
    elements: str
    required: true
  hostvars:
    description:
      - Variables of every host by inventory name, that is Ansible's C(hostvars).
      - Read of each host is its address, as P(foobar.webstack.address#filter) finds it.
    type: dict
    required: true
  name:
    description: Name of the upstream.
    type: str
    required: true
  port:
    description: TCP port on which all servers listen, from 1 to 65535.
    type: int
    required: true
  local:
    description:
      - Inventory name of the host that nginx runs on, that is C(inventory_hostname).
      - Without it no server is preferred.
    type: str
seealso:
  - plugin: foobar.webstack.address
    plugin_type: filter
"""

EXAMPLES = r"""
# On web2, of web1 and web2 with ansible_host=198.18.0.21 and 198.18.0.22
nginx_upstreams:
  - >-
    {{
      groups['appservers']
      | foobar.webstack.nginx_upstream(hostvars, name='app', port=8000, local=inventory_hostname, keepalive=32)
    }}
"""

RETURN = r"""
_value:
  description: The upstream, with all further keywords besides what stands here.
  type: dict
  contains:
    name:
      description: Name of the upstream.
      type: str
    servers:
      description:
        - The servers, the local one first, each with its inventory name C(name), C(address) (IPv6 without brackets),
          C(port) and C(backup).
      type: list
      elements: dict
  sample:
    name: app
    servers:
      - {name: web2, address: 198.18.0.22, port: 8000, backup: false}
      - {name: web1, address: 198.18.0.21, port: 8000, backup: true}
    keepalive: 32
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology import proxies
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import TopologyError


def nginx_upstream(
    hosts: Sequence[str], hostvars: Mapping[str, Any], name: str, port: int, local: str | None = None, **options: Any
) -> dict[str, Any]:
    """The upstream `name` as data, with `options`; AnsibleFilterError where the inventory does not make one."""
    try:
        servers = proxies.upstream_servers(hosts, hostvars, name=name, port=port, local=local)
    except TopologyError as error:
        raise AnsibleFilterError(str(error)) from error
    if "servers" in options:
        raise AnsibleFilterError(f"upstream {name}: servers are made from the hosts; leave the option servers out")
    return {"name": name, "servers": [server.as_data() for server in servers], **options}


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"nginx_upstream": nginx_upstream}
