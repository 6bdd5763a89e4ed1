"""The configuration of the role haproxy, rendered and read by HAProxy itself; its checks of the data."""

import re
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from haproxy_handover.cli import configuration_id
from throwaway_ca import Authority

Parser = Callable[[list[str], Mapping[str, str]], subprocess.CompletedProcess[str]]
Render = Callable[[str, str, Mapping[str, Any]], str]
RoleVariable = Callable[[str, str, Mapping[str, Any]], Any]

WEB1 = {"name": "web1", "address": "198.18.0.21", "port": 80}
WEB2 = {"name": "web2", "address": "2001:db8::22", "port": 80}
DOWNSTREAM = {"name": "web", "bind": [{"port": 80}], "default_backend": "web"}
WEB = {"name": "web", "servers": [WEB1, WEB2]}

WITHOUT_IPV6 = {
    "os_family": "Debian",
    "distribution": "Debian",
    "distribution_major_version": "13",
    "cmdline": {"ipv6.disable": "1"},
}
PEM = "/etc/webstack/tls/www/combined.pem"
CA = "/etc/webstack/tls/ca.pem"
TLS = {"certificates": [PEM]}
SECURE = {
    "name": "web",
    "bind": [
        {"port": 80},
        {"port": 443, "tls": TLS | {"quic": True}},
    ],
    "default_backend": "web",
}
VERIFIED = WEB | {
    "tls": {"ca_file": CA},
    "servers": [WEB1 | {"port": 443, "tls_name": "web1"}, WEB2 | {"port": 443, "tls_name": "web2"}],
}

# More than fit into a line of HAProxy, which has 64 words.
MANY_NETWORKS = [f"198.51.{number}.0/24" for number in range(130)]

