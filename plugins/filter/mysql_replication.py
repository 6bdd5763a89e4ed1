"""Filter foobar.webstack.mysql_replication."""

from __future__ import annotations

DOCUMENTATION = r"""
name: mysql_replication
version_added: 1.0.0
short_description: Replication settings of every database host
author: The foobar.webstack maintainers
description:
  - Says of each of a list of database hosts what it is to the others - whom it replicates from, who replicates from
    it, its C(server_id), and whether it is read-only.
  - A host's entry is C(mysql_replication_settings) of the role P(foobar.webstack.mysql_replication#role).
  - Refused, with a message that says what to write instead, are an empty list, no primary or more than one, a host
    that is unknown, listed twice or without an address, a C(mysql_role) that is missing or unknown, a C(mysql_source)
    that is not another database host or is part of a cycle, an address or C(server_id) that two hosts share, and
    a value of the wrong type or out of range.
positional: hostvars, actual
options:
  _input:
    description: Inventory names of the database hosts, such as C(groups['databases']).
    type: list
    elements: str
    required: true
  hostvars:
    description:
      - Variables of every host by inventory name, that is Ansible's C(hostvars). Read of each host are
      - its address, as P(foobar.webstack.address#filter) finds it,
      - C(mysql_role), V(primary) on the one host that takes the writes and V(replica) on every other, required,
      - C(mysql_port), TCP port of its MySQL server, default 3306,
      - C(mysql_source), on a replica the inventory name of the host to replicate from, default the primary, and
      - C(mysql_server_id), from 1 to 4294967295, default the IPv4 address as an integer, or a digest of the IPv6
        address.
    type: dict
    required: true
  actual:
    description:
      - What hosts were found to be, by inventory name, as RV(foobar.webstack.mysql_server_info#module:role) says it. It
        wins over C(mysql_role), which says where things started. Empty if not given.
      - The host that takes writes is the primary. Where none does, it is that of the inventory, unless that replicates,
        or is empty and another is not.
      - Refused are two hosts that take writes, and a state that does not tell which one has the data.
    type: dict
seealso:
  - plugin: foobar.webstack.address
    plugin_type: filter
"""

EXAMPLES = r"""
# db1 and db2 have ansible_host=198.18.0.31 and 198.18.0.32, db1 mysql_role=primary and db2 mysql_role=replica
replication: "{{ groups['databases'] | foobar.webstack.mysql_replication(hostvars) }}"

# The role's variable, on each database host its own entry
mysql_replication_settings: >-
  {{ (groups['databases'] | foobar.webstack.mysql_replication(hostvars))[inventory_hostname] }}
"""

RETURN = r"""
_value:
  description: Settings by inventory name, in the order of the list.
  type: dict
  contains:
    "*":
      description: Settings of one database host.
      type: dict
      contains:
        name:
          description: Inventory name of the host.
          type: str
        role:
          description: V(primary) or V(replica).
          type: str
        address:
          description: Address of the host, IPv6 without brackets.
          type: str
        port:
          description: TCP port of its MySQL server.
          type: int
        server_id:
          description: MySQL's C(server_id), unique among the hosts.
          type: int
        report_host:
          description: How the host names itself to its source, its address.
          type: str
        read_only:
          description: Whether the server takes no writes but those of replication; true on everything but the primary.
          type: bool
        source:
          description: C(name), C(host) (an address) and C(port) of the server to replicate from; none on the primary.
          type: dict
        replicas:
          description: C(name), C(host) (an address) and C(port) of each server that replicates from this one.
          type: list
          elements: dict
  sample:
    db1:
      name: db1
      role: primary
      address: 198.18.0.31
      port: 3306
      server_id: 3323068447
      report_host: 198.18.0.31
      read_only: false
      source: null
      replicas: [{name: db2, host: 198.18.0.32, port: 3306}]
    db2:
      name: db2
      role: replica
      address: 198.18.0.32
      port: 3306
      server_id: 3323068448
      report_host: 198.18.0.32
      read_only: true
      source: {name: db1, host: 198.18.0.31, port: 3306}
      replicas: []
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import ReasonError
from ansible_collections.foobar.webstack.plugins.plugin_utils.sentences import Caller, sentence
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology import databases
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import TopologyError


def mysql_replication(
    hosts: Sequence[str], hostvars: Mapping[str, Any], actual: Mapping[str, str] | None = None
) -> dict[str, dict[str, Any]]:
    """Replication settings by host name as data; AnsibleFilterError where the hosts do not make one cluster."""
    try:
        settings = databases.replication(databases.as_found(databases.database_hosts(hosts, hostvars), actual or {}))
    except TopologyError as error:
        raise AnsibleFilterError(str(error)) from error
    except ReasonError as error:
        caller = Caller.of(hostvars[hosts[0]])
        raise AnsibleFilterError(sentence(error.reasons[0].as_data(), caller)) from error
    return {name: host.as_data() for name, host in settings.items()}


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"mysql_replication": mysql_replication}
