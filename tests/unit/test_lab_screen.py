"""The one screen at the end of `make lab`: what runs where, and what to try."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "playbooks/lab/templates/screen.j2"
PLAY = yaml.safe_load((ROOT / "playbooks/lab/url.yml").read_text())[1]


@pytest.fixture
def screen():
    """Of inventories/lab, with the roles that the databases were found to have."""
    inventory = yaml.safe_load((ROOT / "inventories/lab/hosts.yml").read_text())["all"]
    groups: dict[str, Any] = {name: list(group["hosts"]) for name, group in inventory["children"].items()}
    groups["all"] = list(inventory["hosts"])

    def render(checkout: bool = True, inventory_path: str = "inventories/lab", **roles: str) -> str:
        hostvars = {
            name: variables
            | {"inventory_hostname": name, "group_names": [group for group in groups if name in groups[group]]}
            | (
                {"__lab_database": {"role": roles.get(name, variables["mysql_role"])}}
                if "mysql_role" in variables
                else {}
            )
            for name, variables in inventory["hosts"].items()
        }
        known = {
            "groups": groups,
            "hostvars": hostvars,
            "lab_name": "webstack",
            "__webstack_domain": "www.foobar.com",
            "__webstack_app_port": 8000,
            "__lab_address": "198.18.0.11",
            "__lab_ca_shown": "inventories/lab/.ca/ca.pem",
            "__lab_secrets_shown": "inventories/lab/.secrets.yml",
            "__lab_inventory": inventory_path,
            "__lab_checkout": checkout,
            "__webstack_web_ports": {"web1": 443, "web2": 443},
            "__lab_published": ["127.0.0.1:8443"],
            "__lab_programs": {
                group: trust_as_template(text) for group, text in PLAY["vars"]["__lab_programs"].items()
            },
        }
        lookup = trust_as_template(f"{{{{ lookup('ansible.builtin.template', '{TEMPLATE}') }}}}")
        return Templar(DataLoader(), hostvars["lb1"] | known).template(lookup)

    return render


def test_it_is_one_screen_with_every_host(screen):
    shown = screen()
    assert len(shown.splitlines()) < 30
    assert [line for line in shown.splitlines() if len(line) > 120] == []
    for host in ("lb1   198.18.0.11", "web2  198.18.0.22", "db2   198.18.0.32"):
        assert f"  {host} " in shown


def test_the_curl_line_is_complete(screen):
    """It can be copied as it is: one line, nothing but the command."""
    [line] = [line.strip() for line in screen().splitlines() if "curl " in line and "--resolve" in line]
    assert line == (
        "curl --cacert inventories/lab/.ca/ca.pem --resolve www.foobar.com:443:198.18.0.11 https://www.foobar.com/"
    )


def test_the_web_server_to_kill_is_the_first(screen):
    """Not any of them, as a set has them."""
    assert "docker kill webstack-web1; docker start webstack-web1 " in screen()


def test_the_switchover_goes_to_whoever_replicates_now(screen):
    """After a switchover that is another one than the inventory's replica."""
    assert "playbooks/switchover.yml -i inventories/lab -e webstack_primary=db2 " in screen()
    moved = screen(db1="replica", db2="primary")
    assert "playbooks/switchover.yml -i inventories/lab -e webstack_primary=db1 " in moved
    assert "198.18.0.32     MySQL, primary: port 3306" in moved


def test_it_names_what_removes_this_lab(screen):
    assert screen().rstrip().endswith("  make lab-down")
    assert screen(inventory_path="inventories/mine").rstrip().endswith("make lab-down INVENTORY=inventories/mine")
    assert screen(checkout=False).rstrip().endswith("ansible-playbook foobar.webstack.lab.down -i inventories/lab")
