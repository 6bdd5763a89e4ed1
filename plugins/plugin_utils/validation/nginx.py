"""Mistakes in the data of the role nginx that nginx itself would accept silently or explain badly.

Every function yields sentences that name the variable, the entry and the fix, in the order of the data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.nginx.model import Configuration, Listen, Site, Upstream
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import PORTS, is_port, listed

VALID_PORT = f"use a port from {PORTS[0]} to {PORTS[-1]}"


def errors(configuration: Configuration, status: Mapping[str, Any]) -> list[str]:
    """All mistakes. `status` is `nginx_status`, where nginx answers this host alone."""
    return [
        *_names("nginx_upstreams", [upstream.name for upstream in configuration.upstreams]),
        *(error for upstream in configuration.upstreams for error in _upstream(upstream)),
        *_names("nginx_sites", [site.name for site in configuration.sites]),
        *(error for site in configuration.sites for error in _site(site, configuration, status)),
        *dict.fromkeys(_conflicts(configuration.sites)),
        *_port("nginx_status", status["port"]),
    ]


def _names(variable: str, names: list[str]) -> Iterator[str]:
    for name, count in Counter(names).items():
        if count > 1:
            yield f'{variable}: {count} entries are named "{name}"; give each a unique name.'


def _port(where: str, port: object) -> Iterator[str]:
    if not is_port(port):
        yield f"{where}: port {port} is not valid; {VALID_PORT}."


def _upstream(upstream: Upstream) -> Iterator[str]:
    where = f'nginx_upstreams: "{upstream.name}"'
    if all(server.backup for server in upstream.servers):
        yield f"{where}: every server is a backup; add one that is not, or set backup: false on one."
    for server in upstream.servers:
        if server.is_path:
            continue
        at = f"{where}, server {server.address}"
        if server.port is None:
            yield f"{at}: the port is missing; add one (only a unix: address has none)."
        else:
            yield from _port(at, server.port)


# --- sites ------------------------------------------------------------------------------------------------------------


def _site(site: Site, configuration: Configuration, status: Mapping[str, Any]) -> Iterator[str]:
    where = f'nginx_sites: "{site.name}"'
    if not site.default and not site.server_names:
        yield f"{where} has neither server_names nor default: true, so no request could reach it; add one of them."
    yield from _tls(where, site)
    for name in site.default_headers:
        if name.lower() in (own.lower() for own in site.headers):
            yield (
                f"{where} has {name} in headers and in default_headers; keep it in headers to replace the "
                "application's, or in default_headers to send it only where the application sends none."
            )
    for listen in site.listen:
        yield from _port(where, listen.port)
        if str(listen.port) == str(status["port"]):
            yield f"{where} listens on port {listen.port}, which nginx_status.port uses; change one of them."
    for at, count in Counter(map(_at, site.listen)).items():
        if count > 1:
            yield f"{where} listens on {at} {count} times; keep one."
    locations = [entry.location for entries in (site.static, site.proxy, site.redirects) for entry in entries]
    for location, count in Counter(locations).items():
        if count > 1:
            yield f"{where} has the location {location} {count} times; keep one."
    upstreams = [upstream.name for upstream in configuration.upstreams]
    for proxied in site.proxy:
        if proxied.upstream not in upstreams:
            instead = f"use one of: {', '.join(upstreams)}" if upstreams else "add it to nginx_upstreams"
            yield (
                f'{where} passes {proxied.location} to the upstream "{proxied.upstream}", '
                f"which is not defined; {instead}."
            )
    for static in site.static:
        if static.location.endswith("/") != static.alias.endswith("/"):
            yield (
                f"{where} maps {static.location} to {static.alias}; end both with a slash (a folder) or neither "
                "(a file), or clients could read paths outside of it."
            )


def _tls(where: str, site: Site) -> Iterator[str]:
    ports = [str(listen.port) for listen in site.listen if listen.tls]
    if ports and not site.tls:
        yield (
            f"{where} listens with TLS on port {listed(ports)} and has no certificate; "
            "add tls: {certificate: ..., key: ...}."
        )
    elif site.tls and not ports:
        yield f"{where} has a certificate and listens nowhere with TLS; add tls: true to a listen, or remove tls."


# --- between sites ----------------------------------------------------------------------------------------------------


def _at(listen: Listen) -> str:
    return f"{listen.address} port {listen.port}"


def _conflicts(sites: tuple[Site, ...]) -> Iterator[str]:
    """What two sites cannot both have on one socket: TLS and no TLS, the default, a name."""
    with_tls: dict[tuple[str, str], tuple[bool, str]] = {}
    defaults: dict[tuple[str, str], str] = {}
    names: dict[tuple[str, tuple[str, str]], str] = {}
    for site in sites:
        for listen, socket in ((one, socket) for one in site.listen for socket in one.sockets):
            at = _at(listen)
            tls, first = with_tls.setdefault(socket, (listen.tls, site.name))
            if tls != listen.tls:
                yield (
                    f'nginx_sites: "{first}" and "{site.name}" listen on {at}, one with TLS and one without; '
                    "give both the same, or one another port."
                )
            default = defaults.setdefault(socket, site.name) if site.default else site.name
            if default != site.name:
                yield (
                    f'nginx_sites: "{default}" and "{site.name}" are both the default on {at}; '
                    "keep default: true on one of them."
                )
            for name in map(str.lower, site.server_names):
                owner = names.setdefault((name, socket), site.name)
                if owner != site.name:
                    yield (
                        f'nginx_sites: "{owner}" and "{site.name}" both answer for {name} on {at}; '
                        "keep the name in one of them."
                    )
