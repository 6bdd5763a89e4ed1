"""The topology reads no more than it needs, hides no error, and is plain Python."""

import ast
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.plugin_utils import topology
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology import addresses

from inventories import backend, replication, upstream


class Watched(dict[str, Any]):
    """Variables of a host that remember which of them were read."""

    def __init__(self, variables: Mapping[str, Any], read: set[str]) -> None:
        super().__init__(variables)
        self.read = read

    def __getitem__(self, key: str) -> Any:
        self.read.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.read.add(key)
        return super().get(key, default)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (backend, {"ansible_host", "haproxy_weight", "haproxy_backup", "haproxy_maintenance"}),
        (upstream, {"ansible_host"}),
        (replication, {"ansible_host", "mysql_role", "mysql_port", "mysql_source", "mysql_replication_mode"}),
    ],
)
def test_only_needed_variables_are_read(function: Any, expected: set[str]) -> None:
    """In Ansible every read renders a template, which may be slow or may fail for another tier's reasons."""
    read: set[str] = set()
    hostvars = {"db1": Watched({"ansible_host": "198.18.0.1", "mysql_role": "primary"}, read)}
    function(hostvars)
    assert read == expected


def test_errors_of_hostvars_pass_through() -> None:
    """Catches a broad `except` that would hide why a variable could not be rendered."""

    class Unrenderable(dict[str, Any]):
        def __getitem__(self, key: str) -> Any:
            raise RuntimeError("no such lookup")

    with pytest.raises(RuntimeError, match="no such lookup"):
        addresses.address("web1", {"web1": Unrenderable(ansible_host="{{ lookup('nothing') }}")})


OWN = topology.__name__
SHARED = {
    f"ansible_collections.foobar.webstack.plugins.module_utils._mysql.{name}"
    for name in ("group_name", "reasons", "roles")
}
"""What the controller and the hosts both know, and what imports nothing of Ansible either."""


@pytest.mark.parametrize("path", sorted(Path(topology.__path__[0]).glob("*.py")), ids=lambda path: path.stem)
def test_topology_needs_only_python(path: Path) -> None:
    """The model stays free of Ansible: it imports the standard library, itself and what is SHARED."""
    tree = ast.parse(path.read_text())
    modules = {
        name
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert modules or path.stem == "__init__"
    others = {module for module in modules if module != OWN and not module.startswith(f"{OWN}.")} - SHARED
    assert {module.partition(".")[0] for module in others} <= sys.stdlib_module_names
