"""Who may speak to whom: the rules of one host, the sentence for each bad flow, and what holds for every inventory."""

import copy
import json
from ipaddress import ip_address
from time import perf_counter
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter import firewall_rules as plugin
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.flows import host_rules
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import TopologyError
from hypothesis import given
from hypothesis import strategies as st

HOSTVARS: dict[str, dict[str, Any]] = {
    "lb1": {"ansible_host": "198.18.0.11"},
    "web1": {"ansible_host": "198.18.0.21"},
    "web2": {"ansible_host": "203.0.113.22", "webstack_address": "2001:DB8:0::22"},
    "db1": {"ansible_host": "198.18.0.31"},
    "db2": {"ansible_host": "198.18.0.32"},
    "broken": {"ansible_host": "broken.example.com"},
}
GROUPS = {
    "all": list(HOSTVARS),
    "loadbalancers": ["lb1"],
    "webservers": ["web1", "web2"],
    "appservers": ["web1", "web2"],
    "databases": ["db1", "db2"],
    "spare": [],
    "broken": ["broken"],
    "stale": ["gone"],
}
ANYBODY = ["0.0.0.0/0", "::/0"]
FLOWS = [
    {"name": "www", "to": "loadbalancers", "from": "any", "ports": [80, 443]},
    {"name": "http3", "to": "loadbalancers", "from": "any", "ports": [443], "protocol": "udp"},
    {"name": "web", "to": "webservers", "from": "loadbalancers", "ports": [443]},
    {"name": "application", "to": "appservers", "from": "webservers", "ports": [8000]},
    {"name": "mysql", "to": "databases", "from": ["appservers", "databases"], "ports": [3306]},
    {"name": "vrrp", "to": "loadbalancers", "from": "loadbalancers", "protocol": "vrrp"},
]


def rules(
    host: str, flows: Any = None, groups: Any = None, hostvars: Any = None, optional: Any = ()
) -> list[tuple[Any, ...]]:
    made = host_rules(
        FLOWS if flows is None else flows,
        GROUPS if groups is None else groups,
        HOSTVARS if hostvars is None else hostvars,
        host,
        optional,
    )
    return [tuple(rule.as_data().values()) for rule in made]


def test_load_balancer() -> None:
    """Anybody is both families; VRRP to itself alone is no rule."""
    assert rules("lb1") == [
        ("www", "in", "tcp", [80, 443], ANYBODY),
        ("http3", "in", "udp", [443], ANYBODY),
        ("web", "out", "tcp", [443], ["198.18.0.21", "2001:db8::22"]),
    ]


def test_host_in_several_groups() -> None:
    """web1 is web and application server: let in by both, and its own address stands in neither."""
    assert rules("web1") == [
        ("web", "in", "tcp", [443], ["198.18.0.11"]),
        ("application", "in", "tcp", [8000], ["2001:db8::22"]),
        ("www", "out", "tcp", [80, 443], ["198.18.0.11"]),
        ("http3", "out", "udp", [443], ["198.18.0.11"]),
        ("application", "out", "tcp", [8000], ["2001:db8::22"]),
        ("mysql", "out", "tcp", [3306], ["198.18.0.31", "198.18.0.32"]),
    ]


def test_sources_of_several_groups_stand_once_in_their_order() -> None:
    assert rules("db2")[0] == ("mysql", "in", "tcp", [3306], ["198.18.0.21", "2001:db8::22", "198.18.0.31"])
    mixed = [{"name": "x", "to": "databases", "from": ["databases", "webservers", "appservers"], "ports": [1]}]
    assert rules("db1", mixed)[0][-1] == ["198.18.0.32", "198.18.0.21", "2001:db8::22"]


def test_two_load_balancers_speak_vrrp() -> None:
    groups = GROUPS | {"loadbalancers": ["lb1", "db1"]}
    assert ("vrrp", "in", "vrrp", [], ["198.18.0.31"]) in rules("lb1", groups=groups)


def test_removed_host_is_in_no_rule() -> None:
    """Catches a rule that outlives the host that it was for."""
    groups = {name: [host for host in hosts if host != "web2"] for name, hosts in GROUPS.items()}
    hostvars = {name: variables for name, variables in HOSTVARS.items() if name != "web2"}
    for host in ("lb1", "web1", "db1", "db2"):
        assert "2001:db8::22" in json.dumps(rules(host))
        assert "2001:db8::22" not in json.dumps(rules(host, groups=groups, hostvars=hostvars))


def test_group_without_hosts_opens_nothing() -> None:
    assert rules("db1", [{"name": "x", "to": "databases", "from": "spare", "ports": [1]}]) == []
    assert rules("db1", [{"name": "x", "to": "spare", "from": "databases", "ports": [1]}]) == []


