"""Database hosts: who replicates from whom, as the inventory says it and as the hosts were found to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from hashlib import sha256
from ipaddress import IPv4Address
from typing import Any, Literal

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.group_name import GROUP_NAME
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import ReasonError, reason
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.roles import Role
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.addresses import (
    HostVars,
    address_in,
    clash_of,
    hosts_with_variables,
    refuse_empty,
    refuse_shared_addresses,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import (
    Address,
    TopologyError,
    listed,
    number,
    port_number,
    shown,
)

SERVER_IDS = range(1, 2**32)
"""MySQL's server_id, 32 bits; with 0 a server refuses replicas (reference manual, `server_id`)."""

DEFAULT_MYSQL_PORT = 3306

PAIR, GROUP = "pair", "group"
MODES = (PAIR, GROUP)
"""Values of mysql_replication_mode: packages of module_utils/_mysql/modes."""

GROUP_SIZES = range(3, 10)
"""Members of a group: three so that a majority outlives one, and no more than MySQL's nine."""


class Code(str, Enum):
    """Why it cannot be told which host is the primary."""

    TWO_PRIMARIES = "databases.two_primaries"
    PRIMARY_IS_FRESH = "databases.primary_is_fresh"
    OTHERS_NOT_ASKED = "databases.others_not_asked"
    UNCLEAR = "databases.unclear"


