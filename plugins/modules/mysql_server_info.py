#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.mysql_server_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_server_info
version_added: 1.0.0
short_description: Says what a host's MySQL server is, and what the host can tell of other servers
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - Asks the MySQL server of the host what it is, whatever a configuration says it should be.
  - Tries to reach other servers, compares its clock with theirs, and asks the HAProxy of the host which servers are up,
    and since when. Together with the answers of other hosts, that is the evidence for a failover.
  - Changes nothing. Whatever cannot be found out is returned as not known, and is not an error.
extends_documentation_fragment:
  - foobar.webstack.info
  - foobar.webstack.mysql
options:
  server:
    description: Whether the host is to have a MySQL server.
    type: bool
    default: true
  service:
    description: Its unit.
    type: str
    default: mysql
  data_directory:
    description: Its data directory. A host that has none, and no server that answers, is V(fresh).
    type: path
    default: /var/lib/mysql
  peers:
    description: Other database hosts.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name.
        type: str
        required: true
      address:
        description: Address.
        type: str
        required: true
      port:
        description: TCP port of its MySQL server.
        type: int
        default: 3306
  endpoint_port:
    description: TCP port at which each of O(peers) answers C(GET /state) over HTTPS, to compare clocks. V(0) for none.
    type: int
    default: 0
  endpoint_ca:
    description: File with the CA's certificates that the endpoint is verified with.
    type: path
  haproxy_socket:
    description: Socket of the host's HAProxy. Not asked if not given.
    type: path
  haproxy_backend:
    description: Backend that has each database host as a server, by its name.
    type: str
    default: mysql-write
  patience:
    description: Seconds that another host has for an answer.
    type: float
    default: 2.0
seealso:
  - module: foobar.webstack.mysql_switchover
  - module: foobar.webstack.mysql_primary
"""

EXAMPLES = r"""
- name: Ask the server what it is
  foobar.webstack.mysql_server_info:
  register: database

- name: Ask an application server about the databases
  foobar.webstack.mysql_server_info:
    server: false
    peers:
      - {name: db1, address: 198.18.0.31}
      - {name: db2, address: 198.18.0.32}
    endpoint_port: 3308
    endpoint_ca: /etc/webstack/tls/ca.pem
    haproxy_socket: /run/haproxy/admin.sock
  register: evidence
"""

RETURN = r"""
role:
  description:
    - V(primary) takes writes, V(replica) replicates, V(read_only) has data and does neither, V(down) has a data
      directory and does not answer, V(fresh) has no data. Empty without O(server).
  returned: success
  type: str
server:
  description: The server's state. Empty where it does not answer.
  returned: success
  type: dict
service:
  description: C(ActiveState) and C(MainPID) of the unit.
  returned: success
  type: dict
reached:
  description: Whether the MySQL server of each peer has said anything, by name.
  returned: success
  type: dict
clocks:
  description: How many seconds this host's clock is ahead of each peer's, and by how many that may be wrong.
  returned: success
  type: dict
seen:
  description: Whether each database host is C(up) by the host's HAProxy, and C(since) when, in seconds since 1970.
  returned: success
  type: dict
time:
  description: Seconds since 1970 by this host's clock.
  returned: success
  type: float
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.observation import Facts, observe, role_of
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.peers import (
    clock,
    greets,
    haproxy_states,
    haproxy_statistics,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import LOGIN_OPTIONS, Server, ServerError


def local_server(module: AnsibleModule) -> dict[str, Any]:
    """What the host's own server is."""
    params = module.params
    server = Server.local(params["login_unix_socket"], params["login_user"], params["patience"])
    found: dict[str, Any] = {}
    try:
        found["server"] = observe(server)
        found["role"] = found["server"]["role"]
    except ServerError as error:
        has_files = os.path.exists(os.path.join(params["data_directory"], "ibdata1"))
        found["role"] = role_of(Facts(answers=False, has_files=has_files)).value
        found["reason"] = str(error)
    finally:
        server.close()
    _status, output, _error = module.run_command(
        ["systemctl", "show", "--property=ActiveState,MainPID", params["service"]]
    )
    return {**found, "service": dict(line.split("=", 1) for line in output.splitlines() if "=" in line)}


def run(module: AnsibleModule) -> dict[str, Any]:
    """Everything at once: what does not answer costs its patience only once."""
    params = module.params
    peers, port = params["peers"], params["endpoint_port"]
    patience, ca = params["patience"], params["endpoint_ca"] or ""
    found: dict[str, Any] = {"role": "", "server": {}, "service": {}, "seen": {}}
    with ThreadPoolExecutor(max_workers=2 * len(peers) + 1) as pool:
        reached = {peer["name"]: pool.submit(greets, peer["address"], peer["port"], patience) for peer in peers}
        clocks = {peer["name"]: pool.submit(clock, peer["address"], port, ca, patience) for peer in peers if port}
        if params["server"]:
            found |= local_server(module)
        if params["haproxy_socket"]:
            listing = haproxy_statistics(params["haproxy_socket"], patience)
            found["seen"] = haproxy_states(listing, params["haproxy_backend"], time.time())
        found["reached"] = {name: answer.result() for name, answer in reached.items()}
        found["clocks"] = {name: answer.result() for name, answer in clocks.items()}
    return {**found, "time": time.time()}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "server": {"type": "bool", "default": True},
            "service": {"type": "str", "default": "mysql"},
            "data_directory": {"type": "path", "default": "/var/lib/mysql"},
            "peers": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "address": {"type": "str", "required": True},
                    "port": {"type": "int", "default": 3306},
                },
            },
            "endpoint_port": {"type": "int", "default": 0},
            "endpoint_ca": {"type": "path"},
            "haproxy_socket": {"type": "path"},
            "haproxy_backend": {"type": "str", "default": "mysql-write"},
            "patience": {"type": "float", "default": 2.0},
            **LOGIN_OPTIONS,
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(changed=False, **run(module))
    except ServerError as error:
        module.fail_json(msg=f"{module.params['endpoint_ca']}: {error}")


if __name__ == "__main__":
    main()
