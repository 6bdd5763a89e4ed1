"""How hosts are reached: other SSH ports, address translations, jump hosts. What cannot work is said beforehand."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
GROUPS = {
    "loadbalancers": ["lb1"],
    "webservers": ["web1"],
    "appservers": ["web1"],
    "databases": ["db1"],
    "backups": ["store"],
}
ADDRESSES = {"lb1": "192.0.2.11", "web1": "192.0.2.21", "db1": "192.0.2.31", "store": "192.0.2.41"}


@pytest.fixture
def inventory(tmp_path: Path) -> Callable[..., Path]:
    """Write an inventory with these variables of hosts, and of all."""

    def write(hosts: dict[str, dict[str, Any]] | None = None, **everywhere: Any) -> Path:
        own = {name: {"ansible_host": address, **(hosts or {}).get(name, {})} for name, address in ADDRESSES.items()}
        own["db1"]["mysql_role"] = "primary"
        children = {name: {"hosts": dict.fromkeys(members)} for name, members in GROUPS.items()}
        file = tmp_path / "hosts.yml"
        file.write_text(yaml.safe_dump({"all": {"hosts": own, "children": children, "vars": everywhere}}))
        return file

    return write


def run(*command: Any, **environment: str) -> str:
    """What a command of Ansible's says."""
    done = subprocess.run(
        [sys.executable, "-m", "ansible", *command],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def wired(inventory: Path, host: str, variable: str) -> Any:
    """What the wiring makes of the inventory for a role's variable."""
    said = run(
        "adhoc", "-i", inventory, host, "-m", "ansible.builtin.debug", "-a", f"var={variable}",
        "--playbook-dir", ROOT / "playbooks", ANSIBLE_CALLBACK_RESULT_FORMAT="json",
    )  # fmt: skip
    return json.loads(said[said.index("{") : said.rindex("}") + 1])[variable]


def backup_rules(inventory: Path, host: str) -> list[Any]:
    return [rule["ports"] for rule in wired(inventory, host, "firewall_rules") if rule["name"] == "backup"]


@pytest.mark.parametrize(
    ("variables", "port"),
    [
        ({}, 22),
        ({"ansible_port": 2222}, 2222),
        # Behind an address translation, the databases reach it at the server's own.
        ({"ansible_port": 2201, "firewall_ssh_port": 22}, 22),
    ],
)
def test_the_backups_go_where_the_host_s_ssh_server_listens(inventory, variables, port):
    """Red when the store or the firewall has port 22 of its own."""
    file = inventory({"store": variables})
    assert wired(file, "db1", "mysql_backup_store") == {"host": "store", "address": "192.0.2.41", "port": port}
    assert backup_rules(file, "store") == [[port]]
    assert backup_rules(file, "db1") == [[port]]


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (
            {"ansible_port": 2201},
            "lb1: its SSH server listens on port 22, and the firewall would open 2201; set firewall_ssh_port: 22",
        ),
        # The port of ~/.ssh/config.
        ({}, "lb1: its SSH server listens on port 2222, and the firewall would open 22; set firewall_ssh_port: 2222"),
    ],
)
def test_a_port_that_the_firewall_would_close_is_refused(inventory, variables, said):
    """The host has no SSH server here: what one says of its session is in the environment, as on a host."""
    file = inventory(ansible_connection="local", ansible_become=False, **variables)
    port = "22" if variables else "2222"
    printed = run(
        "playbook", ROOT / "playbooks/preflight.yml", "-i", file, SSH_CONNECTION=f"198.51.100.7 50022 192.0.2.11 {port}"
    )
    assert said in printed
    assert "TASK [Look for MySQL" not in printed


def test_a_failover_goes_through_the_inventory_s_jump_host():
    """Red when the options of its own take the place of those of the inventory."""
    play = yaml.safe_load((ROOT / "playbooks/failover.yml").read_text())[0]
    assert "hostvars[inventory_hostname].ansible_ssh_args" in play["vars"]["ansible_ssh_args"]
    assert "ansible_ssh_common_args" not in play["vars"]
    assert "ansible_ssh_extra_args" not in play["vars"]
