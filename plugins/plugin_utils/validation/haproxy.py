"""Mistakes in the data of the role haproxy that HAProxy itself would accept silently or explain badly.

Every function yields sentences that name the variable, the entry and the fix, in the order of the data.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.haproxy.model import (
    Bind,
    BindTls,
    Configuration,
    Hsts,
    Mode,
    Peers,
    Proxy,
    RateLimit,
    Server,
    is_path,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.haproxy.sections import (
    FROM_PROXY,
    PERIOD,
    SIZE,
    VIA_PROXY,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import (
    PORTS,
    WEIGHTS,
    is_address,
    is_dns_name,
    is_haproxy_name,
    is_port,
    is_trustable,
    listed,
)

FRONTS = "haproxy_frontends and haproxy_listens"
BACKS = "haproxy_backends and haproxy_listens"

VALID_NAME = 'use letters, digits, "_", "-", "." and ":" only'
VALID_PORT = f"use a port from {PORTS[0]} to {PORTS[-1]}"
VALID_PROXY = "write an address or network such as 192.0.2.0/24; a network of everybody (/0) is not accepted"
PRELOAD_MAX_AGE = 31536000
"""What https://hstspreload.org requires, in seconds."""
# Of a bind's parameters, those that `tls` sets.
_TLS_PARAMETERS = {"ssl", "crt", "alpn", "ca-file", "verify"}
_FILE_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HTTP_ONLY = ("hsts", "https_redirect", "max_body_size", "rate_limit", "remove_response_headers", "request_id")


@dataclass(frozen=True)
class _Entry:
    """A proxy and the variable that it stands in."""

    variable: str
    proxy: Proxy

    @property
    def where(self) -> str:
        return f'{self.variable}: "{self.proxy.name}"'


def errors(configuration: Configuration, *, quic: bool) -> list[str]:
    """All mistakes. `quic` says whether this HAProxy can speak HTTP/3."""
    frontends = [_Entry("haproxy_frontends", proxy) for proxy in configuration.frontends]
    backends = [_Entry("haproxy_backends", proxy) for proxy in configuration.backends]
    listens = [_Entry("haproxy_listens", proxy) for proxy in configuration.listens]
    stats = configuration.stats
    fronts = [*frontends, *listens]
    if stats:
        fronts.append(_Entry("haproxy_stats", Proxy(name="stats", bind=(stats.bind,))))
    backs = [*backends, *listens]
    return [
        *_names(fronts, backs, stats=stats is not None),
        *_shared_binds(fronts),
        *(error for entry in fronts for error in _front(entry, [back.proxy.name for back in backs], quic)),
        *(error for entry in backs for error in _back(entry)),
        *(_peers(configuration.peers) if configuration.peers else ()),
    ]


def _peers(peers: Peers) -> Iterator[str]:
    names = [host.name for host in peers.hosts]
    for name, count in _repeated(names):
        yield f'haproxy_peers.hosts: {count} are named "{name}"; name every load balancer once.'
    if peers.local not in names:
        known = listed(names) if names else "none is there"
        yield f'haproxy_peers.local is "{peers.local}"; name one of haproxy_peers.hosts: {known}.'
    for host in peers.hosts:
        if not is_haproxy_name(host.name):
            yield f'haproxy_peers.hosts: the name "{host.name}" is not valid; {VALID_NAME}.'
        if not is_address(host.address):
            yield f'haproxy_peers.hosts: "{host.address}" of {host.name} is not valid; give an IPv4 or IPv6 address.'
    if not is_port(peers.port):
        yield f"haproxy_peers.port: {peers.port} is not a valid port; {VALID_PORT}."


def map_errors(maps: Iterable[Mapping[str, Any]], variable: str = "haproxy_maps") -> list[str]:
    """All mistakes in the files of values by key, which `variable` holds."""
    maps = list(maps)
    return [
        *(
            f'{variable}: {count} entries are named "{name}"; give each a unique name.'
            for name, count in _repeated(str(entry["name"]) for entry in maps)
        ),
        *(error for entry in maps for error in _map(f'{variable}: "{entry["name"]}"', entry)),
    ]


def _map(where: str, entry: Mapping[str, Any]) -> Iterator[str]:
    if not _FILE_NAME.fullmatch(str(entry["name"])):
        yield f'{where} becomes the name of a file; use letters, digits, "_" and "-" only.'
    for key, value in entry["entries"].items():
        if not re.fullmatch(r"[^\s#]\S*", str(key)):
            yield f'{where}: the key "{key}" is not valid; write one without spaces that does not begin with "#".'
        if not re.fullmatch(r"\S(.*\S)?", str(value)):
            yield f'{where}: the value of "{key}" is not valid; write one line that is not empty.'


