"""What a picture of the site shows: who is in it, and the sentence for each that cannot be."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.pictured_hosts import pictured_hosts

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
