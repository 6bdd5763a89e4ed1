"""The real nginx.conf, rendered offline and read by the real nginx."""

import copy
import re
import subprocess

import pytest

UPSTREAMS = [
    {
        "name": "app",
        "servers": [
            {"name": "web1", "address": "198.18.0.21", "port": 8000},
            {"name": "web2", "address": "198.18.0.22", "port": 8000, "backup": True},
        ],
    }
]
WWW = {"name": "www", "server_names": ["www.foobar.com"], "proxy": [{"location": "/", "upstream": "app"}]}
TLS = {"certificate": "/etc/webstack/tls/nginx/certificate.pem", "key": "/etc/webstack/tls/nginx/key.pem"}
CA = "/etc/webstack/tls/ca.pem"
SECURE_UPSTREAMS = [UPSTREAMS[0] | {"tls": {"ca_file": CA, "name": "application.webstack.internal"}}]
SECURE_WWW = WWW | {"listen": [{"port": 443, "tls": True}], "tls": TLS}
WITHOUT_IPV6 = {
    "os_family": "Debian",
    "distribution": "Debian",
    "distribution_major_version": "13",
    "cmdline": {"ipv6.disable": "1"},
}
CSP = "default-src 'self'; frame-ancestors 'none'"

SCENARIOS = {
    "nothing": {},
    "typical": {
        "nginx_trusted_proxies": ["198.18.0.11"],
        "nginx_upstreams": UPSTREAMS,
        "nginx_sites": [
            WWW
            | {
                "headers": {"X-Web-Server": "web1"},
                "request_headers": {"X-Web-Server": "web1"},
                "static": [{"location": "/static/", "alias": "/srv/www/app/current/static/"}],
            }
        ],
    },
    "ipv6": {
        "nginx_trusted_proxies": ["fd00::11", "fd00:1::/64"],
        "nginx_upstreams": [{"name": "app", "servers": [{"name": "web1", "address": "fd00::21", "port": 8000}]}],
        "nginx_sites": [WWW | {"listen": [{"port": 80}, {"address": "::", "port": 80}]}],
    },
    "tls": {
        "nginx_trusted_proxies": ["198.18.0.11"],
        "nginx_upstreams": SECURE_UPSTREAMS,
        "nginx_sites": [
            SECURE_WWW
            | {
                "headers": {"X-Web-Server": "web1"},
                "default_headers": {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": CSP},
                "static": [
                    {"location": "/static/", "alias": "/srv/static/", "immutable": True},
                    {
                        "location": "/embedded/",
                        "alias": "/srv/embedded/",
                        "headers": {"Content-Security-Policy": "frame-ancestors *"},
                    },
                ],
            },
            WWW | {"name": "plain"},
        ],
    },
    "every option": {
        "nginx_tls_profile": "modern",
        "nginx_trusted_proxies": ["198.18.0.0/24"],
        "nginx_unknown_host_status": 444,
        "nginx_gzip": False,
        "nginx_access_log": False,
        "nginx_worker_processes": 2,
        "nginx_http_extra": ["limit_req_zone $binary_remote_addr zone=login:1m rate=5r/s;"],
        "nginx_main_extra": ["worker_priority 0;"],
        "nginx_upstreams": [
            {
                "name": "app",
                "balance": "least_conn",
                "tls": {"ca_file": CA, "name": "all.internal", "session_reuse": False},
                "keepalive": 8,
                "keepalive_timeout": "5s",
                "servers": [
                    {"name": "socket", "address": "unix:/run/app.sock", "weight": 3},
                    {"name": "other", "address": "198.18.0.22", "port": 8000, "max_fails": 0, "fail_timeout": "1s"},
                ],
            }
        ],
        "nginx_sites": [
            {
                "name": "all",
                "server_names": ["*.foobar.com", "foobar.com"],
                "default": True,
                "listen": [{"address": "127.0.0.1", "port": 8080}, {"port": 80}, {"port": 443, "tls": True}],
                "tls": TLS | {"client_ca": CA},
                "http2": True,
                "root": "/srv/www/public files",
                "index": ["index.html", "index.htm"],
                "client_max_body_size": "20m",
                "headers": {"X-Quoted": 'say "hello\\"; #'},
                "default_headers": {"X-Default": 'say "hello\\"; #', "Server-Timing": "host;desc=$hostname"},
                "request_headers": {"Host": "$http_host"},
                "error_pages": [{"codes": [502, 504], "uri": "/errors/down.html"}],
                "static": [
                    {
                        "location": "/errors/",
                        "alias": "/srv/errors/",
                        "max_age": "off",
                        "headers": {"X-Kind": "error"},
                        "access_log": False,
                        "extra": ["internal;"],
                    },
                    {"location": "= /robots.txt", "alias": "/srv/robots.txt", "immutable": True},
                ],
                "proxy": [
                    {
                        "location": "= /live",
                        "upstream": "app",
                        "websocket": True,
                        "gzip": True,
                        "buffering": False,
                        "read_timeout": "1h",
                        "request_headers": {"X-Live": "yes"},
                        "access_log": False,
                        "extra": ["limit_req zone=login burst=5;"],
                    }
                ],
                "redirects": [{"location": "= /old", "to": "/new?a=b", "status": 308}],
                "extra": ["client_body_timeout 10s;"],
            },
            {"name": "second", "server_names": ["second.example"], "root": "/srv/second"},
            {
                "name": "third",
                "server_names": ["third.example"],
                "listen": [{"port": 443, "tls": True}, {"port": 8443, "tls": True}],
                "tls": TLS,
                "root": "/srv/third",
            },
        ],
    },
}


@pytest.fixture
def render(render_template):
    return lambda variables: render_template("nginx", "nginx.conf.j2", variables)


@pytest.fixture
def errors(role_variable):
    return lambda variables: role_variable("nginx", "__nginx_errors", variables)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A throw-away pair, where the scenarios have their certificates: nginx -t reads them."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"]  # noqa: RUF005
        + ["-subj", "/CN=test", "-keyout", folder / "key.pem", "-out", folder / "certificate.pem"],
        check=True,
        capture_output=True,
    )
    made = {path: (folder / name).read_text() for path, name in ((TLS["key"], "key.pem"), (CA, "certificate.pem"))}
    return made | {TLS["certificate"]: made[CA]}


