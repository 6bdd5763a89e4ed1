"""What runs on the controller, it does as whoever runs Ansible, whatever an inventory says of the hosts."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(
    [*ROOT.glob("roles/*/tasks/*.yml"), *ROOT.glob("roles/*/handlers/*.yml"), *ROOT.glob("playbooks/**/*.yml")]
)
CA_TASKS = ["ca", "ca_next", "ca_promote", "ca_drop"]
LOCAL = {"localhost", "127.0.0.1", "::1"}
INSIDE = ("block", "rescue", "always", "pre_tasks", "tasks", "post_tasks", "handlers")
WITHOUT_CONNECTION = ("assert", "debug", "fail", "set_fact", "meta", "include_tasks", "import_tasks", "import_playbook")
"""What runs in Ansible itself, wherever it is."""


def tasks(found: list[dict[str, Any]], around: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All tasks, with what their blocks and their play say of them."""
    for entry in found:
        own = {**around, **entry, "vars": {**around.get("vars", {}), **entry.get("vars", {})}}
        parts = [part for part in INSIDE if part in entry]
        for part in parts:
            yield from tasks(entry[part], {name: value for name, value in own.items() if name not in INSIDE})
        if not parts and "roles" not in entry:
            yield own


def entries(file: Path) -> list[dict[str, Any]]:
    """Plays or tasks; none in a file of variables."""
    found = yaml.safe_load(file.read_text())
    return found if isinstance(found, list) else []


def on_controller(task: dict[str, Any]) -> bool:
    where = {task.get("delegate_to", ""), task.get("hosts", "") if "delegate_to" not in task else ""}
    connects = not any(f"ansible.builtin.{name}" in task for name in WITHOUT_CONNECTION)
    return connects and (bool(where & LOCAL) or task.get("connection") == "local" or "local_action" in task)


FOUND = [
    pytest.param(task, id=f"{file.relative_to(ROOT)}: {task['name']}")
    for file in FILES
    for task in tasks(entries(file), {})
    if on_controller(task)
]


def test_the_tasks_are_found() -> None:
    """In blocks, in plays that are local, and in roles: red if one of the kinds is overlooked."""
    names = {task.values[0]["name"] for task in FOUND}
    assert names > {
        "Make the certificate of the CA",
        "Remove its network",
        "Remove the folder on the controller",
        "Sign the requests on the controller",
        "Start the engine through systemd",
    }


@pytest.mark.parametrize("task", FOUND)
def test_it_says_twice_that_it_never_becomes_root(task: dict[str, Any]) -> None:
    """An inventory's `ansible_become: true` beats the keyword, so the variable is set as well."""
    assert task.get("become") is False
    assert task["vars"].get("ansible_become") is False


@pytest.mark.parametrize("task", FOUND)
def test_it_runs_with_the_controller_s_own_python(task: dict[str, Any]) -> None:
    """An inventory's ansible_python_interpreter is that of the hosts."""
    assert task["vars"].get("ansible_python_interpreter") == "{{ ansible_playbook_python }}"


def run(playbook: Path, tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a playbook with an inventory whose escalation works nowhere."""
    inventory = tmp_path / "hosts.yml"
    everywhere = {"ansible_become": True, "ansible_become_user": "nobody", "ansible_become_exe": "/x"}
    hosts = {"host1": {"ansible_host": "192.0.2.1"}, "localhost": {"ansible_connection": "local"}}
    inventory.write_text(yaml.safe_dump({"all": {"hosts": hosts, "vars": everywhere}}))
    return subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", inventory, playbook, *options],
        env=os.environ
        | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": f"{ROOT}/.collections"},
        capture_output=True,
        text=True,
        check=False,
    )


def ca_playbook(tmp_path: Path, *names: str) -> Path:
    playbook = tmp_path / "play.yml"
    steps = [
        {"ansible.builtin.include_role": {"name": "foobar.webstack.certificates", "tasks_from": name}} for name in names
    ]
    playbook.write_text(yaml.safe_dump([{"hosts": "host1", "gather_facts": False, "tasks": steps}]))
    return playbook


def test_the_ca_is_made_without_become(tmp_path: Path) -> None:
    """Red where the inventory's ansible_become counts: the program that it names does not exist."""
    result = run(ca_playbook(tmp_path, *CA_TASKS), tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    # The next one was made, promoted, and the former one dropped.
    assert sorted(path.name for path in (tmp_path / ".ca").iterdir()) == ["ca.key", "ca.pem"]
    assert (tmp_path / ".ca").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / ".ca/ca.key").stat().st_mode & 0o777 == 0o600


def test_a_dry_run_makes_no_ca(tmp_path: Path) -> None:
    result = run(ca_playbook(tmp_path, "ca"), tmp_path, "--check", "--diff")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "changed=1" in result.stdout
    assert not (tmp_path / ".ca").exists()


def test_an_encrypted_key_of_the_ca_stays_encrypted(tmp_path: Path) -> None:
    """Its successor's, too. Red if a rotation of the CA left its new key in clear."""
    password = tmp_path / "password"
    password.write_text("pw\n")
    vault = ["--vault-password-file", str(password)]
    key = tmp_path / ".ca/ca.key"
    assert run(ca_playbook(tmp_path, "ca"), tmp_path).returncode == 0
    before = key.read_text()
    subprocess.run([Path(sys.executable).with_name("ansible-vault"), "encrypt", *vault, key], check=True)

    closed = run(ca_playbook(tmp_path, *CA_TASKS), tmp_path)
    assert closed.returncode != 0
    assert "ca.key is encrypted with ansible-vault, and this run has no vault password" in closed.stdout + closed.stderr

    result = run(ca_playbook(tmp_path, *CA_TASKS), tmp_path, *vault)
    assert result.returncode == 0, result.stdout + result.stderr
    assert key.read_text().startswith("$ANSIBLE_VAULT;")
    assert sorted(path.name for path in key.parent.iterdir()) == ["ca.key", "ca.pem"]
    subprocess.run([Path(sys.executable).with_name("ansible-vault"), "decrypt", *vault, key], check=True)
    assert key.read_text().startswith("-----BEGIN ")
    assert key.read_text() != before
    assert "PRIVATE KEY" not in result.stdout + result.stderr
