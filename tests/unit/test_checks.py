"""What the checks themselves must not forget."""

import re
import tomllib
from pathlib import Path

import ansible_collections
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def programs():
    """The folders of roles that hold a Python program for hosts, a package or a module."""
    files = [path for path in ROOT.glob("roles/*/files/**/*.py") if "guestbook" not in path.parts]
    return {str(path.parent.relative_to(ROOT)) for path in files if path.parent.name == "files"} | {
        str(path.parent.parent.relative_to(ROOT)) for path in files if path.name == "cli.py"
    }


@pytest.mark.parametrize("tool", ["mypy", "pytest"])
def test_the_programs_on_hosts_are_found_by(tool):
    """A program whose folder is missing there is checked under a wrong name, and its tests do not find it."""
    found = (
        PROJECT["tool"]["mypy"]["mypy_path"]
        if tool == "mypy"
        else PROJECT["tool"]["pytest"]["ini_options"]["pythonpath"]
    )
    missing = programs() - set(found)
    assert not missing, f"pyproject.toml: add to the list of {tool}: {', '.join(sorted(missing))}"


def collections_called(*folders, but=()):
    """The other collections, of those that are installed here, of which something is called in the folders."""
    installed = {
        f"{path.parent.name}.{path.name}"
        for root in ansible_collections.__path__
        for path in Path(root).glob("*/*")
        if path.is_dir() and path.name != "webstack"
    }
    called = re.compile(rf"\b({'|'.join(map(re.escape, sorted(installed)))})\.[a-z]")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    return {
        name
        for path in files
        if path.suffix in (".yml", ".j2", ".py") and not any(path.is_relative_to(ROOT / one) for one in but)
        for name in called.findall(path.read_text())
    }


def test_a_user_installs_what_roles_and_playbooks_call_and_no_more():
    """Red with community.docker in galaxy.yml, which only the lab needs, and without community.crypto."""
    dependencies = yaml.safe_load((ROOT / "galaxy.yml").read_text())["dependencies"]
    assert set(dependencies) == collections_called("roles", "playbooks", "plugins", but=["playbooks/lab"])


def test_requirements_yml_holds_what_is_called_anywhere_here():
    """With ansible-core alone, `ansible-galaxy collection install -r requirements.yml` has to be enough."""
    required = {
        one["name"]: one["version"] for one in yaml.safe_load((ROOT / "requirements.yml").read_text())["collections"]
    }
    assert set(required) == collections_called("roles", "playbooks", "plugins", "molecule", "tests", ".config")
    dependencies = yaml.safe_load((ROOT / "galaxy.yml").read_text())["dependencies"]
    assert dependencies.items() <= required.items(), "the two files ask for different versions"


def test_the_execution_environment_takes_the_tarball_that_is_built():
    version = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
    (file,) = yaml.safe_load((ROOT / "execution-environment.yml").read_text())["additional_build_files"]
    assert file["src"] == f"build/foobar-webstack-{version}.tar.gz"


def test_pre_commit_runs_what_make_runs():
    """By the same commands: a linter that is in one only would pass here and fail there."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    entries = {hook["entry"].removeprefix("scripts/with-tools ").removeprefix(".venv/bin/") for hook in hooks}
    recipes = re.search(r"^lint:.*?(?=^\S+: tools ## .*|\Z)", MAKEFILE, re.MULTILINE | re.DOTALL)[0]
    recipes += re.search(r"^types:.*\n\t.*\n", MAKEFILE, re.MULTILINE)[0]
    run = {line.rpartition('" ')[2].removesuffix(" .") for line in recipes.splitlines() if "$(STEP)" in line}
    assert entries == run
