"""The table of groups, and what follows from it for inventories and plays."""

from pathlib import Path

import pytest
import yaml
from ansible import context
from ansible.errors import AnsibleFilterError
from ansible.module_utils.common.collections import ImmutableDict
from ansible_collections.foobar.webstack.plugins.filter.inventory_errors import inventory_errors
from ansible_collections.foobar.webstack.plugins.filter.play_hosts import play_hosts
from ansible_collections.foobar.webstack.plugins.plugin_utils.groups import GroupError, meant, table_of

ROOT = Path(__file__).resolve().parents[2]
TABLE = yaml.safe_load((ROOT / "playbooks/group_vars/all/groups.yml").read_text())["__webstack_groups"]
GOOD = {
    "all": ["lb1", "web1", "db1", "nas"],
    "ungrouped": [],
    "loadbalancers": ["lb1"],
    "webservers": ["web1"],
    "appservers": ["web1"],
    "databases": ["db1"],
}


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("webserver", "webservers"),
        ("web_servers", "webservers"),
        ("WebServers", "webservers"),
        ("webservres", "webservers"),
        ("weservers", "webservers"),
        ("load_balancers", "loadbalancers"),
        ("loadbalancer", "loadbalancers"),
        ("database", "databases"),
        ("datebases", "databases"),
        ("backup", "backups"),
        ("app-server", "appservers"),
    ],
)
def test_a_misspelt_group_is_known_by_what_was_meant(name, right):
    """Catches a typing mistake that makes a host be left out without a word."""
    assert meant(name, TABLE) == right


@pytest.mark.parametrize(
    "name",
    [
        *TABLE,
        "webservers2",
        "databases_old",
        "debian",
        "web",
        "db",
        "mailservers",
        "europe",
        "backup_clients",
        "caches",
    ],
)
def test_a_group_of_one_s_own_is_let_be(name):
    """Red if every unknown group were refused, or a number at the end taken for a mistake."""
    assert meant(name, TABLE) == ""


def test_a_good_inventory_has_no_errors():
    assert inventory_errors(GOOD, TABLE) == []
    assert inventory_errors(GOOD | {"debian": ["lb1", "nas"], "backups": ["nas"]}, TABLE) == []


def test_every_error_is_said_at_once():
    """A misspelt group explains why the right one is missing, so that is not said as well."""
    found = inventory_errors(
        {
            "all": ["lb1", "web1", "db1", "db2"],
            "loadbalancers": [],
            "webserver": ["web1"],
            "appservers": ["web1"],
            "databases": ["db1"],
            "backups": ["db1", "db2"],
        },
        TABLE,
    )
    assert found == [
        "Unknown group webserver; did you mean webservers?",
        "The inventory's group loadbalancers is missing or empty; put at least one host into it.",
        "The inventory's group backups has db1, db2; keep one of them.",
    ]


def test_a_misspelt_group_within_the_right_one_does_no_harm():
    assert inventory_errors(GOOD | {"database": ["db1"]}, TABLE) == []
    assert inventory_errors(GOOD | {"database": ["nas"]}, TABLE) == ["Unknown group database; did you mean databases?"]


def test_an_empty_misspelt_group_does_not_hide_the_missing_one():
    without = {**GOOD, "databases": [], "database": []}
    assert inventory_errors(without, TABLE) == [
        "The inventory's group databases is missing or empty; put at least one host into it."
    ]


def test_the_stack_is_every_group_that_has_hosts():
    """A host that stands in an optional group alone is one of the stack; one in a group of one's own is not."""
    assert play_hosts(GOOD | {"mine": ["nas"]}, TABLE) == ["databases", "appservers", "webservers", "loadbalancers"]
    assert play_hosts(GOOD | {"backups": ["nas"]}, TABLE)[-1] == "backups"


def test_a_group_may_do_without_the_base_roles():
    table = TABLE | {"backups": TABLE["backups"] | {"base": False}}
    everybody = GOOD | {"backups": ["nas"]}
    assert "backups" in play_hosts(everybody, table)
    assert "backups" not in play_hosts(everybody, table, base=True)


def test_a_play_for_a_group_names_it():
    assert play_hosts(GOOD, TABLE, "webservers") == ["webservers"]
    assert play_hosts(GOOD, TABLE, ["databases", "appservers"]) == ["databases", "appservers"]
    assert play_hosts(GOOD, TABLE, "backups") == ["all", "!all"], "an optional group may be absent: no host, no warning"
    assert play_hosts(GOOD, TABLE, ["backups", "webservers"]) == ["webservers"]
    assert play_hosts(GOOD) == ["all"]


def test_a_play_for_every_host_beside_an_optional_group():
    """Red if exporters were on the hosts of a stack that nobody watches, or left out on the one who watches."""
    assert play_hosts(GOOD, TABLE, beside="monitoring") == ["all", "!all"]
    everybody = [*play_hosts(GOOD, TABLE), "monitoring"]
    assert play_hosts(GOOD | {"monitoring": ["nas"]}, TABLE, beside="monitoring") == everybody


@pytest.mark.parametrize("arguments", [(), (TABLE,), (TABLE, "webservers"), (TABLE, "backups")])
def test_an_inventory_without_hosts_is_refused(arguments):
    """Red if a forgotten -i passed for success."""
    with pytest.raises(AnsibleFilterError, match="The inventory has no hosts; give one with -i"):
        play_hosts({"all": [], "ungrouped": []}, *arguments)


@pytest.mark.parametrize(
    ("groups", "arguments", "said"),
    [
        (GOOD | {"webservers": []}, (TABLE, "webservers"), "group webservers is missing or empty"),
        ({"all": ["a"], "webserver": ["a"]}, (TABLE, "webservers"), r"group webserver; did you mean webservers\?"),
        ({"all": ["a"], "mine": ["a"]}, (TABLE,), "No host of the inventory is in one of the groups databases, "),
        ({"all": ["a"], "backup": ["a"]}, (TABLE,), r"Unknown group backup; did you mean backups\?"),
        (GOOD, (TABLE, "web"), "group web: it is not in the table"),
        (GOOD, ({"web": {"required": True}},), "group web: write required and base"),
        (GOOD, ([],), "pass __webstack_groups"),
        ([], (TABLE,), "pass Ansible's groups"),
    ],
)
def test_what_a_play_cannot_be_for_is_refused(groups, arguments, said):
    with pytest.raises(AnsibleFilterError, match=said):
        play_hosts(groups, *arguments)


def test_a_syntax_check_needs_no_inventory(monkeypatch):
    """ansible-lint and editors check the syntax without one."""
    monkeypatch.setattr(context, "CLIARGS", ImmutableDict(syntax=True))
    assert play_hosts({"all": []}, TABLE, "webservers") == ["all"]


@pytest.mark.parametrize(
    "entry",
    [
        {"required": True, "base": True, "roles": "nginx"},
        {"required": True, "base": True, "roles": [], "max_hosts": 0},
        {"required": True, "base": True, "roles": [], "everywhere": "exporters"},
        {"required": 1, "base": True, "roles": []},
        {"required": True, "base": True, "roles": [], "ports": [1]},
        None,
    ],
)
def test_an_entry_of_another_form_is_refused(entry):
    with pytest.raises(GroupError, match="group web: "):
        table_of({"web": entry})
