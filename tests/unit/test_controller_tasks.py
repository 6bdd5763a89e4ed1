"""What roles do on the controller, they do as whoever runs Ansible, whatever an inventory says of the hosts."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(path for path in ROOT.glob("roles/*/tasks/*.yml") if "delegate_to: localhost" in path.read_text())
CA_TASKS = ["ca", "ca_next", "ca_promote", "ca_drop"]


def tasks(entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """All tasks and blocks, those in blocks included."""
    for entry in entries:
        yield entry
        for part in ("block", "rescue", "always"):
            yield from tasks(entry.get(part, []))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parts[-3]}/{file.stem}")
def test_tasks_on_the_controller_say_twice_that_they_never_become_root(file: Path) -> None:
    """An inventory's `ansible_become: true` beats the keyword, so the variable is set as well."""
    delegated = [task for task in tasks(yaml.safe_load(file.read_text())) if task.get("delegate_to") == "localhost"]
    assert delegated
    wrong = [
        task["name"]
        for task in delegated
        if task.get("become") is not False or task.get("vars", {}).get("ansible_become") is not False
    ]
    assert wrong == []


def test_the_ca_is_made_without_become(tmp_path: Path) -> None:
    """Red where the inventory's ansible_become counts: the program that it names does not exist."""
    inventory, playbook = tmp_path / "hosts.yml", tmp_path / "play.yml"
    everywhere = {"ansible_become": True, "ansible_become_user": "nobody", "ansible_become_exe": "/x"}
    hosts = {"host1": {"ansible_host": "192.0.2.1"}, "localhost": {"ansible_connection": "local"}}
    inventory.write_text(yaml.safe_dump({"all": {"hosts": hosts, "vars": everywhere}}))
    steps = [
        {"ansible.builtin.include_role": {"name": "foobar.webstack.certificates", "tasks_from": name}}
        for name in CA_TASKS
    ]
    playbook.write_text(yaml.safe_dump([{"hosts": "host1", "gather_facts": False, "tasks": steps}]))
    run = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", inventory, playbook],
        env=os.environ
        | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": f"{ROOT}/.collections"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    # The next one was made, promoted, and the former one dropped.
    assert sorted(path.name for path in (tmp_path / ".ca").iterdir()) == ["ca.key", "ca.pem"]
