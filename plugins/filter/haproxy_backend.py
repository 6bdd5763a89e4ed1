"""Filter foobar.webstack.haproxy_backend."""

from __future__ import annotations

DOCUMENTATION = r"""
name: haproxy_backend
version_added: 1.0.0
short_description: HAProxy backend made from inventory hosts
author: The foobar.webstack maintainers
description:
  - Makes an entry for C(haproxy_backends) of the role P(foobar.webstack.haproxy#role) from a list of inventory hosts,
    one server a host, in the order of the list.
  - Any further keyword is an option of the backend and stands in the result as it is, such as C(balance='leastconn').
  - Refused, with a message that says what to write instead, are an empty list, a host that is unknown, listed twice or
    without an address, an address that two hosts share, a value of the wrong type or out of range, and a backend that
    could not serve because every server is a backup, or because each is in maintenance or of weight 0.
positional: hostvars, name, port, check, tls
options:
  _input:
    description: Inventory names of the hosts, such as C(groups['webservers']).
    type: list
    elements: str
    required: true
  hostvars:
    description:
      - Variables of every host by inventory name, that is Ansible's C(hostvars). Read of each host are
      - its address, as P(foobar.webstack.address#filter) finds it,
      - C(haproxy_weight), its share of traffic relative to the others, from 0 (no new sessions) to 256 (default 100),
      - C(haproxy_backup), true for a server that gets traffic only when no other is up, default false, and
      - C(haproxy_maintenance), true for a server that gets no traffic at all, default false.
    type: dict
    required: true
  name:
    description: Name of the backend.
    type: str
    required: true
  port:
    description: TCP port on which all servers listen, from 1 to 65535; or a dict with that of each by inventory name.
    type: raw
    required: true
  check:
    description: Whether HAProxy checks the servers' health.
    type: bool
    default: true
  tls:
    description:
      - Speak TLS with the servers; a dict as C(haproxy_backends[].tls) has it, empty for its defaults. It stands in the
        result, and each server's C(tls_name), which its certificate has to hold, is its inventory name. Plain, if not
        given.
    type: dict
seealso:
  - plugin: foobar.webstack.address
    plugin_type: filter
  - plugin: foobar.webstack.web_ports
    plugin_type: filter
"""

EXAMPLES = r"""
# web1 and web2 have ansible_host=198.18.0.21 and 198.18.0.22, and web2 haproxy_weight=50
haproxy_backends:
  - >-
    {{
      groups['webservers']
      | foobar.webstack.haproxy_backend(hostvars, name='web', port=80, balance='roundrobin')
    }}
"""

RETURN = r"""
_value:
  description: The backend, with all further keywords besides what stands here.
  type: dict
  contains:
    name:
      description: Name of the backend.
      type: str
    servers:
      description:
        - The servers, each with its inventory name C(name), C(address) (IPv6 without brackets), C(port), C(check),
          C(weight), C(backup) and C(maintenance), and with O(tls) C(tls_name).
      type: list
      elements: dict
  sample:
    name: web
    servers:
      - {name: web1, address: 198.18.0.21, port: 80, check: true, weight: 100, backup: false, maintenance: false}
      - {name: web2, address: 198.18.0.22, port: 80, check: true, weight: 50, backup: false, maintenance: false}
    balance: roundrobin
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology import proxies
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import TopologyError


def haproxy_backend(
    hosts: Sequence[str],
    hostvars: Mapping[str, Any],
    name: str,
    port: int | Mapping[str, int],
    check: bool = True,
    tls: Mapping[str, Any] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """The backend `name` as data, with `options`; AnsibleFilterError where the inventory makes no working one."""
    if not (tls is None or isinstance(tls, Mapping)):
        raise AnsibleFilterError(
            f"backend {name}: tls is {tls!r}; write a dict such as {{'ca_file': '/etc/webstack/tls/ca.pem'}}, "
            "or leave it out"
        )
    try:
        servers = proxies.backend_servers(hosts, hostvars, name=name, port=port, check=check, tls=tls is not None)
    except TopologyError as error:
        raise AnsibleFilterError(str(error)) from error
    if "servers" in options:
        raise AnsibleFilterError(f"backend {name}: servers are made from the hosts; leave the option servers out")
    if tls is not None:
        options["tls"] = dict(tls)
    return {"name": name, "servers": [server.as_data() for server in servers], **options}


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"haproxy_backend": haproxy_backend}