SCENARIOS: dict[str, dict[str, Any]] = {
    "nothing but statistics": {},
    "one of three load balancers": {
        "haproxy_frontends": [
            DOWNSTREAM | {"rate_limit": {"requests": 100}, "max_connections_per_client": 10},
            {"name": "other", "bind": [{"port": 81}], "rate_limit": {}, "default_backend": "web"},
        ],
        "haproxy_backends": [WEB],
        "haproxy_peers": {
            "local": "lb1",
            "hosts": [
                {"name": "lb1", "address": "198.18.0.11"},
                {"name": "lb2", "address": "198.18.0.12"},
                {"name": "lb3", "address": "2001:db8::13"},
            ],
            "certificate": PEM,
            "ca_file": CA,
        },
    },
    "nothing but a site": {"haproxy_stats": {}, "haproxy_frontends": [DOWNSTREAM], "haproxy_backends": [WEB]},
    "statistics for others": {
        "haproxy_stats": {"address": "::", "port": 9000, "allow": ["192.0.2.0/24", "2001:db8::/32"]}
    },
    "one site": {
        "haproxy_frontends": [
            DOWNSTREAM | {"bind": [{"address": "*", "port": 80}, {"address": "::", "port": 80, "extra": ["v6only"]}]}
        ],
        "haproxy_backends": [
            WEB
            | {
                "mode": "http",
                "balance": "roundrobin",
                "http_check": {"method": "GET", "uri": "/healthz", "host": "www.foobar.com", "expect": "status 200"},
                "check_interval": "1s",
                "rise": 2,
                "fall": 2,
                "slowstart": "10s",
                "servers": [
                    WEB1 | {"check": True, "weight": 100, "backup": False, "maintenance": False},
                    WEB2 | {"weight": 50, "backup": True, "maxconn": 100},
                    {"name": "web3", "address": "198.18.0.23", "port": 80, "maintenance": True, "check": False},
                ],
            }
        ],
    },
    "secure site": {
        "haproxy_stats": {"address": "198.18.0.11", "tls": TLS, "allow": ["192.0.2.0/24"]},
        "haproxy_frontends": [
            SECURE
            | {
                "https_redirect": True,
                "hsts": {},
                "rate_limit": {},
                "max_connections_per_client": 1000,
                "max_body_size": "10m",
                "remove_response_headers": ["Server", "X-Powered-By"],
                "use_backends": [{"backend": "acme", "condition": "{ path_beg /.well-known/acme-challenge/ }"}],
            }
        ],
        "haproxy_backends": [
            VERIFIED | {"http_check": {"uri": "/healthz", "host": "www.foobar.com"}},
            {"name": "acme", "servers": [{"name": "acme", "address": "127.0.0.1", "port": 8402, "check": False}]},
        ],
    },
    "modern TLS in every way": {
        "haproxy_tls_profile": "modern",
        "haproxy_frontends": [
            SECURE
            | {
                "bind": [
                    {"port": 81},
                    {"port": 8443, "tls": TLS | {"ca_file": CA, "verify": "optional", "alpn": []}, "extra": ["v4v6"]},
                    {
                        "address": "::",
                        "port": 444,
                        "tls": TLS | {"alpn": ["http/1.1"], "quic": True},
                        "extra": ["v4v6"],
                    },
                    {"address": "192.0.2.1", "port": 445, "tls": {"certificates": [PEM, PEM], "quic": True}},
                ],
                "https_redirect": True,
                "https_redirect_except": [],
                "hsts": {"max_age": 31536000, "include_subdomains": True, "preload": True},
                "rate_limit": {
                    "requests": 100,
                    "period": "1m",
                    "status": 503,
                    "allow": ["192.0.2.0/24", "2001:db8::/32"],
                    "table_size": "1m",
                },
                "max_body_size": 1024,
            },
            {
                "name": "mail",
                "mode": "tcp",
                "bind": [{"port": 993, "tls": TLS}, {"port": 994, "tls": TLS | {"alpn": ["imap"]}}],
                "max_connections_per_client": 10,
                "default_backend": "mail",
            },
        ],
        "haproxy_backends": [
            WEB | {"tls": {"verify": False, "alpn": []}},
            {
                "name": "mail",
                "mode": "tcp",
                "tls": {"alpn": ["imap"]},
                "servers": [WEB1 | {"port": 993, "tls_name": "mail.example.com"}],
            },
        ],
        "haproxy_listens": [
            VERIFIED
            | {
                "name": "both",
                "bind": [{"port": 446, "tls": TLS}],
                "max_connections_per_client": 10,
                "hsts": {},
            }
        ],
    },
    "behind other proxies": {
        "haproxy_frontends": [
            SECURE
            | {
                "trusted_proxies": ["192.0.2.0/24", "2001:db8::/32"],
                "https_redirect": True,
                "hsts": {},
                "rate_limit": {"allow": ["198.51.100.1"]},
                "max_connections_per_client": 1000,
            },
            {
                "name": "passed",
                "mode": "tcp",
                "bind": [{"port": 993, "tls": TLS}],
                "trusted_proxies": MANY_NETWORKS,
                "proxy_protocol": True,
                "max_connections_per_client": 10,
                "default_backend": "tcp",
            },
            {
                "name": "both",
                "bind": [{"port": 81}],
                "trusted_proxies": MANY_NETWORKS,
                "proxy_protocol": True,
                "forwardfor": False,
                "default_backend": "web",
            },
        ],
        "haproxy_backends": [WEB, WEB | {"name": "tcp", "mode": "tcp"}],
    },
    "ids of requests": {
        "haproxy_frontends": [
            SECURE | {"request_id": {}},
            {
                "name": "behind",
                "bind": [{"port": 81}],
                "trusted_proxies": ["192.0.2.0/24"],
                "request_id": {"trust": True},
                "default_backend": "web",
            },
        ],
        "haproxy_backends": [WEB],
    },
    "rules of the stack and of the inventory": {
        "haproxy_maps": [{"name": "moved", "entries": {"/old": "/new", "/a": "https://other.example/?b=c d"}}],
        "haproxy_frontends": [
            SECURE
            | {
                "https_redirect": True,
                "acls": ["is_internal path_beg /internal"],
                "http_request": [
                    "redirect code 308 location https://www.foobar.com%[pathq] if { req.hdr(host),host_only,lower -m "
                    "str foobar.com shop.foobar.com } !{ path_beg /.well-known/acme-challenge/ }",
                    "deny if is_internal !{ src 192.0.2.0/24 }",
                    "redirect code 301 location %[path,map(/etc/haproxy/moved.map)] if "
                    "{ path,map(/etc/haproxy/moved.map) -m found }",
                ],
            }
        ],
        "haproxy_backends": [VERIFIED],
    },
    "many of everything": {
        "haproxy_maxconn": 1000,
        "haproxy_threads": 2,
        "haproxy_max_header_size": 32768,
        "haproxy_global_extra": ["tune.http.maxhdr 200"],
        "haproxy_defaults_extra": ["option log-health-checks"],
        "haproxy_extra": ["userlist staff", "    user ann insecure-password secret"],
        "haproxy_frontends": [
            {
                "name": "web",
                "bind": [{"address": "127.0.0.1", "port": 80}, {"address": "/run/haproxy/web.sock"}],
                "maxconn": 500,
                "timeout_client": "1m",
                "acls": ["api path_beg /api/"],
                "options": ["http-buffer-request"],
                "tcp_request": ["connection reject if { src 192.0.2.0/24 }"],
                "http_request": ["set-header X-Test yes", "deny if { path /private }"],
                "http_response": ["del-header Server"],
                "use_backends": [
                    {"backend": "api", "condition": "api"},
                    {"backend": "%[req.hdr(host),lower]", "condition": "{ hdr(host) -m found }"},
                ],
                "default_backend": "web",
                "extra": ["http-request set-var(txn.a) int(1)"],
            },
            {"name": "plain", "bind": [{"port": 81}], "forwardfor": False, "http_request": ["return status 204"]},
            {"name": "database", "mode": "tcp", "bind": [{"port": 3306}], "default_backend": "database"},
        ],
        "haproxy_backends": [
            WEB,
            {
                "name": "api",
                "balance": "hash req.hdr(authorization)",
                "hash_type": "consistent",
                "http_check": {"headers": [{"name": "X-Check", "value": "a b"}], "drain_on_404": True},
                "retries": 1,
                "redispatch": 0,
                "retry_on": [],
                "timeout_connect": "1s",
                "timeout_server": "5m",
                "server_extra": ["on-marked-down shutdown-sessions"],
                "servers": [
                    WEB1 | {"extra": ["send-proxy-v2"]},
                    {"name": "local", "address": "/run/api.sock"},
                    {"name": "named", "address": "nowhere.invalid", "port": 80},
                ],
            },
            {"name": "empty", "http_check": {}, "http_request": ["return status 503"]},
            {"name": "database", "mode": "tcp", "options": ["mysql-check"], "servers": [{**WEB1, "port": 3306}]},
        ],
        "haproxy_listens": [
            {"name": "cache", "mode": "tcp", "bind": [{"port": 11211}], "balance": "source", "servers": [WEB1]},
            {
                "name": "tools",
                "bind": [{"address": "2001:db8::1", "port": 8000, "extra": ["transparent"]}],
                "acls": ["office src 192.0.2.0/24"],
                "tcp_request": ["connection accept if office"],
                "http_request": ["auth unless { http_auth(staff) }"],
                "use_backends": [{"backend": "web", "condition": "{ path /web }"}],
                "servers": [WEB2],
            },
        ],
    },
}


