"""The sections of haproxy.cfg that stand for proxies, as lines without indentation.

The order of the lines of a section is part of the role's interface: it is said at `haproxy_frontends`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from ansible_collections.foobar.webstack.plugins.plugin_utils.haproxy.model import (
    Bind,
    BindTls,
    Configuration,
    HttpCheck,
    Mode,
    Peers,
    Proxy,
    RateLimit,
    Server,
    endpoint,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.haproxy.peers import (
    SECTION,
    section,
    sum_of,
    table_name,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.haproxy.tracing import identified, log_formats, noted

# An IPv4 address, or the /64 that is the least an IPv6 network gives to one household.
CLIENT = "src,ipmask(32,64)"

FROM_PROXY = "from_trusted_proxy"
"""The condition that the address, as far as it is known, is one of `trusted_proxies`."""
VIA_PROXY = "via_trusted_proxy"
"""The condition that the request came from one; the address is that of its visitor by then."""
HOPS = 5
"""So many trusted proxies may stand one behind the other. HAProxy itself looks back at most ten addresses."""
_WORDS = 40
"""Of a line, at most so many networks: HAProxy takes 64 words."""

PERIOD = re.compile(r"(\d+)(us|ms|s|m|h|d)?")
"""A time of HAProxy (configuration manual, 2.5 "Time format"): milliseconds, if there is no unit."""
SIZE = re.compile(r"(\d+)([kmg]?)b?", re.IGNORECASE)
"""A number of bytes, in powers of 1024."""
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400}
_SHIFTS = {"": 0, "k": 10, "m": 20, "g": 30}


def sections(
    configuration: Configuration, retry_methods: Sequence[str], default_alpn: bool, ipv6: bool, host: str
) -> list[tuple[str, list[str]]]:
    """Head and lines of the section of peers, where there are any, and of each frontend, backend and listen.

    `retry_methods` are those whose requests may be sent again. `default_alpn` says whether HAProxy offers protocols by
    itself (from 2.8 on), and so has to be told where it should not; `ipv6` whether the host can listen on IPv6; `host`
    is what the log calls it.
    """
    made = []
    peers = configuration.peers
    if peers:
        tables = {proxy.name: _counters(proxy) for proxy in configuration.frontends + configuration.listens}
        counting = {name: described for name, described in tables.items() if described}
        made.append((f"peers {SECTION}", list(section(peers, counting))))
    for kind, proxies in (
        ("frontend", configuration.frontends),
        ("backend", configuration.backends),
        ("listen", configuration.listens),
    ):
        for proxy in proxies:
            lines = [*_opening(proxy, configuration.listeners(proxy.bind, ipv6=ipv6), default_alpn, peers, host)]
            lines += _front(proxy, peers) if kind != "backend" else ()
            lines += _back(proxy, retry_methods) if kind != "frontend" else ()
            lines += _rules(proxy)
            lines += _routes(proxy) if kind != "backend" else ()
            lines += _servers(proxy) if kind != "frontend" else ()
            made.append((f"{kind} {proxy.name}", lines))
    return made


def stats_lines(configuration: Configuration, default_alpn: bool, ipv6: bool) -> list[str]:
    """The lines of the frontend `stats`; none without statistics."""
    stats = configuration.stats
    if stats is None:
        return []
    binds = configuration.listeners([stats.bind], ipv6=ipv6)
    return [
        "mode http",
        *(f"bind {_bind(bind, Mode.HTTP, default_alpn)}" for bind in binds),
        "no log",
        "maxconn 100",
        *([f"http-request deny unless {{ src {' '.join(stats.allow)} }}"] if stats.allow else []),
        f"http-request use-service prometheus-exporter if {{ path {stats.prometheus_uri} }}",
        "stats enable",
        f"stats uri {stats.uri}",
        "stats refresh 10s",
        "stats show-legends",
        "stats show-node",
    ]


def seconds(period: str) -> int:
    """A time of HAProxy in whole seconds, 1 at least. Raises ValueError for what is no such time."""
    found = PERIOD.fullmatch(period)
    if not found:
        raise ValueError(f"{period!r} is not a time of HAProxy")
    return max(int(int(found[1]) * _SECONDS[found[2] or "ms"]), 1)


def size_in_bytes(size: str) -> int:
    """A size such as `10m` in bytes. Raises ValueError for what is no size."""
    found = SIZE.fullmatch(size)
    if not found:
        raise ValueError(f"{size!r} is not a size")
    return int(found[1]) << _SHIFTS[found[2].lower()]


def _words(*words: str | None) -> str:
    return " ".join(word for word in words if word)


def _directives(directive: str, lines: Iterable[str]) -> Iterator[str]:
    return (f"{directive} {line}" for line in lines)


# --- what every section begins with -----------------------------------------------------------------------------------


def _opening(proxy: Proxy, binds: Sequence[Bind], default_alpn: bool, peers: Peers | None, host: str) -> Iterator[str]:
    http = proxy.mode is Mode.HTTP
    yield f"mode {proxy.mode.value}"
    if proxy.bind:
        yield from log_formats(host) if http else ["option tcplog"]
        if http:
            yield "option idle-close-on-response"
    for bind in binds:
        yield f"bind {_bind(bind, proxy.mode, default_alpn)}"
        if bind.tls and bind.tls.quic:
            yield f"bind {_quic_bind(bind, bind.tls)}"
    yield from _trusted_proxies(proxy)
    yield from _connection_limit(proxy, peers)
    yield from _directives("option", proxy.options)
    yield from _directives("acl", proxy.acls)
    yield from _directives("tcp-request", proxy.tcp_request)


def _bind(bind: Bind, mode: Mode, default_alpn: bool) -> str:
    tls = None
    if bind.tls:
        alpn = bind.tls.alpn if bind.tls.alpn is not None else ("h2", "http/1.1") if mode is Mode.HTTP else ()
        nothing = "no-alpn" if mode is Mode.HTTP and default_alpn else None
        tls = _tls(bind.tls, f"alpn {','.join(alpn)}" if alpn else nothing)
    return _words(endpoint(bind.address, bind.port), tls, _only_ipv6(bind), *bind.extra)


def _only_ipv6(bind: Bind) -> str | None:
    """Without it the kernel decides whether `::` takes IPv4, too (net.ipv6.bindv6only)."""
    return "v6only" if bind.address == "::" and not bind.says_families else None


def _quic_bind(bind: Bind, tls: BindTls) -> str:
    """The listener for QUIC beside the one for TCP; it speaks nothing but HTTP/3."""
    family = 6 if ":" in bind.address else 4
    extra = [word for word in bind.extra if word in ("v4v6", "v6only")]
    return _words(f"quic{family}@{endpoint(bind.address, bind.port)}", _tls(tls, "alpn h3"), _only_ipv6(bind), *extra)


def _tls(tls: BindTls, alpn: str | None) -> str:
    clients = f"ca-file {tls.ca_file} verify {tls.verify or 'required'}" if tls.ca_file is not None else None
    return _words("ssl", *_directives("crt", tls.certificates), alpn, clients)


def _trusted_proxies(proxy: Proxy) -> Iterator[str]:
    networks = proxy.trusted_proxies
    for start in range(0, len(networks), _WORDS):
        yield f"acl {FROM_PROXY} src {' '.join(networks[start : start + _WORDS])}"
    if networks and proxy.mode is Mode.HTTP:
        yield f"acl {VIA_PROXY} var(txn.proxied) -m bool"
    if proxy.proxy_protocol:
        yield f"tcp-request connection expect-proxy layer4 if {FROM_PROXY}"


def _counters(proxy: Proxy) -> str:
    """The table with what is counted of each client; empty where nothing is."""
    limit, most = proxy.rate_limit, proxy.max_connections_per_client
    if not (limit or most):
        return ""
    counters = ([f"gpc0_rate({limit.period})"] if limit else []) + (["conn_cur"] if most else [])
    table = limit or RateLimit()
    return f"type ipv6 size {table.table_size} expire {table.period} store {','.join(counters)}"


def _in_table(proxy: Proxy, peers: Peers | None) -> str:
    """Where a client of the proxy is counted: in the proxy's own table, or in this balancer's among those of all."""
    return f" table {SECTION}/{table_name(peers.local, proxy.name)}" if peers else ""


def _connection_limit(proxy: Proxy, peers: Peers | None) -> Iterator[str]:
    """What is counted of each client, and who has too many connections: refused before the costly TLS handshake.

    The connections of a trusted proxy are those of many clients. Who they are is known after its PROXY header, which
    makes it a matter of the session, or after the head of each request: see `_visitor_limit`.
    """
    most, counters = proxy.max_connections_per_client, _counters(proxy)
    if counters and not peers:
        yield f"stick-table {counters}"
    if most:
        for layer in ("connection", "session") if proxy.proxy_protocol else ("connection",):
            yield f"tcp-request {layer} track-sc1 {CLIENT}{_in_table(proxy, peers)}{_unless_exempt(proxy)}"
            yield f"tcp-request {layer} reject if {{ sc1_conn_cur gt {most} }}"


def _allowed(limit: RateLimit | None) -> list[str]:
    return [f"{{ src {' '.join(limit.allow)} }}"] if limit and limit.allow else []


def _unless_exempt(proxy: Proxy) -> str:
    exempt = [*_allowed(proxy.rate_limit), *([FROM_PROXY] if proxy.trusted_proxies else [])]
    return f" unless {' || '.join(exempt)}" if exempt else ""


# --- frontends --------------------------------------------------------------------------------------------------------


def _front(proxy: Proxy, peers: Peers | None) -> Iterator[str]:
    if proxy.maxconn is not None:
        yield f"maxconn {proxy.maxconn}"
    if proxy.timeout_client is not None:
        yield f"timeout client {proxy.timeout_client}"
    if proxy.mode is Mode.HTTP and proxy.bind:
        yield from noted()
    if proxy.mode is Mode.HTTP and proxy.trusted_proxies:
        yield from _visitor()
    yield from identified(proxy, VIA_PROXY)
    yield from _refusals(proxy, peers)
    yield from _answer_headers(proxy)
    if proxy.mode is Mode.HTTP and proxy.forwardfor:
        yield "option forwardfor"
        scheme = "var(txn.scheme)" if proxy.trusted_proxies else "ssl_fc,iif(https,http)"
        yield f"http-request set-header X-Forwarded-Proto %[{scheme}]"


def _visitor() -> Iterator[str]:
    """Address and scheme of who visits, as told by trusted proxies: the right-most address that is none of theirs."""
    proto = "req.hdr(X-Forwarded-Proto,-1)"
    yield "# What trusted proxies say of their visitors, and nobody else."
    yield f"http-request set-var(txn.proxied) bool(true) if {FROM_PROXY}"
    yield "http-request set-var(txn.scheme) ssl_fc,iif(https,http)"
    yield f"http-request set-var(txn.scheme) {proto},lower if {FROM_PROXY} {{ {proto} -m str -i http https }}"
    known = ""
    for hop in range(1, HOPS + 1):
        # The address is that of the hop before, so the condition asks for that one. One that cannot be read ends it.
        address = f"req.hdr_ip(X-Forwarded-For,-{hop})"
        yield f"http-request set-src {address} if {FROM_PROXY}{known}"
        known += f" {{ {address} -m found }}"
    yield "http-request del-header X-Forwarded-For"


def _visitor_limit(proxy: Proxy, peers: Peers | None) -> Iterator[str]:
    """Who has too much open at a time through trusted proxies: requests, since connections are the proxies' own.

    What counts requests for the rate limit counts the open ones, too, so nothing is counted twice.
    """
    most, limit = proxy.max_connections_per_client, proxy.rate_limit
    if not (most and proxy.trusted_proxies):
        return
    if not limit:
        yield f"http-request track-sc0 {CLIENT}{_in_table(proxy, peers)} if {VIA_PROXY}"
    status = (limit or RateLimit()).status
    yield f"http-request deny deny_status {status} hdr Retry-After 1 if {VIA_PROXY} {{ sc0_conn_cur gt {most} }}"


def _refusals(proxy: Proxy, peers: Peers | None) -> Iterator[str]:
    """Who gets no answer of a server, the cheapest test first."""
    limit = proxy.rate_limit
    if limit:
        yield "# What is refused is not counted: who asks too often is slowed down to the limit, and not shut out."
        unless = "".join(f" unless {allowed}" for allowed in _allowed(limit))
        yield f"http-request track-sc0 {CLIENT}{_in_table(proxy, peers)}{unless}"
    if proxy.mode is Mode.HTTP:
        yield from _visitor_limit(proxy, peers)
    if limit:
        rate = "sc0_gpc0_rate"
        if peers:
            yield from sum_of(peers, proxy.name, CLIENT, rate)
            rate = "var(txn.rate) -m int"
        refusal = f"deny deny_status {limit.status} hdr Retry-After {seconds(limit.period)}"
        yield f"http-request {refusal} if {{ {rate} ge {limit.requests} }}"
        yield "http-request sc-inc-gpc0(0)"
    if proxy.max_body_size is not None:
        yield "# The length that the client announces, or else what has already come."
        yield f"http-request deny deny_status 413 if {{ req.body_size gt {size_in_bytes(proxy.max_body_size)} }}"
    if proxy.https_redirect:
        port = next((bind.port for bind in proxy.bind if bind.tls), None) or 443
        target = f"https://%[req.hdr(host),host_only]{'' if port == 443 else f':{port}'}%[pathq]"
        excepted = f" || {{ path_beg {' '.join(proxy.https_redirect_except)} }}" if proxy.https_redirect_except else ""
        yield f"http-request redirect code 308 location {target} unless {_is_secure(proxy)}{excepted}"


def _is_secure(proxy: Proxy) -> str:
    """The condition that the visitor uses HTTPS, also when a trusted proxy took it off."""
    return "{ var(txn.scheme) -m str https }" if proxy.trusted_proxies else "{ ssl_fc }"


def _answer_headers(proxy: Proxy) -> Iterator[str]:
    if proxy.hsts:
        parts = [f"max-age={proxy.hsts.max_age}"]
        parts += ["includeSubDomains"] if proxy.hsts.include_subdomains else []
        parts += ["preload"] if proxy.hsts.preload else []
        # What fails before the first rule has no scheme yet, but for its connection's.
        secure = " || ".join(dict.fromkeys(("{ ssl_fc }", _is_secure(proxy))))
        yield f'http-after-response set-header Strict-Transport-Security "{"; ".join(parts)}" if {secure}'
    ports = dict.fromkeys(bind.port for bind in proxy.bind if bind.tls and bind.tls.quic)
    if ports:
        offers = ", ".join(f'h3=":{port}"; ma=86400' for port in ports)
        direct = f" !{VIA_PROXY}" if proxy.trusted_proxies else ""
        yield f"http-after-response set-header Alt-Svc '{offers}' if {{ ssl_fc }}{direct}"
    yield from _directives("http-response del-header", proxy.remove_response_headers)


def _routes(proxy: Proxy) -> Iterator[str]:
    for route in proxy.use_backends:
        yield f"use_backend {route.backend}" + (f" if {route.condition}" if route.condition else "")
    if proxy.default_backend is not None:
        yield f"default_backend {proxy.default_backend}"


def _rules(proxy: Proxy) -> Iterator[str]:
    yield from _directives("http-request", proxy.http_request)
    yield from _directives("http-response", proxy.http_response)
    yield from proxy.extra


# --- backends ---------------------------------------------------------------------------------------------------------


def _back(proxy: Proxy, retry_methods: Sequence[str]) -> Iterator[str]:
    http = proxy.mode is Mode.HTTP
    yield f"balance {proxy.balance}"
    for directive, value in (
        ("hash-type", proxy.hash_type),
        ("timeout connect", proxy.timeout_connect),
        ("timeout server", proxy.timeout_server),
        ("retries", proxy.retries),
    ):
        if value is not None:
            yield f"{directive} {value}"
    if proxy.redispatch is not None:
        yield "no option redispatch" if proxy.redispatch == 0 else f"option redispatch {proxy.redispatch}"
    if http and proxy.retry_on is not None:
        yield f"retry-on {' '.join(proxy.retry_on) or 'none'}"
    if http:
        unless = f" unless {{ method {' '.join(retry_methods)} }}" if retry_methods else ""
        yield f"http-request disable-l7-retry{unless}"
    if proxy.http_check:
        yield from _http_check(proxy.http_check)


def _http_check(check: HttpCheck) -> Iterator[str]:
    headers = [("Host", check.host)] if check.host is not None else []
    headers += [(header.name, header.value) for header in check.headers]
    yield "option httpchk"
    yield _words(
        f"http-check send meth {check.method} uri {check.uri}",
        "ver HTTP/1.1" if headers else None,
        *(f'hdr {name} "{value}"' for name, value in headers),
    )
    yield f"http-check expect {check.expect}"
    if check.drain_on_404:
        yield "http-check disable-on-404"


def _servers(proxy: Proxy) -> Iterator[str]:
    defaults = _words(
        *_server_tls(proxy),
        f"inter {proxy.check_interval}" if proxy.check_interval is not None else None,
        f"rise {proxy.rise}" if proxy.rise is not None else None,
        f"fall {proxy.fall}" if proxy.fall is not None else None,
        f"slowstart {proxy.slowstart}" if proxy.slowstart is not None else None,
        *proxy.server_extra,
    )
    if defaults:
        yield f"default-server {defaults}"
    for server in proxy.servers:
        yield _server(server, verify=proxy.tls is None or proxy.tls.verify)


def _server_tls(proxy: Proxy) -> Iterator[str]:
    if proxy.tls:
        alpn = ",".join(proxy.tls.alpn)
        yield "ssl"
        yield f"verify required ca-file {proxy.tls.ca_file or '@system-ca'}" if proxy.tls.verify else "verify none"
        if alpn:
            yield f"alpn {alpn} check-alpn {alpn}"


def _server(server: Server, *, verify: bool) -> str:
    name = server.tls_name
    return _words(
        f"server {server.name} {endpoint(server.address, server.port)}",
        f"sni str({name}) check-sni {name}" if name is not None else None,
        f"verifyhost {name}" if name is not None and verify else None,
        "check" if server.check else None,
        f"weight {server.weight}",
        f"maxconn {server.maxconn}" if server.maxconn is not None else None,
        "backup" if server.backup else None,
        "disabled" if server.maintenance else None,
        *server.extra,
    )
