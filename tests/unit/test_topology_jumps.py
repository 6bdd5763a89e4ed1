"""Which hosts of the stack are jump hosts, and that sshd of each forwards."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.jumps import jump_hosts
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import TopologyError

KEY = "-o StrictHostKeyChecking=accept-new"
WAYS = [
    "-J lb1",
    "-J ops@198.18.0.11:2222",
    "-Jlb1",
    "-J bastion.example.com,ops@lb1",
    "-J ssh://ops@198.18.0.11:22",
    "-J ops@[fd00::11]:22",
    "-o ProxyJump=ops@lb1",
    "-oProxyJump=lb1",
    '-o "ProxyJump lb1"',
    f"{KEY} -o 'ProxyCommand=ssh -i key {KEY} -W %h:%p ops@198.18.0.11'",
    f'{KEY} -o ProxyCommand="ssh -i key -W %h:%p -q ops@198.18.0.11"',
    """-o ProxyCommand='"ssh -W [%h]:%p lb1"'""",
]
NO_JUMPS = [
    KEY,
    "-J bastion.example.com",
    "-o ProxyCommand='ssh lb1 nc %h %p'",
    "-o ProxyCommand='cloudflared access ssh --hostname %h'",
    "-o 'ProxyJump=none'",
    "-J 'lb1",
    "-J",
]


def stack(options: str, variable: str = "ansible_ssh_common_args", **of_jump: object) -> dict[str, dict[str, object]]:
    """Three hosts, of which the databases are reached with these options of ssh."""
    return {
        "lb1": {"ansible_host": "198.18.0.11", "webstack_address": "fd00::11", **of_jump},
        "db1": {"ansible_host": "198.18.0.31", variable: options},
        "db2": {"ansible_host": "198.18.0.32", variable: options},
    }


@pytest.mark.parametrize("options", WAYS)
def test_a_jump_host_that_forwards_is_found(options: str) -> None:
    of = stack(options, openssh_allow_tcp_forwarding="local")
    assert jump_hosts(list(of), of) == {"lb1": ["db1", "db2"]}


@pytest.mark.parametrize("options", WAYS)
def test_a_jump_host_that_forwards_nothing_is_refused(options: str) -> None:
    of = stack(options)
    with pytest.raises(TopologyError, match=r"^lb1: .* is not local, but db1 and db2 are reached"):
        jump_hosts(list(of), of)


@pytest.mark.parametrize("options", NO_JUMPS)
def test_other_options_name_no_jump_host_of_the_stack(options: str) -> None:
    of = stack(options)
    assert jump_hosts(list(of), of) == {}


def test_the_sentence_names_variable_and_fix() -> None:
    of = stack("-J lb1", "ansible_ssh_extra_args", openssh_allow_tcp_forwarding="remote")
    del of["db2"]
    with pytest.raises(TopologyError) as refused:
        jump_hosts(list(of), of)
    assert str(refused.value) == (
        "lb1: openssh_allow_tcp_forwarding is not local, but db1 is reached through it (ansible_ssh_extra_args); "
        "set openssh_allow_tcp_forwarding: local for lb1 (host_vars/lb1.yml)"
    )


def test_lines_of_the_users_own_about_forwarding_are_believed() -> None:
    of = stack("-J lb1", openssh_extra=["Match User jump", "  AllowTcpForwarding local"])
    assert jump_hosts(list(of), of) == {"lb1": ["db1", "db2"]}


def test_a_host_that_names_itself_is_no_jump_host() -> None:
    """Options for all hosts: the jump host has them, too."""
    of = stack("-J bastion.example.com") | {"web1": {"ansible_host": "198.18.0.21", "ansible_ssh_args": "-J web1"}}
    assert jump_hosts(list(of), of) == {}