@dataclass(frozen=True, slots=True)
class DatabaseHost:
    """A database host as the inventory describes it.

    `server_id` in SERVER_IDS. `source` is the inventory name of the host that a replica replicates from; None means the
    primary, and is the only value that a primary may have.
    """

    name: str
    address: Address
    port: int
    role: Literal["primary", "replica"]
    server_id: int
    source: str | None = None
    mode: str = PAIR


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where another database host is reached: its inventory name, address and port."""

    name: str
    host: Address
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if self.host.version == 6 else f"{self.host}:{self.port}"

    def as_data(self) -> dict[str, Any]:
        """The endpoint as plain data: the same keys, the address as a string without brackets, IPv6 compressed."""
        return {"name": self.name, "host": str(self.host), "port": self.port}


@dataclass(frozen=True, slots=True)
class Group:
    """The group that a host is a member of.

    `local` is where the host itself is reached, as `address:port`, and `seeds` where all members are. `others` are the
    members but for the host.
    """

    name: str
    local: str
    seeds: tuple[str, ...]
    others: tuple[Endpoint, ...]

    def as_data(self) -> dict[str, Any]:
        """The group as plain data: the same keys, endpoints as dicts."""
        return {
            "name": self.name,
            "local": self.local,
            "seeds": list(self.seeds),
            "others": [other.as_data() for other in self.others],
        }


@dataclass(frozen=True, slots=True)
class ReplicationSettings:
    """What one database host is to the others.

    `source` is None on the primary and set on every replica. `replicas` are those that replicate from this very host,
    in inventory order. Everything but the primary is `read_only`. `report_host` is how the host names itself to its
    source. In a group nobody replicates from a particular host: there is neither `source` nor `replicas`, and `role`
    says who begins the group.
    """

    name: str
    role: Literal["primary", "replica"]
    address: Address
    port: int
    server_id: int
    report_host: str
    read_only: bool
    source: Endpoint | None
    replicas: tuple[Endpoint, ...]
    group: Group | None = None

    def as_data(self) -> dict[str, Any]:
        """The settings as plain data: the same keys, endpoints as dicts, addresses as strings. `group` in one only."""
        return {
            "name": self.name,
            "role": self.role,
            "address": str(self.address),
            "port": self.port,
            "server_id": self.server_id,
            "report_host": self.report_host,
            "read_only": self.read_only,
            "source": None if self.source is None else self.source.as_data(),
            "replicas": [replica.as_data() for replica in self.replicas],
            **({"group": self.group.as_data()} if self.group else {}),
        }


def database_hosts(names: Sequence[str], hostvars: HostVars) -> list[DatabaseHost]:
    """The database hosts as the inventory describes them: one for each host in `names`, in that order.

    Reads of each host: what `address` reads; `mysql_role` (required: primary or replica), `mysql_port` (a port, default
    3306), `mysql_source` (the inventory name of the host that a replica replicates from; default the primary),
    `mysql_server_id` (SERVER_IDS; default `derived_server_id` of the address), and `mysql_replication_mode` (MODES).

    Raises TopologyError for an empty list, a host that is unknown, listed twice or without a usable address, and a
    value that is missing, of a wrong type or out of range. What the hosts are to each other is for `replication`.
    """
    return [_database_host(host, variables) for host, variables in hosts_with_variables(names, hostvars, "databases")]


def replication(hosts: Sequence[DatabaseHost]) -> dict[str, ReplicationSettings]:
    """Settings of every database host, keyed by name, in the order of `hosts`, whose names must differ.

    A replica may replicate from another replica (`mysql_source`), as long as every chain ends at the primary.

    Raises TopologyError when there is not exactly one primary, when two hosts share an address or a server_id, when
    a `mysql_source` stands on the primary, names no database host, names its own host, or is part of a cycle, and when
    hosts have different modes, or a group has a number of members with which it is no safer.
    """
    primary = _only_primary(hosts)
    refuse_shared_addresses(hosts, "databases")
    clash = clash_of((host.server_id, host.name) for host in hosts)
    if clash:
        first, second, shared = clash
        raise TopologyError(
            f"databases: {first} and {second} both have the server_id {shared}; "
            "set another mysql_server_id on one of them"
        )
    endpoints = {host.name: Endpoint(host.name, host.address, host.port) for host in hosts}
    if _only_mode(hosts) == GROUP:
        return _group(hosts, endpoints)
    sources = {host.name: _source(host, primary, endpoints) for host in hosts if host is not primary}
    _refuse_cycles(sources, primary)
    replicas: dict[str, list[Endpoint]] = {host.name: [] for host in hosts}
    for name, source in sources.items():
        replicas[source].append(endpoints[name])
    return {
        host.name: _settings(
            host,
            source=None if host is primary else endpoints[sources[host.name]],
            replicas=tuple(replicas[host.name]),
        )
        for host in hosts
    }


def _settings(
    host: DatabaseHost,
    *,
    source: Endpoint | None = None,
    replicas: tuple[Endpoint, ...] = (),
    group: Group | None = None,
) -> ReplicationSettings:
    return ReplicationSettings(
        name=host.name,
        role=host.role,
        address=host.address,
        port=host.port,
        server_id=host.server_id,
        report_host=str(host.address),
        read_only=host.role != "primary",
        source=source,
        replicas=replicas,
        group=group,
    )


def _only_mode(hosts: Sequence[DatabaseHost]) -> str:
    first = hosts[0]
    other = next((host for host in hosts if host.mode != first.mode), None)
    if other:
        raise TopologyError(
            f"databases: {first.name} has mysql_replication_mode={first.mode} and {other.name} {other.mode}; "
            "set the same one for all, in the variables of the group databases"
        )
    return first.mode


def _group(hosts: Sequence[DatabaseHost], endpoints: Mapping[str, Endpoint]) -> dict[str, ReplicationSettings]:
    """Settings of the members of a group."""
    _refuse_size(hosts)
    sourced = next((host for host in hosts if host.source is not None), None)
    if sourced:
        raise TopologyError(
            f"{sourced.name}: mysql_source is {shown(sourced.source)}, and in a group every host gets everything from "
            "the group; remove mysql_source, or set mysql_replication_mode=pair for all database hosts"
        )
    return {
        host.name: _settings(
            host,
            group=Group(
                name=GROUP_NAME,
                local=str(endpoints[host.name]),
                seeds=tuple(map(str, endpoints.values())),
                others=tuple(endpoint for name, endpoint in endpoints.items() if name != host.name),
            ),
        )
        for host in hosts
    }


def _refuse_size(hosts: Sequence[DatabaseHost]) -> None:
    """A group decides by majority: what that needs is said with the number."""
    count = len(hosts)
    there = f"databases: mysql_replication_mode is group for {listed(h.name for h in hosts)}"
    if count < GROUP_SIZES[0]:
        raise TopologyError(
            f"{there}; a group takes writes only while most of its members answer, so that of fewer than "
            f"{GROUP_SIZES[0]} none may be lost: have {GROUP_SIZES[0]} database hosts, or set "
            "mysql_replication_mode=pair"
        )
    if count % 2 == 0:
        raise TopologyError(
            f"{there}; an even number outlives no more losses than one host fewer, and when its halves cannot reach "
            "each other neither takes writes: add a database host, or take one out"
        )
    if count not in GROUP_SIZES:
        raise TopologyError(f"{there}; MySQL takes at most {GROUP_SIZES[-1]} members: take some out")


def derived_server_id(address: Address) -> int:
    """A server_id from SERVER_IDS that follows from the address alone: an IPv4 address as an integer, a digest of IPv6.

    Two of them may be the same, though hardly ever are: `replication` refuses that.
    """
    if isinstance(address, IPv4Address):
        return int(address)
    return int.from_bytes(sha256(address.packed).digest()[:8], "big") % len(SERVER_IDS) + SERVER_IDS[0]


def as_found(hosts: Sequence[DatabaseHost], actual: Mapping[str, str]) -> list[DatabaseHost]:
    """The hosts with the roles that they actually have, where these are other ones: `actual` holds a
    Role by host name. Hosts that were not asked are not in it.

    The one that takes writes is the primary. Where none does, it is the inventory's primary, unless that replicates:
    then it is the only other one that may have the data.

    Raises ReasonError when two take writes, and when it cannot be told which one has the data. TopologyError for a role
    that is none of Role.
    """
    known = [role.value for role in Role]
    unknown = sorted(set(actual.values()) - set(known))
    if unknown:
        raise TopologyError(f"databases: a host was found to be {shown(unknown[0])}; known is {listed(known)}")
    meant = _only_primary(hosts)
    found = {host.name: Role(actual[host.name]) for host in hosts if host.name in actual}
    writable = [name for name, role in found.items() if role is Role.PRIMARY]
    if len(writable) > 1:
        raise ReasonError(reason(Code.TWO_PRIMARIES, hosts=writable))
    primary = writable[0] if writable else _holder(meant.name, [host.name for host in hosts], found)
    if primary == meant.name:
        return list(hosts)
    # Every other host now replicates from the new primary, whatever mysql_source says.
    return [replace(host, role="primary" if host.name == primary else "replica", source=None) for host in hosts]


def _holder(meant: str, names: Sequence[str], found: Mapping[str, Role]) -> str:
    """Who has the data where nobody takes writes."""
    filled = [name for name, role in found.items() if role is not Role.FRESH]
    if found.get(meant) is Role.FRESH and filled:
        raise ReasonError(reason(Code.PRIMARY_IS_FRESH, host=meant, others=filled, first=filled[0]))
    if found.get(meant) is Role.FRESH and (absent := [name for name in names if name not in found]):
        raise ReasonError(reason(Code.OTHERS_NOT_ASKED, host=meant, others=absent))
    holders = [name for name, role in found.items() if role in (Role.READ_ONLY, Role.DOWN)]
    if found.get(meant) is Role.REPLICA:
        candidates = holders or [name for name in names if name not in found]
        if len(candidates) == 1:
            return candidates[0]
    elif len([name for name in holders if found[name] is Role.READ_ONLY]) <= 1 or meant not in found:
        return meant
    raise ReasonError(reason(Code.UNCLEAR, found=[f"{name}: {role}" for name, role in found.items()]))


def _database_host(host: str, variables: Mapping[str, Any]) -> DatabaseHost:
    role = variables.get("mysql_role")
    if role is None:
        raise TopologyError(
            f"{host}: mysql_role is not set; write mysql_role=primary on the one host that takes the writes and "
            "mysql_role=replica on every other"
        )
    if role not in ("primary", "replica"):
        raise TopologyError(f"{host}: mysql_role is {shown(role)}; write primary or replica")
    source = variables.get("mysql_source")
    if source is not None and not isinstance(source, str):
        raise TopologyError(
            f"{host}: mysql_source is {shown(source)}; write the inventory name of the host to replicate from"
        )
    found = address_in(host, variables)
    if "mysql_server_id" in variables:
        server_id = number(variables["mysql_server_id"], host, "mysql_server_id", SERVER_IDS)
    else:
        server_id = derived_server_id(found)
    port = port_number(variables.get("mysql_port", DEFAULT_MYSQL_PORT), host, "mysql_port")
    mode = variables.get("mysql_replication_mode", PAIR)
    if mode not in MODES:
        raise TopologyError(f"{host}: mysql_replication_mode is {shown(mode)}; write {PAIR} or {GROUP}")
    return DatabaseHost(host, found, port, role, server_id, source, mode)


def _only_primary(hosts: Sequence[DatabaseHost]) -> DatabaseHost:
    refuse_empty(hosts, "databases")
    primaries = [host for host in hosts if host.role == "primary"]
    if not primaries:
        raise TopologyError(
            f"databases: no host ({listed(host.name for host in hosts)}) has mysql_role=primary; "
            "set it on the one that takes the writes"
        )
    if len(primaries) > 1:
        both, other = ("both", "other") if len(primaries) == 2 else ("all", "others")
        raise TopologyError(
            f"databases: {listed(host.name for host in primaries)} {both} have mysql_role=primary; "
            f"keep it on one of them and give the {other} mysql_role=replica"
        )
    [primary] = primaries
    if primary.source is not None:
        raise TopologyError(
            f"{primary.name}: mysql_source is {shown(primary.source)} and mysql_role is primary; "
            "remove mysql_source, which only a replica has"
        )
    return primary


def _source(host: DatabaseHost, primary: DatabaseHost, endpoints: Mapping[str, Endpoint]) -> str:
    """The name of the host that this replica replicates from."""
    if host.source is None:
        return primary.name
    if host.source == host.name:
        problem = "the host itself"
    elif host.source not in endpoints:
        problem = "not one of the database hosts"
    else:
        return host.source
    raise TopologyError(
        f"{host.name}: mysql_source is {shown(host.source)}, {problem}; "
        f"name another database host, or leave it out to replicate from the primary {primary.name}"
    )


def _refuse_cycles(sources: Mapping[str, str], primary: DatabaseHost) -> None:
    """Follow every replica's sources up to the primary; what is known to lead there is not followed again."""
    arriving = {primary.name}
    for start in sources:
        path: dict[str, None] = {}
        name = start
        while name not in arriving:
            if name in path:
                cycle = [*path][[*path].index(name) :]
                raise TopologyError(
                    f"databases: mysql_source forms a cycle ({' -> '.join([*cycle, name])}); "
                    f"leave mysql_source out on one of them to replicate from the primary {primary.name}"
                )
            path[name] = None
            name = sources[name]
        arriving.update(path)