@pytest.fixture
def configuration(render_template: Render) -> Callable[..., str]:
    return lambda **variables: render_template("haproxy", "haproxy.cfg.j2", variables)


@pytest.fixture
def errors(role_variable: RoleVariable) -> Callable[..., list[str]]:
    return lambda **variables: role_variable("haproxy", "__haproxy_errors", variables)


def section(configuration: str, head: str) -> list[str]:
    """The lines of one section, in order."""
    found = re.search(rf"^{head}\n((?:[ \t].*\n)+)", configuration, re.MULTILINE)
    assert found, configuration
    return [line.strip() for line in found[1].splitlines()]


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A certificate with its key, for HAProxy to read."""
    authority = Authority(tmp_path_factory.mktemp("authority") / "ca")
    return "".join(authority.issue("www.foobar.com", ["DNS:www.foobar.com"]))


@pytest.mark.parametrize("name", SCENARIOS)
def test_haproxy_reads_it_without_a_warning(
    configuration: Callable[..., str], render_template: Render, parser: Parser, pem: str, name: str
) -> None:
    """Catches whatever HAProxy does not know, ignores, or takes in another order than it is written."""
    rendered = configuration(**SCENARIOS[name])
    maps = {
        f"/etc/haproxy/{item['name']}.map": render_template("haproxy", "map.j2", {"item": item})
        for item in SCENARIOS[name].get("haproxy_maps", [])
    }
    files = {"/haproxy.cfg": rendered, PEM: pem, CA: pem, **maps}
    result = parser(["haproxy", "-c", "-dW", "-f", "/haproxy.cfg"], files)
    assert result.returncode == 0, result.stdout + result.stderr + rendered


@pytest.mark.parametrize("name", SCENARIOS)
def test_good_data_is_not_refused(errors: Callable[..., list[str]], name: str) -> None:
    assert errors(**SCENARIOS[name]) == []


def test_rendered_file_is_tidy(configuration: Callable[..., str]) -> None:
    """It starts with the header, and has neither runs of empty lines nor trailing blanks."""
    for variables in SCENARIOS.values():
        rendered = configuration(**variables)
        assert rendered.startswith("#\n# Ansible managed\n#\n")
        assert "\n\n\n" not in rendered
        assert [line for line in rendered.splitlines() if line != line.rstrip()] == []


def test_a_map_is_part_of_what_runs(configuration: Callable[..., str], render_template: Render) -> None:
    """Red when a map could change without a reload: HAProxy is asked for the name of its configuration alone."""
    before = SCENARIOS["rules of the stack and of the inventory"]
    after = before | {"haproxy_maps": [{"name": "moved", "entries": {"/old": "/newer"}}]}
    assert configuration_id(configuration(**before)) != configuration_id(configuration(**after))
    text = render_template("haproxy", "map.j2", {"item": after["haproxy_maps"][0]})
    assert [line for line in text.splitlines() if not line.startswith("#")] == ["/old /newer"]


def test_site(configuration: Callable[..., str]) -> None:
    rendered = configuration(**SCENARIOS["one site"])
    assert [line for line in section(rendered, "frontend web") if "log-format" not in line] == [
        "mode http",
        "option idle-close-on-response",
        "bind *:80",
        "bind [::]:80 v6only",
        "http-request set-var(txn.began) date(0,ms)",
        "http-request set-var(txn.path) path",
        "option forwardfor",
        "http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]",
        "default_backend web",
    ]
    assert section(rendered, "backend web") == [
        "mode http",
        "balance roundrobin",
        "http-request disable-l7-retry unless { method GET HEAD }",
        "option httpchk",
        'http-check send meth GET uri /healthz ver HTTP/1.1 hdr Host "www.foobar.com"',
        "http-check expect status 200",
        "default-server inter 1s rise 2 fall 2 slowstart 10s",
        "server web1 198.18.0.21:80 check weight 100",
        "server web2 [2001:db8::22]:80 check weight 50 maxconn 100 backup",
        "server web3 198.18.0.23:80 weight 100 disabled",
    ]


def test_secure_site(configuration: Callable[..., str]) -> None:
    rendered = configuration(**SCENARIOS["secure site"])
    tls = f"ssl crt {PEM} alpn h2,http/1.1"
    assert f"bind 198.18.0.11:8404 {tls}" in section(rendered, "frontend stats")
    lines = [line for line in section(rendered, "frontend web") if not line.startswith("#")]
    assert [line for line in lines if "log-format" not in line] == [
        "mode http",
        "option idle-close-on-response",
        "bind *:80",
        "bind [::]:80 v6only",
        f"bind *:443 {tls}",
        f"bind quic4@*:443 ssl crt {PEM} alpn h3",
        f"bind [::]:443 {tls} v6only",
        f"bind quic6@[::]:443 ssl crt {PEM} alpn h3 v6only",
        "stick-table type ipv6 size 100k expire 10s store gpc0_rate(10s),conn_cur",
        "tcp-request connection track-sc1 src,ipmask(32,64)",
        "tcp-request connection reject if { sc1_conn_cur gt 1000 }",
        "http-request set-var(txn.began) date(0,ms)",
        "http-request set-var(txn.path) path",
        "http-request track-sc0 src,ipmask(32,64)",
        "http-request deny deny_status 429 hdr Retry-After 10 if { sc0_gpc0_rate ge 2000 }",
        "http-request sc-inc-gpc0(0)",
        "http-request deny deny_status 413 if { req.body_size gt 10485760 }",
        "http-request redirect code 308 location https://%[req.hdr(host),host_only]%[pathq] unless { ssl_fc }"
        " || { path_beg /.well-known/acme-challenge/ }",
        'http-after-response set-header Strict-Transport-Security "max-age=63072000" if { ssl_fc }',
        "http-after-response set-header Alt-Svc 'h3=\":443\"; ma=86400' if { ssl_fc }",
        "http-response del-header Server",
        "http-response del-header X-Powered-By",
        "option forwardfor",
        "http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]",
        "use_backend acme if { path_beg /.well-known/acme-challenge/ }",
        "default_backend web",
    ]
    backend = section(rendered, "backend web")
    assert f"default-server ssl verify required ca-file {CA} alpn http/1.1 check-alpn http/1.1" in backend
    assert "server web1 198.18.0.21:443 sni str(web1) check-sni web1 verifyhost web1 check weight 100" in backend


def test_what_trusted_proxies_say(configuration: Callable[..., str]) -> None:
    """The visitor is known before anything is limited, and nothing of what others sent is left."""
    rendered = configuration(**SCENARIOS["behind other proxies"])
    found = [f"{{ req.hdr_ip(X-Forwarded-For,-{hop}) -m found }}" for hop in (1, 2)]
    lines = [line for line in section(rendered, "frontend web") if "bind" not in line and line[0] != "#"]
    lines = [line for line in lines if not re.search(r"log-format|txn\.(began|path)\b", line)]
    assert lines[2:] == [
        "acl from_trusted_proxy src 192.0.2.0/24 2001:db8::/32",
        "acl via_trusted_proxy var(txn.proxied) -m bool",
        "stick-table type ipv6 size 100k expire 10s store gpc0_rate(10s),conn_cur",
        "tcp-request connection track-sc1 src,ipmask(32,64) unless { src 198.51.100.1 } || from_trusted_proxy",
        "tcp-request connection reject if { sc1_conn_cur gt 1000 }",
        "http-request set-var(txn.proxied) bool(true) if from_trusted_proxy",
        "http-request set-var(txn.scheme) ssl_fc,iif(https,http)",
        "http-request set-var(txn.scheme) req.hdr(X-Forwarded-Proto,-1),lower if from_trusted_proxy"
        " { req.hdr(X-Forwarded-Proto,-1) -m str -i http https }",
        "http-request set-src req.hdr_ip(X-Forwarded-For,-1) if from_trusted_proxy",
        f"http-request set-src req.hdr_ip(X-Forwarded-For,-2) if from_trusted_proxy {found[0]}",
        f"http-request set-src req.hdr_ip(X-Forwarded-For,-3) if from_trusted_proxy {found[0]} {found[1]}",
        *lines[13:15],
        "http-request del-header X-Forwarded-For",
        "http-request track-sc0 src,ipmask(32,64) unless { src 198.51.100.1 }",
        "http-request deny deny_status 429 hdr Retry-After 1 if via_trusted_proxy { sc0_conn_cur gt 1000 }",
        "http-request deny deny_status 429 hdr Retry-After 10 if { sc0_gpc0_rate ge 2000 }",
        "http-request sc-inc-gpc0(0)",
        "http-request redirect code 308 location https://%[req.hdr(host),host_only]%[pathq]"
        " unless { var(txn.scheme) -m str https } || { path_beg /.well-known/acme-challenge/ }",
        'http-after-response set-header Strict-Transport-Security "max-age=63072000"'
        " if { ssl_fc } || { var(txn.scheme) -m str https }",
        "http-after-response set-header Alt-Svc 'h3=\":443\"; ma=86400' if { ssl_fc } !via_trusted_proxy",
        "option forwardfor",
        "http-request set-header X-Forwarded-Proto %[var(txn.scheme)]",
        "default_backend web",
    ]


def test_open_requests_of_a_visitor_are_counted_once(configuration: Callable[..., str]) -> None:
    """By what counts its requests, or else by a counter of their own."""
    frontend = SCENARIOS["behind other proxies"]["haproxy_frontends"][0]
    for limit in (None, {}):
        rendered = configuration(
            haproxy_frontends=[frontend | {"rate_limit": limit}],
            haproxy_backends=SCENARIOS["behind other proxies"]["haproxy_backends"],
        )
        lines = section(rendered, "frontend web")
        tracked = "http-request track-sc0 src,ipmask(32,64)" + ("" if limit == {} else " if via_trusted_proxy")
        assert [line for line in lines if line.startswith("http-request track-")] == [tracked]
        assert (
            "http-request deny deny_status 429 hdr Retry-After 1 if via_trusted_proxy { sc0_conn_cur gt 1000 }" in lines
        )


def test_proxy_protocol_is_for_trusted_proxies_alone(configuration: Callable[..., str]) -> None:
    """Its header is expected of them and of nobody else, and who is counted is known after it."""
    lines = section(configuration(**SCENARIOS["behind other proxies"]), "frontend passed")
    networks = [line.split()[3:] for line in lines if line.startswith("acl from_trusted_proxy src ")]
    assert [network for line in networks for network in line] == MANY_NETWORKS
    assert max(map(len, networks)) < 60
    assert [line for line in lines if line.startswith("tcp-request ")] == [
        "tcp-request connection expect-proxy layer4 if from_trusted_proxy",
        "tcp-request connection track-sc1 src,ipmask(32,64) unless from_trusted_proxy",
        "tcp-request connection reject if { sc1_conn_cur gt 10 }",
        "tcp-request session track-sc1 src,ipmask(32,64) unless from_trusted_proxy",
        "tcp-request session reject if { sc1_conn_cur gt 10 }",
    ]


def test_variants_of_tls(configuration: Callable[..., str]) -> None:
    rendered = configuration(**SCENARIOS["modern TLS in every way"])
    web, mail = section(rendered, "frontend web"), section(rendered, "frontend mail")
    assert f"bind *:8443 ssl crt {PEM} no-alpn ca-file {CA} verify optional v4v6" in web
    assert f"bind quic6@[::]:444 ssl crt {PEM} alpn h3 v4v6" in web
    assert f"bind quic4@192.0.2.1:445 ssl crt {PEM} crt {PEM} alpn h3" in web
    assert "https://%[req.hdr(host),host_only]:8443%[pathq] unless { ssl_fc }" in "\n".join(web)
    assert any('"max-age=31536000; includeSubDomains; preload"' in line for line in web)
    assert any("""'h3=":444"; ma=86400, h3=":445"; ma=86400'""" in line for line in web)
    assert "http-request track-sc0 src,ipmask(32,64) unless { src 192.0.2.0/24 2001:db8::/32 }" in web
    assert "http-request deny deny_status 503 hdr Retry-After 60 if { sc0_gpc0_rate ge 100 }" in web
    assert {f"bind *:993 ssl crt {PEM}", f"bind *:994 ssl crt {PEM} alpn imap"} <= set(mail)
    assert "default-server ssl verify none" in section(rendered, "backend web")
    assert "default-server ssl verify required ca-file @system-ca alpn imap check-alpn imap" in section(
        rendered, "backend mail"
    )


def test_profiles(configuration: Callable[..., str]) -> None:
    """What Mozilla's generator writes for HAProxy 3.0, and the curves of the guidelines 6.0."""
    for profile, version in (("intermediate", "TLSv1.2"), ("modern", "TLSv1.3")):
        lines = section(configuration(haproxy_tls_profile=profile), "global")
        assert f"ssl-default-bind-options prefer-client-ciphers ssl-min-ver {version} no-tls-tickets" in lines
        assert f"ssl-default-server-options ssl-min-ver {version} no-tls-tickets" in lines
        assert "ssl-default-bind-curves X25519MLKEM768:X25519:prime256v1:secp384r1" in lines
        assert bool([line for line in lines if "-bind-ciphers " in line]) == (profile == "intermediate")
        assert "limited-quic" not in lines


