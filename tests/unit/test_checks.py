"""What the checks themselves must not forget."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
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
