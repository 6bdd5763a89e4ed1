"""Filter foobar.webstack.mysql_peers."""

from __future__ import annotations

DOCUMENTATION = r"""
name: mysql_peers
version_added: 1.0.0
short_description: Where the other database hosts are
author: The foobar.webstack maintainers
description:
  - Makes O(foobar.webstack.mysql_server_info#module:peers) and O(foobar.webstack.mysql_primary#module:others) of the
    replication settings of all database hosts.
positional: without
options:
  _input:
    description: Settings by host, as P(foobar.webstack.mysql_replication#filter) makes them.
    type: dict
    required: true
  without:
    description: Hosts that are left out.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
peers: "{{ replication | foobar.webstack.mysql_peers([inventory_hostname]) }}"
vars:
  replication: "{{ groups['databases'] | foobar.webstack.mysql_replication(hostvars) }}"
"""

RETURN = r"""
_value:
  description: C(name), C(address) and C(port) of each host, in the order of the settings.
  type: list
  elements: dict
  sample: [{name: db2, address: 198.18.0.32, port: 3306}]
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any


def mysql_peers(settings: Mapping[str, Mapping[str, Any]], without: Sequence[str]) -> list[dict[str, Any]]:
    """The hosts but for some."""
    return [
        {name: host[name] for name in ("name", "address", "port")}
        for host in settings.values()
        if host["name"] not in without
    ]


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"mysql_peers": mysql_peers}