def _repeated(names: Iterable[str]) -> Iterator[tuple[str, int]]:
    return ((name, count) for name, count in Counter(names).items() if count > 1)


def _names(fronts: list[_Entry], backs: list[_Entry], *, stats: bool) -> Iterator[str]:
    for name, count in _repeated(entry.proxy.name for entry in fronts):
        if stats and name == "stats":
            yield (
                f'{FRONTS}: the name "stats" is taken by the frontend that haproxy_stats makes; use another name, '
                "or set haproxy_stats to {}."
            )
        else:
            yield f'{FRONTS}: {count} entries are named "{name}"; give each a unique name.'
    for name, count in _repeated(entry.proxy.name for entry in backs):
        yield f'{BACKS}: {count} entries are named "{name}"; give each a unique name.'
    entries = {id(entry.proxy): entry for entry in [*fronts, *backs]}
    for entry in entries.values():
        if not is_haproxy_name(entry.proxy.name):
            yield f"{entry.where} is not a valid name; {VALID_NAME}."


# --- binds ------------------------------------------------------------------------------------------------------------


def _at(bind: Bind) -> str:
    address, port = bind.socket
    return address if port is None else f"{address} port {port}"


def _shared_binds(fronts: list[_Entry]) -> Iterator[str]:
    """Two binds on one socket: HAProxy takes both, and the kernel gives each a share of the connections."""
    owners: dict[tuple[str, int | None], _Entry] = {}
    for entry in fronts:
        for bind in entry.proxy.bind:
            owner = owners.get(bind.socket)
            if owner is None:
                owners[bind.socket] = entry
            elif owner is entry:
                yield f"{entry.where} binds {_at(bind)} twice; remove one of the two."
            else:
                yield (
                    f"{owner.where} and {entry.where} both bind {_at(bind)}, so each would get a share of the "
                    "connections; change one of them."
                )


def _bind(entry: _Entry, bind: Bind, quic: bool) -> Iterator[str]:
    if not bind.is_path:
        if bind.port is None:
            yield f"{entry.where} binds {bind.address} without a port; add one (only the path of a socket has none)."
        elif not is_port(bind.port):
            yield f"{entry.where}: port {bind.port} is not valid; {VALID_PORT}."
    if bind.tls:
        yield from _bind_tls(entry, bind, bind.tls, quic)


def _bind_tls(entry: _Entry, bind: Bind, tls: BindTls, quic: bool) -> Iterator[str]:
    where = f"{entry.where}, bind {_at(bind)}"
    if not tls.certificates:
        yield f"{where}: tls.certificates is empty; name at least one PEM file that holds certificate and key."
    for option, path in [
        *(("tls.certificates", path) for path in tls.certificates),
        ("tls.ca_file", tls.ca_file or "/"),
    ]:
        if not path.startswith("/"):
            yield f'{where}: {option} has "{path}"; write the absolute path of a file on the host.'
    if tls.verify is not None and tls.ca_file is None:
        yield f"{where}: tls.verify is set and tls.ca_file is not; set tls.ca_file to the CAs of the clients."
    if tls.quic:
        if entry.proxy.mode is not Mode.HTTP or bind.is_path:
            yield f"{where}: tls.quic needs mode http and a port; remove tls.quic."
        elif not quic:
            yield f"{where}: the HAProxy of this host's distribution cannot speak HTTP/3; remove tls.quic."
    if not _TLS_PARAMETERS.isdisjoint(" ".join(bind.extra).split(" ")):
        yield f"{where}: extra repeats what tls sets; move it from extra into tls."


# --- frontends --------------------------------------------------------------------------------------------------------


def _front(entry: _Entry, backends: list[str], quic: bool) -> Iterator[str]:
    proxy = entry.proxy
    for bind in proxy.bind:
        yield from _bind(entry, bind, quic)
    for name in [proxy.default_backend or "", *(route.backend for route in proxy.use_backends)]:
        # An expression makes a name at run time.
        if name and "%[" not in name and name not in backends:
            instead = f"use one of: {', '.join(dict.fromkeys(backends))}" if backends else "add it to haproxy_backends"
            yield f'{entry.where} uses the backend "{name}", which is not defined; {instead}.'
    given = [option for option in _HTTP_ONLY if getattr(proxy, option) not in (None, False, ())]
    if given and proxy.mode is not Mode.HTTP:
        yield f"{entry.where}: {listed(given)} cannot be used in mode tcp; use mode http or remove what is named here."
    yield from _trusted_proxies(entry)
    if proxy.hsts:
        yield from _hsts(entry, proxy.hsts)
    if proxy.rate_limit:
        yield from _rate_limit(entry, proxy.rate_limit)
    if proxy.max_body_size is not None and not SIZE.fullmatch(proxy.max_body_size):
        yield (
            f'{entry.where}: max_body_size "{proxy.max_body_size}" is not valid; '
            "write a number of bytes, or one with k, m or g such as 10m."
        )


