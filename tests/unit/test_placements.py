"""Any host in any groups: what the wiring makes of the placements that people have, rendered by Ansible."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import stack_variables

ROOT = Path(__file__).resolve().parents[2]
TIERS = ("databases", "appservers", "webservers", "loadbalancers")

# By placement, what stands in which group. The first database is the primary.
PLACEMENTS: dict[str, dict[str, list[str]]] = {
    "one host": {tier: ["one"] for tier in (*TIERS, "backups")},
    "one host without a store": {tier: ["one"] for tier in TIERS},
    "everything on each of two": {tier: ["one", "two"] for tier in TIERS} | {"backups": ["one"]},
    "a database apart": {tier: ["front"] for tier in TIERS[1:]} | {"databases": ["db"], "backups": ["db"]},
    "load balancer and web server together": {
        "loadbalancers": ["edge"],
        "webservers": ["edge", "web"],
        "appservers": ["web", "app"],
        "databases": ["db1", "db2"],
    },
    "database and application together": {
        "loadbalancers": ["lb"],
        "webservers": ["lb"],
        "appservers": ["back1", "back2"],
        "databases": ["back1", "back2"],
        "backups": ["store"],
    },
    "a web tier apart": {
        "loadbalancers": ["lb1", "lb2"],
        "webservers": ["web1", "web2"],
        "appservers": ["app1", "app2"],
        "databases": ["db1", "db2"],
        "backups": ["lb1"],
    },
}

ASKED = {
    "conflicts": "__webstack_port_conflicts",
    "backends": "haproxy_backends",
    "rules": "firewall_rules",
    "sites": "nginx_sites",
    "certificates": "certificates_list",
    "trusted": "nginx_trusted_proxies",
    "upstreams": "nginx_upstreams",
    "roles": "__webstack_own_roles",
}


def written(placement: dict[str, list[str]], folder: Path, **variables: Any) -> Path:
    """An inventory file of the placement, each host at an address of its own."""
    hosts = list(dict.fromkeys(host for members in placement.values() for host in members))
    inventory = {
        "all": {
            "vars": variables,
            "hosts": {
                host: {"ansible_host": f"192.0.2.{number}", "ansible_connection": "local"}
                | ({"mysql_role": "primary" if host == placement["databases"][0] else "replica"})
                for number, host in enumerate(hosts, 1)
            },
            "children": {group: {"hosts": dict.fromkeys(members)} for group, members in placement.items()},
        }
    }
    path = folder / "hosts.yml"
    path.write_text(json.dumps(inventory))
    return path


def rendered(inventory: Path) -> dict[str, dict[str, Any]]:
    """What the wiring says on each host."""
    return stack_variables.rendered(stack_variables.all_of(ASKED), inventory)


@pytest.fixture(params=PLACEMENTS, ids=[name.replace(" ", "_") for name in PLACEMENTS])
def placement(request: pytest.FixtureRequest) -> dict[str, list[str]]:
    return PLACEMENTS[request.param]


def test_ports_certificates_and_firewall_follow_from_who_is_on_a_host(
    placement: dict[str, list[str]], tmp_path: Path
) -> None:
    """Catches a port that one tier takes for granted and another one has changed."""
    inventory = written(placement, tmp_path)
    found = rendered(inventory)
    address = {host: variables["ansible_host"] for host, variables in hosts_in(inventory).items()}
    listens = {host: found[host]["sites"][0]["listen"][0]["port"] for host in placement["webservers"]}
    for host, made in found.items():
        assert made["conflicts"] == []
        names = [entry["name"] for entry in made["certificates"]]
        assert len(names) == len(set(names))
        expected = {"databases": {"mysql", "mysql-endpoint"}, "appservers": {"application"}}
        expected |= {"webservers": {"nginx"}, "loadbalancers": {"www"}}
        if len(placement["loadbalancers"]) > 1:
            expected["loadbalancers"].add("haproxy-peers")
        assert set(names) == {name for tier, of in expected.items() if host in placement[tier] for name in of}
        backends = [entry["name"] for entry in made["backends"]]
        assert len(backends) == len(set(backends))
        assert made["roles"].count("haproxy") <= 1
    for host in placement["loadbalancers"]:
        www = next(backend for backend in found[host]["backends"] if backend["name"] == "www")
        assert {server["name"]: server["port"] for server in www["servers"]} == listens
        # What it asks, its firewall lets out and theirs lets in; nothing is let in for what stays on the host.
        for web, port in listens.items():
            for rules, direction, other in ((found[host], "out", web), (found[web], "in", host)):
                passes = any(
                    rule["name"] == "web"
                    and rule["direction"] == direction
                    and port in rule["ports"]
                    and address[other] in rule["addresses"]
                    for rule in rules["rules"]
                )
                assert passes is (web != host)
    for host in placement["webservers"]:
        assert found[host]["trusted"] == [address[balancer] for balancer in placement["loadbalancers"]]
        first = found[host]["upstreams"][0]["servers"][0]
        assert first["backup"] is False
        assert first["name"] == (host if host in placement["appservers"] else placement["appservers"][0])


def hosts_in(inventory: Path) -> dict[str, dict[str, Any]]:
    return json.loads(inventory.read_text())["all"]["hosts"]


@pytest.mark.parametrize("name", ["one host", "everything on each of two"])
def test_the_preflight_lets_it_pass(name: str, tmp_path: Path) -> None:
    """Every check before a host is reached: red with a role's variable that its specification or its rules refuse."""
    inventory = written(PLACEMENTS[name], tmp_path, ansible_python_interpreter=sys.executable)
    command = [sys.executable, "-m", "ansible", "playbook", "playbooks/preflight.yml", "-i", str(inventory)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "PLAY [Check that every host can be reached]" in done.stdout, done.stdout + done.stderr
