"""What the inventory says of DNS: who is the primary, who may ask, and nothing where there is no group dns."""

from pathlib import Path

import yaml
from plays import run_playbook
from stack_variables import all_of, rendered

ROOT = Path(__file__).resolve().parents[2]
ASKED = all_of(
    {
        "zones": "dns_zones | map(attribute='name')",
        "primary": "dns_primary",
        "secondaries": "dns_secondaries",
        "key": "dns_signing_secret",
        "transfer": "dns_transfer_secret",
        "listen": "dns_listen + dns_listen_where_present",
        "rules": "firewall_rules | selectattr('name', 'search', '^dns')",
        "secrets": "__webstack_secret_names",
    }
)
GIVEN = {"webstack_secrets": {"dns_signing": "signing", "dns_transfer": "transfer"}}


def test_the_first_host_of_the_group_is_the_primary() -> None:
    """Only it has the key, and everybody may ask both."""
    found = rendered(ASKED, ROOT / "inventories/ha", **GIVEN)
    first, second, other = found["lb1"], found["lb2"], found["web1"]
    assert first["zones"] == second["zones"] == ["foobar.com"]
    assert (first["primary"], first["secondaries"]) == ("", ["198.18.2.12"])
    assert (second["primary"], second["secondaries"]) == ("198.18.2.11", [])
    assert [host["key"] for host in (first, second, other)] == ["signing", "", ""]
    assert first["transfer"] == second["transfer"] == "transfer"
    assert set(first["listen"]) == {"198.18.2.11", "fd00:198:18:2::11"}
    assert {(rule["protocol"], rule["direction"]) for rule in other["rules"]} == {("tcp", "out"), ("udp", "out")}
    for host in (first, second):
        inward = [rule for rule in host["rules"] if rule["direction"] == "in"]
        assert {rule["protocol"] for rule in inward} == {"tcp", "udp"}
        assert all(rule["ports"] == [53] and "0.0.0.0/0" in rule["addresses"] for rule in inward)


PROVEN = all_of(
    {
        "names": "dns_acme_names",
        "clients": "dns_acme_clients",
        "key": "dns_acme_secret",
        "server": "certificates_acme_nameserver",
    }
)
ACME = {
    "webstack_secrets": {"dns_signing": "signing", "dns_transfer": "transfer", "dns_acme": "acme"},
    "webstack_certificate": {"provider": "acme"},
}
NOTHING = {"names": [], "clients": [], "key": "", "server": {}}


def test_a_wildcard_is_proven_at_the_own_name_servers() -> None:
    """The load balancers write their records at the primary. Nobody else has the key."""
    found = rendered(PROVEN, ROOT / "inventories/ha", **ACME, webstack_certificate_names=["*.foobar.com"])
    assert found["lb1"] == {
        "names": ["_acme-challenge.www.foobar.com", "_acme-challenge.foobar.com"],
        "clients": ["198.18.2.11", "198.18.2.12"],
        "key": "acme",
        "server": {"address": "198.18.2.11", "key": "acme", "secret": "acme"},
    }
    assert found["lb2"] == NOTHING | {"server": found["lb1"]["server"]}
    assert found["web1"] == NOTHING


def test_without_a_wildcard_the_names_are_proven_by_http() -> None:
    assert rendered(PROVEN, ROOT / "inventories/ha", **ACME)["lb1"] == NOTHING


def test_without_the_group_there_is_nothing() -> None:
    for host in rendered(ASKED, ROOT / "tests/inventories/two_hosts").values():
        assert host["zones"] == host["rules"] == host["secondaries"] == []
        assert host["primary"] == host["key"] == host["transfer"] == ""
        assert not [name for name in host["secrets"] if name.startswith("dns")]


def test_the_records_are_written_without_reaching_a_host(tmp_path: Path) -> None:
    """Red where what the inventory says of its hosts' connections is asked for a file on this machine."""
    hosts = yaml.safe_load((ROOT / "inventories/lab/hosts.yml").read_text())
    hosts["all"]["vars"] = {"ansible_ssh_executable": "/bin/false", "ansible_connection": "ssh", "ansible_become": True}
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(yaml.safe_dump(hosts))
    done = run_playbook("records.yml", str(inventory), "-e", f"webstack_records={tmp_path}")
    assert done.succeeded, done.output
    assert "www.foobar.com. 3600 IN A 198.18.0.11" in (tmp_path / "foobar.com.zone").read_text()
    assert list(yaml.safe_load((tmp_path / "foobar.com.yaml").read_text())["www"][0]["values"]) == ["198.18.0.11"]