@pytest.mark.parametrize(
    ("distribution", "version", "old"),
    [
        ("Debian", "12", True),
        ("Debian", "13", False),
        ("Debian", "n/a", False),
        ("Ubuntu", "24", True),
        ("Mint", "22", False),
    ],
)
def test_old_platforms_get_what_they_know(
    configuration: Callable[..., str], distribution: str, version: str, old: bool
) -> None:
    """Their OpenSSL knows no X25519MLKEM768, their HAProxy neither timeout client-hs nor curves to servers."""
    facts = {"distribution": distribution, "distribution_major_version": version, "os_family": "Debian"}
    rendered = configuration(ansible_facts=facts)
    news = [word in rendered for word in ("X25519MLKEM768", "client-hs", "ssl-default-server-curves")]
    assert news == [not old] * 3


def test_haproxy_is_told_to_offer_no_protocol_where_it_would_otherwise(configuration: Callable[..., str]) -> None:
    """HAProxy 2.6 does not know no-alpn; from 2.8 on it offers HTTP/2 unless told."""
    told = []
    for distribution, version in (("Debian", "12"), ("Ubuntu", "24"), ("Debian", "13")):
        facts = {"distribution": distribution, "distribution_major_version": version, "os_family": "Debian"}
        told.append(" no-alpn " in configuration(**SCENARIOS["modern TLS in every way"], ansible_facts=facts))
    assert told == [False, True, True]


