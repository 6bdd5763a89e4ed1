"""Filter foobar.webstack.jump_hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
name: jump_hosts
version_added: 1.0.0
short_description: Hosts of the stack through which the controller reaches others of it
author: The foobar.webstack maintainers
description:
  - Reads which hosts the options of ssh in the inventory name as jump hosts - C(-J), C(ProxyJump), or a C(ProxyCommand)
    with C(-W) - by inventory name or address. A jump host that is not of the stack is left out.
  - A jump host whose C(openssh_allow_tcp_forwarding) lets it forward nothing is refused, because the hosts behind it
    could not be reached any more.
  - The controller's own configuration of ssh is not read.
positional: hostvars
options:
  _input:
    description: Inventory names of all hosts of the stack.
    type: list
    elements: str
    required: true
  hostvars:
    description:
      - Variables of every host by inventory name, that is Ansible's C(hostvars).
      - Read are C(ansible_ssh_args), C(ansible_ssh_common_args), C(ansible_ssh_extra_args), C(ansible_host),
        C(webstack_address), C(openssh_allow_tcp_forwarding) and C(openssh_extra).
    type: dict
    required: true
"""

EXAMPLES = r"""
# db1 and db2 have ansible_ssh_common_args: -J ops@lb1, and lb1 has openssh_allow_tcp_forwarding: local
jumps: "{{ ['lb1', 'db1', 'db2'] | foobar.webstack.jump_hosts(hostvars) }}"
# => {'lb1': ['db1', 'db2']}
"""

RETURN = r"""
_value:
  description: Of each jump host, by its inventory name, those reached through it. Empty where there is none.
  type: dict
  sample: {lb1: [db1, db2]}
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology import jumps
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import TopologyError


def jump_hosts(names: Sequence[str], hostvars: Mapping[str, Any]) -> dict[str, list[str]]:
    """The jump hosts with those behind each; AnsibleFilterError for one that forwards nothing."""
    try:
        return jumps.jump_hosts(names, hostvars)
    except TopologyError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"jump_hosts": jump_hosts}
