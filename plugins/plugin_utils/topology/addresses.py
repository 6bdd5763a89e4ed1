"""Where hosts are reached: the hosts of a list with their variables, and the address of each.

Variables are read one by one and only where needed, because with Ansible's hostvars every read renders a template;
whatever error that raises passes through.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import (
    Address,
    TopologyError,
    ip,
    reachable_address,
    shown,
)

HostVars: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Variables of every inventory host by host name: Ansible's `hostvars`, or plain dicts."""


class Placed(Protocol):
    """Whatever has a name and an address."""

    @property
    def name(self) -> str: ...
    @property
    def address(self) -> Address: ...


def address(name: str, hostvars: HostVars) -> Address:
    """The address at which the other hosts reach the host `name`.

    Reads: `webstack_address`, else `ansible_host`, else the inventory name itself (which is Ansible's own default for
    `ansible_host`, and an address in inventories that list bare addresses).

    Returns an IPv4Address or IPv6Address.

    Raises TopologyError when the host is not in the inventory, when what it reads is not an IP address (a host name is
    refused: every host would resolve it for itself, each at another time), and when no server can be reached at the
    address: unspecified, multicast, broadcast, tied to a network interface, or IPv4 written as IPv6.
    """
    require_mapping(hostvars)
    return address_in(name, variables_of(name, hostvars, "address"))


def addresses(names: Sequence[str], hostvars: HostVars) -> dict[str, Address]:
    """The address of each host by its name, in the order of `names`; what `address` reads, of each.

    Raises TopologyError as `address` does, for two hosts at one address, and for hosts of two families. A host that is
    reached at an IPv6 address is asked from one: whoever knows the other by its IPv4 address - firewall, database
    accounts - would not let it in.
    """
    require_mapping(hostvars)
    found = {name: address_in(name, variables_of(name, hostvars, "addresses")) for name in names}
    clash = clash_of((at, name) for name, at in found.items())
    if clash:
        one, other, shared = clash
        raise TopologyError(
            f"{one} and {other} both have the address {shared}; give each its own ansible_host or webstack_address, "
            "and put a host that does several things into several groups under one name"
        )
    first: dict[int, str] = {}
    for name, at in found.items():
        first.setdefault(at.version, name)
    if len(first) > 1:
        four, six = first[4], first[6]
        raise TopologyError(
            f"{six}: its address for the other hosts is {found[six]}, and that of {four} is {found[four]}; "
            "hosts reach each other over one family, so set webstack_address of all to IPv4, or of all to IPv6"
        )
    return found


def hosts_with_variables(
    names: Sequence[str], hostvars: HostVars, where: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each host with its variables, looked up once: in Ansible that merges all of the host's variable sources."""
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise TopologyError(
            f"{where}: hosts is {shown(names)}; pass a list of inventory names such as groups['webservers']"
        )
    require_mapping(hostvars)
    refuse_empty(names, where)
    seen: set[str] = set()
    for name in names:
        variables = variables_of(name, hostvars, where)
        if name in seen:
            raise TopologyError(f"{where}: {name} is listed twice; list every host once (in Jinja: hosts | unique)")
        seen.add(name)
        yield name, variables


def require_mapping(hostvars: HostVars) -> None:
    """Refuse whatever is passed in place of hostvars."""
    if not isinstance(hostvars, Mapping):
        raise TopologyError(f"hostvars is {shown(hostvars)}; pass Ansible's hostvars")


def variables_of(name: str, hostvars: HostVars, where: str) -> Mapping[str, Any]:
    """The variables of one host; refused are hosts that the inventory does not have."""
    if not isinstance(name, str):
        raise TopologyError(f"{where}: {shown(name)} is not a host name; pass inventory names, which are strings")
    if name not in hostvars:
        raise TopologyError(f"{where}: {name} is not a host of the inventory; correct the name or add the host")
    variables = hostvars[name]
    if not isinstance(variables, Mapping):
        raise TopologyError(f"{where}: hostvars['{name}'] is {shown(variables)}; pass Ansible's hostvars")
    return variables


def address_in(host: str, variables: Mapping[str, Any]) -> Address:
    """The address of a host whose variables are at hand; what it reads and refuses is said at `address`."""
    for variable in ("webstack_address", "ansible_host"):
        if variable in variables:
            return reachable_address(variables[variable], host, variable)
    if ip(host) is None:
        raise TopologyError(
            f"{host}: neither webstack_address nor ansible_host is set; "
            "set webstack_address to the IPv4 or IPv6 address at which the other hosts reach it"
        )
    return reachable_address(host, host, "the inventory name")


def refuse_empty(hosts: Sequence[object], where: str) -> None:
    """Refuse a group without hosts."""
    if not hosts:
        raise TopologyError(f"{where}: the group has no hosts; add at least one to it in the inventory")


def refuse_shared_addresses(hosts: Sequence[Placed], where: str) -> None:
    """Refuse two hosts at one address."""
    clash = clash_of((host.address, host.name) for host in hosts)
    if clash:
        first, second, shared = clash
        raise TopologyError(
            f"{where}: {first} and {second} both have the address {shared}; give each its own webstack_address"
        )


def clash_of(keyed: Iterable[tuple[Hashable, str]]) -> tuple[str, str, Hashable] | None:
    """The first two names that share a key, and the key."""
    owners: dict[Hashable, str] = {}
    for key, name in keyed:
        owner = owners.setdefault(key, name)
        if owner != name:
            return owner, name, key
    return None
