"""Mistakes in the data of the role haproxy: each is reported once, in a sentence that says what to write instead."""

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.haproxy_errors import haproxy_errors

PEM = "/etc/webstack/tls/www/combined.pem"
CA = "/etc/webstack/tls/ca.pem"
TLS = {"certificates": [PEM]}
WEB1 = {"name": "web1", "address": "198.18.0.21", "port": 80}
WEB = {"name": "web", "servers": [WEB1]}
VERIFIED = {"name": "web", "tls": {"ca_file": CA}, "servers": [WEB1 | {"port": 443, "tls_name": "web1"}]}
DOWNSTREAM = {"name": "web", "bind": [{"port": 80}], "default_backend": "web"}
SECURE = {"name": "web", "bind": [{"port": 80}, {"port": 443, "tls": TLS | {"quic": True}}], "default_backend": "web"}


def errors(
    frontends: Any = (), backends: Any = (WEB,), listens: Any = (), stats: Any = None, **options: Any
) -> list[str]:
    """The sentences about data that is otherwise right."""
    stats = {"address": "127.0.0.1", "port": 8404} if stats is None else stats
    return haproxy_errors(list(frontends), list(backends), list(listens), stats, **options)


def test_good_data_has_no_errors() -> None:
    assert errors([SECURE | {"hsts": {}, "rate_limit": {}, "max_body_size": "10m"}], [VERIFIED]) == []
    assert errors([{"name": "b", "bind": [{"port": 8404}]}]) == [], "a wildcard beside one address is no conflict"


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        (
            {"frontends": [DOWNSTREAM, DOWNSTREAM | {"bind": [{"port": 81}]}]},
            'haproxy_frontends and haproxy_listens: 2 entries are named "web"; give each a unique name.',
        ),
        (
            {"listens": [{"name": "web", "bind": [{"port": 81}]}]},
            'haproxy_backends and haproxy_listens: 2 entries are named "web"; give each a unique name.',
        ),
        (
            {"frontends": [{"name": "stats", "bind": [{"port": 81}]}]},
            (
                'haproxy_frontends and haproxy_listens: the name "stats" is taken by the frontend that '
                "haproxy_stats makes; use another name, or set haproxy_stats to {}."
            ),
        ),
        (
            {"frontends": [DOWNSTREAM | {"trusted_proxies": ["192.0.2.0/24", "cdn.example"]}]},
            (
                'haproxy_frontends: "web": trusted_proxies has "cdn.example"; write an address or network such as '
                "192.0.2.0/24; a network of everybody (/0) is not accepted."
            ),
        ),
        (
            {"frontends": [DOWNSTREAM | {"proxy_protocol": True}]},
            (
                'haproxy_frontends: "web": proxy_protocol is true and trusted_proxies is empty, so nobody may use it; '
                "set trusted_proxies to the addresses of the load balancers in front."
            ),
        ),
        (
            {"frontends": [SECURE | {"proxy_protocol": True, "trusted_proxies": ["192.0.2.0/24"]}]},
            (
                'haproxy_frontends: "web": proxy_protocol cannot be used together with tls.quic (HTTP/3); remove one '
                "of them."
            ),
        ),
        (
            {
                "frontends": [DOWNSTREAM | {"mode": "tcp", "trusted_proxies": ["192.0.2.0/24"]}],
                "backends": [WEB | {"mode": "tcp"}],
            },
            (
                'haproxy_frontends: "web": trusted_proxies has no effect in mode tcp without proxy_protocol; set '
                "proxy_protocol: true, use mode http, or remove trusted_proxies."
            ),
        ),
        (
            {
                "frontends": [
                    DOWNSTREAM | {"trusted_proxies": ["192.0.2.1"], "acls": ["from_trusted_proxy always_true"]}
                ]
            },
            (
                'haproxy_frontends: "web": acls has "from_trusted_proxy", which trusted_proxies defines; give yours '
                "another name."
            ),
        ),
        (
            {"maps": [{"name": "a", "entries": {}}, {"name": "a", "entries": {}}]},
            'haproxy_maps: 2 entries are named "a"; give each a unique name.',
        ),
        (
            {"maps": [{"name": "a", "entries": {"/a b": "/c"}}]},
            'haproxy_maps: "a": the key "/a b" is not valid; write one without spaces that does not begin with "#".',
        ),
        (
            {"frontends": [DOWNSTREAM | {"name": "my web"}]},
            'haproxy_frontends: "my web" is not a valid name; use letters, digits, "_", "-", "." and ":" only.',
        ),
        (
            {"frontends": [DOWNSTREAM | {"default_backend": "wbe"}]},
            'haproxy_frontends: "web" uses the backend "wbe", which is not defined; use one of: web.',
        ),
        (
            {"frontends": [DOWNSTREAM | {"use_backends": [{"backend": "api", "condition": "x"}]}]},
            'haproxy_frontends: "web" uses the backend "api", which is not defined; use one of: web.',
        ),
        (
            {"backends": [], "frontends": [DOWNSTREAM]},
            'haproxy_frontends: "web" uses the backend "web", which is not defined; add it to haproxy_backends.',
        ),
        (
            {"frontends": [DOWNSTREAM, {"name": "b", "bind": [{"address": "0.0.0.0", "port": 80}]}]},  # noqa: S104
            (
                'haproxy_frontends: "web" and haproxy_frontends: "b" both bind * port 80, so each would get a '
                "share of the connections; change one of them."
            ),
        ),
        (
            {"frontends": [{"name": "b", "bind": [{"address": "127.0.0.1", "port": 8404}]}]},
            (
                'haproxy_frontends: "b" and haproxy_stats: "stats" both bind 127.0.0.1 port 8404, so each would '
                "get a share of the connections; change one of them."
            ),
        ),
        (
            {"frontends": [{"name": "b", "bind": [{"port": 65536}]}]},
            'haproxy_frontends: "b": port 65536 is not valid; use a port from 1 to 65535.',
        ),
        (
            {"frontends": [{"name": "b", "bind": [{"address": "::"}]}]},
            'haproxy_frontends: "b" binds :: without a port; add one (only the path of a socket has none).',
        ),
        (
            {"backends": [{"name": "web", "servers": [WEB1, WEB1]}]},
            'haproxy_backends: "web": 2 servers are named "web1"; give each a unique name.',
        ),
        (
            {"backends": [{"name": "web", "servers": [WEB1 | {"port": 0}]}]},
            'haproxy_backends: "web", server "web1": port 0 is not valid; use a port from 1 to 65535.',
        ),
        (
            {"backends": [{"name": "web", "servers": [{"name": "web1", "address": "198.18.0.21"}]}]},
            (
                'haproxy_backends: "web", server "web1": the port is missing; add one (only the path of a socket '
                "has none)."
            ),
        ),
        (
            {"backends": [{"name": "web", "servers": [WEB1 | {"weight": 257}]}]},
            'haproxy_backends: "web", server "web1": weight 257 is not valid; use a weight from 0 to 256.',
        ),
        (
            {"backends": [{"name": "web", "servers": [WEB1 | {"name": "web 1"}]}]},
            (
                'haproxy_backends: "web", server "web 1": the name is not valid; use letters, digits, "_", "-", '
                '"." and ":" only.'
            ),
        ),
        (
            {"frontends": [SECURE | {"bind": [{"port": 443, "tls": {"certificates": []}}]}]},
            (
                'haproxy_frontends: "web", bind * port 443: tls.certificates is empty; name at least one PEM file '
                "that holds certificate and key."
            ),
        ),
        (
            {"frontends": [SECURE | {"bind": [{"port": 443, "tls": {"certificates": ["www.pem"]}}]}]},
            (
                'haproxy_frontends: "web", bind * port 443: tls.certificates has "www.pem"; write the absolute '
                "path of a file on the host."
            ),
        ),
        (
            {"stats": {"tls": {"certificates": ["www.pem"]}}},
            (
                'haproxy_stats: "stats", bind 127.0.0.1 port 8404: tls.certificates has "www.pem"; write the '
                "absolute path of a file on the host."
            ),
        ),
        (
            {"frontends": [SECURE | {"bind": [{"port": 443, "tls": TLS | {"verify": "optional"}}]}]},
            (
                'haproxy_frontends: "web", bind * port 443: tls.verify is set and tls.ca_file is not; set '
                "tls.ca_file to the CAs of the clients."
            ),
        ),
        (
            {"frontends": [SECURE | {"bind": [{"address": "/run/web.sock", "tls": TLS | {"quic": True}}]}]},
            'haproxy_frontends: "web", bind /run/web.sock: tls.quic needs mode http and a port; remove tls.quic.',
        ),
        (
            {"frontends": [SECURE | {"mode": "tcp", "bind": [{"port": 443, "tls": TLS | {"quic": True}}]}]},
            'haproxy_frontends: "web", bind * port 443: tls.quic needs mode http and a port; remove tls.quic.',
        ),
        (
            {"frontends": [SECURE | {"bind": [{"port": 443, "tls": TLS, "extra": ["ssl", "crt /a.pem"]}]}]},
            ('haproxy_frontends: "web", bind * port 443: extra repeats what tls sets; move it from extra into tls.'),
        ),
        (
            {"frontends": [DOWNSTREAM | {"mode": "tcp", "rate_limit": {}, "max_body_size": "1m"}]},
            (
                'haproxy_frontends: "web": max_body_size and rate_limit cannot be used in mode tcp; use mode http '
                "or remove what is named here."
            ),
        ),
        (
            {"frontends": [DOWNSTREAM | {"hsts": {}}]},
            (
                'haproxy_frontends: "web": hsts is set and no bind has tls, without which browsers ignore it; add '
                "tls to a bind."
            ),
        ),
        (
            {"frontends": [SECURE | {"hsts": {"preload": True}}]},
            (
                'haproxy_frontends: "web": hsts.preload needs hsts.include_subdomains and a hsts.max_age of at '
                "least 31536000; set both or remove hsts.preload."
            ),
        ),
        (
            {"frontends": [DOWNSTREAM | {"rate_limit": {"requests": 0}}]},
            'haproxy_frontends: "web": rate_limit.requests 0 would refuse every request; use 1 or more.',
        ),
        (
            {"frontends": [DOWNSTREAM | {"rate_limit": {"period": "10 s"}}]},
            (
                'haproxy_frontends: "web": rate_limit.period "10 s" is not valid; write a number with a unit, '
                "such as 10s or 1m."
            ),
        ),
        (
            {"frontends": [DOWNSTREAM | {"max_body_size": "much"}]},
            (
                'haproxy_frontends: "web": max_body_size "much" is not valid; write a number of bytes, or one '
                "with k, m or g such as 10m."
            ),
        ),
        (
            {"backends": [VERIFIED | {"tls": {"ca_file": "ca.pem"}}]},
            'haproxy_backends: "web": tls.ca_file has "ca.pem"; write the absolute path of a file on the host.',
        ),
        (
            {"backends": [WEB | {"tls": {}, "servers": [WEB1]}]},
            (
                'haproxy_backends: "web", server "web1": tls_name is missing, so any certificate of the CA would '
                "be accepted; add tls_name."
            ),
        ),
        (
            {"backends": [{"name": "web", "servers": [WEB1 | {"tls_name": "web1"}]}]},
            (
                'haproxy_backends: "web", server "web1": tls_name is set, but the servers are spoken to without '
                "tls; add tls or remove tls_name."
            ),
        ),
        (
            {"backends": [{"name": "web", "tls": {}, "servers": [WEB1 | {"tls_name": "198.18.0.21"}]}]},
            (
                'haproxy_backends: "web", server "web1": tls_name "198.18.0.21" is not a host name, and HAProxy '
                "verifies nothing else; write a host name."
            ),
        ),
        (
            {"frontends": [DOWNSTREAM | {"bind": [{"port": 80}, {"address": "0.0.0.0", "port": "80"}]}]},  # noqa: S104
            'haproxy_frontends: "web" binds * port 80 twice; remove one of the two.',
        ),
        (
            {
                "listens": [
                    {"name": "l", "bind": [{"address": a, "port": 80} for a in ("2001:db8::1", "2001:DB8:0::1")]}
                ]
            },
            'haproxy_listens: "l" binds 2001:db8::1 port 80 twice; remove one of the two.',
        ),
        (
            {"frontends": [SECURE], "quic": False},
            'haproxy_frontends: "web", bind * port 443: the HAProxy of this host\'s distribution cannot speak HTTP/3; '
            "remove tls.quic.",
        ),
    ],
)
def test_mistake_is_named(variables: dict[str, Any], sentence: str) -> None:
    assert errors(**variables) == [sentence]


@pytest.mark.parametrize(
    ("frontend", "message"),
    [
        ({"bind": [{"port": 80}]}, r"haproxy_frontends\[0\].name is required"),
        ({"name": "web", "mode": "udp"}, r"haproxy_frontends\[0\].mode: expected one of http, tcp, got 'udp'"),
        ({"name": "web", "bind": "*:80"}, r"haproxy_frontends\[0\].bind: expected a list, got '\*:80'"),
        ({"name": "web", "bind": ["*:80"]}, r"haproxy_frontends\[0\].bind\[0\]: expected a dict, got '\*:80'"),
        ({"name": "web", "maxconn": "many"}, r"maxconn: expected a value of type int, got 'many'"),
    ],
)
def test_data_of_another_shape_is_an_error(frontend: dict[str, Any], message: str) -> None:
    """The argument specification refuses it before; whoever calls the filter alone gets no traceback."""
    with pytest.raises(AnsibleFilterError, match=message):
        errors([frontend])
