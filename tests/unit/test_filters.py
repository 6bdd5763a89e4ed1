"""The filters as a play sees them: called by their full names, on the hostvars of a real inventory."""

import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleError, AnsibleFilterError, AnsibleUndefinedVariable
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

ROOT = Path(__file__).resolve().parents[2]
FILTERS = sorted(path.stem for path in (ROOT / "plugins/filter").glob("*.py"))
# The filters over the topology, each with the host on which its examples are meant.
TOPOLOGY_FILTERS = {
    "address": "lb1",
    "haproxy_backend": "lb1",
    "listener_conflicts": "web1",
    "mysql_replication": "db2",
    "mysql_routing": "web1",
    "addresses": "web1",
    "nginx_upstream": "web2",
}

UNDEFINED = '"{{ nobody.defines.this }}"'

# An INI inventory holds its values as strings.
INVENTORY = f"""\
[loadbalancers]
lb1 ansible_host=198.18.0.11

[webservers]
web1 ansible_host=198.18.0.21
web2 ansible_host=198.18.0.22 haproxy_weight="{{{{ weights.small }}}}" unneeded={UNDEFINED}

[appservers]
web1
web2

[databases]
db1 ansible_host=198.18.0.31 mysql_role=primary
db2 ansible_host=198.18.0.32 mysql_role=replica

[standby]
web1
spare ansible_host=2001:DB8:0::29 haproxy_backup=yes haproxy_maintenance=no haproxy_weight=7

[broken]
named ansible_host=web3.example.com
address ansible_host={UNDEFINED} mysql_role=primary
weight ansible_host=198.18.0.41 haproxy_weight={UNDEFINED}
backup ansible_host=198.18.0.41 haproxy_backup={UNDEFINED}
maintenance ansible_host=198.18.0.41 haproxy_maintenance={UNDEFINED}
role ansible_host=198.18.0.41 mysql_role={UNDEFINED}
port ansible_host=198.18.0.41 mysql_role=primary mysql_port={UNDEFINED}
source ansible_host=198.18.0.41 mysql_role=replica mysql_source={UNDEFINED}
server_id ansible_host=198.18.0.41 mysql_role=primary mysql_server_id={UNDEFINED}

[webservers:vars]
weights={{"small": 50}}
"""

Render = Callable[..., Any]


@pytest.fixture(scope="module")
def render(tmp_path_factory: pytest.TempPathFactory) -> Render:
    """Render data with templates in it as Ansible does on the host `on`."""
    path = tmp_path_factory.mktemp("inventory") / "hosts.ini"
    path.write_text(INVENTORY)
    loader = DataLoader()
    inventory = InventoryManager(loader, [str(path)])
    variables = VariableManager(loader, inventory)
    HostVars(inventory, variables, loader)  # makes itself known to the variable manager

    def trusted(data: Any) -> Any:
        if isinstance(data, str):
            return trust_as_template(data)
        if isinstance(data, list):
            return [trusted(item) for item in data]
        return data

    def rendered(data: Any, on: str = "lb1") -> Any:
        return Templar(loader, variables.get_vars(host=inventory.get_host(on))).template(trusted(data))

    return rendered


@pytest.fixture(scope="module")
def documents() -> dict[str, dict[str, Any]]:
    """What ansible-doc makes of every filter."""
    names = [f"foobar.webstack.{name}" for name in FILTERS]
    command = [sys.executable, "-m", "ansible", "doc", "-t", "filter", "-j", *names]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "ERROR" not in shown.stderr
    return {name.rpartition(".")[2]: document for name, document in json.loads(shown.stdout).items()}


def function(name: str) -> Callable[..., Any]:
    module = import_module(f"ansible_collections.foobar.webstack.plugins.filter.{name}")
    [(called, found)] = module.FilterModule().filters().items()
    assert called == name
    return found


# --- calls -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "on"), TOPOLOGY_FILTERS.items())
def test_first_documented_example_gives_the_documented_sample(
    render: Render, documents: dict[str, dict[str, Any]], name: str, on: str
) -> None:
    """Catches documentation that no longer tells the truth, and a plugin that Ansible cannot load or call."""
    example = next(iter(yaml.safe_load(documents[name]["examples"]).values()))
    result = render(example, on)
    assert (result[0] if isinstance(example, list) else result) == documents[name]["return"]["_value"]["sample"]


@pytest.mark.parametrize(("name", "on"), TOPOLOGY_FILTERS.items())
def test_every_documented_example_renders(
    render: Render, documents: dict[str, dict[str, Any]], name: str, on: str
) -> None:
    for data in yaml.safe_load(documents[name]["examples"]).values():
        assert render(data, on)


def test_values_of_an_ini_inventory(render: Render) -> None:
    """Catches strings in the result where the role's argument specification says int or bool."""
    servers = render("{{ groups['standby'] | foobar.webstack.haproxy_backend(hostvars, 'web', '80') }}")["servers"]
    assert json.dumps(servers[1]) == json.dumps(
        {
            "name": "spare",
            "address": "2001:db8::29",
            "port": 80,
            "check": True,
            "weight": 7,
            "backup": True,
            "maintenance": False,
        }
    )


def test_address_maps_over_a_group(render: Render) -> None:
    template = "{{ groups['databases'] | map('foobar.webstack.address', hostvars) }}"
    assert render(template) == ["198.18.0.31", "198.18.0.32"]


def test_hosts_may_come_from_other_filters(render: Render) -> None:
    """What `map` and `select` leave is a generator in Jinja; Ansible hands it over as a list."""
    template = "{{ groups['webservers'] | reject('eq', 'web1') | foobar.webstack.nginx_upstream(hostvars, 'app', 80) }}"
    assert [server["name"] for server in render(template)["servers"]] == ["web2"]