BACKUP = {"name": "backup", "to": "backups", "from": "databases", "ports": [22]}


@pytest.mark.parametrize("groups", [GROUPS, GROUPS | {"backups": []}], ids=["absent", "empty"])
def test_optional_group_without_hosts_drops_its_flows(groups: Any) -> None:
    """On every host, also on one that would have a part in the flow; the other flows stay as they are."""
    for host in ("lb1", "web1", "db1"):
        assert rules(host, [BACKUP, *FLOWS], groups, optional=["backups"]) == rules(host, groups=groups)
    to_us = {"name": "scrape", "to": "databases", "from": ["backups", "monitoring"], "ports": [9100]}
    assert rules("db1", [to_us], groups, optional=["backups", "monitoring"]) == []


def test_optional_group_without_hosts_leaves_the_others_of_a_flow() -> None:
    flow = {"name": "mysql", "to": "databases", "from": ["monitoring", "appservers"], "ports": [3306]}
    assert rules("db1", [flow], optional=["monitoring"]) == rules("db1", [flow | {"from": ["appservers"]}])


def test_optional_group_with_hosts_counts() -> None:
    """Catches an optional group that is always dropped: its hosts would be closed."""
    groups = GROUPS | {"backups": ["lb1"]}
    assert rules("lb1", [BACKUP], groups, optional=["backups"])[0][-1] == ["198.18.0.31", "198.18.0.32"]
    assert plugin.firewall_rules([BACKUP], groups, HOSTVARS, "lb1", ["backups"])[0]["ports"] == [22]


def test_flow_of_an_absent_optional_group_is_checked_all_the_same() -> None:
    """Otherwise a mistake would show only with the first host of the group."""
    with pytest.raises(TopologyError, match="flow backup: ports is 0"):
        rules("db1", [BACKUP | {"ports": [0]}], optional=["backups"])
    with pytest.raises(TopologyError, match="two flows have this name"):
        rules("db1", [BACKUP, BACKUP], optional=["backups"])


def test_values_of_an_ini_inventory() -> None:
    assert rules("lb1", [{"name": "x", "to": "loadbalancers", "from": "any", "ports": ["80", 80]}])[0][3] == [80]


def test_addresses_that_no_rule_needs_are_not_read() -> None:
    """A host that is set up by half breaks only the rules that need it."""
    assert rules("lb1", [*FLOWS, {"name": "x", "to": "databases", "from": "broken", "ports": [1]}]) == rules("lb1")


WEB = {"name": "web", "to": "webservers", "from": "any", "ports": [443]}
GROUP_OR_GROUPS = "a group or a list of groups"


