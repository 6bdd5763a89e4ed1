"""How the HAProxy of an application host leads to the databases: it asks each server's endpoint what the server is.

Three proxies check the health of every server: `mysql-write` looks for the one that takes writes, `mysql-read` for
replicas that are not far behind, `mysql-any` for any that answers. Applications connect to the first two, which listen
on the application's own host.

When no replica is fit to read from, `mysql-read` falls back to stand-ins: the primary, and when that is gone, too,
any server that answers. A stand-in has no health check of its own, it shares that of another proxy (`track`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.addresses import refuse_empty
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import (
    Address,
    TopologyError,
    ip,
    port_number,
    reachable_address,
    server_name,
    shown,
)

WRITE, READ, ANY = "mysql-write", "mysql-read", "mysql-any"

_WHERE = "databases"
# The stand-ins of mysql-read in the order in which they are used: suffix of the name, and whose health they share.
_STAND_INS = (("primary", WRITE), ("any", ANY))
# The Host header of the health checks.
_ENDPOINT_HOST = "mysql-endpoint"
# Down within a second, and its connections are closed.
_FAST = ("fastinter 250ms", "on-marked-down shutdown-sessions")
# A client of a stand-in leaves it as soon as a replica is fit again.
_LEAVE_STAND_INS = "on-marked-up shutdown-backup-sessions"


@dataclass(frozen=True, slots=True)
class DatabaseServer:
    """Where a MySQL server is reached. Its certificate holds `name`, the inventory name."""

    name: str
    address: Address
    port: int


@dataclass(frozen=True, slots=True)
class Routing:
    """The entries that an application host adds to `haproxy_backends` and `haproxy_listens`, as plain data.

    `write` and `read` are where the application connects, address and port as in a URL.
    """

    backends: tuple[dict[str, Any], ...]
    listens: tuple[dict[str, Any], ...]
    write: str
    read: str

    def as_data(self) -> dict[str, Any]:
        """The routing as plain data."""
        return {
            "backends": list(self.backends),
            "listens": list(self.listens),
            "write": self.write,
            "read": self.read,
        }


def database_servers(replication: Mapping[str, Mapping[str, Any]]) -> list[DatabaseServer]:
    """The servers of replication settings as `ReplicationSettings.as_data` gives them, in their order.

    Raises TopologyError for settings that are not of this form, and for a host that cannot name a server in HAProxy.
    """
    if not isinstance(replication, Mapping):
        raise TopologyError(f"{_WHERE}: the replication settings are {shown(replication)}; pass those of all hosts")
    servers = []
    for host, settings in replication.items():
        if not isinstance(settings, Mapping) or not {"address", "port"} <= set(settings):
            raise TopologyError(
                f"{host}: its replication settings are {shown(settings)}; pass what mysql_replication made of all hosts"
            )
        servers.append(
            DatabaseServer(
                name=server_name(host, _WHERE),
                address=reachable_address(settings["address"], host, "address"),
                port=port_number(settings["port"], host, "port"),
            )
        )
    return servers


def routing(
    servers: Sequence[DatabaseServer],
    *,
    address: str,
    write_port: int | str,
    read_port: int | str,
    endpoint_port: int | str,
    ca_file: str,
) -> Routing:
    """The routing of an application host to `servers`, whose endpoints listen on `endpoint_port`.

    Raises TopologyError for an empty list, a port out of range, one port for both purposes, and a host that has the
    name of another one's stand-in.
    """
    refuse_empty(servers, _WHERE)
    write = port_number(write_port, "mysql_routing", "write_port")
    read = port_number(read_port, "mysql_routing", "read_port")
    if write == read:
        raise TopologyError(f"mysql_routing: write_port and read_port are both {write}; give each a port of its own")
    at = ip(address)
    if at is None:
        raise TopologyError(f"mysql_routing: address is {shown(address)}; write an IP address such as 127.0.0.1")
    ask = [
        f"port {port_number(endpoint_port, 'mysql_routing', 'endpoint_port')}",
        "check-ssl",
        "verify required",
        f"ca-file {ca_file}",
    ]
    asked = [_asked(server) for server in servers]
    return Routing(
        backends=(
            {
                "name": ANY,
                "mode": "tcp",
                "http_check": {"uri": "/readable", "host": _ENDPOINT_HOST},
                "check_interval": "1s",
                "rise": 1,
                "fall": 1,
                "server_extra": ask,
                "servers": asked,
            },
        ),
        listens=(
            _listen(WRITE, "/primary", str(at), write, [*ask, *_FAST], asked),
            _listen(READ, "/replica", str(at), read, [*ask, *_FAST, _LEAVE_STAND_INS], asked + _stand_ins(servers))
            | {"balance": "leastconn"},
        ),
        write=f"{_in_a_url(at)}:{write}",
        read=f"{_in_a_url(at)}:{read}",
    )


def _listen(
    name: str, uri: str, address: str, port: int, server_extra: list[str], servers: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "name": name,
        "mode": "tcp",
        "bind": [{"address": address, "port": port}],
        # As long as a pool of an application may keep a connection that it does not use.
        "timeout_client": "1h",
        "timeout_server": "1h",
        "http_check": {"uri": uri, "host": _ENDPOINT_HOST},
        "check_interval": "500ms",
        "rise": 1,
        "fall": 2,
        "server_extra": server_extra,
        "servers": servers,
    }


def _in_a_url(address: Address) -> str:
    return f"[{address}]" if address.version == 6 else str(address)


def _asked(server: DatabaseServer) -> dict[str, Any]:
    """A server whose endpoint is asked, over TLS; what goes through is MySQL's own protocol."""
    return {
        "name": server.name,
        "address": str(server.address),
        "port": server.port,
        "extra": [f"check-sni {server.name}", f"verifyhost {server.name}"],
    }


def _stand_ins(servers: Sequence[DatabaseServer]) -> list[dict[str, Any]]:
    names = {server.name for server in servers}
    made = []
    for suffix, proxy in _STAND_INS:
        for server in servers:
            name = f"{server.name}-{suffix}"
            if name in names:
                raise TopologyError(
                    f"{name}: this is also the name of the stand-in for {server.name} in HAProxy; "
                    f"rename the host {name} in the inventory"
                )
            made.append(
                {
                    "name": name,
                    "address": str(server.address),
                    "port": server.port,
                    "check": False,
                    "backup": True,
                    "extra": [f"track {proxy}/{server.name}"],
                }
            )
    return made
