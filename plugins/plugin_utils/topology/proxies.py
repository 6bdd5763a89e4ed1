"""Servers of the proxies: HAProxy backends and nginx upstreams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.addresses import (
    HostVars,
    address_in,
    hosts_with_variables,
    refuse_shared_addresses,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import (
    Address,
    TopologyError,
    block_name,
    boolean,
    listed,
    port_number,
    server_name,
    shown,
    tls_name,
    weight,
)

DEFAULT_WEIGHT = 100
WEB_PORT = 443
WEB_PORT_BESIDE_A_LOAD_BALANCER = 8443


@dataclass(frozen=True, slots=True)
class BackendServer:
    """One server of an HAProxy backend. `port` from 1 to 65535, `weight` from 0 to 256; `name` is the inventory name.

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


def web_ports(names: Sequence[str], hostvars: HostVars, load_balancers: Sequence[str]) -> dict[str, int]:
    """Where the web server of each host listens. A load balancer on the same host has 443, so it leaves that alone.

    Reads of each host: `webstack_web_port` (a port, default WEB_PORT, or WEB_PORT_BESIDE_A_LOAD_BALANCER).

    Raises TopologyError for an empty list, a host that is unknown or listed twice, and a value of a wrong type or out
    of range.
    """
    if isinstance(load_balancers, str) or not isinstance(load_balancers, Sequence):
        raise TopologyError(f"web servers: load_balancers is {shown(load_balancers)}; pass a list of inventory names")
    beside = frozenset(load_balancers)
    ports = {}
    for host, variables in hosts_with_variables(names, hostvars, "web servers"):
        usual = WEB_PORT_BESIDE_A_LOAD_BALANCER if host in beside else WEB_PORT
        ports[host] = port_number(variables.get("webstack_web_port", usual), host, "webstack_web_port")
    return ports


def backend_servers(
    names: Sequence[str],
    hostvars: HostVars,
    *,
    name: str,
    port: int | str | Mapping[str, int],
    check: bool | str = True,
    tls: bool = False,
) -> list[BackendServer]:
    """The servers of the HAProxy backend `name`: one for each host in `names`, in that order.

    All listen on `port`, or each on its own where that is a mapping by host; `check` says whether HAProxy checks their
    health. With `tls` the certificate of each must hold its inventory name.

    Reads of each host: what `address` reads, `haproxy_weight` (0 to 256, default 100, relative to the other servers),
    `haproxy_backup` and `haproxy_maintenance` (booleans, default false).

    Raises TopologyError for an empty list, a host that is unknown, listed twice or without a usable address, an
    address that two hosts share, a value of a wrong type or out of range, and for a backend that could not serve:
    every server a backup, or none left that takes traffic (each in maintenance or of weight 0). With `tls` also for a
    host that is named by an address, because HAProxy verifies certificates by host name only.
    """
    where = f"backend {block_name(name, 'backend')}"
    listens = None if isinstance(port, Mapping) else port_number(port, where, "port")
    checked = boolean(check, where, "check")
    servers = [
        BackendServer(
            name=server_name(host, where),
            address=address_in(host, variables),
            port=listens or _port_of(host, port, where),
            check=checked,
            weight=weight(variables.get("haproxy_weight", DEFAULT_WEIGHT), host, "haproxy_weight"),
            backup=boolean(variables.get("haproxy_backup", False), host, "haproxy_backup"),
            maintenance=boolean(variables.get("haproxy_maintenance", False), host, "haproxy_maintenance"),
            tls_name=tls_name(host, where) if tls else None,
        )
        for host, variables in hosts_with_variables(names, hostvars, where)
    ]
    refuse_shared_addresses(servers, where)
    if all(server.backup for server in servers):
        raise TopologyError(
            f"{where}: haproxy_backup is true on every server ({listed(server.name for server in servers)}); "
            "a backup stands in for other servers, so set haproxy_backup=false on at least one"
        )
    if not any(server.weight > 0 and not server.maintenance for server in servers):
        raise TopologyError(
            f"{where}: no server would take traffic, each ({listed(server.name for server in servers)}) has "
            "haproxy_maintenance=true or haproxy_weight=0; "
            "set haproxy_maintenance=false and a weight above 0 on at least one"
        )
    return servers


def _port_of(host: str, ports: Any, where: str) -> int:
    if host not in ports:
        raise TopologyError(f"{where}: port has none of {host}; write that of every host, or one for all")
    return port_number(ports[host], host, f"{where}: port")


def upstream_servers(
    names: Sequence[str], hostvars: HostVars, *, name: str, port: int | str, local: str | None = None
) -> list[UpstreamServer]:
    """The servers of the nginx upstream `name`, as the host `local` should use them.

    When `local` is one of `names` it comes first and all others are its backups, in the order of `names`. When it is
    not, or is None, all are equal servers, in the order of `names`. All listen on `port`.

    Reads of each host: what `address` reads.

    Raises TopologyError for an empty list, a host (or `local`) that is unknown, a host that is listed twice or without
    a usable address, an address that two hosts share, and a port of a wrong type or out of range.
    """
    where = f"upstream {block_name(name, 'upstream')}"
    listens = port_number(port, where, "port")
    placed = [(host, address_in(host, variables)) for host, variables in hosts_with_variables(names, hostvars, where)]
    if local is not None and (not isinstance(local, str) or local not in hostvars):
        raise TopologyError(f"{where}: local is {shown(local)}, not a host of the inventory; pass inventory_hostname")
    beside = any(host == local for host, at in placed)
    servers = [UpstreamServer(host, at, listens, backup=beside and host != local) for host, at in placed]
    refuse_shared_addresses(servers, where)
    # A stable sort: all that changes place is the local server.
    return sorted(servers, key=lambda server: server.backup)
