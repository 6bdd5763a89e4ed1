"""Entry points of roles: what a playbook, or another role, includes with tasks_from has its argument specification."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLES = {path.name: path for path in sorted((ROOT / "roles").iterdir())}
FOLDERS = ("playbooks", "roles", "molecule")


def tasks(found: Any) -> Iterator[dict[str, Any]]:
    """Every task of a file, in plays and blocks too."""
    if isinstance(found, list):
        for item in found:
            yield from tasks(item)
    elif isinstance(found, dict):
        yield found
        for name in ("tasks", "pre_tasks", "post_tasks", "handlers", "block", "rescue", "always"):
            yield from tasks(found.get(name, []))


def included() -> Iterator[tuple[str, str, str]]:
    """Role, entry point, and the file that includes it."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.yml")):
            text = path.read_text()
            if "tasks_from" not in text:
                continue
            for task in tasks(yaml.safe_load(text)):
                for action in ("ansible.builtin.include_role", "ansible.builtin.import_role"):
                    arguments = task.get(action) or {}
                    if "tasks_from" in arguments:
                        role = arguments["name"].removeprefix("foobar.webstack.")
                        yield role, arguments["tasks_from"], str(path.relative_to(ROOT))


INCLUDED = sorted(set(included()))


def specifications(role: str) -> dict[str, Any]:
    return yaml.safe_load((ROLES[role] / "meta/argument_specs.yml").read_text())["argument_specs"]


def test_some_are_included() -> None:
    """The test of the tests below."""
    assert ("mysql_replication", "switchover", "playbooks/switchover.yml") in INCLUDED


@pytest.mark.parametrize(("role", "entry", "where"), INCLUDED)
def test_what_is_included_is_specified(role: str, entry: str, where: str) -> None:
    """Red for an entry point whose variables nobody checks. `where` is the file that includes it."""
    assert entry in specifications(role), where


@pytest.mark.parametrize("role", ROLES)
def test_what_is_specified_is_there(role: str) -> None:
    for entry, specification in specifications(role).items():
        assert (ROLES[role] / f"tasks/{entry}.yml").is_file(), entry
        assert specification["short_description"], entry
        for name, option in specification.get("options", {}).items():
            assert option["type"] != "raw", (entry, name)
            assert option["description"], (entry, name)
