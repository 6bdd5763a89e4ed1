"""Filter foobar.webstack.listener_conflicts."""

from __future__ import annotations

DOCUMENTATION = r"""
name: listener_conflicts
version_added: 1.0.0
short_description: Programs of one host that would listen on the same port
author: The foobar.webstack maintainers
description:
  - Finds the programs that would listen on the same port of the same address of a host, because the host is in the
    groups of both. Returns one sentence for each such pair and port, which names the host, the programs with their
    groups, the port, and what to change.
  - Every address overlaps with V(*), every IPv4 address with V(0.0.0.0), every IPv6 address with V(::). Two different
    addresses of the same host do not overlap, such as V(127.0.0.1) and the address at which the others reach it.
  - Listeners of one program never conflict here; many sites of nginx share a port, and HAProxy's own role refuses the
    rest.
positional: groups, host
options:
  _input:
    description:
      - By group, what it places on each of its hosts, a list of dicts. What the group V(all) has counts on every host.
      - C(program) is the program's name.
      - C(port) is the port, or a list of ports, and C(address) the IP address, or a list of addresses, default V(*).
      - C(binds) stands in place of the two where they are to be had in pairs, a list of dicts with C(address) and
        C(port), as C(haproxy_frontends[].bind) and C(nginx_sites[].listen) have them. One with C(tls.quic) listens on
        UDP, too. Paths of sockets are left out.
      - C(protocol) is V(tcp), which is the default, or V(udp).
      - C(variable) is the variable with which the user gives the program another port; left out where there is none.
    type: dict
    required: true
  groups:
    description: Groups of the host, that is C(group_names).
    type: list
    elements: str
    required: true
  host:
    description: Inventory name of the host, that is C(inventory_hostname).
    type: str
    required: true
seealso:
  - plugin: foobar.webstack.firewall_rules
    plugin_type: filter
"""

EXAMPLES = r"""
# On web1, which is in the groups loadbalancers, webservers and appservers
problems: >-
  {{
    {
      'all': [{'program': 'sshd', 'port': 22, 'variable': 'ansible_port'}],
      'loadbalancers': [{'program': 'HAProxy', 'port': [80, 443]}],
      'webservers': [{'program': 'nginx', 'binds': [{'port': 443, 'tls': true}]}],
      'appservers': [
        {'program': 'gunicorn', 'address': '198.18.0.21', 'port': 8000, 'variable': 'webstack_app_port'},
        {'program': 'HAProxy', 'address': '127.0.0.1', 'port': [6446, 6447]},
      ],
    }
    | foobar.webstack.listener_conflicts(['appservers', 'loadbalancers', 'webservers'], 'web1')
  }}
"""

RETURN = r"""
_value:
  description: One sentence for each conflict, in the order of the groups; empty where there is none.
  type: list
  elements: str
  sample:
    - >-
      web1: HAProxy (group loadbalancers) and nginx (group webservers) would both listen on TCP port 443 of every
      address; take the host out of the group loadbalancers or webservers
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.listeners import (
    EVERY_ADDRESS,
    EVERY_HOST,
    Conflict,
    conflicts,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import TopologyError


def listener_conflicts(
    listeners: Mapping[str, Sequence[Mapping[str, Any]]], groups: Sequence[str], host: str
) -> list[str]:
    """The conflicts of `host` as sentences; AnsibleFilterError where the listeners are not of the documented form."""
    try:
        return [_sentence(conflict) for conflict in conflicts(listeners, groups, host)]
    except TopologyError as error:
        raise AnsibleFilterError(str(error)) from error


def _sentence(conflict: Conflict) -> str:
    sides = (conflict.first, conflict.second)
    programs = " and ".join(f"{side.program} (group {side.group})" for side in sides)
    addresses = dict.fromkeys("every address" if side.address == EVERY_ADDRESS else side.address for side in sides)
    variables = dict.fromkeys(side.variable for side in sides if side.variable)
    fixes = [f"set {' or '.join(variables)} to another port"] if variables else []
    if conflict.first.group != conflict.second.group:
        groups = [side.group for side in sides if side.group != EVERY_HOST]
        fixes.append(f"take the host out of the group {' or '.join(groups)}")
    return (
        f"{conflict.host}: {programs} would both listen on {conflict.first.protocol.upper()} port "
        f"{conflict.first.port} of {' and '.join(addresses)}; {', or '.join(fixes) or 'keep one of them'}"
    )


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"listener_conflicts": listener_conflicts}
