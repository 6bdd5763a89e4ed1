"""A role's meta/argument_specs.yml, for the reader, and its defaults/main.yml, for Ansible, agree."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.foobar.webstack.plugins.filter.argument_errors import argument_errors

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(ROOT.glob("roles/*"))


def load(file: Path) -> dict[str, Any]:
    return yaml.safe_load(file.read_text()) or {}


def options_of(role: Path) -> dict[str, Any]:
    return load(role / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]


def nested(options: dict[str, Any], path: str = "") -> list[tuple[str, dict[str, Any]]]:
    found = []
    for name, option in options.items():
        found.append((f"{path}{name}", option))
        found += nested(option.get("options", {}), f"{path}{name}.")
    return found


@pytest.fixture(params=ROLES, ids=lambda role: role.name)
def role(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_every_variable_has_a_default_or_is_required(role: Path) -> None:
    """Catches a variable that was added, renamed or removed in only one of the two files."""
    optional = {name for name, option in options_of(role).items() if not option.get("required")}
    assert set(load(role / "defaults/main.yml")) == optional


def test_stated_defaults_are_the_real_ones(role: Path) -> None:
    """Catches documentation that promises another default than the role has."""
    defaults = load(role / "defaults/main.yml")
    stated = {name: option["default"] for name, option in options_of(role).items() if "default" in option}
    assert stated == {name: defaults[name] for name in stated}


def test_literal_defaults_are_stated(role: Path) -> None:
    """Catches a default that the manual keeps to itself; one that is a template is described in words."""
    defaults = load(role / "defaults/main.yml")
    literal = {name for name, value in defaults.items() if "{{" not in str(value)}
    assert {name for name, option in options_of(role).items() if "default" in option} >= literal


def test_variables_carry_the_role_s_name(role: Path) -> None:
    assert [name for name in options_of(role) if not name.startswith(f"{role.name}_")] == []


def test_every_option_is_typed_and_described(role: Path) -> None:
    """Catches an option that takes anything, or whose meaning is left to be guessed."""
    bare = [
        path
        for path, option in nested(options_of(role))
        if option.get("type", "raw") == "raw" or not option.get("description")
    ]
    assert bare == []


@pytest.mark.parametrize("entry", ["main", "verbs"])
def test_an_inventory_may_leave_out_what_the_stack_s_variables_leave_open(entry: str) -> None:
    """Red for a default that is wrong itself: {} of a dict that has required options, so that every inventory is."""
    options = load(ROOT / "playbooks/meta/argument_specs.yml")["argument_specs"][entry]["options"]
    assert argument_errors({}, options) == []