def block(text, opening):
    """What stands between the braces of the first block that opens with ``opening``."""
    match = re.search(rf"^( *){re.escape(opening)} \{{\n(.*?)^\1\}}", text, re.MULTILINE | re.DOTALL)
    assert match, f"no block {opening}"
    return match.group(2)


@pytest.mark.parametrize("name", SCENARIOS)
def test_nginx_accepts(name, render, errors, parser, certificate):
    assert errors(SCENARIOS[name]) == []
    result = parser(["nginx", "-t"], {"/etc/nginx/nginx.conf": render(SCENARIOS[name])} | certificate)
    assert result.returncode == 0, result.stderr
    assert "[warn]" not in result.stderr


def test_nginx_is_really_asked(render, parser):
    """The test of the test above: a mistake that only nginx can see."""
    broken = SCENARIOS["typical"] | {"nginx_http_extra": ["no_such_directive on;"]}
    result = parser(["nginx", "-t"], {"/etc/nginx/nginx.conf": render(broken)})
    assert result.returncode != 0
    assert 'unknown directive "no_such_directive"' in result.stderr


@pytest.mark.parametrize("name", SCENARIOS)
def test_same_data_same_file(name, render):
    """Catches anything unordered, which would reload nginx on every run."""
    assert render(copy.deepcopy(SCENARIOS[name])) == render(SCENARIOS[name])


def test_generation_follows_the_configuration(render):
    def generation(variables):
        return re.search(r"# generation (\w+)", render(variables)).group(1)

    typical = SCENARIOS["typical"]
    assert generation(typical) == generation(typical | {"ansible_managed": "somebody else"})
    for change in ({"nginx_gzip_level": 6}, {"nginx_status": {"address": "127.0.0.1", "port": 8082}}):
        assert generation(typical) != generation(typical | change)


def test_only_mime_types_are_included(render):
    """A file that somebody left on the host must not have a say."""
    for scenario in SCENARIOS.values():
        assert re.findall(r"^\s*include (.*);", render(scenario), re.MULTILINE) == ["/etc/nginx/mime.types"]


