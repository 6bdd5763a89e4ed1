"""What the role firewall refuses: a sentence for each mistake, with the variable and what to write instead."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.firewall_errors import firewall_errors
from ansible_collections.foobar.webstack.plugins.plugin_utils.validation.firewall import RULES, errors
from role_variables import rendered

DEFAULTS = Path(__file__).resolve().parents[2] / "roles/firewall/defaults/main.yml"
MYSQL = {"name": "mysql", "protocol": "tcp", "ports": [3306], "addresses": ["198.18.0.21", "2001:db8::22"]}
VRRP = {"name": "vrrp", "protocol": "vrrp", "ports": [], "addresses": ["198.18.0.12"]}


@pytest.mark.parametrize(
    "variables",
    [
        yaml.safe_load(DEFAULTS.read_text()) | {"firewall_ssh_port": "2222"},
        {"firewall_rules": [MYSQL, VRRP, {"name": "range", "ports": ["8000-8010", "1-65535", 443]}]},
        {"firewall_extra_rules": [MYSQL | {"addresses": ["10.1.2.3/8", "::/0", "2001:db8::1/48", "192.0.2.7/32"]}]},
    ],
    ids=["the role's defaults", "ports", "addresses and networks"],
)
def test_good_data_is_accepted(variables: Mapping[str, Any]) -> None:
    assert errors(variables) == []


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        (
            {"firewall_rules": [MYSQL | {"addresses": ["db1.example.com"]}]},
            'firewall_rules: rule "mysql": "db1.example.com" is not an address or network; '
            "write one such as 198.51.100.7, 198.51.100.0/24 or 2001:db8::/32.",
        ),
        (
            {"firewall_rules": [MYSQL | {"addresses": []}]},
            'firewall_rules: rule "mysql" has no addresses; '
            "write some, leave addresses out for everybody, or remove the rule.",
        ),
        (
            {"firewall_extra_rules": [{"name": 'a"b', "ports": ["1"]}]},
            'firewall_extra_rules: rule "a"b" has a name that nftables does not accept; '
            'write at most 64 letters, digits, spaces, "_", "-" and ".".',
        ),
        (
            {"firewall_extra_rules": [{"name": "x"}]},
            'firewall_extra_rules: rule "x" has no ports; write the ports to open, or remove the rule.',
        ),
        (
            {"firewall_extra_rules": [VRRP | {"ports": ["1"]}]},
            'firewall_extra_rules: rule "vrrp" has ports and the protocol vrrp, which has none; leave ports out.',
        ),
        *(
            (
                {"firewall_outbound_rules": [{"name": "x", "ports": [port]}]},
                f'firewall_outbound_rules: rule "x": port "{port}" is not valid; '
                "write a number from 1 to 65535, or a range such as 8000-8010.",
            )
            for port in ("0", "65536", "ssh", "9-8", "1-70000", 0, "22 accept")
        ),
        (
            {"firewall_ssh_sources": ["any"]},
            'firewall_ssh_sources: "any" is not an address or network; '
            "write one such as 198.51.100.7, 198.51.100.0/24 or 2001:db8::/32.",
        ),
        ({"firewall_ssh_port": 0}, "firewall_ssh_port is 0; write a port from 1 to 65535."),
        ({"firewall_ssh_rate": "many"}, 'firewall_ssh_rate is "many"; write a rate such as 60/minute.'),
        ({"firewall_ping_rate": "1/s"}, 'firewall_ping_rate is "1/s"; write a rate such as 60/minute.'),
        (
            {"firewall_rollback_seconds": 5},
            "firewall_rollback_seconds is 5; write at least 10, or good rules may be rolled back before they "
            "are confirmed.",
        ),
    ],
)
def test_mistake_is_named(variables: Mapping[str, Any], sentence: str) -> None:
    assert errors(variables) == [sentence]


@pytest.mark.parametrize(
    "address", ["198.18.0.256", "192.0.2.0/33", "2001:db8::/129", "192.0.2.0/255.255.255.0", "fe80::1%eth0", "", 7]
)
def test_what_is_no_address_is_refused(address: object) -> None:
    """Of some of them nft says no more than that there is a syntax error."""
    [error] = errors({"firewall_ssh_sources": [address]})
    assert error.startswith(f'firewall_ssh_sources: "{address}" is not an address or network; ')


def test_every_mistake_is_named() -> None:
    assert len(errors({"firewall_rules": [{"name": "/", "ports": ["0", "x"]}], "firewall_ssh_port": 0})) == 4


def test_other_data_than_a_dict_is_an_error() -> None:
    with pytest.raises(AnsibleFilterError, match="the input is list; give a dict"):
        firewall_errors([])


@pytest.mark.parametrize(
    "variables",
    [
        *({name: [{"name": "/", "ports": ["1"]}]} for name in RULES),
        {"firewall_ssh_sources": ["any"]},
        {"firewall_ssh_port": 0},
        {"firewall_ssh_rate": "many"},
        {"firewall_ping_rate": "many"},
        {"firewall_rollback_seconds": 5},
    ],
    ids=lambda variables: next(iter(variables)),
)
def test_the_role_asks_about_each_of_its_variables(variables: Mapping[str, Any]) -> None:
    """Catches a variable that the role does not hand to the filter."""
    assert rendered("firewall", "__firewall_errors") == []
    [error] = rendered("firewall", "__firewall_errors", **variables)
    assert error.startswith(next(iter(variables)))
