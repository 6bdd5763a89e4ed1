"""The topology: what the hosts of an inventory are to each other.

The one place that turns inventory hosts and their variables into addresses, HAProxy servers, nginx upstream servers and
replication settings. Pure: it imports nothing of Ansible, does no I/O, and the same input gives the same output, in the
order of the input. Every function takes time in proportion to the number of hosts.

Variables are read one by one and only where needed, because with Ansible's hostvars every read renders a template;
whatever error that raises passes through. INI inventories hold numbers and booleans as strings, so `"80"` and `"yes"`
are accepted for 80 and true, and nothing looser.

Every refusal is a TopologyError whose message says which host or group, which variable, and what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from reprlib import Repr
from typing import Any, Literal, Protocol, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
HostVars: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Variables of every inventory host by host name: Ansible's `hostvars`, or plain dicts."""

PORTS = range(1, 2**16)
WEIGHTS = range(257)
"""HAProxy's server weights (configuration manual, 5.2 `weight`). 0: the server gets no new sessions."""
SERVER_IDS = range(1, 2**32)
"""MySQL's server_id, 32 bits; with 0 a server refuses replicas (reference manual, `server_id`)."""

DEFAULT_WEIGHT = 100
DEFAULT_MYSQL_PORT = 3306

# What HAProxy takes in a name (configuration manual, 4 "Proxies"). It takes a colon too, which a block's name does
# without, because nginx would read a port into it; a server's name needs it where hosts are named by IPv6 address.
_BLOCK_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_SERVER_NAME = re.compile(r"[A-Za-z0-9_.:-]+")
# No number that is read here has more than ten digits.
_DIGITS = re.compile(r"[0-9]{1,10}")
ACTUAL_ROLES = ("primary", "replica", "read_only", "down", "fresh")
"""What a database host may be found to be: it takes writes, it replicates, it has data and does neither, it has data
and does not answer, it has nothing."""

# The words that YAML 1.1, and so Ansible, reads as booleans.
_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_BROADCAST = IPv4Address("255.255.255.255")

_short = Repr()
_short.maxstring = _short.maxother = 80


class TopologyError(ValueError):
    """An inventory that cannot be meant. The message names the host or group, the variable and the fix."""


@dataclass(frozen=True, slots=True)
class BackendServer:
    """One server of an HAProxy backend. `port` in PORTS, `weight` in WEIGHTS; `name` is the inventory name.

    `tls_name` is the name that its certificate must hold; None for a server without TLS.
    """

    name: str
    address: Address
    port: int
    check: bool
    weight: int
    backup: bool
    maintenance: bool
    tls_name: str | None = None

    def as_data(self) -> dict[str, Any]:
        """The server as plain data: the same keys, the address as a string without brackets, IPv6 compressed.

        `tls_name` is among them only where there is one.
        """
        data = {
            "name": self.name,
            "address": str(self.address),
            "port": self.port,
            "check": self.check,
            "weight": self.weight,
            "backup": self.backup,
            "maintenance": self.maintenance,
        }
        return data if self.tls_name is None else data | {"tls_name": self.tls_name}


@dataclass(frozen=True, slots=True)
class UpstreamServer:
    """One server of an nginx upstream. nginx sends requests to a `backup` only when no other server answers."""

    name: str
    address: Address
    port: int
    backup: bool

    def as_data(self) -> dict[str, Any]:
        """The server as plain data: the same keys, the address as a string without brackets, IPv6 compressed."""
        return {"name": self.name, "address": str(self.address), "port": self.port, "backup": self.backup}


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


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where another database host is reached: its inventory name, address and port."""

    name: str
    host: Address
    port: int

    def as_data(self) -> dict[str, Any]:
        """The endpoint as plain data: the same keys, the address as a string without brackets, IPv6 compressed."""
        return {"name": self.name, "host": str(self.host), "port": self.port}


@dataclass(frozen=True, slots=True)
class ReplicationSettings:
    """What one database host is to the others.

    `source` is None on the primary and set on every replica. `replicas` are those that replicate from this very host,
    in inventory order. Everything but the primary is `read_only`. `report_host` is how the host names itself to its
    source.
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

    def as_data(self) -> dict[str, Any]:
        """The settings as plain data: the same keys, endpoints as dicts, addresses as strings."""
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
        }


