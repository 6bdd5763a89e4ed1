"""The roles' argument specifications."""

from pathlib import Path

import pytest
import yaml
from ansible_collections.foobar.webstack.plugins.filter.argument_errors import argument_errors

ROLES = sorted((Path(__file__).resolve().parents[2] / "roles").iterdir())


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_role_accepts_its_own_defaults(role):
    """Ansible validates them as if they were given. Red for an empty dict by default of which a key is required."""
    options = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    defaults = yaml.safe_load((role / "defaults/main.yml").read_text()) or {}
    given = {name: value for name, value in defaults.items() if value is not None and "{{" not in str(value)}
    assert argument_errors(given, {name: {**option, "required": False} for name, option in options.items()}) == []