def test_checks_can_be_switched_off(render: Render) -> None:
    template = "{{ groups['webservers'] | foobar.webstack.haproxy_backend(hostvars, 'web', 80, check=false) }}"
    assert [server["check"] for server in render(template)["servers"]] == [False, False]


@pytest.mark.parametrize("name", ["haproxy_backend", "nginx_upstream"])
def test_further_options_stand_in_the_result(render: Render, name: str) -> None:
    call = f"foobar.webstack.{name}(hostvars, name='x', port=80, balance='source', extra=[1])"
    result = render(f"{{{{ groups['webservers'] | {call} }}}}")
    assert list(result) == ["name", "servers", "balance", "extra"]
    assert (result["balance"], result["extra"]) == ("source", [1])


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (
            "'named' | foobar.webstack.address(hostvars)",
            "named: ansible_host is 'web3.example.com', not an IP address; ",
        ),
        ("'web9' | foobar.webstack.address(hostvars)", "address: web9 is not a host of the inventory; "),
        ("['web1'] | foobar.webstack.address(hostvars)", "address: ['web1'] is not a host name; "),
        ("'web1' | foobar.webstack.address(['web1'])", "hostvars is ['web1']; pass Ansible's hostvars"),
        (
            "['web1', 'web9'] | foobar.webstack.haproxy_backend(hostvars, name='web', port=80)",
            "backend web: web9 is not a host of the inventory; ",
        ),
        (
            "'web1' | foobar.webstack.haproxy_backend(hostvars, name='web', port=80)",
            "backend web: hosts is 'web1'; pass a list of inventory names such as groups['webservers']",
        ),
        (
            "['web1'] | foobar.webstack.haproxy_backend(hostvars, name='web', port='http')",
            "backend web: port is 'http'; write a whole number from 1 to 65535",
        ),
        (
            "['web1'] | foobar.webstack.haproxy_backend(hostvars, name='web', port=80, servers=[])",
            "backend web: servers are made from the hosts; leave the option servers out",
        ),
        (
            "[] | foobar.webstack.nginx_upstream(hostvars, name='app', port=80)",
            "upstream app: the group has no hosts; ",
        ),
        (
            "['web1'] | foobar.webstack.nginx_upstream(hostvars, name='app', port=80, local='web9')",
            "upstream app: local is 'web9', not a host of the inventory; pass inventory_hostname",
        ),
        (
            "['web1'] | foobar.webstack.nginx_upstream(hostvars, name='app', port=80, servers=[])",
            "upstream app: servers are made from the hosts; leave the option servers out",
        ),
        ("['web1'] | foobar.webstack.mysql_replication(hostvars)", "web1: mysql_role is not set; "),
        ("['db2'] | foobar.webstack.mysql_replication(hostvars)", "databases: no host (db2) has mysql_role=primary; "),
    ],
)
def test_bad_call_fails_with_the_message(render: Render, expression: str, message: str) -> None:
    """Catches a message that is lost, or doubled, on its way through Ansible."""
    with pytest.raises(AnsibleError) as error:
        render(f"{{{{ {expression} }}}}")
    cause = error.value.__cause__
    assert cause.__class__ is AnsibleFilterError
    assert cause.message.startswith(message)
    assert str(error.value).count(message) == 1


@pytest.mark.parametrize(
    ("host", "call"),
    [
        ("address", "haproxy_backend(hostvars, 'web', 80)"),
        ("address", "nginx_upstream(hostvars, 'app', 8000)"),
        ("address", "mysql_replication(hostvars)"),
        ("weight", "haproxy_backend(hostvars, 'web', 80)"),
        ("backup", "haproxy_backend(hostvars, 'web', 80)"),
        ("maintenance", "haproxy_backend(hostvars, 'web', 80)"),
        ("role", "mysql_replication(hostvars)"),
        ("port", "mysql_replication(hostvars)"),
        ("source", "mysql_replication(hostvars)"),
        ("server_id", "mysql_replication(hostvars)"),
    ],
)
def test_a_variable_that_cannot_be_rendered_says_so_itself(render: Render, host: str, call: str) -> None:
    """Catches a filter that calls an undefined variable a bad address, number or role."""
    with pytest.raises(AnsibleUndefinedVariable, match="'nobody' is undefined"):
        render(f"{{{{ ['{host}'] | foobar.webstack.{call} }}}}")


# --- documentation ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILTERS)
def test_documented_options_are_the_functions_parameters(documents: dict[str, dict[str, Any]], name: str) -> None:
    """Catches an option that was added, renamed or given another default in one of the two places only."""
    document = documents[name]["doc"]
    parameters = [
        parameter
        for parameter in inspect.signature(function(name)).parameters.values()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    named = {"_input" if number == 0 else parameter.name: parameter for number, parameter in enumerate(parameters)}
    options = document["options"]
    assert set(options) == set(named)
    assert document.get("positional", "") == ", ".join([*named][1:])
    for option, parameter in named.items():
        required = parameter.default is inspect.Parameter.empty
        assert options[option].get("required", False) == required, option
        assert options[option].get("default") == (None if required else parameter.default), option
        assert options[option]["description"], option


@pytest.mark.parametrize("name", FILTERS)
def test_documentation_is_complete(documents: dict[str, dict[str, Any]], name: str) -> None:
    document = documents[name]["doc"]
    assert (document["name"], document["version_added"]) == (name, "1.0.0")
    assert document["short_description"]
    assert document["description"]
    assert document["author"]
    assert documents[name]["return"]["_value"]["type"] in ("str", "int", "list", "dict")