@pytest.mark.parametrize(
    ("flows", "message"),
    [
        ("web", "firewall: flows is 'web'; pass a list of flows, each with name, to, from, ports"),
        ({"name": "x"}, "firewall: flows is {'name': 'x'}; pass a list of flows, each with name, to, from, ports"),
        (["web"], "flow 1: it is 'web'; write a mapping with name, to, from and ports"),
        (
            [WEB, WEB | {"name": None}],
            "flow 2: name is null; write at most 64 letters, digits, spaces, '_', '-' and '.'",
        ),
        (
            [WEB | {"name": 'a" accept comment "b'}],
            "flow 1: name is 'a\" accept comment \"b'; write at most 64 letters, digits, spaces, '_', '-' and '.'",
        ),
        ([WEB, WEB], "flow web: two flows have this name; give each a name of its own"),
        (
            [WEB | {"port": 80}],
            "flow web: 'port' is not an option of a flow; use name, to, from, ports and protocol",
        ),
        ([WEB | {"protocol": "sctp"}], "flow web: protocol is 'sctp'; write one of tcp, udp and vrrp"),
        ([WEB | {"ports": 443}], "flow web: ports is 443; write a list of ports such as [443]"),
        ([WEB | {"ports": "443"}], "flow web: ports is '443'; write a list of ports such as [443]"),
        (
            [WEB | {"ports": []}],
            "flow web: ports is empty; write the ports to open such as [443], or remove the flow",
        ),
        ([WEB | {"ports": [0]}], "flow web: ports is 0; write a whole number from 1 to 65535"),
        ([WEB | {"ports": [80, 65536]}], "flow web: ports is 65536; write a whole number from 1 to 65535"),
        ([WEB | {"ports": ["https"]}], "flow web: ports is 'https'; write a whole number from 1 to 65535"),
        ([WEB | {"ports": [True]}], "flow web: ports is True; write a whole number from 1 to 65535"),
        (
            [WEB | {"protocol": "vrrp"}],
            "flow web: ports is [443] and protocol is vrrp, which has none; leave ports out",
        ),
        (
            [WEB | {"to": "webserver"}],
            f"flow web: to has 'webserver', which is not a group of the inventory; write {GROUP_OR_GROUPS}",
        ),
        (
            [WEB | {"to": "any"}],
            f"flow web: to has 'any', which is not a group of the inventory; write {GROUP_OR_GROUPS}",
        ),
        (
            [WEB | {"to": "backups"}],
            f"flow web: to has 'backups', which is not a group of the inventory; write {GROUP_OR_GROUPS}",
        ),
        ([WEB | {"to": []}], f"flow web: to is []; write {GROUP_OR_GROUPS}"),
        ([{"name": "web", "from": "any", "ports": [1]}], f"flow web: to is null; write {GROUP_OR_GROUPS}"),
        ([{"name": "web", "to": "webservers", "ports": [1]}], f"flow web: from is null; write any, {GROUP_OR_GROUPS}"),
        (
            [WEB | {"from": ["any", "webservers"]}],
            f"flow web: from has 'any', which is not a group of the inventory; write any, {GROUP_OR_GROUPS}",
        ),
        (
            [WEB | {"from": [["webservers"]]}],
            f"flow web: from has ['webservers'], which is not a group of the inventory; write any, {GROUP_OR_GROUPS}",
        ),
        (
            [WEB | {"from": "broken"}],
            "broken: ansible_host is 'broken.example.com', not an IP address; "
            "set webstack_address to the bare IPv4 or IPv6 address at which the other hosts reach it",
        ),
        (
            [WEB | {"from": "stale"}],
            "flow web: gone is not a host of the inventory; correct the name or add the host",
        ),
    ],
)
def test_bad_flow(flows: Any, message: str) -> None:
    with pytest.raises(TopologyError) as error:
        rules("web1", flows)
    assert str(error.value) == message
    with pytest.raises(AnsibleFilterError) as raised:
        plugin.firewall_rules(flows, GROUPS, HOSTVARS, "web1")
    assert raised.value.message == message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"groups": ["web"]}, "groups is ['web']; pass Ansible's groups"),
        ({"hostvars": ["web"]}, "hostvars is ['web']; pass Ansible's hostvars"),
        ({"optional": "backups"}, "firewall: optional is 'backups'; pass a list of group names"),
        ({"host": "web9"}, "firewall: 'web9' is not a host of the inventory; pass inventory_hostname"),
        ({"host": ["web1"]}, "firewall: ['web1'] is not a host of the inventory; pass inventory_hostname"),
    ],
)
def test_bad_call(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(TopologyError) as error:
        host_rules(**{"flows": FLOWS, "groups": GROUPS, "hostvars": HOSTVARS, "host": "web1"} | arguments)
    assert str(error.value) == message


def test_documented_sample_is_what_the_documented_flows_give() -> None:
    """Catches documentation that no longer tells the truth."""
    documented = yaml.safe_load(plugin.RETURN)["_value"]["sample"]
    flows = [
        {"name": "www", "to": "loadbalancers", "from": "any", "ports": [80, 443]},
        {"name": "web", "to": "webservers", "from": "loadbalancers", "ports": [443]},
        {"name": "application", "to": "appservers", "from": ["webservers"], "ports": [8000]},
    ]
    hostvars = HOSTVARS | {"web2": {"ansible_host": "198.18.0.22"}}
    assert plugin.firewall_rules(flows, GROUPS, hostvars, "web2") == documented


def test_large_inventory() -> None:
    """Catches a comparison of every host with every other: 10 000 hosts take a tenth of a second, not minutes."""
    hostvars = {f"h{number}": {"ansible_host": f"10.{number >> 8}.{number & 255}.1"} for number in range(10_000)}
    groups = {"webservers": list(hostvars), "databases": list(hostvars)}
    flows = [{"name": f"f{n}", "to": "databases", "from": ["webservers", "databases"], "ports": [n]} for n in (1, 2, 3)]
    start = perf_counter()
    made = rules("h7", flows, groups, hostvars)
    assert perf_counter() - start < 5
    assert [len(rule[-1]) for rule in made] == [9_999] * 6


# --- what holds for every inventory -----------------------------------------------------------------------------------

HOSTS = [f"h{number}" for number in range(6)]
GROUP_NAMES = ["a", "b", "c"]


@st.composite
def inventories(draw: st.DrawFn) -> tuple[dict[str, list[str]], dict[str, dict[str, str]]]:
    addresses = draw(
        st.lists(st.integers(1, 250), min_size=len(HOSTS), max_size=len(HOSTS), unique=True).map(
            lambda numbers: [f"10.0.0.{n}" if n % 2 else f"2001:db8::{n:x}" for n in numbers]
        )
    )
    hostvars = {host: {"ansible_host": at} for host, at in zip(HOSTS, addresses, strict=True)}
    groups = {name: draw(st.lists(st.sampled_from(HOSTS), unique=True)) for name in GROUP_NAMES}
    return groups, hostvars


FLOW_LISTS = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["f1", "f2", "f3", "f4"]),
            "to": st.sampled_from(GROUP_NAMES) | st.lists(st.sampled_from(GROUP_NAMES), min_size=1),
            "from": st.sampled_from([*GROUP_NAMES, "any"]) | st.lists(st.sampled_from(GROUP_NAMES), min_size=1),
            "ports": st.lists(st.integers(1, 65535), min_size=1, max_size=4),
        },
        optional={"protocol": st.sampled_from(["tcp", "udp"])},
    ),
    max_size=4,
    unique_by=lambda flow: flow["name"],
)


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


