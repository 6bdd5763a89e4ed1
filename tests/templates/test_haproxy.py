"""The configuration of the role haproxy, rendered and read by HAProxy itself; its checks of the data; its helper."""

import importlib.util
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

Parser = Callable[[list[str], Mapping[str, str]], subprocess.CompletedProcess[str]]
Render = Callable[[str, str, Mapping[str, Any]], str]

ROLE = Path(__file__).resolve().parents[2] / "roles/haproxy"

WEB1 = {"name": "web1", "address": "198.18.0.21", "port": 80}
WEB2 = {"name": "web2", "address": "2001:db8::22", "port": 80}
DOWNSTREAM = {"name": "web", "bind": [{"port": 80}], "default_backend": "web"}
WEB = {"name": "web", "servers": [WEB1, WEB2]}

SCENARIOS: dict[str, dict[str, Any]] = {
    "nothing but statistics": {},
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
    "many of everything": {
        "haproxy_maxconn": 1000,
        "haproxy_threads": 2,
        "haproxy_global_extra": ["tune.bufsize 32768"],
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
def problems(render_template: Render) -> Callable[..., list[str]]:
    def find(**variables: Any) -> list[str]:
        return (render_template("haproxy", "problems.j2", variables) or "").split("\n")

    return lambda **variables: [line for line in find(**variables) if line]


@pytest.fixture(scope="module")
def handover() -> ModuleType:
    spec = importlib.util.spec_from_file_location("haproxy_handover", ROLE / "files/haproxy_handover.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def section(configuration: str, head: str) -> list[str]:
    """The lines of one section, in order."""
    found = re.search(rf"^{head}\n((?:[ \t].*\n)+)", configuration, re.MULTILINE)
    assert found, configuration
    return [line.strip() for line in found[1].splitlines()]


@pytest.mark.parametrize("name", SCENARIOS)
def test_haproxy_reads_it_without_a_warning(configuration: Callable[..., str], parser: Parser, name: str) -> None:
    """Catches whatever HAProxy does not know, ignores, or takes in another order than it is written."""
    rendered = configuration(**SCENARIOS[name])
    result = parser(["haproxy", "-c", "-dW", "-f", "/haproxy.cfg"], {"/haproxy.cfg": rendered})
    assert result.returncode == 0, result.stdout + result.stderr + rendered


@pytest.mark.parametrize("name", SCENARIOS)
def test_good_data_is_not_refused(problems: Callable[..., list[str]], name: str) -> None:
    assert problems(**SCENARIOS[name]) == []


def test_rendered_file_is_tidy(configuration: Callable[..., str]) -> None:
    """It starts with the header, and has neither runs of empty lines nor trailing blanks."""
    for variables in SCENARIOS.values():
        rendered = configuration(**variables)
        assert rendered.startswith("#\n# Ansible managed\n#\n")
        assert "\n\n\n" not in rendered
        assert [line for line in rendered.splitlines() if line != line.rstrip()] == []


def test_site(configuration: Callable[..., str]) -> None:
    rendered = configuration(**SCENARIOS["one site"])
    assert section(rendered, "frontend web") == [
        "mode http",
        "option httplog",
        "option idle-close-on-response",
        "bind *:80",
        "bind [::]:80 v6only",
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


def test_options_of_a_backend_win_over_those_of_all(configuration: Callable[..., str]) -> None:
    lines = section(configuration(**SCENARIOS["many of everything"]), "backend api")
    assert {"retries 1", "no option redispatch", "retry-on none", "hash-type consistent"} <= set(lines)
    assert "server local /run/api.sock check weight 100" in lines


def test_tcp_has_nothing_of_http(configuration: Callable[..., str]) -> None:
    rendered = configuration(**SCENARIOS["many of everything"])
    assert [line for line in section(rendered, "listen cache") if "http" in line or "forwardfor" in line] == []
    assert section(rendered, "backend database")[:2] == ["mode tcp", "option mysql-check"]


def test_nothing_is_repeated_when_no_method_may_be(configuration: Callable[..., str]) -> None:
    rendered = configuration(**SCENARIOS["one site"], haproxy_retry_methods=[])
    assert "http-request disable-l7-retry" in section(rendered, "backend web")


def test_statistics_stay_on_loopback_unless_told(configuration: Callable[..., str]) -> None:
    assert "bind 127.0.0.1:8404" in section(configuration(), "frontend stats")
    lines = section(configuration(**SCENARIOS["statistics for others"]), "frontend stats")
    assert lines.index("bind [::]:9000") < lines.index("http-request deny unless { src 192.0.2.0/24 2001:db8::/32 }")
    assert "frontend stats" not in configuration(haproxy_stats={})


def test_every_configuration_has_a_name_of_its_own(configuration: Callable[..., str]) -> None:
    """Equal data, equal name; any other data, another name. By it a reload that is due is found."""
    names = [re.search("description (.*)", configuration(**data))[1] for data in (*SCENARIOS.values(), {})]  # type: ignore[index]
    assert len(set(names)) == len(SCENARIOS)
    assert names[0] == names[-1]


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        (
            {"haproxy_frontends": [DOWNSTREAM, DOWNSTREAM | {"bind": [{"port": 81}]}]},
            'haproxy_frontends, haproxy_listens: 2 of them are named "web"; give each a name of its own.',
        ),
        (
            {"haproxy_listens": [{"name": "web", "bind": [{"port": 81}]}]},
            'haproxy_backends, haproxy_listens: 2 of them are named "web"; give each a name of its own.',
        ),
        (
            {"haproxy_frontends": [{"name": "stats", "bind": [{"port": 81}]}]},
            'haproxy_frontends, haproxy_listens: the name "stats" is taken by the frontend that haproxy_stats makes;'
            " use another.",
        ),
        (
            {"haproxy_frontends": [DOWNSTREAM | {"name": "my web"}]},
            'haproxy: "my web" is not a name for HAProxy; use letters, digits and _ . : - only.',
        ),
        (
            {"haproxy_frontends": [DOWNSTREAM | {"default_backend": "wbe"}]},
            'haproxy_frontends, haproxy_listens: "web" uses the backend "wbe", which is not defined; use one of: web.',
        ),
        (
            {"haproxy_frontends": [DOWNSTREAM | {"use_backends": [{"backend": "api", "condition": "x"}]}]},
            'haproxy_frontends, haproxy_listens: "web" uses the backend "api", which is not defined; use one of: web.',
        ),
        (
            {"haproxy_backends": [], "haproxy_frontends": [DOWNSTREAM]},
            'haproxy_frontends, haproxy_listens: "web" uses the backend "web", which is not defined; use one of: none.',
        ),
        (
            {"haproxy_frontends": [DOWNSTREAM, {"name": "b", "bind": [{"address": "0.0.0.0", "port": 80}]}]},  # noqa: S104
            'haproxy: "web" and "b" both bind * port 80, and each would get a share of the connections;'
            " change one of them.",
        ),
        (
            {"haproxy_frontends": [{"name": "b", "bind": [{"address": "127.0.0.1", "port": 8404}]}]},
            'haproxy: "b" and "stats" both bind 127.0.0.1 port 8404, and each would get a share of the connections;'
            " change one of them.",
        ),
        (
            {"haproxy_frontends": [{"name": "b", "bind": [{"port": 65536}]}]},
            'haproxy: "b" binds port 65536, which is out of range; use a port from 1 to 65535.',
        ),
        (
            {"haproxy_frontends": [{"name": "b", "bind": [{"address": "::"}]}]},
            'haproxy: "b" binds :: without a port; add one (only a path goes without).',
        ),
        (
            {"haproxy_backends": [{"name": "web", "servers": [WEB1, WEB1]}]},
            'haproxy_backends, haproxy_listens: 2 servers of "web" are named "web1"; give each a name of its own.',
        ),
        (
            {"haproxy_backends": [{"name": "web", "servers": [WEB1 | {"port": 0}]}]},
            'haproxy_backends, haproxy_listens: server "web1" of "web" has port 0, which is out of range;'
            " use a port from 1 to 65535.",
        ),
        (
            {"haproxy_backends": [{"name": "web", "servers": [{"name": "web1", "address": "198.18.0.21"}]}]},
            'haproxy_backends, haproxy_listens: server "web1" of "web" has no port;'
            " add one (only a path goes without).",
        ),
        (
            {"haproxy_backends": [{"name": "web", "servers": [WEB1 | {"weight": 257}]}]},
            'haproxy_backends, haproxy_listens: server "web1" of "web" has weight 257; use one from 0 to 256.',
        ),
        (
            {"haproxy_backends": [{"name": "web", "servers": [WEB1 | {"name": "web 1"}]}]},
            'haproxy_backends, haproxy_listens: server "web 1" of "web" is not a name for HAProxy;'
            " use letters, digits and _ . : - only.",
        ),
    ],
)
def test_bad_data_is_refused(problems: Callable[..., list[str]], variables: dict[str, Any], sentence: str) -> None:
    """Only the mistake is reported, and in a sentence that says what to write instead."""
    assert problems(**({"haproxy_backends": [WEB]} | variables)) == [sentence]


FIELDS = (
    "be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state "
    "bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr "
    "srv_agent_addr srv_agent_port"
)


def line(address: str, port: int, *, name: str = "web1", fqdn: str = "-", up: int = 2) -> str:
    """A drained server as `show servers state` shows it."""
    return f"3 web 1 {name} {address} {up} 8 100 100 12 6 3 4 6 0 0 0 {fqdn} {port} - 0 0 - - 0"


@pytest.mark.parametrize(
    ("server", "state", "kept"),
    [
        ("server web1 198.18.0.21:80 check", line("198.18.0.21", 80), True),
        ("server web1 198.18.0.22:80 check", line("198.18.0.21", 80), False),
        ("server web1 198.18.0.21:81 check", line("198.18.0.21", 80), False),
        ("server web1 ipv4@198.18.0.21:80 check", line("198.18.0.21", 80), True),
        ("server web1 [2001:db8::21]:80 check", line("2001:db8::21", 80), True),
        ("server web1 [2001:DB8:0::21]:80 check", line("2001:db8::21", 80), True),
        ("server web1 2001:db8::22:80 check", line("2001:db8::21", 80), False),
        ("server web1 web1.example:80 check", line("198.18.0.21", 80, fqdn="web1.example"), True),
        ("server web1 web2.example:80 check", line("198.18.0.21", 80, fqdn="web1.example"), False),
        ("server web1 198.18.0.21:80 check", line("198.18.0.21", 80, fqdn="web1.example"), True),
        ("server web1 web1.example:80 check", line("198.18.0.21", 80), False),
        ("server web1 /run/web.sock check", line("-", 0), True),
        ('server web1 "${ADDRESS}:80" check', line("198.18.0.21", 80), True),
        ("server web1 198.18.0.22:80 check # was .21", line("198.18.0.21", 80), False),
        ("server-template web 2 198.18.0.21:80 check", line("198.18.0.21", 80), True),
        ("server web2 198.18.0.21:80 check", line("198.18.0.21", 80), True),
    ],
)
def test_state_goes_to_the_same_server_only(handover: ModuleType, server: str, state: str, kept: bool) -> None:
    """What is kept though its server is gone (the last one) is ignored by HAProxy, which looks for the name."""
    result = handover.handed_over(f"1\n# {FIELDS}\n{state}\n\n", f"backend web\n    {server}\n")
    assert result == f"1\n# {FIELDS}\n" + (f"{state}\n" if kept else "")


@pytest.mark.parametrize(
    ("configuration", "op_state"),
    [
        ("backend web\n    server web1 198.18.0.21:80 check\n", "0"),
        ("backend web\n    server web1 198.18.0.21:80\n", "2"),
        ("backend web\n    server web1 198.18.0.21:80 agent-check agent-port 1\n", "0"),
        ("backend web\n    default-server check\n    server web1 198.18.0.21:80\n", "0"),
        ("backend web\n    default-server check\n    server web1 198.18.0.21:80 no-check\n", "2"),
        ("defaults\n    default-server check\nlisten web\n    server web1 198.18.0.21:80\n", "0"),
        (
            "defaults\n    default-server check\ndefaults\n    mode tcp\nlisten web\n    server web1 198.18.0.21:80\n",
            "2",
        ),
        ("backend api\n    default-server check\nbackend web\n    server web1 198.18.0.21:80\n", "2"),
    ],
)
def test_server_that_nobody_checks_is_not_handed_over_as_down(
    handover: ModuleType, configuration: str, op_state: str
) -> None:
    """It would be down for ever; its drain stays."""
    result = handover.handed_over(f"1\n# {FIELDS}\n{line('198.18.0.21', 80, up=0)}\n", configuration)
    entry = dict(zip(FIELDS.split(), result.splitlines()[2].split(), strict=True))
    assert (entry["srv_op_state"], entry["srv_admin_state"]) == (op_state, "8")


@pytest.mark.parametrize("state", ["", "\n", "2\n# be_id\n", "Unknown command: 'show'\n", "1\n# other fields\n"])
def test_state_that_is_not_understood_is_not_handed_over(handover: ModuleType, state: str) -> None:
    with pytest.raises(handover.HandoverError, match="unknown format"):
        handover.handed_over(state, "backend web\n")


def test_name_of_a_configuration_is_found_in_file_and_process(
    handover: ModuleType, configuration: Callable[..., str]
) -> None:
    rendered = configuration()
    name = handover.name_in(rendered)
    assert name
    assert handover.name_in(f"Name: HAProxy\nnode: lb1\ndescription: {name}\nStopping: 0\n") == name
