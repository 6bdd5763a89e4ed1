"""Filter foobar.webstack.mysql_routing."""

from __future__ import annotations

DOCUMENTATION = r"""
name: mysql_routing
version_added: 1.0.0
short_description: HAProxy sections that lead an application host to the databases
author: The foobar.webstack maintainers
description:
  - Makes the entries of C(haproxy_backends) and C(haproxy_listens) of the role P(foobar.webstack.haproxy#role) with
    which the HAProxy of an application host finds the server that takes writes, and a replica to read from. It asks
    the role P(foobar.webstack.mysql_endpoint#role) of every database host.
  - C(mysql-write) leads to whichever server takes writes. C(mysql-read) leads to a replica; where none is fit, to the
    primary, and when that is gone, too, to any server that answers, which C(mysql-any) knows.
  - The servers for the last two cases are called C(<host>-primary) and C(<host>-any). They are backups without
    a health check of their own, which C(track) the servers of C(mysql-write) and C(mysql-any).
  - Refused, with a message that says what to write instead, are settings without hosts, ports out of range, one port
    for both purposes, and host names that HAProxy does not take or that are those of such a backup.
positional: endpoint_port, ca_file, address, write_port, read_port
options:
  _input:
    description: Replication settings of all database hosts, as P(foobar.webstack.mysql_replication#filter) makes them.
    type: dict
    required: true
  endpoint_port:
    description: TCP port of the endpoint on every database host, that is C(mysql_endpoint_port).
    type: int
    required: true
  ca_file:
    description:
      - File on the application host, by its whole path, with the CA that vouches for the endpoints' certificates.
      - Each certificate has to hold the host's inventory name.
    type: str
    required: true
  address:
    description: Address on which the two ports are offered. It is meant for the applications of the host itself.
    type: str
    default: 127.0.0.1
  write_port:
    description: TCP port to the server that takes writes; the default is that of MySQL Router.
    type: int
    default: 6446
  read_port:
    description: TCP port to a server to read from; the default is that of MySQL Router.
    type: int
    default: 6447
seealso:
  - plugin: foobar.webstack.mysql_replication
    plugin_type: filter
"""

EXAMPLES = r"""
# db1 and db2 have ansible_host=198.18.0.31 and 198.18.0.32, db1 mysql_role=primary and db2 mysql_role=replica
routing: >-
  {{
    groups['databases'] | foobar.webstack.mysql_replication(hostvars)
    | foobar.webstack.mysql_routing(endpoint_port=3308, ca_file='/etc/webstack/tls/ca.pem')
  }}
# On an application host, haproxy_backends is then "{{ routing.backends }}", haproxy_listens "{{ routing.listens }}",
# and the application writes to "mysql://guestbook@{{ routing.write }}/guestbook".
"""

RETURN = r"""
_value:
  description: What an application host adds to the variables of the role haproxy.
  type: dict
  contains:
    backends:
      description: Entries of C(haproxy_backends); one, C(mysql-any).
      type: list
      elements: dict
    listens:
      description: Entries of C(haproxy_listens), C(mysql-write) and C(mysql-read).
      type: list
      elements: dict
    write:
      description: Where the application connects to write, address and port as in a URL.
      type: str
    read:
      description: Where the application connects to read, address and port as in a URL.
      type: str
  sample:
    write: 127.0.0.1:6446
    read: 127.0.0.1:6447
    backends:
      - name: mysql-any
        mode: tcp
        http_check: {uri: /readable, host: mysql-endpoint}
        check_interval: 1s
        rise: 1
        fall: 1
        server_extra: [port 3308, check-ssl, verify required, ca-file /etc/webstack/tls/ca.pem]
        servers:
          - {name: db1, address: 198.18.0.31, port: 3306, extra: [check-sni db1, verifyhost db1]}
          - {name: db2, address: 198.18.0.32, port: 3306, extra: [check-sni db2, verifyhost db2]}
    listens:
      - name: mysql-write
        mode: tcp
        bind: [{address: 127.0.0.1, port: 6446}]
        timeout_client: 1h
        timeout_server: 1h
        http_check: {uri: /primary, host: mysql-endpoint}
        check_interval: 500ms
        rise: 1
        fall: 2
        server_extra:
          - port 3308
          - check-ssl
          - verify required
          - ca-file /etc/webstack/tls/ca.pem
          - fastinter 250ms
          - on-marked-down shutdown-sessions
        servers:
          - {name: db1, address: 198.18.0.31, port: 3306, extra: [check-sni db1, verifyhost db1]}
          - {name: db2, address: 198.18.0.32, port: 3306, extra: [check-sni db2, verifyhost db2]}
      - name: mysql-read
        mode: tcp
        bind: [{address: 127.0.0.1, port: 6447}]
        timeout_client: 1h
        timeout_server: 1h
        http_check: {uri: /replica, host: mysql-endpoint}
        check_interval: 500ms
        rise: 1
        fall: 2
        server_extra:
          - port 3308
          - check-ssl
          - verify required
          - ca-file /etc/webstack/tls/ca.pem
          - fastinter 250ms
          - on-marked-down shutdown-sessions
          - on-marked-up shutdown-backup-sessions
        servers:
          - {name: db1, address: 198.18.0.31, port: 3306, extra: [check-sni db1, verifyhost db1]}
          - {name: db2, address: 198.18.0.32, port: 3306, extra: [check-sni db2, verifyhost db2]}
          - {name: db1-primary, address: 198.18.0.31, port: 3306, check: false, backup: true,
             extra: [track mysql-write/db1]}
          - {name: db2-primary, address: 198.18.0.32, port: 3306, check: false, backup: true,
             extra: [track mysql-write/db2]}
          - {name: db1-any, address: 198.18.0.31, port: 3306, check: false, backup: true,
             extra: [track mysql-any/db1]}
          - {name: db2-any, address: 198.18.0.32, port: 3306, check: false, backup: true,
             extra: [track mysql-any/db2]}
        balance: leastconn
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.routing import database_servers, routing
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import TopologyError


def mysql_routing(
    replication: Mapping[str, Mapping[str, Any]],
    endpoint_port: int,
    ca_file: str,
    address: str = "127.0.0.1",
    write_port: int = 6446,
    read_port: int = 6447,
) -> dict[str, Any]:
    """The routing of an application host as data; AnsibleFilterError where settings or ports make no working one."""
    try:
        return routing(
            database_servers(replication),
            address=address,
            write_port=write_port,
            read_port=read_port,
            endpoint_port=endpoint_port,
            ca_file=ca_file,
        ).as_data()
    except TopologyError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"mysql_routing": mysql_routing}
