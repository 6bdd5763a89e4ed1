"""What nginx.conf says of sites and upstreams, worked out: which socket has which default, which header goes where.

The template writes it down. Values are as the user gave them; the template quotes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.nginx.model import (
    Configuration,
    Listen,
    Proxied,
    Site,
    Static,
    Upstream,
    UpstreamServer,
    bracketed,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.nginx.times import shortest
from ansible_collections.foobar.webstack.plugins.plugin_utils.records import as_data

# The client has no say in what names it: what it sent is overwritten or, where empty, not passed on.
_REQUEST_HEADERS = {
    "Host": "$host",
    "Connection": "",
    "Upgrade": "",
    "X-Forwarded-For": "$remote_addr",
    "X-Forwarded-Host": "$host",
    "X-Forwarded-Proto": "$webstack_scheme",
    "X-Real-IP": "$remote_addr",
    "Forwarded": "",
    "Proxy": "",
}
_UPGRADE = {"Connection": "$webstack_connection", "Upgrade": "$http_upgrade"}

WEBSOCKET_SILENCE = "1h"
"""For how long an upgraded connection may be silent where nothing is said: as long as the role haproxy has it."""

MAX_FAILS = 5
"""Failures after which a server is left alone. It is then tried by one request first, and the others go elsewhere."""


@dataclass(frozen=True)
class Retries:
    """Until when a request may be passed to another server.

    nginx has one word for a server that cannot be reached in time and for one that does not answer in time. Where only
    the former is meant, no request is passed on that is as old as a server may be silent.
    """

    next_upstream_timeout: str
    read_timeout: str
    on_timeout: bool = False

    def within(self, read_timeout: str) -> str:
        """The age at which a request is passed on no more, where a server may be silent for `read_timeout`."""
        return self.next_upstream_timeout if self.on_timeout else shortest([self.next_upstream_timeout, read_timeout])


def site_data(configuration: Configuration, *, http2_directive: bool, retries: Retries) -> list[dict[str, Any]]:
    """Each site as the template writes it. `http2_directive` says whether this nginx has it (from 1.25.1 on)."""
    upstreams = {upstream.name: upstream for upstream in configuration.upstreams}
    return [
        _site(site, number, http2_directive)
        | {"proxy": [_proxied(proxied, site, upstreams, retries) for proxied in site.proxy]}
        for number, site in enumerate(configuration.sites)
    ]


def unknown_names(configuration: Configuration) -> list[dict[str, Any]]:
    """Servers that answer for names that no site has: each socket once, unless a site is its default.

    Sockets that speak TLS do so with the certificate of the first site that listens there.
    """
    claimed = {listen.socket for site in configuration.sites if site.default for listen in site.listen}
    plain = dict.fromkeys(
        listen.socket
        for site in configuration.sites
        for listen in site.listen
        if not listen.tls and listen.socket not in claimed
    )
    servers: list[dict[str, Any]] = [{"listens": [f"{socket} default_server" for socket in plain], "tls": None}]
    for site in configuration.sites:
        if site.tls:
            sockets = [listen.socket for listen in site.listen if listen.tls and listen.socket not in claimed]
            claimed.update(sockets)
            servers.append({"listens": [f"{at} default_server ssl" for at in sockets], "tls": as_data(site.tls)})
    return [server for server in servers if server["listens"]]


def upstream_data(configuration: Configuration) -> list[dict[str, Any]]:
    """Each upstream as the template writes it."""
    return [
        as_data(upstream)
        | {"servers": [{"name": server.name, "server": _upstream_server(server)} for server in upstream.servers]}
        for upstream in configuration.upstreams
    ]


def _site(site: Site, number: int, http2_directive: bool) -> dict[str, Any]:
    # A header that is sent unless the upstream sent it: its variable is empty then, and nginx sends no empty header.
    variables = {name: f"$webstack_default_{number}_{index}" for index, name in enumerate(site.default_headers)}
    headers = site.headers | variables
    return as_data(site) | {
        "listens": [_listen(listen, site, http2_directive) for listen in site.listen],
        "http2": site.http2 and http2_directive,
        "headers": headers,
        "hidden_headers": list(site.headers),
        "default_headers": [
            {
                "from": f"$upstream_http_{name.lower().replace('-', '_')}",
                "variable": variables[name],
                "value": value,
            }
            for name, value in site.default_headers.items()
        ],
        "static": [_static(static, headers) for static in site.static],
    }


def _listen(listen: Listen, site: Site, http2_directive: bool) -> str:
    words = [listen.socket]
    words += ["default_server"] if site.default else []
    words += ["ssl"] if listen.tls else []
    # Without TLS such a socket would speak nothing but HTTP/2.
    words += ["http2"] if listen.tls and site.http2 and not http2_directive else []
    return " ".join(words)


def _static(static: Static, site_headers: Mapping[str, str]) -> dict[str, Any]:
    own = ({"Cache-Control": "immutable"} if static.immutable else {}) | static.headers
    # A location with a header of its own inherits none, so it states the site's again, but for those that it replaces.
    inherited = {name: value for name, value in site_headers.items() if name not in own}
    # A plain prefix wins over regular expressions: what is under it are files and nothing else.
    location = f"^~ {static.location}" if static.location.startswith("/") else static.location
    return as_data(static) | {"location": location, "headers": inherited | own if own else {}}


def _proxied(proxied: Proxied, site: Site, upstreams: Mapping[str, Upstream], retries: Retries) -> dict[str, Any]:
    upstream = upstreams.get(proxied.upstream)
    defaults = _REQUEST_HEADERS | (_UPGRADE if proxied.websocket else {})
    read_timeout = proxied.read_timeout or (WEBSOCKET_SILENCE if proxied.websocket else None)
    return as_data(proxied) | {
        "tls": as_data(upstream.tls) if upstream and upstream.tls else None,
        "request_headers": defaults | site.request_headers | proxied.request_headers,
        "read_timeout": read_timeout,
        "next_upstream_timeout": retries.within(read_timeout or retries.read_timeout),
    }


def _upstream_server(server: UpstreamServer) -> str:
    # A backup is the last that is left: it is never left alone.
    max_fails = server.max_fails if server.max_fails is not None else 0 if server.backup else MAX_FAILS
    words = [
        server.address if server.is_path else f"{bracketed(server.address)}:{server.port}",
        f"max_fails={max_fails}",
        f"fail_timeout={server.fail_timeout}",
        f"weight={server.weight}" if server.weight is not None else "",
        "backup" if server.backup else "",
    ]
    return " ".join(filter(None, words))
