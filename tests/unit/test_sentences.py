"""Every reason has its sentence, filled by exactly the reason's data, and names playbooks as they are called."""

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
import yaml
from ansible_collections.foobar.webstack.plugins.filter.reasons import reasons
from ansible_collections.foobar.webstack.plugins.module_utils import _mysql
from ansible_collections.foobar.webstack.plugins.module_utils._mysql import reasons as reasons_module
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.failover import Code as Failover
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.plan import Code as Plan
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import ReasonError, mysql_error, reason
from ansible_collections.foobar.webstack.plugins.plugin_utils import releases, status, topology, trace
from ansible_collections.foobar.webstack.plugins.plugin_utils.sentences import (
    CATALOGUE,
    COLLECTION,
    Caller,
    catalogue,
    sentence,
    with_sentences,
)
from reading import read

PLAYBOOKS = COLLECTION / "playbooks"
GIVEN = {"run", "phrase", "here"}
"""What every sentence may name without its reason having it."""
OTHER = {"phrases", "mysql_errors"}
"""Sections that are no sentences of reasons."""


def modules() -> Iterator[Any]:
    for package in (_mysql, releases, status, topology, trace):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield importlib.import_module(found.name)


MODULES = list(modules())
CODES = {
    str(code.value): code
    for module in MODULES
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, Enum) and kind.__module__ == module.__name__
    for code in kind
    if name == "Code"
}
SENTENCES = {
    f"{section}.{name}": text
    for section, found in catalogue().items()
    if section not in OTHER
    for name, text in found.items()
}


def test_a_section_is_in_one_file() -> None:
    """The sentences of one file would replace those of another one."""
    sections = [section for file in CATALOGUE.glob("*.yml") for section in yaml.safe_load(file.read_text())]
    assert sorted(sections) == sorted(catalogue())


def fields(text: str) -> set[str]:
    return {field.partition("[")[0] for _, field, _, _ in Formatter().parse(text) if field}


def calls() -> Iterator[tuple[str, set[str], str]]:
    """Every code that is used, with the names of its data and where."""
    for module in MODULES:
        tree = ast.parse(Path(module.__file__).read_text())
        for node in ast.walk(tree):
            for code in codes_of(node, module):
                keywords = {str(keyword.arg) for keyword in node.keywords}
                yield code, keywords, f"{Path(module.__file__).stem}:{node.lineno}"


def codes_of(node: ast.AST, module: Any) -> list[str]:
    """The codes that a call gives a reason, if it is such a call. A variable stands for all that it is set to."""
    if not isinstance(node, ast.Call) or not node.args:
        return []
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if called not in ("reason", "refuse", "note", "_refuse"):
        return []
    return [str(found.value) for found in constants(node.args[0], module)]


def constants(node: ast.AST, module: Any) -> list[Enum]:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        kind = getattr(module, node.value.id, None)
        return [kind[node.attr]] if isinstance(kind, type) and issubclass(kind, Enum) else []
    if isinstance(node, ast.IfExp):
        return constants(node.body, module) + constants(node.orelse, module)
    return []


def written() -> Iterator[tuple[str, set[str], str]]:
    """Every reason that a playbook gives itself: a mapping of `code` and `data`."""

    def found(value: Any) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict) and value.keys() == {"code", "data"}:
            yield value
        elif isinstance(value, dict | list):
            for part in value.values() if isinstance(value, dict) else value:
                yield from found(part)

    for file in sorted(PLAYBOOKS.rglob("*.yml")):
        for entry in found(yaml.safe_load(file.read_text())):
            yield entry["code"], set(entry["data"]), file.name


IN_PLAYBOOKS = list(written())
USED = [*calls(), *IN_PLAYBOOKS]


def test_every_code_has_a_sentence_and_every_sentence_a_code() -> None:
    assert set(SENTENCES) == set(CODES) | {code for code, _, _ in IN_PLAYBOOKS}
    assert IN_PLAYBOOKS


def test_every_code_is_used() -> None:
    """Those of a majority are in a loop, where the test does not see them."""
    unseen = {Failover.NO_MAJORITY.value, Failover.NO_MAJORITY_OF_CLIENTS.value}
    assert set(CODES) - {code for code, _, _ in USED} == unseen


@pytest.mark.parametrize(("code", "data", "where"), USED, ids=[f"{code} {where}" for code, _, where in USED])
def test_a_sentence_is_filled_by_its_data(code: str, data: set[str], where: str) -> None:
    """Red for a name in braces that the reason does not have, and for data that nobody reads."""
    if code != "mysql.error":
        assert fields(SENTENCES[code]) - GIVEN == data, where


def test_the_sentences_of_a_majority_are_filled() -> None:
    data = {"old", "lost", "voters", "reaching", "silent", "advice"}
    for code in (Failover.NO_MAJORITY, Failover.NO_MAJORITY_OF_CLIENTS):
        assert fields(SENTENCES[code.value]) == data


