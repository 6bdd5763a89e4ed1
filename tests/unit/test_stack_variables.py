"""What the stack's variables say of who listens where and who is asked, rendered by Ansible for real inventories."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from stack_variables import rendered

ROOT = Path(__file__).resolve().parents[2]
EVERYTHING_ON_ONE_HOST = {
    group: {"hosts": {"one": {"ansible_host": "198.18.0.1", "mysql_role": "primary"}}}
    for group in ("databases", "appservers", "webservers", "loadbalancers")
}


def conflicts(inventory: Path, **variables: Any) -> dict[str, list[str]]:
    return rendered("{{ __webstack_port_conflicts }}", inventory, **variables)


def test_a_host_in_an_optional_group_alone_is_no_witness_of_a_lost_primary(tmp_path: Path) -> None:
    """The firewall keeps it from the databases, so it would always say that the primary is lost."""
    path = tmp_path / "hosts.yml"
    path.write_text(
        json.dumps({"all": {"children": {**EVERYTHING_ON_ONE_HOST, "backups": {"hosts": {"store": {}, "one": {}}}}}})
    )
    found = rendered("{{ __webstack_required_host_names }}", path)
    assert found == {"one": ["one"], "store": ["one"]}


def test_every_secret_that_is_generated_may_be_given() -> None:
    """Red where a tier's secret is no option of webstack_secrets: giving it would be refused as unknown."""
    specification = yaml.safe_load((ROOT / "playbooks/meta/argument_specs.yml").read_text())["argument_specs"]
    known = set(specification["main"]["options"]["webstack_secrets"]["options"])
    [generated] = {
        tuple(names) for names in rendered("{{ __webstack_secret_names }}", ROOT / "inventories/ha").values()
    }
    assert set(generated) == known


def test_the_lab_has_none() -> None:
    """Catches a default port that is another program's on a host of several tiers."""
    assert conflicts(ROOT / "inventories/lab") == {host: [] for host in ("lb1", "web1", "web2", "db1", "db2")}


@pytest.fixture
def one_host(tmp_path: Path) -> Path:
    path = tmp_path / "hosts.yml"
    path.write_text(json.dumps({"all": {"children": EVERYTHING_ON_ONE_HOST}}))
    return path


def test_nothing_is_in_anybody_s_way_on_a_host_of_all_tiers(one_host: Path) -> None:
    """Load balancer and nginx both answered browsers on 443."""
    assert conflicts(one_host) == {"one": []}


def test_a_port_that_the_load_balancer_has(one_host: Path) -> None:
    """One sentence that names the variable: red if nginx were to find the port taken."""
    assert conflicts(one_host, webstack_web_port=443) == {
        "one": [
            "one: nginx (group webservers) and HAProxy (group loadbalancers) would both listen on TCP port 443 of "
            "every address; set webstack_web_port to another port, or take the host out of the group webservers or "
            "loadbalancers"
        ]
    }


def test_ports_that_the_inventory_sets(one_host: Path) -> None:
    """Catches a table that holds the default ports where the inventory has others."""
    [database, application] = conflicts(
        one_host,
        mysql_port=8402,
        webstack_app_port=3308,
        webstack_certificate={"provider": "acme"},
        haproxy_stats={"port": 9000},
    )["one"]
    assert database.startswith("one: mysqld (group databases) and lego (group loadbalancers) would both listen on TCP ")
    assert application.startswith("one: mysql-endpoint (group databases) and gunicorn (group appservers) would both ")
    assert "set mysql_endpoint_port or webstack_app_port to another port" in application


def test_the_challenge_is_forwarded_to_where_it_is_answered(one_host: Path) -> None:
    """One variable for both ends. Red with a port of its own in the load balancer's backend."""
    for listen, port in ((None, "8402"), ("127.0.0.1:9402", "9402")):
        given = {"certificates_acme_listen": listen} if listen else {}
        [backend] = rendered("{{ haproxy_backends | selectattr('name', 'eq', 'acme') }}", one_host, **given)["one"]
        assert [(server["address"], str(server["port"])) for server in backend["servers"]] == [("127.0.0.1", port)]