def _trusted_proxies(entry: _Entry) -> Iterator[str]:
    proxy = entry.proxy
    for network in proxy.trusted_proxies:
        if not is_trustable(network):
            yield f'{entry.where}: trusted_proxies has "{network}"; {VALID_PROXY}.'
    if proxy.proxy_protocol and not proxy.trusted_proxies:
        yield (
            f"{entry.where}: proxy_protocol is true and trusted_proxies is empty, so nobody may use it; set "
            "trusted_proxies to the addresses of the load balancers in front."
        )
    if proxy.proxy_protocol and any(bind.tls and bind.tls.quic for bind in proxy.bind):
        yield f"{entry.where}: proxy_protocol cannot be used together with tls.quic (HTTP/3); remove one of them."
    if proxy.trusted_proxies and proxy.mode is not Mode.HTTP and not proxy.proxy_protocol:
        yield (
            f"{entry.where}: trusted_proxies has no effect in mode tcp without proxy_protocol; set proxy_protocol: "
            "true, use mode http, or remove trusted_proxies."
        )
    for name in dict.fromkeys(acl.split(maxsplit=1)[0] for acl in proxy.acls if acl.strip()):
        if proxy.trusted_proxies and name in (FROM_PROXY, VIA_PROXY):
            yield f'{entry.where}: acls has "{name}", which trusted_proxies defines; give yours another name.'


def _hsts(entry: _Entry, hsts: Hsts) -> Iterator[str]:
    parameters = " ".join(" ".join(bind.extra) for bind in entry.proxy.bind).split(" ")
    if not any(bind.tls for bind in entry.proxy.bind) and "ssl" not in parameters:
        yield f"{entry.where}: hsts is set and no bind has tls, without which browsers ignore it; add tls to a bind."
    if hsts.preload and not (hsts.include_subdomains and hsts.max_age >= PRELOAD_MAX_AGE):
        yield (
            f"{entry.where}: hsts.preload needs hsts.include_subdomains and a hsts.max_age of at least "
            f"{PRELOAD_MAX_AGE}; set both or remove hsts.preload."
        )


def _rate_limit(entry: _Entry, limit: RateLimit) -> Iterator[str]:
    if limit.requests < 1:
        yield f"{entry.where}: rate_limit.requests {limit.requests} would refuse every request; use 1 or more."
    if not PERIOD.fullmatch(limit.period):
        yield (
            f'{entry.where}: rate_limit.period "{limit.period}" is not valid; '
            "write a number with a unit, such as 10s or 1m."
        )


# --- backends ---------------------------------------------------------------------------------------------------------


def _back(entry: _Entry) -> Iterator[str]:
    proxy = entry.proxy
    ca_file = proxy.tls.ca_file if proxy.tls else None
    # @system-ca names the system's own.
    if ca_file is not None and not re.match("[/@]", ca_file):
        yield f'{entry.where}: tls.ca_file has "{ca_file}"; write the absolute path of a file on the host.'
    for name, count in _repeated(server.name for server in proxy.servers):
        yield f'{entry.where}: {count} servers are named "{name}"; give each a unique name.'
    for server in proxy.servers:
        yield from _server(entry, server)


def _server(entry: _Entry, server: Server) -> Iterator[str]:
    where = f'{entry.where}, server "{server.name}"'
    if not is_haproxy_name(server.name):
        yield f"{where}: the name is not valid; {VALID_NAME}."
    tls, name = entry.proxy.tls, server.tls_name
    if name and not tls:
        yield f"{where}: tls_name is set, but the servers are spoken to without tls; add tls or remove tls_name."
    elif tls and tls.verify and not name:
        yield f"{where}: tls_name is missing, so any certificate of the CA would be accepted; add tls_name."
    elif name and not is_dns_name(name):
        yield f'{where}: tls_name "{name}" is not a host name, and HAProxy verifies nothing else; write a host name.'
    if not is_path(server.address):
        if server.port is None:
            yield f"{where}: the port is missing; add one (only the path of a socket has none)."
        elif not is_port(server.port):
            yield f"{where}: port {server.port} is not valid; {VALID_PORT}."
    if server.weight not in WEIGHTS:
        yield f"{where}: weight {server.weight} is not valid; use a weight from {WEIGHTS[0]} to {WEIGHTS[-1]}."