def address(name: str, hostvars: HostVars) -> Address:
    """The address at which the other hosts reach the host `name`.

    Reads: `webstack_address`, else `ansible_host`, else the inventory name itself (which is Ansible's own default for
    `ansible_host`, and an address in inventories that list bare addresses).

    Returns an IPv4Address or IPv6Address.

    Raises TopologyError when the host is not in the inventory, when what it reads is not an IP address (a host name is
    refused: every host would resolve it for itself, each at another time), and when no server can be reached at the
    address: unspecified, multicast, broadcast, tied to a network interface, or IPv4 written as IPv6.
    """
    _require_mapping(hostvars)
    return _address(name, _variables(name, hostvars, "address"))


def backend_servers(
    names: Sequence[str],
    hostvars: HostVars,
    *,
    name: str,
    port: int | str,
    check: bool | str = True,
    tls: bool = False,
) -> list[BackendServer]:
    """The servers of the HAProxy backend `name`: one for each host in `names`, in that order.

    All listen on `port` (PORTS); `check` says whether HAProxy checks their health. With `tls` the certificate of each
    must hold its inventory name.

    Reads of each host: what `address` reads, `haproxy_weight` (WEIGHTS, default 100, relative to the other servers),
    `haproxy_backup` and `haproxy_maintenance` (booleans, default false).

    Raises TopologyError for an empty list, a host that is unknown, listed twice or without a usable address, an
    address that two hosts share, a value of a wrong type or out of range, and for a backend that could not serve:
    every server a backup, or none left that takes traffic (each in maintenance or of weight 0). With `tls` also for a
    host that is named by an address, because HAProxy verifies certificates by host name only.
    """
    where = f"backend {_block_name(name, 'backend')}"
    port = _number(port, where, "port", PORTS)
    check = _boolean(check, where, "check")
    servers = [
        BackendServer(
            name=_server_name(host, where),
            address=_address(host, variables),
            port=port,
            check=check,
            weight=_number(variables.get("haproxy_weight", DEFAULT_WEIGHT), host, "haproxy_weight", WEIGHTS),
            backup=_boolean(variables.get("haproxy_backup", False), host, "haproxy_backup"),
            maintenance=_boolean(variables.get("haproxy_maintenance", False), host, "haproxy_maintenance"),
            tls_name=_tls_name(host, where) if tls else None,
        )
        for host, variables in _hosts(names, hostvars, where)
    ]
    _refuse_shared_addresses(servers, where)
    if all(server.backup for server in servers):
        raise TopologyError(
            f"{where}: haproxy_backup is true on every server ({_listed(server.name for server in servers)}); "
            "a backup stands in for other servers, so set haproxy_backup=false on at least one"
        )
    if not any(server.weight > 0 and not server.maintenance for server in servers):
        raise TopologyError(
            f"{where}: no server would take traffic, each ({_listed(server.name for server in servers)}) has "
            "haproxy_maintenance=true or haproxy_weight=0; "
            "set haproxy_maintenance=false and a weight above 0 on at least one"
        )
    return servers


def upstream_servers(
    names: Sequence[str], hostvars: HostVars, *, name: str, port: int | str, local: str | None = None
) -> list[UpstreamServer]:
    """The servers of the nginx upstream `name`, as the host `local` should use them.

    When `local` is one of `names` it comes first and all others are its backups, in the order of `names`. When it is
    not, or is None, all are equal servers, in the order of `names`. All listen on `port` (PORTS).

    Reads of each host: what `address` reads.

    Raises TopologyError for an empty list, a host (or `local`) that is unknown, a host that is listed twice or without
    a usable address, an address that two hosts share, and a port of a wrong type or out of range.
    """
    where = f"upstream {_block_name(name, 'upstream')}"
    port = _number(port, where, "port", PORTS)
    placed = [(host, _address(host, variables)) for host, variables in _hosts(names, hostvars, where)]
    if local is not None and (not isinstance(local, str) or local not in hostvars):
        raise TopologyError(f"{where}: local is {_shown(local)}, not a host of the inventory; pass inventory_hostname")
    beside = any(host == local for host, at in placed)
    servers = [UpstreamServer(host, at, port, backup=beside and host != local) for host, at in placed]
    _refuse_shared_addresses(servers, where)
    # A stable sort: all that changes place is the local server.
    return sorted(servers, key=lambda server: server.backup)


