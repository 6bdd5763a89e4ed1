"""The data of the role haproxy: proxies, what they bind, their servers. Options and defaults are the role's own.

What each option means is said in the role's argument specification.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.records import read
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import ip


class Mode(str, Enum):
    """The layer at which a proxy handles traffic."""

    HTTP = "http"
    TCP = "tcp"


@dataclass(frozen=True)
class BindTls:
    """TLS to clients. `alpn` None: what suits the mode."""

    certificates: tuple[str, ...]
    alpn: tuple[str, ...] | None = None
    quic: bool = False
    ca_file: str | None = None
    verify: str | None = None


@dataclass(frozen=True)
class Bind:
    """Where a proxy listens: an address and a port, or the path of a socket."""

    address: str = "*"
    port: int | None = None
    tls: BindTls | None = None
    extra: tuple[str, ...] = ()

    @property
    def is_path(self) -> bool:
        """Whether it is no address of a network: a path, or with HAProxy's prefixes (`unix@`, `abns@`, `fd@`)."""
        return is_path(self.address)

    @property
    def says_families(self) -> bool:
        """Whether `extra` tells HAProxy which families a bind for IPv6 takes."""
        return not {"v4v6", "v6only"}.isdisjoint(" ".join(self.extra).split())

    @property
    def socket(self) -> tuple[str, int | None]:
        """What two binds must not share: the address in one spelling, and the port."""
        address = "*" if self.address == "0.0.0.0" else self.address  # noqa: S104
        return str(ip(address) or address), None if self.is_path else self.port


@dataclass(frozen=True)
class Hsts:
    """Strict-Transport-Security."""

    max_age: int = 63072000
    include_subdomains: bool = False
    preload: bool = False


@dataclass(frozen=True)
class RateLimit:
    """Requests that a client may send in a period."""

    requests: int = 2000
    period: str = "10s"
    status: int = 429
    allow: tuple[str, ...] = ()
    table_size: str = "100k"


@dataclass(frozen=True)
class RequestId:
    """The ids by which a request is found in the logs of every tier. `trust`: those of a client are kept."""

    trust: bool = False


@dataclass(frozen=True)
class Route:
    """A backend that is chosen by a condition."""

    backend: str
    condition: str | None = None


@dataclass(frozen=True)
class ServerTls:
    """TLS to servers."""

    ca_file: str | None = None
    verify: bool = True
    alpn: tuple[str, ...] = ("http/1.1",)


@dataclass(frozen=True)
class Header:
    """A header of a health check."""

    name: str
    value: str


@dataclass(frozen=True)
class HttpCheck:
    """A health check by an HTTP request."""

    method: str = "GET"
    uri: str = "/"
    host: str | None = None
    headers: tuple[Header, ...] = ()
    expect: str = "status 200"
    drain_on_404: bool = False


@dataclass(frozen=True)
class Server:
    """A server of a backend or listen."""

    name: str
    address: str
    port: int | None = None
    tls_name: str | None = None
    check: bool = True
    weight: int = 100
    maxconn: int | None = None
    backup: bool = False
    maintenance: bool = False
    extra: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proxy:
    """A frontend, a backend or a listen, which has the options of both."""

    name: str
    mode: Mode = Mode.HTTP
    bind: tuple[Bind, ...] = ()
    maxconn: int | None = None
    timeout_client: str | None = None
    trusted_proxies: tuple[str, ...] = ()
    proxy_protocol: bool = False
    request_id: RequestId | None = None
    forwardfor: bool = True
    https_redirect: bool = False
    https_redirect_except: tuple[str, ...] = ("/.well-known/acme-challenge/",)
    hsts: Hsts | None = None
    rate_limit: RateLimit | None = None
    max_connections_per_client: int | None = None
    max_body_size: str | None = None
    remove_response_headers: tuple[str, ...] = ()
    balance: str = "roundrobin"
    hash_type: str | None = None
    tls: ServerTls | None = None
    http_check: HttpCheck | None = None
    check_interval: str | None = None
    rise: int | None = None
    fall: int | None = None
    slowstart: str | None = None
    timeout_connect: str | None = None
    timeout_server: str | None = None
    retries: int | None = None
    redispatch: int | None = None
    retry_on: tuple[str, ...] | None = None
    options: tuple[str, ...] = ()
    acls: tuple[str, ...] = ()
    tcp_request: tuple[str, ...] = ()
    http_request: tuple[str, ...] = ()
    http_response: tuple[str, ...] = ()
    use_backends: tuple[Route, ...] = ()
    default_backend: str | None = None
    server_extra: tuple[str, ...] = ()
    servers: tuple[Server, ...] = ()
    extra: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stats:
    """The frontend `stats`."""

    address: str = "127.0.0.1"
    port: int = 8404
    uri: str = "/stats"
    prometheus_uri: str = "/metrics"
    tls: BindTls | None = None
    allow: tuple[str, ...] = ()

    @property
    def bind(self) -> Bind:
        """Where it listens."""
        return Bind(self.address, self.port, self.tls)