def test_http_3_is_refused_where_haproxy_has_none(errors: Callable[..., list[str]]) -> None:
    facts = {"distribution": "Debian", "distribution_major_version": "12", "os_family": "Debian"}
    found = errors(**SCENARIOS["secure site"], ansible_facts=facts)
    assert len(found) == 1
    assert all("cannot speak HTTP/3" in error for error in found)


def test_options_of_a_backend_win_over_those_of_all(configuration: Callable[..., str]) -> None:
    lines = section(configuration(**SCENARIOS["many of everything"]), "backend api")
    assert {"retries 1", "no option redispatch", "retry-on none", "hash-type consistent"} <= set(lines)
    assert "server local /run/api.sock check weight 100" in lines


def binds(rendered: str, head: str) -> list[str]:
    return [line.removeprefix("bind ") for line in section(rendered, head) if line.startswith("bind ")]


def test_every_address_is_one_of_both_families(configuration: Callable[..., str]) -> None:
    """A visitor with IPv6 is served without a word in the data. HAProxy's own `*` is IPv4 alone."""
    data = {"haproxy_frontends": [DOWNSTREAM], "haproxy_backends": [WEB], "haproxy_stats": {"address": "*"}}
    rendered = configuration(**data)
    assert binds(rendered, "frontend web") == ["*:80", "[::]:80 v6only"]
    assert binds(rendered, "frontend stats") == ["*:8404", "[::]:8404 v6only"]


