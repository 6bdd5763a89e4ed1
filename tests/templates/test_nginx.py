"""The real nginx.conf, rendered offline and read by the real nginx; and what the role says of mistakes in the data."""

import copy
import re

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
    "every option": {
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
                "listen": [{"address": "127.0.0.1", "port": 8080}, {"port": 80}],
                "root": "/srv/www/public files",
                "index": ["index.html", "index.htm"],
                "client_max_body_size": "20m",
                "headers": {"X-Quoted": 'say "hello\\"; #'},
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
        ],
    },
}


@pytest.fixture
def render(render_template):
    return lambda variables: render_template("nginx", "nginx.conf.j2", variables)


@pytest.fixture
def problems(render_template):
    def sentences(variables):
        text = render_template("nginx", "problems.j2", variables) or ""
        return [line for line in text.split("\n") if line]

    return sentences


def block(text, opening):
    """What stands between the braces of the first block that opens with ``opening``."""
    match = re.search(rf"^( *){re.escape(opening)} \{{\n(.*?)^\1\}}", text, re.MULTILINE | re.DOTALL)
    assert match, f"no block {opening}"
    return match.group(2)


@pytest.mark.parametrize("name", SCENARIOS)
def test_nginx_accepts(name, render, problems, parser):
    assert problems(SCENARIOS[name]) == []
    result = parser(["nginx", "-t"], {"/etc/nginx/nginx.conf": render(SCENARIOS[name])})
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
    servers = re.findall(r"server (\S+) .*?( backup)?;", upstream)
    assert servers == [("198.18.0.21:8000", ""), ("198.18.0.22:8000", " backup")]
    assert "keepalive 32;" in upstream


def test_post_is_never_repeated(render):
    for scenario in SCENARIOS.values():
        text = render(scenario)
        assert re.findall(r"proxy_next_upstream (.*);", text) == ["error timeout"]


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
    assert re.findall(r"add_header (\S+)", text) == ["X-Quoted", "X-Kind"]


def test_unknown_names_get_an_answer_of_their_own(render):
    text = render(SCENARIOS["ipv6"])
    assert re.findall(r"listen (.*) default_server;", text) == ["*:80", "[::]:80"]
    assert "return 404;" in text


def test_default_site_takes_unknown_names(render):
    text = render(SCENARIOS["typical"] | {"nginx_sites": [WWW | {"default": True}]})
    assert re.findall(r"listen (.*) default_server;", text) == ["*:80"]
    assert 'server_name "";' not in text


def sites(*changes):
    return {"nginx_upstreams": UPSTREAMS, "nginx_sites": [WWW | change for change in changes]}


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (
            sites({}, {"server_names": ["other.example"]}),
            ['nginx_sites: 2 sites are named "www"; give each a name of its own.'],
        ),
        (
            sites({"default": True}, {"name": "b", "server_names": [], "default": True}),
            ['nginx_sites: sites "www" and "b" are both the default on * port 80; keep default: true on one of them.'],
        ),
        (
            sites({}, {"name": "b", "server_names": ["WWW.foobar.com"]}),
            [
                'nginx_sites: sites "www" and "b" both answer for www.foobar.com on * port 80; '
                "keep the name in one of them."
            ],
        ),
        (
            sites({"server_names": []}),
            [
                'nginx_sites: site "www" has neither server_names nor default: true, so no request could reach it; '
                "add one of them."
            ],
        ),
        (
            sites({"proxy": [{"location": "/api", "upstream": "ap"}]}),
            [
                'nginx_sites: site "www" passes /api to the upstream "ap", which nginx_upstreams does not have; '
                "use one of: app."
            ],
        ),
        (
            sites({"listen": [{"port": 80000}]}),
            ['nginx_sites: site "www": port 80000 is out of range; use a port from 1 to 65535.'],
        ),
        (
            sites({"listen": [{"port": 8081}]}),
            ['nginx_sites: site "www" listens on port 8081, which nginx_status.port has; change one of them.'],
        ),
        (
            sites({"static": [{"location": "/static", "alias": "/srv/static/"}]}),
            [
                'nginx_sites: site "www" maps /static to /srv/static/; end both with a slash (a folder) or neither '
                "(a file), or paths outside of it can be read."
            ],
        ),
        (
            {"nginx_upstreams": UPSTREAMS * 2},
            ['nginx_upstreams: 2 upstreams are named "app"; give each a name of its own.'],
        ),
        (
            {
                "nginx_upstreams": [
                    {"name": "a", "servers": [{"name": "s", "address": "::1", "port": 80, "backup": True}]}
                ]
            },
            ['nginx_upstreams: upstream "a" has no server that is not a backup; add one, or set backup: false on one.'],
        ),
        (
            {"nginx_upstreams": [{"name": "a", "servers": [{"name": "s", "address": "198.18.0.21"}]}]},
            [
                'nginx_upstreams: server 198.18.0.21 of upstream "a" has no port; add one '
                "(only a unix: address goes without)."
            ],
        ),
        (
            {"nginx_upstreams": [{"name": "a", "servers": [{"name": "s", "address": "198.18.0.21", "port": 0}]}]},
            [
                'nginx_upstreams: server 198.18.0.21 of upstream "a": port 0 is out of range; '
                "use a port from 1 to 65535."
            ],
        ),
        (
            {"nginx_status": {"address": "127.0.0.1", "port": 70000}},
            ["nginx_status: port 70000 is out of range; use a port from 1 to 65535."],
        ),
    ],
)
def test_mistake_is_named(problems, variables, expected):
    assert problems(variables) == expected


def test_one_site_may_repeat_itself(problems):
    """The same name twice in a site, on two sockets, is no conflict."""
    site = WWW | {"default": True, "listen": [{"port": 80}, {"address": "::", "port": 80}]}
    assert problems({"nginx_upstreams": UPSTREAMS, "nginx_sites": [site]}) == []