@dataclass(frozen=True)
class PeerHost:
    """A load balancer. `name` is also what its certificate is for."""

    name: str
    address: str


@dataclass(frozen=True)
class Peers:
    """All load balancers, and which of them this one is. Paths are those of the host."""

    local: str
    hosts: tuple[PeerHost, ...]
    certificate: str
    ca_file: str
    port: int = 10024

    @property
    def others(self) -> tuple[str, ...]:
        """The names of those that this one is not."""
        return tuple(host.name for host in self.hosts if host.name != self.local)


@dataclass(frozen=True)
class Configuration:
    """Everything that listens or has servers; `stats` None: no statistics; `peers` None: the only load balancer."""

    frontends: tuple[Proxy, ...]
    backends: tuple[Proxy, ...]
    listens: tuple[Proxy, ...]
    stats: Stats | None
    peers: Peers | None = None

    @property
    def uses_quic(self) -> bool:
        """Whether any bind speaks HTTP/3."""
        return any(bind.tls and bind.tls.quic for proxy in self.frontends + self.listens for bind in proxy.bind)

    def listeners(self, binds: Iterable[Bind], *, ipv6: bool) -> list[Bind]:
        """Binds as HAProxy has them, each of one family: `*` is IPv4 there, and every address in the role's data.

        Nothing is added where IPv6 is off (`ipv6`), beside a bind for `::` and the same port, which has the IPv6
        addresses already, and to a bind that says itself what it does with IPv6.
        """
        proxies = [bind for proxy in self.frontends + self.listens for bind in proxy.bind]
        taken = {bind.port for bind in [*proxies, *([self.stats.bind] if self.stats else [])] if bind.address == "::"}
        made = []
        for bind in binds:
            made.append(bind)
            if bind.address == "*" and ipv6 and bind.port not in taken and not bind.says_families:
                made.append(replace(bind, address="::"))
        return made


def configuration(
    frontends: Iterable[Mapping[str, Any]],
    backends: Iterable[Mapping[str, Any]],
    listens: Iterable[Mapping[str, Any]],
    stats: Mapping[str, Any],
    peers: Mapping[str, Any] | None = None,
) -> Configuration:
    """The values of the role's variables of these names. Raises RecordError for data of another shape."""
    return Configuration(
        frontends=_proxies(frontends, "haproxy_frontends"),
        backends=_proxies(backends, "haproxy_backends"),
        listens=_proxies(listens, "haproxy_listens"),
        stats=read(Stats, stats, "haproxy_stats") if stats else None,
        peers=read(Peers, peers, "haproxy_peers") if peers else None,
    )


def _proxies(data: Iterable[Mapping[str, Any]], variable: str) -> tuple[Proxy, ...]:
    return tuple(read(Proxy, entry, f"{variable}[{number}]") for number, entry in enumerate(data))


def is_path(address: str) -> bool:
    """Whether an address of HAProxy is a path, or has one of its prefixes, and so goes without a port."""
    return address.startswith("/") or "@" in address


def endpoint(address: str, port: int | None) -> str:
    """An address and its port as HAProxy writes them. What has no port (`is_path`) stands alone."""
    host = f"[{address}]" if ":" in address and re.fullmatch(r"[0-9A-Fa-f:.]+", address) else address
    return f"{host}:{port}" if port else host