@pytest.mark.parametrize(
    ("addresses", "bound"),
    [
        (["0.0.0.0"], ["0.0.0.0:80"]),  # noqa: S104
        (["::"], ["[::]:80 v6only"]),
        (["2001:db8::1"], ["[2001:db8::1]:80"]),
        (["*", "::"], ["*:80", "[::]:80 v6only"]),
    ],
)
def test_one_family_where_the_data_says_so(configuration, addresses: list[str], bound: list[str]) -> None:
    site = DOWNSTREAM | {"bind": [{"address": address, "port": 80} for address in addresses]}
    assert binds(configuration(haproxy_frontends=[site], haproxy_backends=[WEB]), "frontend web") == bound


def test_another_frontend_may_have_the_ipv6_addresses(configuration: Callable[..., str]) -> None:
    other = DOWNSTREAM | {"name": "six", "bind": [{"address": "::", "port": 80}]}
    rendered = configuration(haproxy_frontends=[DOWNSTREAM, other], haproxy_backends=[WEB])
    assert (binds(rendered, "frontend web"), binds(rendered, "frontend six")) == (["*:80"], ["[::]:80 v6only"])


@pytest.mark.parametrize("data", [{"haproxy_ipv6": False}, {"ansible_facts": WITHOUT_IPV6}])
def test_a_kernel_without_ipv6_is_not_asked_for_it(configuration: Callable[..., str], data: dict[str, Any]) -> None:
    """There HAProxy would not start: "cannot create receiving socket (Address family not supported by protocol)"."""
    rendered = configuration(haproxy_frontends=[SECURE], haproxy_backends=[WEB], haproxy_stats={"address": "*"}, **data)
    assert "[::]" not in rendered
    assert len(binds(rendered, "frontend web")) == 3


