"""What a picture of the site shows: who is in it, and the sentence for each that cannot be."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.pictured_hosts import pictured_hosts
from stack_variables import all_of, rendered

ROOT = Path(__file__).resolve().parents[2]
WIRING = ROOT / "playbooks/group_vars/all"
HOSTVARS: dict[str, dict[str, Any]] = {
    "web1": {"ansible_host": "203.0.113.21", "webstack_address": "2001:DB8:0::21"},
    "db1": {"ansible_host": "198.18.0.31"},
    "broken": {"ansible_host": "broken.example.com"},
}
GROUPS = {"databases": ["db1", "web1"], "webservers": ["web1"], "dns": [], "broken": ["broken"]}
TIERS: dict[str, Any] = {"webservers": ["nginx"], "databases": ["mysql"], "dns": ["knot"], "backups": []}


def test_a_host_is_in_each_of_its_tiers_in_their_order() -> None:
    """Red for a host that is left out where it is several, and for tiers in the order of the alphabet."""
    web1 = {"name": "web1", "address": "2001:db8::21"}
    assert pictured_hosts(TIERS, GROUPS, HOSTVARS) == [
        {**web1, "tier": "webservers", "units": ["nginx"]},
        {"name": "db1", "address": "198.18.0.31", "tier": "databases", "units": ["mysql"]},
        {**web1, "tier": "databases", "units": ["mysql"]},
    ]


@pytest.mark.parametrize(
    ("tiers", "said"),
    [
        ({"broken": []}, "broken"),
        ({"databases": "mysql"}, "pictured_hosts: databases has 'mysql'; pass a list of units such as"),
        (["databases"], "pictured_hosts: tiers is .*; pass the units of each group by its name"),
    ],
)
def test_what_cannot_be_is_refused(tiers: Any, said: str) -> None:
    with pytest.raises(AnsibleFilterError, match=said):
        pictured_hosts(tiers, GROUPS, HOSTVARS)


def test_every_group_of_the_stack_is_in_the_picture() -> None:
    """Red for a tier that is added and forgotten, and for one that the role's pages do not know."""
    groups = yaml.safe_load((WIRING / "groups.yml").read_text())["__webstack_groups"]
    shown = yaml.safe_load((WIRING / "monitoring.yml").read_text())["__webstack_pictured"]
    specification = yaml.safe_load((ROOT / "roles/monitoring/meta/argument_specs.yml").read_text())
    options = specification["argument_specs"]["main"]["options"]["monitoring_hosts"]["options"]
    assert set(shown) == set(groups) == set(options["tier"]["choices"])


# The wiring: who reaches the pages, at what address, by which name and password.

ASKED = {
    "rules": "firewall_rules | selectattr('name', 'eq', 'frontend monitoring')",
    "listen": "monitoring_prometheus_web_listen_address",
    "url": "monitoring_prometheus_web_external_url",
    "users": "monitoring_prometheus_basic_auth_users",
    "names": "certificates_list | selectattr('name', 'eq', 'prometheus') | sum('subject_alt_names', [])",
    "asks": "monitoring_jobs | selectattr('name', 'eq', 'prometheus') | first",
    "conflicts": "__webstack_port_conflicts",
}


def wired(**variables: Any) -> dict[str, Any]:
    secrets = {"webstack_secrets": {"monitoring_page": "correct horse battery"}}
    return rendered(all_of(ASKED), ROOT / "inventories/lab", ansible_connection="local", **secrets, **variables)


def test_whoever_may_come_in_by_ssh_reaches_the_pages_and_only_there() -> None:
    """Red where another host opens the port, and where Prometheus could not ask itself."""
    found = wired(firewall_ssh_sources=["192.0.2.0/24"])
    assert [host for host, said in found.items() if said["rules"]] == ["web2"]
    web2 = found["web2"]
    [rule] = web2["rules"]
    assert (rule["direction"], [str(port) for port in rule["ports"]]) == ("in", ["9090"])
    assert rule["addresses"] == ["192.0.2.0/24"]
    assert (web2["listen"], web2["url"]) == (":9090", "https://198.18.0.22:9090/")
    assert web2["users"] == {"webstack": "correct horse battery"}
    assert {"DNS:web2", "IP:198.18.0.22", "DNS:localhost", "IP:127.0.0.1"} <= set(web2["names"])
    assert web2["asks"]["scheme"] == "https"
    assert web2["asks"]["targets"][0]["address"] == "127.0.0.1:9090"
    assert web2["asks"]["basic_auth"]["username"] in web2["users"]
    assert web2["asks"]["basic_auth"]["password_file"] == "/etc/prometheus/webstack/secrets/page"
    assert not any(said["conflicts"] for said in found.values())


def test_the_inventory_says_who_reaches_the_pages() -> None:
    """Somebody else than who comes in by SSH, or nobody; and a port that something else has is refused."""
    found = wired(webstack_monitoring_sources=["2001:db8::/32"], webstack_monitoring_port=8404)["web2"]
    assert [rule["addresses"] for rule in found["rules"]] == [["2001:db8::/32"]]
    assert found["asks"]["targets"][0]["address"] == "127.0.0.1:8404"
    assert any("webstack_monitoring_port" in conflict for conflict in found["conflicts"])
    assert wired(webstack_monitoring_sources=[])["web2"]["rules"] == []
