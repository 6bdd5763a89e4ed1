"""The rules of the role firewall, rendered and read by nft itself."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.filter.firewall_rules import firewall_rules
from ansible_collections.foobar.webstack.plugins.plugin_utils.validation.firewall import errors

EVERYBODY = ["0.0.0.0/0", "::/0"]
WEB = {"name": "web", "direction": "in", "protocol": "tcp", "ports": [80, 443], "addresses": EVERYBODY}
MYSQL = {"name": "mysql", "protocol": "tcp", "ports": [3306], "addresses": ["198.18.0.21", "2001:db8::22"]}
VRRP = {"name": "vrrp", "protocol": "vrrp", "ports": [], "addresses": ["198.18.0.12"]}

SCENARIOS: dict[str, dict[str, Any]] = {
    "nothing but SSH": {},
    "a database": {"firewall_rules": [MYSQL | {"direction": "out"}, MYSQL]},
    "everything": {
        "firewall_rules": [WEB, MYSQL, VRRP, MYSQL | {"direction": "out"}, VRRP | {"direction": "out"}],
        "firewall_extra_rules": [
            {"name": "metrics for all", "ports": ["9100-9104", "9113"]},
            {"name": "syslog", "protocol": "udp", "ports": ["514"], "addresses": ["10.0.0.0/8", "10.1.2.3"]},
            {"name": "IPv6 only", "ports": ["7000"], "addresses": ["::/0"]},
            {"name": "IPv4 only", "ports": ["7001"], "addresses": ["0.0.0.0/0", "192.0.2.7"]},
        ],
        "firewall_extra_input": ['iifname "eth9" tcp dport 5000 accept'],
        "firewall_extra_output": ["ip daddr 192.0.2.1 reject"],
        "firewall_ssh_port": 2222,
        "firewall_ssh_sources": ["198.51.100.0/24", "2001:db8:1::/48"],
        "firewall_outbound": "drop",
        "firewall_log": True,
        "__firewall_ssh": {"controller": "2001:db8:5::7"},
    },
    "lines for outbound packets that are accepted": {"firewall_extra_output": ["ip daddr 192.0.2.1 reject"]},
    "SSH over IPv4 alone": {"firewall_ssh_sources": ["0.0.0.0/0"], "__firewall_ssh": {"controller": "192.0.2.7"}},
}


@pytest.fixture
def render(render_template: Callable[..., str]) -> Callable[[Mapping[str, Any]], str]:
    return lambda variables: render_template("firewall", "nftables-webstack.conf.j2", variables)


def chain(text: str, name: str) -> list[str]:
    """The lines of a chain."""
    body = re.search(rf"^ +chain {name} \{{\n(.*?)^    \}}", text, re.MULTILINE | re.DOTALL)
    assert body, f"no chain {name}"
    return [line.strip() for line in body[1].splitlines()]


@pytest.mark.parametrize("name", SCENARIOS)
def test_nft_takes_the_rules(name: str, render: Any, nft: Any) -> None:
    """Twice in one namespace: the second time the table is there and replaced, not added to."""
    assert errors(SCENARIOS[name]) == []
    result = nft(render(SCENARIOS[name]))
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("table ") == 1
    assert result.stdout.count("policy drop") == (2 if SCENARIOS[name].get("firewall_outbound") == "drop" else 1)
    assert result.stdout.count('comment "dropped"') == result.stdout.count("policy drop")


def test_nft_is_really_asked(render: Any, nft: Any) -> None:
    """The test of the test above: a line that only nft can refuse."""
    result = nft(render({"firewall_extra_input": ["no such rule"]}))
    assert result.returncode != 0
    assert "no such rule" in result.stderr


@pytest.mark.parametrize("name", SCENARIOS)
def test_other_tables_are_left_alone(name: str, render: Any) -> None:
    """Catches a flush of everything, which would cut off what Docker and others have set up."""
    text = render(SCENARIOS[name])
    assert "flush" not in text
    assert re.findall(r"^(?:delete )?table (.*?)(?: \{)?$", text, re.MULTILINE) == ["inet webstack"] * 3


@pytest.mark.parametrize("name", SCENARIOS)
def test_same_data_same_file(name: str, render: Any) -> None:
    assert render(dict(SCENARIOS[name])) == render(SCENARIOS[name])


def test_rules_of_both_families(render: Any) -> None:
    """Catches a rule that opens one family for everybody because its list has no address of it."""
    lines = chain(render({"firewall_rules": [WEB, MYSQL, VRRP]}), "input")
    assert [line for line in lines if re.search('comment "(web|mysql|vrrp)"', line)] == [
        'tcp dport { 80, 443 } accept comment "web"',
        'ip saddr { 198.18.0.21 } tcp dport { 3306 } accept comment "mysql"',
        'ip6 saddr { 2001:db8::22 } tcp dport { 3306 } accept comment "mysql"',
        'ip saddr { 198.18.0.12 } meta l4proto 112 accept comment "vrrp"',
    ]
    assert lines[0] == "type filter hook input priority filter; policy drop;"


def test_what_goes_out_opens_nothing_inbound(render: Any) -> None:
    text = render({"firewall_rules": [MYSQL | {"direction": "out"}], "firewall_outbound": "drop"})
    assert "mysql" not in " ".join(chain(text, "input"))
    assert "ip daddr { 198.18.0.21 } tcp dport { 3306 } accept" in " ".join(chain(text, "output"))


def test_controller_comes_before_the_limit_and_whoever_else_may_use_ssh(render: Any) -> None:
    lines = chain(render(SCENARIOS["everything"]), "input")
    ssh = [line for line in lines if "dport 2222" in line]
    assert ssh == [
        'ip6 saddr 2001:db8:5::7 tcp dport 2222 accept comment "Ansible"',
        "ip saddr { 198.51.100.0/24 } tcp dport 2222 goto ssh",
        "ip6 saddr { 2001:db8:1::/48 } tcp dport 2222 goto ssh",
    ]


def test_open_ssh_does_not_depend_on_who_runs_ansible(render: Any) -> None:
    """Catches a file that changes with the operator's own address where it need not."""
    elsewhere = {"__firewall_ssh": {"controller": "203.0.113.9"}}
    assert render(elsewhere) == render({})
    assert "tcp dport 22 goto ssh" in chain(render({}), "input")


def test_filter_s_rules_are_the_role_s_rules(render: Any, nft: Any) -> None:
    hostvars = {"lb1": {"ansible_host": "198.18.0.11"}, "db1": {"ansible_host": "2001:db8::31"}}
    flows = [
        {"name": "www", "to": "lb", "from": "any", "ports": [80]},
        {"name": "mysql", "to": "db", "from": ["lb", "db"], "ports": [3306]},
    ]
    for host in hostvars:
        rules = firewall_rules(flows, {"lb": ["lb1"], "db": ["db1"]}, hostvars, host)
        variables = {"firewall_rules": rules, "firewall_outbound": "drop"}
        assert errors(variables) == []
        assert nft(render(variables)).returncode == 0
