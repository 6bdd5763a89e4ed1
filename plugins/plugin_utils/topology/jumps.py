"""Hosts of the stack through which the controller reaches others of it.

A jump host forwards a TCP connection, and the role openssh closes that by default: the first run would cut off every
host behind it. What is read are the options of ssh in the inventory; a jump in the controller's own ssh configuration
is not seen here.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.addresses import HostVars, hosts_with_variables
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import TopologyError

SSH_OPTIONS = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args")
ADDRESSES = ("webstack_address", "ansible_host")
FORWARDING = "openssh_allow_tcp_forwarding"
# sshd_config(5): what lets a client open a connection to another host. An unquoted yes is true in YAML.
ENOUGH = ("yes", "all", "local", "true")


def jump_hosts(names: Sequence[str], hostvars: HostVars) -> dict[str, list[str]]:
    """The hosts of `names` that are jump hosts, each with the hosts that are reached through it.

    Reads of each host: `ansible_ssh_args`, `ansible_ssh_common_args` and `ansible_ssh_extra_args` (options of ssh with
    `-J`, `ProxyJump` or a `ProxyCommand` with `-W`); `ansible_host` and `webstack_address`, which an option may name
    instead of the host; and of a jump host `openssh_allow_tcp_forwarding` and `openssh_extra`.

    Raises TopologyError for a jump host whose sshd is to forward nothing.
    """
    hosts = dict(hosts_with_variables(names, hostvars, "jump_hosts"))
    known = {
        str(of[key]): name for name, of in hosts.items() for key in ("webstack_address", "ansible_host") if key in of
    }
    known |= {name: name for name in hosts}
    behind: dict[str, dict[str, str]] = {}
    for name, of in hosts.items():
        for variable in SSH_OPTIONS:
            for jump in jumps_of(str(of[variable])) if variable in of else ():
                if known.get(jump, name) != name:
                    behind.setdefault(known[jump], {})[name] = variable
    for jump, reached in behind.items():
        if not forwards(hosts[jump]):
            options = " and ".join(sorted(set(reached.values())))
            raise TopologyError(
                f"{jump}: {FORWARDING} is not local, but {' and '.join(reached)} "
                f"{'is' if len(reached) == 1 else 'are'} reached through it ({options}); "
                f"set {FORWARDING}: local for {jump} (host_vars/{jump}.yml)"
            )
    return {jump: list(reached) for jump, reached in behind.items()}


def forwards(variables: Mapping[str, Any]) -> bool:
    """Whether sshd of a host with these variables forwards connections, or has lines of the user's own about it."""
    if str(variables.get(FORWARDING, "no")).lower() in ENOUGH:
        return True
    return any("allowtcpforwarding" in str(line).lower() for line in variables.get("openssh_extra") or ())


def jumps_of(options: str) -> Iterator[str]:
    """The hosts that options of ssh name as jump hosts, without user and port."""
    words = iter(words_of(options))
    for word in words:
        if word.startswith("-J"):
            yield from destinations(word[2:] or next(words, ""))
        elif word.startswith("-o"):
            option = (word[2:] or next(words, "")).replace("=", " ", 1).split(maxsplit=1)
            key, value = option if len(option) == 2 else ("", "")
            if key.lower() == "proxyjump":
                yield from destinations(value)
            elif key.lower() == "proxycommand":
                command = words_of(value.strip('"'))
                # Another command there opens the connection itself, and sshd forwards none.
                if any(word.startswith("-W") for word in command):
                    yield from (host_of(word) for word in command if not word.startswith("-"))


def words_of(text: str) -> list[str]:
    """The words as a shell reads them; none where a quotation mark is not closed, which ssh itself refuses."""
    try:
        return shlex.split(text)
    except ValueError:
        return []


def destinations(jumps: str) -> Iterator[str]:
    """The hosts of ProxyJump: `user@host:port`, or a URL of ssh, separated by commas."""
    return (host_of(jump) for jump in jumps.split(","))


def host_of(destination: str) -> str:
    """The host of `user@host:port`, `user@[IPv6 address]:port` or `ssh://user@host:port`."""
    host = destination.strip().removeprefix("ssh://").rpartition("@")[2]
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0] if host.count(":") == 1 else host
