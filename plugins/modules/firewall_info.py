#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.firewall_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: firewall_info
version_added: 1.0.0
short_description: Says whether another firewall closes what the stack opens
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - Looks at what nftables and iptables have loaded for inbound packets, apart from the collection's own tables.
  - Names a chain that drops or rejects a new TCP connection from anywhere to a port of O(rules), by its policy or by a
    rule. ufw and firewalld are named as such.
  - What only concerns some addresses (fail2ban and other blocklists), other ports, invalid packets, or forwarded
    packets (Docker) is not named. Rules that accept single ports are not looked at.
  - Says whether the host has the address at which the others reach it, or is behind an address translation.
  - Needs nothing on the host. Where neither C(nft) nor C(iptables) is installed, or can look, there is nothing.
extends_documentation_fragment: [foobar.webstack.info]
options:
  rules:
    description: Rules of the role P(foobar.webstack.firewall#role), whose inbound TCP ports are looked at.
    type: list
    elements: dict
    default: []
  address:
    description: IP address at which the other hosts reach this one. Empty is not looked at.
    type: str
    default: ""
  left_out:
    description:
      - Addresses of hosts that are not part of this run. Where all that an outbound TCP rule of O(rules) leads to are
        among them, it is tried whether one of them lets this host in.
      - A rule of whose name there is an inbound one, too, is not tried, because this host is one of those it leads to.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Ask whether another firewall is in the way
  foobar.webstack.firewall_info:
    rules:
      - {name: www, ports: ["80", "443"]}
    address: 192.0.2.11
  register: firewall
"""

RETURN = r"""
foreign:
  description: Chains that close a port.
  returned: always
  type: list
  elements: dict
  contains:
    program:
      description: V(ufw) or V(firewalld). Empty where it is something else.
      type: str
    tool:
      description: What lists the chain, V(nft) or V(iptables).
      type: str
    family:
      description: Family of the table, such as V(inet).
      type: str
    table:
      description: Name of the table.
      type: str
    chain:
      description: Name of the chain.
      type: str
    reason:
      description: What in the chain closes the port.
      type: str
ssh_port:
  description: Port at which the host's SSH server has taken this session; V(0) if it is not by SSH.
  returned: always
  type: int
  sample: 22
ssh_address:
  description: The host's own address at which this session has arrived. Empty if it is not by SSH.
  returned: always
  type: str
  sample: 192.0.2.11
translated:
  description: Whether no interface of the host has O(address), so that it is translated on the way to it.
  returned: always
  type: bool
closed:
  description: Names of the rules of which no host of O(left_out) lets this host in.
  returned: always
  type: list
  elements: str
  sample: [mysql-endpoint, mysql]
problems:
  description: A sentence for each of them, with what to do.
  returned: always
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils._firewall import host, interfaces, outbound, ports
from ansible_collections.foobar.webstack.plugins.module_utils._ssh import session


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "rules": {"type": "list", "elements": "dict", "default": []},
            "address": {"type": "str", "default": ""},
            "left_out": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    found = host.foreign(ports.of_rules(module.params["rules"]))
    present = session.current()
    module.exit_json(
        changed=False,
        closed=outbound.closed(module.params["rules"], module.params["left_out"]),
        ssh_port=int(present.server_port or 0) if present else 0,
        ssh_address=present.server_address if present else "",
        translated=bool(module.params["address"]) and not interfaces.has(module.params["address"]),
        problems=host.problems(found),
        foreign=[
            {
                "program": one.program,
                "tool": one.table.tool,
                "family": one.table.family,
                "table": one.table.name,
                "chain": one.chain,
                "reason": one.reason,
            }
            for one in found
        ],
    )


if __name__ == "__main__":
    main()
