"""What Prometheus asks: targets by flow, the same as the firewall opens, and the sentence for each bad flow."""

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.probe_jobs import probe_jobs
from ansible_collections.foobar.webstack.plugins.filter.scrape_jobs import scrape_jobs
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.flows import host_rules
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.scrape import jobs
from hypothesis import given
from hypothesis import strategies as st

HOSTVARS: dict[str, dict[str, Any]] = {
    "lb1": {"ansible_host": "198.18.0.11"},
    "web1": {"ansible_host": "198.18.0.21"},
    "web2": {"ansible_host": "203.0.113.22", "webstack_address": "2001:DB8:0::22"},
    "db1": {"ansible_host": "198.18.0.31"},
    "mon1": {"ansible_host": "198.18.0.41"},
    "mon2": {"ansible_host": "198.18.0.42"},
    "broken": {"ansible_host": "broken.example.com"},
}
GROUPS = {
    "loadbalancers": ["lb1"],
    "webservers": ["web1", "web2"],
    "databases": ["db1", "web1"],
    "monitoring": ["mon1", "mon2"],
    "broken": ["broken"],
}
EVERYBODY = ["databases", "webservers", "loadbalancers", "monitoring"]
FLOWS = [
    {"name": "metrics-node", "to": EVERYBODY, "from": "monitoring", "ports": [9100]},
    {"name": "metrics-nginx", "to": "webservers", "from": "monitoring", "ports": {"web1": 9113, "web2": "9114"}},
]


def made(flows: Any = FLOWS, groups: Any = GROUPS, hostvars: Any = HOSTVARS, **options: Any) -> list[dict[str, Any]]:
    return scrape_jobs(flows, groups, hostvars, prefix="metrics-", **options)


def test_a_host_is_a_target_once_by_its_inventory_name() -> None:
    [node, nginx] = made()
    assert node["name"] == "node"
    assert [target["labels"]["instance"] for target in node["targets"]] == [
        "db1",
        "web1",
        "web2",
        "lb1",
        "mon1",
        "mon2",
    ]
    assert nginx == {
        "name": "nginx",
        "targets": [
            {"address": "198.18.0.21:9113", "labels": {"instance": "web1"}},
            {"address": "[2001:db8::22]:9114", "labels": {"instance": "web2"}},
        ],
    }


def test_a_host_that_was_removed_is_no_target() -> None:
    """Catches a target that is taken for down for ever."""
    without = {**GROUPS, "webservers": ["web2"], "databases": ["db1"]}
    assert "web1" not in str(made(groups=without))


def test_without_monitoring_hosts_nobody_is_asked() -> None:
    assert made(groups={**GROUPS, "monitoring": []}, optional=["monitoring"]) == []


def test_a_group_that_is_empty_makes_no_job() -> None:
    names = [job["name"] for job in made(groups={**GROUPS, "webservers": []})]
    assert names == ["node"]


@pytest.mark.parametrize(
    ("flows", "said"),
    [
        ([{**FLOWS[0], "ports": [1, 2]}], "flow metrics-node: db1 has 2 ports; write one, at which the host is"),
        ([{**FLOWS[0], "name": "metrics-"}], "flow metrics-: it has no name behind metrics-; write metrics-<job>"),
        ([{**FLOWS[0], "to": "nobody"}], "flow metrics-node: to has 'nobody', which is not a group"),
        ([{**FLOWS[0], "to": "broken"}], "broken: ansible_host is 'broken.example.com', not an IP address"),
    ],
)
def test_what_cannot_be_is_refused(flows: Any, said: str) -> None:
    with pytest.raises(AnsibleFilterError) as refused:
        made(flows)
    assert said in str(refused.value)


FRONT = {"lb1": {"webstack_dns_addresses": ["198.18.0.11", "fd00::11"]}, "lb2": {"ansible_host": "198.18.0.12"}}


def test_the_site_is_asked_over_both_families_by_its_name() -> None:
    [site, dns] = probe_jobs(["lb1", "lb2"], FRONT, servers=["lb1"], uri="/healthz", hostname="www.foobar.com")
    assert site["probe"] == {"module": "site", "hostname": "www.foobar.com"}
    assert [target["address"] for target in site["targets"]] == [
        "https://198.18.0.11/healthz",
        "https://[fd00::11]/healthz",
        "https://198.18.0.12/healthz",
    ]
    assert dns["targets"] == [
        {"address": "198.18.0.11:53", "labels": {"instance": "lb1"}},
        {"address": "[fd00::11]:53", "labels": {"instance": "lb1"}},
    ]


def test_virtual_addresses_are_asked_in_place_of_the_hosts() -> None:
    [site] = probe_jobs(["lb1"], FRONT, addresses=["198.18.0.10"], own_ca=True)
    assert [target["labels"] for target in site["targets"]] == [{"instance": "198.18.0.10"}]
    assert site["probe"]["module"] == "site_own_ca"


@pytest.mark.parametrize(
    ("balancers", "addresses", "said"),
    [
        (["lb3"], [], "the site's addresses: lb3 is not a host of the inventory; correct the name or add the host"),
        ([], ["www"], "the stack: webstack_monitoring_site_addresses is 'www', not an IP address; give bare IPv4 and"),
    ],
)
def test_what_cannot_be_probed_is_refused(balancers: list[str], addresses: list[str], said: str) -> None:
    with pytest.raises(AnsibleFilterError) as refused:
        probe_jobs(balancers, FRONT, addresses=addresses)
    assert said in str(refused.value)


MEMBERS = st.lists(st.sampled_from(["lb1", "web1", "web2", "db1", "mon1", "mon2"]), unique=True)


@given(st.fixed_dictionaries(dict.fromkeys(("loadbalancers", "webservers", "databases", "monitoring"), MEMBERS)))
def test_whatever_is_asked_is_open_to_who_asks(groups: dict[str, list[str]]) -> None:
    """And nothing else is open. Red when targets and firewall are made of different tables."""
    flows = [{**FLOWS[0]}, {**FLOWS[1], "ports": [9113]}]
    optional = list(groups)
    asked = {
        (target.host, asker, target.port)
        for job in jobs(flows, groups, HOSTVARS, optional)
        for target in job.targets
        for asker in groups["monitoring"]
        if asker != target.host
    }
    names = {str(rule): host for host in HOSTVARS for rule in [_address(host)]}
    opened = {
        (host, names[str(at)], port)
        for host in HOSTVARS
        if host != "broken"
        for rule in host_rules(flows, groups, HOSTVARS, host, optional)
        if rule.direction == "in"
        for at in rule.addresses or ()
        for port in rule.ports
    }
    assert asked == opened


def _address(host: str) -> str:
    variables = HOSTVARS[host]
    return str(variables.get("webstack_address", variables["ansible_host"])).lower().replace(":0::", "::")
