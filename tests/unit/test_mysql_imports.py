"""What the package _mysql imports: nobody ships or knows more than it uses. Every mode has the same operations."""

import ast
from pathlib import Path

import pytest
import yaml
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes import OPERATIONS

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
ROOT = PLUGINS / "module_utils/_mysql"
PREFIX = "ansible_collections.foobar.webstack.plugins"
MODES = sorted(path.name for path in (ROOT / "modes").iterdir() if (path / "__init__.py").is_file())


def imported(path: Path) -> set[str]:
    """The modules of this collection that a file imports, below `plugins`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if exists(name) else str(node.module) for name in names}
    return {name.removeprefix(f"{PREFIX}.") for name in found if name.startswith(f"{PREFIX}.")}


def exists(name: str) -> bool:
    return PLUGINS.joinpath(*name.removeprefix(f"{PREFIX}.").split(".")).with_suffix(".py").is_file()


def reached(path: Path) -> set[str]:
    """The same with all that those import."""
    found: set[str] = set()
    waiting = [path]
    while waiting:
        for name in imported(waiting.pop()) - found:
            found.add(name)
            waiting.append(PLUGINS.joinpath(*name.split(".")).with_suffix(".py"))
    return found


def own(name: str) -> Path:
    return ROOT / f"{name}.py"


@pytest.mark.parametrize("name", ["errors", "gtid", "reasons", "roles", "schemas", "server", "statements", "variables"])
def test_the_base_imports_nothing_of_the_collection(name: str) -> None:
    assert imported(own(name)) == set()


@pytest.mark.parametrize("path", sorted(ROOT.glob("*.py")), ids=lambda path: path.stem)
def test_what_is_common_to_all_modes_imports_none(path: Path) -> None:
    """Red when the observation of a server takes a helper from a switchover, as it once did."""
    assert [name for name in reached(path) if ".modes." in name] == []


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: path.stem)
def test_nothing_here_needs_ansible(path: Path) -> None:
    """Programs on hosts use it, too, and hosts have no Ansible."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        assert not [name for name in names if name.split(".")[0] == "ansible"]


@pytest.mark.parametrize(
    ("module", "unused"),
    [
        ("mysql_accounts", "modes"),
        ("mysql_settings", "modes"),
        ("mysql_server_info", "modes"),
        ("mysql_fence", "server"),
        ("mysql_primary", "modes.pair.failover"),
        ("mysql_primary", "modes.pair.plan"),
        ("mysql_rejoin", "modes.pair.plan"),
        ("mysql_rejoin", "observation"),
        ("mysql_replica", "modes.pair.exchange"),
        ("mysql_switchover", "modes.pair.plan"),
        ("mysql_switchover", "modes.pair.failover"),
    ],
)
def test_a_module_ships_only_what_it_uses(module: str, unused: str) -> None:
    shipped = reached(PLUGINS / f"modules/{module}.py")
    assert shipped, "it imports something"
    place = f"module_utils._mysql.{unused}"
    assert [name for name in shipped if name == place or name.startswith(f"{place}.")] == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_mode_offers_every_operation(mode: str, operation: str) -> None:
    for place in OPERATIONS[operation]:
        file, name = place.split(".")
        tree = ast.parse((ROOT / "modes" / mode / f"{file}.py").read_text())
        assert name in {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}, place


@pytest.mark.parametrize("path", [*(PLUGINS / "modules").glob("*.py"), *(PLUGINS / "filter").glob("*.py")])
def test_functions_of_a_mode_are_called_only_where_they_are_operations(path: Path) -> None:
    """Types may be imported from anywhere. Red when a module reaches for a helper inside of a mode."""
    allowed = {place for places in OPERATIONS.values() for place in places}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and "_mysql.modes." in (node.module or ""):
            file = str(node.module).rpartition(".")[2]
            functions = {f"{file}.{alias.name}" for alias in node.names if alias.name[0].islower()}
            assert functions <= allowed


def test_the_action_group_is_what_logs_in_to_the_server() -> None:
    """Red for a new module that module_defaults of the group would miss."""
    groups = yaml.safe_load((PLUGINS.parent / "meta/runtime.yml").read_text())["action_groups"]
    assert groups["mysql"] == sorted(
        path.stem for path in (PLUGINS / "modules").glob("*.py") if "LOGIN_OPTIONS" in path.read_text()
    )


def test_this_test_sees_an_import() -> None:
    """The test of the tests above."""
    assert "module_utils._mysql.server" in imported(own("observation"))
    assert "module_utils._mysql.heartbeat" in imported(own("observation"))
    assert "module_utils._mysql.modes.pair.plan" in reached(PLUGINS / "modules/mysql_replica.py")
