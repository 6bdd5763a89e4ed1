"""The tarball, installed where no checkout is."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# The lab's need collections that a user's controller does not have to have.
PLAYBOOKS = sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml"))
INVENTORY = """
all:
  hosts:
    lb1: {ansible_host: 203.0.113.11}
    web1: {ansible_host: 203.0.113.21}
    db1: {ansible_host: 203.0.113.31, mysql_role: primary}
  children:
    loadbalancers: {hosts: {lb1: {}}}
    webservers: {hosts: {web1: {}}}
    appservers: {hosts: {web1: {}}}
    databases: {hosts: {db1: {}}}
"""


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """Runs a command in a folder with an inventory, where the collection is installed from its tarball."""
    folder = tmp_path_factory.mktemp("elsewhere")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    environment["ANSIBLE_COLLECTIONS_PATH"] = str(folder / "collections")

    def run(*command, cwd=folder):
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}{done.stderr}"
        return done.stdout

    run("ansible-galaxy", "collection", "build", "--output-path", str(folder), cwd=ROOT)
    tarball = next(folder.glob("*.tar.gz"))
    run("ansible-galaxy", "collection", "install", "--offline", "--no-deps", str(tarball), "-p", "collections")
    (folder / "my-inventory").mkdir()
    (folder / "my-inventory/hosts.yml").write_text(INVENTORY)
    return run


def test_every_playbook_can_be_called_by_its_name(elsewhere):
    """Red when a file that a playbook imports stays out of the tarball."""
    names = [f"foobar.webstack.{name}" for name in PLAYBOOKS]
    shown = elsewhere("ansible-playbook", *names, "-i", "my-inventory", "--syntax-check")
    assert [line for line in shown.splitlines() if line.endswith("/playbooks/site.yml")]


def test_the_tarball_holds_what_a_user_needs_and_nothing_of_the_checkout(elsewhere):
    held = elsewhere("ls", "-A", "collections/ansible_collections/foobar/webstack").split()
    assert {"README.md", "docs", "inventories", "meta", "playbooks", "plugins", "roles"} <= set(held)
    assert not {"tests", "molecule", "Makefile", "conftest.py", "scripts", ".venv"} & set(held)