def test_local_server_first_others_as_backup(render):
    upstream = block(render(SCENARIOS["typical"]), "upstream app")
    servers = re.findall(r"server (\S+) max_fails=(\d+) .*?( backup)?;", upstream)
    # The last that is left is never passed over, whatever it did before.
    assert servers == [("198.18.0.21:8000", "5", ""), ("198.18.0.22:8000", "0", " backup")]
    assert "keepalive 32;" in upstream


def test_post_is_never_repeated(render):
    for scenario in SCENARIOS.values():
        text = render(scenario)
        assert re.findall(r"proxy_next_upstream (.*);", text) == ["error timeout"]


def test_headers_are_as_large_both_ways(render):
    """Of requests, from clients, and of responses, from upstreams: cookies go in both directions."""
    text = render({"nginx_max_header_size": 32768, **SCENARIOS["typical"]})
    assert "large_client_header_buffers 4 32768;" in text
    assert dict(re.findall(r"proxy_(b\w+_size|buffers) (.*);", text)) == {
        "buffer_size": "32768",
        "buffers": "8 32768",
        "busy_buffers_size": "65536",
    }


def test_trust_is_for_the_load_balancers_alone(render):
    assert re.findall(r"set_real_ip_from (.*);", render(SCENARIOS["typical"])) == ["198.18.0.11"]
    assert "set_real_ip_from" not in render({})


@pytest.mark.parametrize(("name", "location"), [("typical", "/"), ("every option", "= /live")])
def test_every_proxy_location_overwrites_what_the_client_claims(render, name, location):
    """proxy_set_header of a location replaces all inherited ones, so each location must have all of them."""
    text = block(render(SCENARIOS[name]), f"location {location}")
    sent = dict(re.findall(r'proxy_set_header (\S+) "(.*)";', text))
    assert (sent["X-Forwarded-For"], sent["X-Real-IP"], sent["Forwarded"]) == ("$remote_addr", "$remote_addr", "")


def test_location_with_own_headers_keeps_the_sites(render):
    text = block(render(SCENARIOS["every option"]), "location ^~ /errors/")
    assert re.findall(r"add_header (\S+)", text) == ["X-Quoted", "X-Default", "Server-Timing", "X-Kind"]


def test_header_of_a_location_takes_the_place_of_the_sites_default(render):
    text = block(render(SCENARIOS["tls"]), "location ^~ /embedded/")
    assert dict(re.findall(r'add_header (\S+) "(.*)" always', text)) == {
        "X-Web-Server": "web1",
        "X-Content-Type-Options": "$webstack_default_0_0",
        "Content-Security-Policy": "frame-ancestors *",
    }


def test_default_header_yields_to_the_upstreams(render):
    text = block(render(SCENARIOS["tls"]), "map $upstream_http_content_security_policy $webstack_default_0_1")
    assert [line.strip() for line in text.splitlines()] == ['default "";', f'"" "{CSP}";']
    # Or the one that the upstream sent would be taken out.
    assert re.findall(r"proxy_hide_header (\S+);", render(SCENARIOS["tls"])) == ["X-Web-Server"]


@pytest.mark.parametrize(("profile", "protocols"), [("intermediate", "TLSv1.2 TLSv1.3"), ("modern", "TLSv1.3")])
def test_profile_of_mozilla(render, profile, protocols):
    text = render(SCENARIOS["tls"] | {"nginx_tls_profile": profile})
    assert re.findall(r"^ +ssl_protocols (.*);", text, re.MULTILINE) == [protocols]
    assert "ssl_session_tickets off;" in text


@pytest.mark.parametrize(
    ("distribution", "version", "old"), [("Debian", "12", True), ("Ubuntu", "24", True), ("Debian", "13", False)]
)
def test_old_platforms_get_what_they_know(render, distribution, version, old):
    """Their OpenSSL knows no X25519MLKEM768, their nginx no directive http2: it refuses to start with either."""
    facts = {"distribution": distribution, "distribution_major_version": version, "os_family": "Debian"}
    text = render(SCENARIOS["every option"] | {"ansible_facts": facts})
    assert ("X25519MLKEM768" in text, "http2 on;" in text) == (not old, not old)
    assert ("listen *:443 default_server ssl http2;" in text) == old
    # Without TLS such a socket would speak nothing else.
    assert not re.search(r"listen \S+:80 .*http2", text)