@pytest.mark.parametrize("section", ["mysql_errors", "phrases"])
def test_what_stands_for_itself_needs_no_data(section: str) -> None:
    for text in catalogue()[section].values():
        assert fields(text) <= GIVEN
    phrases = {field for text in texts() for _, field, _, _ in Formatter().parse(text) if field and "phrase[" in field}
    assert phrases == {f"phrase[{name}]" for name in catalogue()["phrases"]}, "every phrase is used, and is there"


def texts() -> list[str]:
    return [text for found in catalogue().values() for text in found.values()]


def test_only_playbooks_that_exist_are_named() -> None:
    named = {field for text in texts() for _, field, _, _ in Formatter().parse(text) if field and "run[" in field}
    assert named
    for field in named:
        assert (COLLECTION / f"playbooks/{field[4:-1]}.yml").is_file()


@pytest.mark.parametrize("text", texts())
def test_a_sentence_ends_open(text: str) -> None:
    """Several are joined, and whoever joins them puts the full stop."""
    assert text == text.strip()
    assert text[-1] != "."


REASON = reason(Failover.TWO_PRIMARIES, hosts=["db1", "db2"]).as_data()


def test_the_command_is_that_of_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(COLLECTION)
    inventory = str(COLLECTION / "inventories/lab")
    variables = {"playbook_dir": str(COLLECTION / "playbooks"), "ansible_inventory_sources": [inventory]}
    (said,) = reasons([REASON], variables)
    assert said.startswith("db1 and db2 take writes"), "the name of a host keeps its letters"
    assert "run ansible-playbook playbooks/rejoin.yml -i inventories/lab: it saves" in said


def test_the_command_is_that_of_the_installed_collection(tmp_path: Path) -> None:
    """The playbook of somebody else's folder, too, calls the collection's by their names."""
    assert "run ansible-playbook foobar.webstack.rejoin:" in sentence(REASON, Caller())
    assert Caller(str(tmp_path), ("/srv/inventory", "db1,")).command("site") == (
        "ansible-playbook foobar.webstack.site -i /srv/inventory -i db1,"
    )
    installed = tmp_path / "ansible_collections/foobar/webstack"
    (installed / "playbooks").mkdir(parents=True)
    assert Caller(str(installed / "playbooks")).command("site", installed) == "ansible-playbook foobar.webstack.site"


def test_a_sentence_names_its_host() -> None:
    said = sentence({"code": "promotion.has_data", "data": {}}, Caller.of({"inventory_hostname": "db1"}))
    assert "foobar.webstack.failover -e webstack_primary=db1 makes" in said


def test_reasons_are_told_within_reasons_and_braces_are_not_read_twice() -> None:
    """What a server answers may look like a placeholder."""
    error = mysql_error(2003, "no {such} {run[site]}.")
    refusal = reason(Plan.SOURCE_REFUSES, source="db1:3306", user="replication", error=error)
    said = read(reason(Plan.SOURCE_REFUSES_REPLICA, refusal=refusal, current="db2:3306"))
    assert "(as replication) refuses this server: no {such} {run[site]}. That is: nothing answers there" in said
    assert said.endswith("The replication from db2:3306 was not touched")
    (capital,) = reasons([reason(Plan.SOURCE_REFUSES_REPLICA, refusal=refusal, current="db2:3306").as_data()], {})
    assert capital.startswith("The source db1:3306 (as replication)")


def test_without_a_catalogue_a_reason_can_be_read() -> None:
    """A module that is run by itself has none."""
    error = ReasonError(reason(Plan.SAME_SERVER_ID, source="db1:3306", server_id=31))
    assert error.as_result()["msg"] == "plan.same_server_id (source: db1:3306, server_id: 31)."


def test_a_module_s_reasons_become_its_message_and_warnings() -> None:
    error = ReasonError(reason(Plan.CHANNEL_REMOVED))
    warning = reason(Plan.RUNS_WITH_ERRANT, gtids="a:1").as_data()
    result = with_sentences(
        {**error.as_result(), "warning_reasons": [warning], "warnings": ["old"], "exception": "x"}, {}
    )
    assert "exception" not in result, "Ansible would show the module's own message in the place of the new one"
    assert result["msg"] == "Somebody removed the channel meanwhile."
    assert result["warnings"][0] == "old"
    assert result["warnings"][1].startswith("This replica has transactions that its source has not: a:1. It")
    assert with_sentences({"msg": "as it is", "reasons": []}, {}) == {"msg": "as it is", "reasons": []}


def test_every_module_that_gives_reasons_has_the_action_plugin() -> None:
    """Otherwise a user would read codes."""
    plugins = COLLECTION / "plugins"
    giving = {path.stem for path in (plugins / "modules").glob("*.py") if reasons_module.__name__ in path.read_text()}
    assert giving == {path.stem for path in (plugins / "action").glob("*.py") if "(SpokenModule)" in path.read_text()}
    assert giving