def database_hosts(names: Sequence[str], hostvars: HostVars) -> list[DatabaseHost]:
    """The database hosts as the inventory describes them: one for each host in `names`, in that order.

    Reads of each host: what `address` reads; `mysql_role` (required: primary or replica), `mysql_port` (PORTS, default
    3306), `mysql_source` (the inventory name of the host that a replica replicates from; default the primary), and
    `mysql_server_id` (SERVER_IDS; default the IPv4 address as an integer, required with an IPv6 address).

    Raises TopologyError for an empty list, a host that is unknown, listed twice or without a usable address, and a
    value that is missing, of a wrong type or out of range. What the hosts are to each other is for `replication`.
    """
    return [_database_host(host, variables) for host, variables in _hosts(names, hostvars, "databases")]


def replication(hosts: Sequence[DatabaseHost]) -> dict[str, ReplicationSettings]:
    """Settings of every database host, keyed by name, in the order of `hosts`, whose names must differ.

    A replica may replicate from another replica (`mysql_source`), as long as every chain ends at the primary.

    Raises TopologyError when there is not exactly one primary, when two hosts share an address or a server_id, and when
    a `mysql_source` stands on the primary, names no database host, names its own host, or leads round in a circle.
    """
    primary = _only_primary(hosts)
    _refuse_shared_addresses(hosts, "databases")
    clash = _clash((host.server_id, host.name) for host in hosts)
    if clash:
        first, second, shared = clash
        raise TopologyError(
            f"databases: {first} and {second} both have the server_id {shared}; "
            "set another mysql_server_id on one of them"
        )
    endpoints = {host.name: Endpoint(host.name, host.address, host.port) for host in hosts}
    sources = {host.name: _source(host, primary, endpoints) for host in hosts if host is not primary}
    _refuse_circles(sources, primary)
    replicas: dict[str, list[Endpoint]] = {host.name: [] for host in hosts}
    for name, source in sources.items():
        replicas[source].append(endpoints[name])
    return {
        host.name: ReplicationSettings(
            name=host.name,
            role=host.role,
            address=host.address,
            port=host.port,
            server_id=host.server_id,
            report_host=str(host.address),
            read_only=host is not primary,
            source=None if host is primary else endpoints[sources[host.name]],
            replicas=tuple(replicas[host.name]),
        )
        for host in hosts
    }


def as_found(hosts: Sequence[DatabaseHost], actual: Mapping[str, str]) -> list[DatabaseHost]:
    """The hosts with the roles that they actually have, where these are other ones: `actual` holds one of ACTUAL_ROLES
    by host name. Hosts that were not asked are not in it.

    The one that takes writes is the primary. Where none does, it is the inventory's primary, unless that replicates:
    then it is the only other one that may have the data.

    Raises TopologyError when two take writes, and when it cannot be told which one has the data.
    """
    unknown = sorted(set(actual.values()) - set(ACTUAL_ROLES))
    if unknown:
        raise TopologyError(f"databases: a host was found to be {_shown(unknown[0])}; known is {_listed(ACTUAL_ROLES)}")
    meant = _only_primary(hosts)
    found = {host.name: actual[host.name] for host in hosts if host.name in actual}
    writable = [name for name, role in found.items() if role == "primary"]
    if len(writable) > 1:
        raise TopologyError(
            f"databases: {_listed(writable)} take writes at the same time; nothing was changed. Stop MySQL on the one"
            " whose latest writes matter less, then run playbooks/rejoin.yml: it saves what only that one has"
        )
    primary = writable[0] if writable else _holder(meant.name, [host.name for host in hosts], found)
    if primary == meant.name:
        return list(hosts)
    # Who was to replicate from the new primary, or through it, now replicates from it as everybody else.
    return [replace(host, role="primary" if host.name == primary else "replica", source=None) for host in hosts]


