"""Mistakes in the data of the role nginx: each is reported once, in a sentence that says what to write instead."""

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.nginx_errors import nginx_errors

UPSTREAMS = [{"name": "app", "servers": [{"name": "web1", "address": "198.18.0.21", "port": 8000}]}]
WWW = {"name": "www", "server_names": ["www.foobar.com"], "proxy": [{"location": "/", "upstream": "app"}]}
TLS = {"certificate": "/etc/webstack/tls/nginx/certificate.pem", "key": "/etc/webstack/tls/nginx/key.pem"}


def errors(sites: Any = (), upstreams: Any = (), status: Any = None) -> list[str]:
    return nginx_errors(list(sites), list(upstreams), status or {"address": "127.0.0.1", "port": 8081})


def sites(*changes: dict[str, Any]) -> dict[str, Any]:
    """The site www, once for each change to it, and the upstream that it uses."""
    return {"upstreams": UPSTREAMS, "sites": [WWW | change for change in changes]}


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        (
            sites({}, {"server_names": ["other.example"]}),
            'nginx_sites: 2 entries are named "www"; give each a unique name.',
        ),
        (
            sites({"default": True}, {"name": "b", "server_names": [], "default": True}),
            'nginx_sites: "www" and "b" are both the default on * port 80; keep default: true on one of them.',
        ),
        (
            sites({}, {"name": "b", "server_names": ["WWW.foobar.com"]}),
            ('nginx_sites: "www" and "b" both answer for www.foobar.com on * port 80; keep the name in one of them.'),
        ),
        (
            sites({"server_names": []}),
            (
                'nginx_sites: "www" has neither server_names nor default: true, so no request could reach it; add '
                "one of them."
            ),
        ),
        (
            sites({"proxy": [{"location": "/api", "upstream": "ap"}]}),
            'nginx_sites: "www" passes /api to the upstream "ap", which is not defined; use one of: app.',
        ),
        (
            sites({"static": [{"location": "/", "alias": "/srv/"}]}),
            'nginx_sites: "www" has the location / 2 times; keep one.',
        ),
        (
            sites({"listen": [{"port": 80000}]}),
            'nginx_sites: "www": port 80000 is not valid; use a port from 1 to 65535.',
        ),
        (
            sites({"listen": [{"port": 8081}]}),
            'nginx_sites: "www" listens on port 8081, which nginx_status.port uses; change one of them.',
        ),
        (
            sites({"static": [{"location": "/static", "alias": "/srv/static/"}]}),
            (
                'nginx_sites: "www" maps /static to /srv/static/; end both with a slash (a folder) or neither (a '
                "file), or clients could read paths outside of it."
            ),
        ),
        (
            sites({"listen": [{"port": 443, "tls": True}]}),
            (
                'nginx_sites: "www" listens with TLS on port 443 and has no certificate; add tls: {certificate: '
                "..., key: ...}."
            ),
        ),
        (
            sites({"tls": TLS}),
            (
                'nginx_sites: "www" has a certificate and listens nowhere with TLS; add tls: true to a listen, or '
                "remove tls."
            ),
        ),
        (
            sites(
                {"tls": TLS, "listen": [{"port": 80, "tls": True}]},
                {"name": "b", "server_names": ["b.example"]},
            ),
            (
                'nginx_sites: "www" and "b" listen on * port 80, one with TLS and one without; give both the '
                "same, or one another port."
            ),
        ),
        (
            sites({"headers": {"x-frame-options": "DENY"}, "default_headers": {"X-Frame-Options": "DENY"}}),
            (
                'nginx_sites: "www" has X-Frame-Options in headers and in default_headers; keep it in headers to '
                "replace the application's, or in default_headers to send it only where the application sends "
                "none."
            ),
        ),
        ({"upstreams": UPSTREAMS * 2}, 'nginx_upstreams: 2 entries are named "app"; give each a unique name.'),
        (
            {"upstreams": [{"name": "a", "servers": [{"name": "s", "address": "::1", "port": 80, "backup": True}]}]},
            'nginx_upstreams: "a": every server is a backup; add one that is not, or set backup: false on one.',
        ),
        (
            {"upstreams": [{"name": "a", "servers": [{"name": "s", "address": "198.18.0.21"}]}]},
            ('nginx_upstreams: "a", server 198.18.0.21: the port is missing; add one (only a unix: address has none).'),
        ),
        (
            {"upstreams": [{"name": "a", "servers": [{"name": "s", "address": "198.18.0.21", "port": 0}]}]},
            'nginx_upstreams: "a", server 198.18.0.21: port 0 is not valid; use a port from 1 to 65535.',
        ),
        (
            {"status": {"address": "127.0.0.1", "port": 70000}},
            "nginx_status: port 70000 is not valid; use a port from 1 to 65535.",
        ),
        (
            sites({"listen": [{"address": "::", "port": 80}, {"address": "::", "port": "80"}]}),
            'nginx_sites: "www" listens on :: port 80 2 times; keep one.',
        ),
        (
            sites({"proxy": [{"location": "/api", "upstream": "app"}]}) | {"upstreams": []},
            'nginx_sites: "www" passes /api to the upstream "app", which is not defined; add it to nginx_upstreams.',
        ),
    ],
)
def test_mistake_is_named(variables: dict[str, Any], sentence: str) -> None:
    assert errors(**variables) == [sentence]


def test_one_site_may_repeat_itself() -> None:
    """The same name twice in a site, on two sockets, is no conflict."""
    site = WWW | {"default": True, "listen": [{"port": 80}, {"address": "::", "port": 80}]}
    assert errors([site], UPSTREAMS) == []


def test_every_address_is_of_both_families() -> None:
    """Two sites that meet on the IPv6 addresses alone do so all the same; each pair is named once."""
    first = WWW | {"default": True, "listen": [{"port": 80}]}
    for address in ("::", "0:0::0", "0.0.0.0", "*"):  # noqa: S104
        second = WWW | {"name": "other", "default": True, "listen": [{"address": address, "port": 80}]}
        assert [error for error in errors([first, second], UPSTREAMS) if "are both the default" in error] == [
            f'nginx_sites: "www" and "other" are both the default on {address} port 80; '
            "keep default: true on one of them."
        ]


def test_data_of_another_shape_is_an_error() -> None:
    with pytest.raises(AnsibleFilterError, match=r"nginx_sites\[0\].tls.key is required"):
        errors([WWW | {"tls": {"certificate": "/certificate.pem"}}], UPSTREAMS)
