"""An inventory of IPv6 addresses alone, as the lane has it: what the wiring makes of it, rendered by Ansible."""

import json
from pathlib import Path
from typing import Any

import pytest
import stack_variables

ROOT = Path(__file__).resolve().parents[2]
INVENTORY = ROOT / "tests/inventories/ipv6_only"
LB1, WEB1, DB1, DB2 = (f"fd00:198:18:5::{number}" for number in (11, 21, 31, 32))

ASKED = {
    "frontends": "haproxy_frontends | map(attribute='bind') | flatten | map(attribute='address')",
    "backends": "haproxy_backends | map(attribute='servers') | flatten | map(attribute='address')",
    "sites": "nginx_sites | map(attribute='listen') | flatten",
    "upstreams": "nginx_upstreams | map(attribute='servers') | flatten | map(attribute='address')",
    "trusted": "nginx_trusted_proxies",
    "application": "appserver_bind.address",
    "believed": "appserver_forwarded_allow_ips",
    "replication": "mysql_replication_settings | default({})",
    "accounts": "mysql_replication_users | map(attribute='hosts') | flatten | unique",
    "store": "mysql_backup_store.address",
    "certificates": "certificates_list | map(attribute='subject_alt_names') | flatten",
    "sources": "firewall_rules | map(attribute='addresses') | flatten | unique",
}


@pytest.fixture(scope="module")
def rendered() -> dict[str, dict[str, Any]]:
    """What the wiring says, by host."""
    return stack_variables.rendered(
        stack_variables.all_of(ASKED), INVENTORY, ansible_connection="local", webstack_secrets=SECRETS
    )


NAMES = ("backup_repository", "mysql_application", "mysql_clone", "mysql_migration", "mysql_replication", "mysql_verbs")
SECRETS = dict.fromkeys(NAMES, "secret")


def test_who_is_reached_from_outside_listens_on_every_address(rendered: dict[str, dict[str, Any]]) -> None:
    """Red when a bind names one family: behind a green preflight the site is dead for the other."""
    assert set(rendered["lb1"]["frontends"]) == {"*"}
    assert {listen.get("address", "*") for listen in rendered["web1"]["sites"]} == {"*"}
    assert rendered["web1"]["application"] == WEB1


def test_everybody_knows_everybody_by_the_same_spelling(rendered: dict[str, dict[str, Any]]) -> None:
    """web1 is written in another one in the inventory. MySQL and gunicorn compare addresses as text."""
    assert rendered["lb1"]["backends"][0] == WEB1
    assert rendered["web1"]["upstreams"] == [WEB1]
    assert rendered["web1"]["trusted"] == [LB1]
    assert rendered["web1"]["believed"] == ["127.0.0.1", "::1", WEB1]
    assert rendered["db1"]["accounts"] == [WEB1, DB1, DB2, "localhost"]
    assert rendered["db2"]["replication"]["source"]["host"] == DB1
    assert rendered["db2"]["store"] == LB1
    assert f"IP:{WEB1}" in rendered["web1"]["certificates"]
    assert set(rendered["db1"]["sources"]) >= {WEB1, DB2}
    assert "FD00" not in json.dumps(rendered)


def test_each_database_has_a_server_id(rendered: dict[str, dict[str, Any]]) -> None:
    ids = {rendered[host]["replication"]["server_id"] for host in ("db1", "db2")}
    assert len(ids) == 2
