"""The data of the role nginx: sites and upstreams. Options and defaults are the role's own.

What each option means is said in the role's argument specification.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.records import read
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import ip


@dataclass(frozen=True)
class Listen:
    """Where a site listens."""

    port: int
    address: str = "*"
    tls: bool = False

    @property
    def socket(self) -> str:
        """Address and port, as nginx has them."""
        return f"{bracketed(self.address)}:{self.port}"

    @property
    def sockets(self) -> tuple[tuple[str, str], ...]:
        """Address and port in one spelling, one for each family: what two sites may share, or collide on."""
        every = self.address in ("*", "0.0.0.0")  # noqa: S104
        addresses = ["*" if every else str(ip(self.address) or self.address), *(["::"] if self.address == "*" else [])]
        return tuple((address, str(self.port)) for address in addresses)


@dataclass(frozen=True)
class SiteTls:
    """A site's certificate, its key, and the authorities of its clients."""

    certificate: str
    key: str
    client_ca: str | None = None


@dataclass(frozen=True)
class Static:
    """Files that nginx serves itself."""

    location: str
    alias: str
    max_age: str = "1h"
    immutable: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    access_log: bool = True
    extra: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proxied:
    """What goes to an upstream."""

    location: str
    upstream: str
    request_headers: dict[str, str] = field(default_factory=dict)
    read_timeout: str | None = None
    buffering: bool = True
    websocket: bool = False
    gzip: bool = False
    access_log: bool = True
    extra: tuple[str, ...] = ()


@dataclass(frozen=True)
class Redirect:
    """A location that answers with a redirect."""

    location: str
    to: str
    status: int = 301


@dataclass(frozen=True)
class ErrorPage:
    """The page for errors that nginx itself reports."""

    codes: tuple[int, ...]
    uri: str


@dataclass(frozen=True)
class Site:
    """A server of nginx."""

    name: str
    server_names: tuple[str, ...] = ()
    default: bool = False
    listen: tuple[Listen, ...] = (Listen(80),)
    tls: SiteTls | None = None
    http2: bool = False
    static: tuple[Static, ...] = ()
    proxy: tuple[Proxied, ...] = ()
    redirects: tuple[Redirect, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    default_headers: dict[str, str] = field(default_factory=dict)
    request_headers: dict[str, str] = field(default_factory=dict)
    client_max_body_size: str | None = None
    error_pages: tuple[ErrorPage, ...] = ()
    root: str | None = None
    index: tuple[str, ...] = ("index.html",)
    extra: tuple[str, ...] = ()

    def listeners(self, *, ipv6: bool) -> list[Listen]:
        """Where it listens as nginx has it, each of one family: `*` is IPv4 there, and every address in the data.

        Nothing is added where IPv6 is off (`ipv6`), and beside a listen for `::` and the same port.
        """
        taken = {str(listen.port) for listen in self.listen if listen.address == "::"}
        made = []
        for listen in self.listen:
            made.append(listen)
            if listen.address == "*" and ipv6 and str(listen.port) not in taken:
                made.append(replace(listen, address="::"))
        return made


@dataclass(frozen=True)
class UpstreamServer:
    """A server of an upstream. None: nginx's own `weight`, which is 1, and the `max_fails` that suits its part."""

    name: str
    address: str
    port: int | None = None
    backup: bool = False
    weight: int | None = None
    max_fails: int | None = None
    fail_timeout: str = "3s"

    @property
    def is_path(self) -> bool:
        """Whether it is the path of a socket, which has no port."""
        return self.address.startswith("unix:")


@dataclass(frozen=True)
class UpstreamTls:
    """TLS to the servers of an upstream."""

    ca_file: str
    name: str
    session_reuse: bool = True


@dataclass(frozen=True)
class Upstream:
    """A group of application servers."""

    name: str
    servers: tuple[UpstreamServer, ...]
    balance: str = "round_robin"
    tls: UpstreamTls | None = None
    keepalive: int = 32
    keepalive_timeout: str = "30s"


@dataclass(frozen=True)
class Configuration:
    """Everything that is served, and from where."""

    sites: tuple[Site, ...]
    upstreams: tuple[Upstream, ...]

    def in_families(self, *, ipv6: bool) -> Configuration:
        """The same with what each site listens on as nginx has it (`Site.listeners`)."""
        return replace(self, sites=tuple(replace(site, listen=tuple(site.listeners(ipv6=ipv6))) for site in self.sites))


def configuration(sites: Iterable[Mapping[str, Any]], upstreams: Iterable[Mapping[str, Any]]) -> Configuration:
    """The values of the role's variables of these names. Raises RecordError for data of another shape."""
    return Configuration(
        sites=tuple(read(Site, site, f"nginx_sites[{number}]") for number, site in enumerate(sites)),
        upstreams=tuple(
            read(Upstream, upstream, f"nginx_upstreams[{number}]") for number, upstream in enumerate(upstreams)
        ),
    )


def bracketed(address: str) -> str:
    """An address as it stands before a port."""
    return f"[{address}]" if ":" in address else address