def test_tcp_has_nothing_of_http(configuration: Callable[..., str]) -> None:
    rendered = configuration(**SCENARIOS["many of everything"])
    assert [line for line in section(rendered, "listen cache") if "http" in line or "forwardfor" in line] == []
    assert section(rendered, "backend database")[:2] == ["mode tcp", "option mysql-check"]


def test_nothing_is_repeated_when_no_method_may_be(configuration: Callable[..., str]) -> None:
    assert "retry-on conn-failure empty-response" in section(configuration(**SCENARIOS["one site"]), "defaults")
    rendered = configuration(**SCENARIOS["one site"], haproxy_retry_methods=[])
    assert "http-request disable-l7-retry" in section(rendered, "backend web")


def test_statistics_stay_on_loopback_unless_told(configuration: Callable[..., str]) -> None:
    assert "bind 127.0.0.1:8404" in section(configuration(), "frontend stats")
    lines = section(configuration(**SCENARIOS["statistics for others"]), "frontend stats")
    assert lines.index("bind [::]:9000 v6only") < lines.index(
        "http-request deny unless { src 192.0.2.0/24 2001:db8::/32 }"
    )
    assert "frontend stats" not in configuration(haproxy_stats={})


def test_every_configuration_has_a_name_of_its_own(configuration: Callable[..., str]) -> None:
    """Equal data, equal name; any other data, another name. By it a reload that is due is found."""
    names = [re.search("description (.*)", configuration(**data))[1] for data in (*SCENARIOS.values(), {})]  # type: ignore[index]
    assert len(set(names)) == len(SCENARIOS)
    assert names[0] == names[-1]


def test_id_of_a_configuration_is_found_in_file_and_process(configuration: Callable[..., str]) -> None:
    found = configuration_id(configuration())
    assert found
    assert configuration_id(f"Name: HAProxy\nnode: lb1\ndescription: {found}\nStopping: 0\n") == found