def test_plain_sites_have_nothing_of_tls(render):
    assert "ssl_certificate" not in render(SCENARIOS["typical"])
    assert "https" not in block(render(SCENARIOS["typical"]), "location /")


def test_upstream_with_tls_must_show_who_it_is(render):
    text = render(SCENARIOS["tls"])
    location = block(text, "location /")
    assert "proxy_pass https://app;" in location
    assert dict(re.findall(r'proxy_ssl_(\w+) "?([^";]*)"?;', location)) == {
        "trusted_certificate": CA,
        "name": "application.webstack.internal",
        "session_reuse": "on",
    }
    for directive in ("verify on", "verify_depth 2", "server_name on", "protocols TLSv1.2 TLSv1.3"):
        assert f"    proxy_ssl_{directive};\n" in text


def test_dynamic_answers_are_not_compressed_unless_told(render):
    assert "gzip off;" in block(render(SCENARIOS["typical"]), "location /")
    told = SCENARIOS["every option"] | {"nginx_gzip": True}
    assert "gzip off;" not in block(render(told), "location = /live")
    assert "gzip off;" not in block(render(SCENARIOS["typical"]), "location ^~ /static/")


def test_unknown_names_get_an_answer_of_their_own(render):
    text = render(SCENARIOS["ipv6"])
    assert re.findall(r"listen (.*) default_server;", text) == ["*:80", "[::]:80"]
    assert "return 404;" in text


@pytest.mark.parametrize(
    ("listen", "sockets"),
    [
        ({}, ["*:80", "[::]:80"]),
        ({"listen": [{"port": 80}, {"address": "::", "port": 80}]}, ["*:80", "[::]:80"]),
        ({"listen": [{"address": "0.0.0.0", "port": 80}]}, ["0.0.0.0:80"]),  # noqa: S104
        ({"listen": [{"address": "fd00::21", "port": 80}]}, ["[fd00::21]:80"]),
    ],
)
def test_every_address_is_one_of_both_families(render, listen, sockets):
    """Plain sites, too. nginx's own `*` is IPv4 alone."""
    site = WWW | {"default": True} | listen
    text = render({"nginx_sites": [site], "nginx_upstreams": UPSTREAMS})
    assert re.findall(r"listen (.*) default_server;", text) == sockets


@pytest.mark.parametrize("data", [{"nginx_ipv6": False}, {"ansible_facts": WITHOUT_IPV6}])
def test_a_kernel_without_ipv6_is_not_asked_for_it(render, data):
    """There nginx would not start: "socket() [::]:80 failed (97: Address family not supported by protocol)"."""
    text = render(SCENARIOS["typical"] | data)
    assert "[::]" not in text
    assert "listen *:80;" in text


def test_default_site_takes_unknown_names(render):
    text = render(SCENARIOS["typical"] | {"nginx_sites": [WWW | {"default": True}]})
    assert re.findall(r"listen (.*) default_server;", text) == ["*:80", "[::]:80"]
    assert 'server_name "";' not in text


def test_unknown_names_on_tls_are_answered_with_the_sites_certificate(render):
    """A socket of TLS without a certificate refuses every handshake without a name that a site has."""
    servers = re.findall(r"^ {4}server \{\n(.*?)^ {4}\}", render(SCENARIOS["tls"]), re.MULTILINE | re.DOTALL)
    unknown = [server for server in servers if 'server_name "";' in server]
    assert [re.findall(r"listen (.*);", server) for server in unknown] == [
        ["*:80 default_server", "[::]:80 default_server"],
        ["*:443 default_server ssl", "[::]:443 default_server ssl"],
    ]
    assert "ssl_certificate" not in unknown[0]
    assert f'ssl_certificate "{TLS["certificate"]}";' in unknown[1]
    assert all("return 404;" in server for server in unknown)


def test_every_socket_has_one_default(render):
    for scenario in SCENARIOS.values():
        listens = re.findall(r"listen ([^ ;]+)( default_server)?", render(scenario))
        status = "127.0.0.1:8081"
        assert sorted(address for address, default in listens if default) == sorted(
            {address for address, _ in listens} - {status}
        )
