"""Behind a balancer of the provider's: PROXY protocol and health, through the wiring and HAProxy itself."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from stack_variables import rendered
from throwaway_ca import Authority

HA = Path(__file__).resolve().parents[2] / "inventories/ha"
NAMES = ("haproxy_frontends", "haproxy_listens", "haproxy_backends", "haproxy_maps", "haproxy_peers")
TLS = "/etc/webstack/tls"
GIVEN = {
    "webstack_virtual_addresses": [],
    # As at most providers, the balancer's addresses are of the load balancers' own network.
    "webstack_trusted_proxies": ["198.18.2.0/24"],
    "webstack_proxy_protocol": True,
    "webstack_lb_health": {"port": 8090, "sources": ["198.18.2.0/24"]},
}
Render = Callable[[str, str, Mapping[str, Any]], str]


@pytest.fixture(scope="module")
def lb1() -> dict[str, Any]:
    """The variables of the first load balancer."""
    wanted = (*NAMES, "firewall_rules")
    template = "{{ dict(" + str(list(wanted)) + " | zip([" + ", ".join(wanted) + "])) | to_json }}"
    said = rendered(template, HA, **GIVEN)["lb1"]
    return json.loads(said) if isinstance(said, str) else said


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    pem = Authority(tmp_path_factory.mktemp("authority") / "ca").issue("www.foobar.com", ["DNS:www.foobar.com"])
    combined = "".join(pem)
    return {f"{TLS}/www/combined.pem": combined, f"{TLS}/haproxy-peers/combined.pem": combined, f"{TLS}/ca.pem": pem[0]}


@pytest.fixture
def configuration(lb1: dict[str, Any], render_template: Render) -> str:
    return render_template("haproxy", "haproxy.cfg.j2", {name: lb1[name] for name in NAMES})


def section(configuration: str, head: str) -> list[str]:
    lines = configuration.splitlines()
    start = lines.index(head) + 1
    return [line.strip() for line in lines[start : lines.index("", start)]]


def test_haproxy_takes_it(configuration: str, certificates: dict[str, str], parser: Any) -> None:
    result = parser(["haproxy", "-c", "-dW", "-f", "/haproxy.cfg"], {"/haproxy.cfg": configuration, **certificates})
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_header_is_required_of_the_balancer_and_refused_from_others(configuration: str) -> None:
    www = section(configuration, "frontend www")
    assert "acl from_trusted_proxy src 198.18.2.0/24" in www
    assert "tcp-request connection expect-proxy layer4 if from_trusted_proxy" in www


def test_a_load_balancer_in_that_network_sends_it_too(configuration: str) -> None:
    """What an ACME server asks of the wrong one is passed on. Red where the other would wait for the header."""
    [relay] = [line for line in section(configuration, "backend acme") if line.startswith("server lb2 ")]
    assert relay.endswith("send-proxy-v2")
    [own] = [line for line in section(configuration, "backend acme-here") if line.startswith("server lego ")]
    assert "send-proxy" not in own


def test_the_health_is_asked_without_the_header_and_by_the_balancer_alone(
    lb1: dict[str, Any], configuration: str
) -> None:
    health = section(configuration, "frontend health")
    assert not [line for line in health if "proxy" in line]
    [rule] = [rule for rule in lb1["firewall_rules"] if rule["name"] == "frontend health"]
    assert (rule["ports"], rule["addresses"]) == (["8090"], ["198.18.2.0/24"])


ASK = """
import sys, time, urllib.error, urllib.request
def ask(path):
    try:
        return urllib.request.urlopen("http://127.0.0.1:8090" + path, timeout=10).status
    except urllib.error.HTTPError as error:
        return error.code
until = time.monotonic() + 120
while ask("/health") != int(sys.argv[1]) and time.monotonic() < until:
    time.sleep(0.2)
print(ask("/health"), ask("/"))
"""


@pytest.mark.parametrize(("status", "change"), [(503, {}), (200, {"check": False})])
def test_it_says_whether_there_is_a_web_server(
    lb1: dict[str, Any], render_template: Render, certificates: Any, parser: Any, status: int, change: dict[str, bool]
) -> None:
    """None answers here. A server that is not checked is taken for one that does."""
    variables = {name: lb1[name] for name in NAMES}
    # The container has not the address at which peers and the monitoring are heard.
    variables["haproxy_peers"] = {}
    variables["haproxy_frontends"] = [one for one in variables["haproxy_frontends"] if one["name"] != "metrics"]
    variables["haproxy_backends"] = [
        backend | {"servers": [server | change for server in backend["servers"]]}
        for backend in variables["haproxy_backends"]
    ]
    files = {"/haproxy.cfg": render_template("haproxy", "haproxy.cfg.j2", variables), "/ask.py": ASK} | certificates
    script = f"mkdir -p /run/haproxy /run/haproxy-handover && haproxy -D -f /haproxy.cfg && python3 /ask.py {status}"
    result = parser(["/bin/sh", "-c", script], files)
    assert result.stdout.split() == [str(status), "404"], result.stdout + result.stderr