@given(inventories(), FLOW_LISTS)
def test_a_host_lets_in_whom_the_flows_name_and_nobody_else(inventory: Any, flows: Any) -> None:
    """The allowed pairs, computed the long way round, are exactly those of the rules, on both ends."""
    groups, hostvars = inventory
    at = {host: hostvars[host]["ansible_host"] for host in HOSTS}
    for host in HOSTS:
        made = rules(host, flows, groups, hostvars)
        let_in = {(name, address) for name, direction, _, _, found in made if direction == "in" for address in found}
        opens = {(name, address) for name, direction, _, _, found in made if direction == "out" for address in found}
        wanted_in, wanted_out = set(), set()
        for flow in flows:
            listens = any(host in groups[name] for name in listed(flow["to"]))
            asks = flow["from"] == "any" or any(host in groups[name] for name in listed(flow["from"]))
            for other in HOSTS:
                other_asks = flow["from"] != "any" and any(other in groups[name] for name in listed(flow["from"]))
                other_listens = any(other in groups[name] for name in listed(flow["to"]))
                if other != host and listens and other_asks:
                    wanted_in.add((flow["name"], at[other]))
                if other != host and asks and other_listens:
                    wanted_out.add((flow["name"], at[other]))
            if listens and flow["from"] == "any":
                wanted_in |= {(flow["name"], network) for network in ANYBODY}
        assert let_in == wanted_in
        assert opens == wanted_out


@given(inventories(), FLOW_LISTS)
def test_no_rule_is_empty_or_names_the_host_or_a_host_twice(inventory: Any, flows: Any) -> None:
    groups, hostvars = inventory
    for host in HOSTS:
        for rule in rules(host, flows, groups, hostvars):
            addresses = rule[-1]
            assert addresses
            assert hostvars[host]["ansible_host"] not in addresses
            assert len(set(addresses)) == len(addresses)
            assert len(set(rule[3])) == len(rule[3])
            assert all(str(ip_address(address)) == address for address in addresses if address not in ANYBODY)


@given(inventories(), FLOW_LISTS)
def test_pure_and_plain(inventory: Any, flows: Any) -> None:
    """Catches input that is changed, another order on the second call, and data that JSON cannot hold."""
    groups, hostvars = inventory
    before = copy.deepcopy((groups, hostvars, flows))
    first, second = (plugin.firewall_rules(flows, groups, hostvars, "h0") for _ in range(2))
    assert json.loads(json.dumps(first)) == second
    assert (groups, hostvars, flows) == before


def test_hosts_that_listen_on_different_ports() -> None:
    """Each lets in what it listens on and no more, and is let out to with that: red with the ports of all for each."""
    flow = {"name": "web", "to": "webservers", "from": "loadbalancers", "ports": {"web1": 443, "web2": [8443, 8443]}}
    assert rules("web1", [flow]) == [("web", "in", "tcp", [443], ["198.18.0.11"])]
    assert rules("web2", [flow]) == [("web", "in", "tcp", [8443], ["198.18.0.11"])]
    assert rules("lb1", [flow]) == [
        ("web", "out", "tcp", [443], ["198.18.0.21"]),
        ("web", "out", "tcp", [8443], ["2001:db8::22"]),
    ]


@pytest.mark.parametrize(
    ("ports", "said"),
    [
        ({"web1": 443}, "flow web: ports has none of web2; write those of every host that listens"),
        ({"web1": 443, "web2": "https"}, "flow web: ports is 'https'; write a whole number from 1 to 65535"),
    ],
)
def test_a_host_without_a_port_of_its_own_is_refused(ports: Any, said: str) -> None:
    flow = {"name": "web", "to": "webservers", "from": "loadbalancers", "ports": ports}
    with pytest.raises(TopologyError) as error:
        rules("lb1", [flow])
    assert str(error.value) == said