def _holder(meant: str, names: Sequence[str], found: Mapping[str, str]) -> str:
    """Who has the data where nobody takes writes."""
    filled = [name for name, role in found.items() if role != "fresh"]
    if found.get(meant) == "fresh" and filled:
        raise TopologyError(
            f"databases: {meant}, the primary, is empty, but {_listed(filled)} {'has' if len(filled) == 1 else 'have'}"
            " data; nothing was changed. Make the one with the data the primary with playbooks/failover.yml -e"
            f" webstack_primary={filled[0]}, then run this again"
        )
    if found.get(meant) == "fresh" and (absent := [name for name in names if name not in found]):
        raise TopologyError(
            f"databases: {meant}, the primary, is empty, and {_listed(absent)} was not asked whether it has the data;"
            " nothing was changed. Run this without --limit"
        )
    holders = [name for name, role in found.items() if role in ("read_only", "down")]
    if found.get(meant) == "replica":
        candidates = holders or [name for name in names if name not in found]
        if len(candidates) == 1:
            return candidates[0]
    elif len([name for name in holders if found[name] == "read_only"]) <= 1 or meant not in found:
        return meant
    raise TopologyError(
        f"databases: nobody takes writes, and which host has the data cannot be told"
        f" ({', '.join(f'{name}: {role}' for name, role in found.items())}); nothing was changed. Make the one with all"
        " data the primary with playbooks/failover.yml -e webstack_primary=<its name>, then run this again"
    )


# --- reading the inventory --------------------------------------------------------------------------------------------


