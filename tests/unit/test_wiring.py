"""A role's variable that the stack sets, and the inventory too: told exactly, and with the variable that adds."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.foobar.webstack.plugins.filter.replacement_errors import replacement_errors
from ansible_collections.foobar.webstack.plugins.plugin_utils import wiring
from stack_variables import rendered

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOKS = ROOT / "playbooks"
WAYS = yaml.safe_load((PLAYBOOKS / "meta/wiring.yml").read_text())
GROUPS = yaml.safe_load((PLAYBOOKS / "group_vars/all/groups.yml").read_text())["__webstack_groups"]
WIRED = wiring.wired(yaml.safe_load(file.read_text()) for file in sorted((PLAYBOOKS / "group_vars/all").glob("*.yml")))


def options(file: Path) -> set[str]:
    return set(yaml.safe_load(file.read_text())["argument_specs"]["main"]["options"])


class TestTable:
    def test_every_variable_that_the_stack_sets_has_an_entry(self):
        """A new line in the wiring needs one in playbooks/meta/wiring.yml: what adds to it, or [] for nothing."""
        assert set(WAYS) == set(WIRED)

    def test_what_is_proposed_exists(self):
        """Catches a variable that was renamed, in sentences that nobody reads until it is too late."""
        known = options(PLAYBOOKS / "meta/argument_specs.yml")
        for file in ROOT.glob("roles/*/meta/argument_specs.yml"):
            known |= options(file) - set(WIRED)
        stack = yaml.safe_load((PLAYBOOKS / "group_vars/all/stack.yml").read_text())
        known |= set(stack["__webstack_host_variables"])
        assert {way for ways in WAYS.values() for way in ways} - known == set()


class TestPure:
    def test_another_value_replaces(self):
        assert wiring.replaced({"a": ["{{ x }}"], "b": 1, "c": 2}, {"a": ["{{ x }}"], "b": 2}) == ["b"]

    @pytest.mark.parametrize(
        "data", [{"all": {"vars": {"nginx_sites": []}}}, {"all": {"vars": {"nginx_sites": None}, "hosts": {"a": None}}}]
    )
    def test_variables_of_all_in_yaml(self, data):
        assert wiring.variables_of_all(data) == {"nginx_sites"}

    def test_variables_of_all_in_ini(self):
        text = "[web:vars]\nnginx_upstreams=1\n[all:vars] ; comment\nnginx_sites = []\n[db]\ndb1 mysql_role=primary\n"
        assert wiring.variables_of_all(None, text) == {"nginx_sites"}

    @pytest.mark.parametrize("data", [{}, {"all": None}, {"all": {"vars": None}}, {"plugin": "aws_ec2"}])
    def test_files_without_any(self, data):
        assert wiring.variables_of_all(data) == set()


class TestSentences:
    def test_what_adds_is_named(self):
        [error] = replacement_errors(["mysql_replication_users"], WAYS, GROUPS, host="db1")
        assert error.startswith("db1: mysql_replication_users replaces all that the stack gives the role there; set ")
        assert "webstack_database_users" in error
        assert "webstack_replace if that is meant." in error

    def test_nothing_is_said_of_what_is_meant(self):
        assert replacement_errors(["nginx_sites"], WAYS, GROUPS, host="web1", intended=["nginx_sites"]) == []

    def test_a_name_that_is_no_variable_of_the_stack_s(self):
        [error] = replacement_errors([], WAYS, GROUPS, intended=["nginx_site"])
        assert error.startswith("webstack_replace: the stack does not set nginx_site;")

    def test_a_value_without_effect_is_told_with_its_file_and_where_it_would_have_one(self):
        found = [{"name": "nginx_sites", "file": "inventory/group_vars/all.yml"}]
        [error] = replacement_errors(found, WAYS, GROUPS, intended=["nginx_sites"])
        assert error.startswith("inventory/group_vars/all.yml: nginx_sites has no effect for all hosts")
        assert "move it to group_vars/webservers and name it in webstack_replace" in error


def asked(inventory: Path, *, ignored: bool = False, **variables: Any) -> dict[str, Any]:
    """What the lookup finds on each host."""
    template = (
        "{{ query('foobar.webstack.replaced_variables', playbook_dir ~ '/group_vars/all', ignored="
        + str(ignored)
        + ") }}"
    )
    return rendered(template, inventory, **variables)


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    hosts = {"web1": {"ansible_host": "198.18.0.21"}, "db1": {"ansible_host": "198.18.0.31", "mysql_role": "primary"}}
    children = {"webservers": {"hosts": {"web1": None}}, "databases": {"hosts": {"db1": None}}}
    folder = tmp_path / "inventory"
    (folder / "group_vars/all").mkdir(parents=True)
    (folder / "hosts.yml").write_text(json.dumps({"all": {"hosts": hosts, "children": children}}))
    return folder


class TestLookup:
    """Asked of Ansible itself, whose order of precedence it is."""

    def test_nothing_is_replaced_in_the_lab(self):
        assert set(map(str, asked(ROOT / "inventories/lab").values())) == {"[]"}

    def test_a_group_a_host_and_the_command_line(self, inventory):
        (inventory / "group_vars/webservers.yml").write_text("nginx_sites: []\n")
        (inventory / "host_vars").mkdir()
        (inventory / "host_vars/db1.yml").write_text("mysql_endpoint_tls: {}\nmysql_replication_variables: {}\n")
        found = asked(inventory, appserver_secrets={"SECRET_KEY": "x"})
        assert {host: sorted(names) for host, names in found.items()} == {
            "web1": ["appserver_secrets", "nginx_sites"],
            "db1": ["appserver_secrets", "mysql_endpoint_tls"],
        }

    @pytest.mark.parametrize(
        "place", ["group_vars/all.yml", "group_vars/all/main.yml", "group_vars/all/more/deep.yml", "hosts"]
    )
    def test_a_value_for_all_hosts_has_no_effect(self, inventory, place):
        """Red when Ansible's order of precedence is another one: then it is replaced, and not ignored."""
        file = inventory / place
        if place == "hosts":
            file.write_text("[all:vars]\nnginx_sites=[]\n")
        else:
            if place == "group_vars/all.yml":
                (inventory / "group_vars/all").rmdir()
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("nginx_sites: []\n")
        assert asked(inventory)["web1"] == []
        assert asked(inventory, ignored=True)["web1"] == [{"name": "nginx_sites", "file": str(file)}]

    def test_the_vars_of_all_beside_the_hosts(self, inventory):
        hosts = json.loads((inventory / "hosts.yml").read_text())
        hosts["all"]["vars"] = {"haproxy_backends": []}
        (inventory / "hosts.yml").write_text(json.dumps(hosts))
        assert asked(inventory / "hosts.yml", ignored=True)["db1"] == [
            {"name": "haproxy_backends", "file": str(inventory / "hosts.yml")}
        ]