def _hosts(names: Sequence[str], hostvars: HostVars, where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each host with its variables, looked up once: in Ansible that merges all of the host's variable sources."""
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise TopologyError(
            f"{where}: hosts is {_shown(names)}; pass a list of inventory names such as groups['webservers']"
        )
    _require_mapping(hostvars)
    _refuse_empty(names, where)
    seen: set[str] = set()
    for name in names:
        variables = _variables(name, hostvars, where)
        if name in seen:
            raise TopologyError(f"{where}: {name} is listed twice; list every host once (in Jinja: hosts | unique)")
        seen.add(name)
        yield name, variables


def _require_mapping(hostvars: HostVars) -> None:
    if not isinstance(hostvars, Mapping):
        raise TopologyError(f"hostvars is {_shown(hostvars)}; pass Ansible's hostvars")


def _variables(name: str, hostvars: HostVars, where: str) -> Mapping[str, Any]:
    if not isinstance(name, str):
        raise TopologyError(f"{where}: {_shown(name)} is not a host name; pass inventory names, which are strings")
    if name not in hostvars:
        raise TopologyError(f"{where}: {name} is not a host of the inventory; correct the name or add the host")
    variables = hostvars[name]
    if not isinstance(variables, Mapping):
        raise TopologyError(f"{where}: hostvars['{name}'] is {_shown(variables)}; pass Ansible's hostvars")
    return variables


def _address(host: str, variables: Mapping[str, Any]) -> Address:
    for variable in ("webstack_address", "ansible_host"):
        if variable in variables:
            return _usable(variables[variable], host, variable)
    try:
        ip_address(host)
    except ValueError:
        raise TopologyError(
            f"{host}: neither webstack_address nor ansible_host is set; "
            "set webstack_address to the IPv4 or IPv6 address at which the other hosts reach it"
        ) from None
    return _usable(host, host, "the inventory name")


def _usable(value: object, host: str, variable: str) -> Address:
    try:
        # ip_address would take an integer for an address.
        parsed = ip_address(value) if isinstance(value, str) else None
    except ValueError:
        parsed = None
    wrong = "not an IP address" if parsed is None else _unreachable(parsed)
    if parsed is None or wrong:
        raise TopologyError(
            f"{host}: {variable} is {_shown(value)}, {wrong}; "
            "set webstack_address to the bare IPv4 or IPv6 address at which the other hosts reach it"
        )
    return parsed


def _unreachable(candidate: Address) -> str:
    """Why no server can be reached at this address; empty when one can."""
    if candidate.is_unspecified:
        return "the unspecified address"
    if candidate.is_multicast:
        return "a multicast address"
    if isinstance(candidate, IPv4Address):
        return "the broadcast address" if candidate == _BROADCAST else ""
    if candidate.is_link_local or candidate.scope_id:
        return "an address that holds only on one network interface"
    return "an IPv4 address written as IPv6" if candidate.ipv4_mapped else ""


def _database_host(host: str, variables: Mapping[str, Any]) -> DatabaseHost:
    role = variables.get("mysql_role")
    if role is None:
        raise TopologyError(
            f"{host}: mysql_role is not set; write mysql_role=primary on the one host that takes the writes and "
            "mysql_role=replica on every other"
        )
    if role not in ("primary", "replica"):
        raise TopologyError(f"{host}: mysql_role is {_shown(role)}; write primary or replica")
    source = variables.get("mysql_source")
    if source is not None and not isinstance(source, str):
        raise TopologyError(
            f"{host}: mysql_source is {_shown(source)}; write the inventory name of the host to replicate from"
        )
    found = _address(host, variables)
    if "mysql_server_id" in variables:
        server_id = _number(variables["mysql_server_id"], host, "mysql_server_id", SERVER_IDS)
    elif isinstance(found, IPv4Address):
        server_id = int(found)
    else:
        raise TopologyError(
            f"{host}: mysql_server_id is not set and the IPv6 address {found} does not fit into one; "
            f"write a number from {SERVER_IDS[0]} to {SERVER_IDS[-1]} that no other database host has"
        )
    port = _number(variables.get("mysql_port", DEFAULT_MYSQL_PORT), host, "mysql_port", PORTS)
    return DatabaseHost(host, found, port, role, server_id, source)


# --- single values ----------------------------------------------------------------------------------------------------


def _shown(value: object) -> str:
    """A refused value as it stands in the message, cut short where it is long."""
    # hostvars gives out a stand-in for what Ansible could not render (an undefined variable, say). It is none of the
    # types wanted, and so ends here: made a string it raises the error that tells why.
    str(value)
    return _short.repr(value)


def _number(value: object, owner: str, variable: str, allowed: range) -> int:
    number = int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else value
    # True and False are integers to Python, and no numbers to anybody else.
    if not isinstance(number, int) or isinstance(number, bool) or number not in allowed:
        raise TopologyError(
            f"{owner}: {variable} is {_shown(value)}; write a whole number from {allowed[0]} to {allowed[-1]}"
        )
    return number


def _boolean(value: object, owner: str, variable: str) -> bool:
    word = _BOOLEANS.get(value.lower()) if isinstance(value, str) else value
    if not isinstance(word, bool):
        raise TopologyError(f"{owner}: {variable} is {_shown(value)}; write true or false")
    return word


def _block_name(value: object, kind: str) -> str:
    if not isinstance(value, str) or not _BLOCK_NAME.fullmatch(value):
        raise TopologyError(f"{kind}: name is {_shown(value)}; write letters, digits, '_', '-' and '.' only")
    return value


def _server_name(host: str, where: str) -> str:
    if not _SERVER_NAME.fullmatch(host):
        raise TopologyError(
            f"{where}: {_shown(host)} cannot name a server in HAProxy; "
            "rename the host in the inventory to letters, digits, '_', '-', '.' and ':' only"
        )
    return host


def _tls_name(host: str, where: str) -> str:
    try:
        ip_address(host)
    except ValueError:
        return host
    raise TopologyError(
        f"{where}: HAProxy cannot verify the certificate of {host}, an address; "
        "give the host a name in the inventory and the address as its webstack_address"
    )


# --- what hosts are to each other -------------------------------------------------------------------------------------


class _Placed(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def address(self) -> Address: ...


def _refuse_empty(hosts: Sequence[object], where: str) -> None:
    if not hosts:
        raise TopologyError(f"{where}: the group has no hosts; add at least one to it in the inventory")


def _refuse_shared_addresses(hosts: Sequence[_Placed], where: str) -> None:
    clash = _clash((host.address, host.name) for host in hosts)
    if clash:
        first, second, shared = clash
        raise TopologyError(
            f"{where}: {first} and {second} both have the address {shared}; give each its own webstack_address"
        )


def _clash(keyed: Iterable[tuple[Hashable, str]]) -> tuple[str, str, Hashable] | None:
    """The first two names that share a key, and the key."""
    owners: dict[Hashable, str] = {}
    for key, name in keyed:
        owner = owners.setdefault(key, name)
        if owner != name:
            return owner, name, key
    return None


def _only_primary(hosts: Sequence[DatabaseHost]) -> DatabaseHost:
    _refuse_empty(hosts, "databases")
    primaries = [host for host in hosts if host.role == "primary"]
    if not primaries:
        raise TopologyError(
            f"databases: no host ({_listed(host.name for host in hosts)}) has mysql_role=primary; "
            "set it on the one that takes the writes"
        )
    if len(primaries) > 1:
        both, other = ("both", "other") if len(primaries) == 2 else ("all", "others")
        raise TopologyError(
            f"databases: {_listed(host.name for host in primaries)} {both} have mysql_role=primary; "
            f"keep it on one of them and give the {other} mysql_role=replica"
        )
    [primary] = primaries
    if primary.source is not None:
        raise TopologyError(
            f"{primary.name}: mysql_source is {_shown(primary.source)} and mysql_role is primary; "
            "remove mysql_source, a primary replicates from nobody"
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
        f"{host.name}: mysql_source is {_shown(host.source)}, {problem}; "
        f"name another database host, or leave it out to replicate from the primary {primary.name}"
    )


def _refuse_circles(sources: Mapping[str, str], primary: DatabaseHost) -> None:
    """Follow every replica's sources up to the primary; what is known to lead there is not followed again."""
    arriving = {primary.name}
    for start in sources:
        path: dict[str, None] = {}
        name = start
        while name not in arriving:
            if name in path:
                circle = [*path][[*path].index(name) :]
                raise TopologyError(
                    f"databases: mysql_source leads round in a circle ({' -> '.join([*circle, name])}); "
                    f"leave mysql_source out on one of them to replicate from the primary {primary.name}"
                )
            path[name] = None
            name = sources[name]
        arriving.update(path)


def _listed(names: Iterable[str]) -> str:
    """The names in a sentence, cut short where there are many."""
    names = list(names)
    if len(names) > 6:
        return f"{', '.join(names[:5])} and {len(names) - 5} more"
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


# --- who may speak to whom --------------------------------------------------------------------------------------------

PROTOCOLS = ("tcp", "udp", "vrrp")
"""What a flow may be. VRRP is an IP protocol of its own, without ports."""
ANYBODY = ("0.0.0.0/0", "::/0")

_FLOW_KEYS = ("name", "to", "from", "ports", "protocol")
# What nftables takes in a comment, kept to what needs no quoting.
_FLOW_NAME = re.compile(r"[A-Za-z0-9_. -]{1,64}")


@dataclass(frozen=True, slots=True)
class Flow:
    """Hosts of the groups `sources` (None: anybody) may open connections to `ports` of the hosts of `targets`."""

    name: str
    protocol: str
    ports: tuple[int, ...]
    sources: tuple[str, ...] | None
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FirewallRule:
    """What one host lets in, or may open. `addresses` None: from or to anybody. `ports` is empty with VRRP."""

    name: str
    direction: Literal["in", "out"]
    protocol: str
    ports: tuple[int, ...]
    addresses: tuple[Address, ...] | None

    def as_data(self) -> dict[str, Any]:
        """The rule as plain data: the same keys, IPv6 compressed, anybody as the two networks that hold everybody."""
        return {
            "name": self.name,
            "direction": self.direction,
            "protocol": self.protocol,
            "ports": list(self.ports),
            "addresses": list(ANYBODY) if self.addresses is None else [str(address) for address in self.addresses],
        }


def firewall_rules(
    flows: Sequence[Mapping[str, Any]], groups: Mapping[str, Sequence[str]], hostvars: HostVars, host: str
) -> list[FirewallRule]:
    """What `host` lets in, then what it may open itself, each in the order of `flows`.

    A flow is a mapping with `name` (unique), `to` and `from` (a group or a list of groups; `from` may be any),
    `ports` (a list of PORTS; none with vrrp) and `protocol` (PROTOCOLS, default tcp). All flows are checked, on every
    host alike. A rule names every other host once, in the order of the groups; the host's own address is left out, and
    a rule that would have no address is none.

    Reads of each host that a rule names, and of `host`: what `address` reads.

    Raises TopologyError for a flow that is not of this form, a group that the inventory does not have, a host that is
    unknown or without a usable address.
    """
    _require_mapping(hostvars)
    if not isinstance(groups, Mapping):
        raise TopologyError(f"groups is {_shown(groups)}; pass Ansible's groups")
    if not isinstance(host, str) or host not in hostvars:
        raise TopologyError(f"firewall: {_shown(host)} is not a host of the inventory; pass inventory_hostname")
    read = _flows(flows, groups)
    found: dict[str, Address] = {}

    def address_of(name: str, where: str) -> Address:
        if name not in found:
            found[name] = _address(name, _variables(name, hostvars, where))
        return found[name]

    def others(names: Sequence[str], where: str) -> tuple[Address, ...]:
        own = address_of(host, where)
        members = dict.fromkeys(member for name in names for member in groups[name] if member != host)
        return tuple(at for at in dict.fromkeys(address_of(member, where) for member in members) if at != own)

    inbound, outbound = [], []
    for flow in read:
        where = f"flow {flow.name}"
        if any(host in groups[name] for name in flow.targets):
            sources = None if flow.sources is None else others(flow.sources, where)
            inbound.append(FirewallRule(flow.name, "in", flow.protocol, flow.ports, sources))
        if flow.sources is None or any(host in groups[name] for name in flow.sources):
            targets = others(flow.targets, where)
            outbound.append(FirewallRule(flow.name, "out", flow.protocol, flow.ports, targets))
    return [rule for rule in inbound + outbound if rule.addresses is None or rule.addresses]


def _flows(flows: Sequence[Mapping[str, Any]], groups: Mapping[str, Sequence[str]]) -> list[Flow]:
    if isinstance(flows, str) or not isinstance(flows, Sequence):
        raise TopologyError(
            f"firewall: flows is {_shown(flows)}; pass a list of flows, each with name, to, from, ports"
        )
    read = [_flow(flow, number, groups) for number, flow in enumerate(flows, 1)]
    names: set[str] = set()
    for flow in read:
        if flow.name in names:
            raise TopologyError(f"flow {flow.name}: two flows have this name; give each a name of its own")
        names.add(flow.name)
    return read


def _flow(flow: Mapping[str, Any], number: int, groups: Mapping[str, Sequence[str]]) -> Flow:
    if not isinstance(flow, Mapping):
        raise TopologyError(f"flow {number}: it is {_shown(flow)}; write a mapping with name, to, from and ports")
    name = flow.get("name")
    if not isinstance(name, str) or not _FLOW_NAME.fullmatch(name):
        raise TopologyError(
            f"flow {number}: name is {_shown(name)}; write at most 64 letters, digits, spaces, '_', '-' and '.'"
        )
    where = f"flow {name}"
    for key in flow:
        if key not in _FLOW_KEYS:
            raise TopologyError(f"{where}: {_shown(key)} is no part of a flow; use {_listed(_FLOW_KEYS)}")
    protocol = flow.get("protocol", PROTOCOLS[0])
    if protocol not in PROTOCOLS:
        raise TopologyError(f"{where}: protocol is {_shown(protocol)}; write one of {_listed(PROTOCOLS)}")
    ports = flow.get("ports", [])
    if isinstance(ports, str) or not isinstance(ports, Sequence):
        raise TopologyError(f"{where}: ports is {_shown(ports)}; write a list of ports such as [443]")
    if protocol == "vrrp" and ports:
        raise TopologyError(f"{where}: ports is {_shown(ports)} and protocol is vrrp, which has none; leave ports out")
    if protocol != "vrrp" and not ports:
        raise TopologyError(f"{where}: ports is empty; write the ports to open such as [443], or remove the flow")
    numbers = tuple(dict.fromkeys(_number(port, where, "ports", PORTS) for port in ports))
    sources = None if flow.get("from") == "any" else _group_names(flow, "from", where, groups)
    return Flow(name, protocol, numbers, sources, _group_names(flow, "to", where, groups))


def _group_names(flow: Mapping[str, Any], key: str, where: str, groups: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    value = flow.get(key)
    names = [value] if isinstance(value, str) else value
    example = "any, a group or a list of groups" if key == "from" else "a group or a list of groups"
    if not isinstance(names, Sequence) or not names:
        raise TopologyError(f"{where}: {key} is {_shown(value)}; write {example}")
    for name in names:
        if not isinstance(name, str) or name not in groups:
            raise TopologyError(
                f"{where}: {key} has {_shown(name)}, which is not a group of the inventory; write {example}"
            )
    return tuple(names)
