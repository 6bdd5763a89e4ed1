"""Sentences for reasons: the catalogue playbooks/meta/sentences, filled with a reason's data.

Modules and filters return reasons (`module_utils/_mysql/reasons.py`). This is the one place that makes text of them. It
works on the controller, where it is known how the playbooks are called: by their files in a checkout, by their names
where the collection is installed.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from string import Formatter
from typing import Any

import yaml

COLLECTION = Path(__file__).resolve().parents[2]
CATALOGUE = COLLECTION / "playbooks/meta/sentences"
NAME = "foobar.webstack"

MYSQL_ERROR = "mysql.error"
"""The code of an answer of MySQL's, whose data are its `number` and `error`."""


@dataclass(frozen=True)
class Caller:
    """How ansible-playbook was called."""

    playbook_dir: str = ""
    inventories: tuple[str, ...] = ()
    host: str = "<this host>"
    """The host that a sentence is about."""

    @classmethod
    def of(cls, variables: Mapping[str, Any]) -> Caller:
        """By Ansible's own variables of a host."""
        return cls(
            playbook_dir=str(variables.get("playbook_dir") or ""),
            inventories=tuple(str(source) for source in variables.get("ansible_inventory_sources") or ()),
            host=str(variables.get("inventory_hostname") or cls.host),
        )

    def command(self, playbook: str, collection: Path = COLLECTION) -> str:
        """What runs another playbook of this collection in the same way."""
        own = collection / "playbooks"
        in_checkout = collection.parts[-3:] != ("ansible_collections", *NAME.split("."))
        if in_checkout and self.playbook_dir and Path(self.playbook_dir).resolve() == own:
            words = [f"{_nearest(own)}/{playbook}.yml"]
        else:
            words = [f"{NAME}.{playbook}"]
        for source in self.inventories:
            words += ["-i", source if "," in source else _nearest(Path(source))]
        return shlex.join(["ansible-playbook", *words])


class _Commands(dict[str, str]):
    """Commands by playbook, made when they are asked for."""

    def __init__(self, caller: Caller) -> None:
        super().__init__()
        self._caller = caller

    def __missing__(self, playbook: str) -> str:
        return self._caller.command(playbook)


def sentence(reason: Mapping[str, Any], caller: Caller) -> str:
    """What a reason, as data, says. It ends without a full stop."""
    if reason["code"] == MYSQL_ERROR:
        return _mysql_error(reason["data"], caller)
    return _fill(_template(reason["code"]), reason["data"], caller)


def sentences(reasons: Iterable[Mapping[str, Any]], caller: Caller) -> list[str]:
    """What reasons say, each beginning with a capital letter, or with a value as it is."""
    found = []
    for reason in reasons:
        text = sentence(reason, caller)
        found.append(text if _begins_with_value(reason) else text[:1].upper() + text[1:])
    return found


def with_sentences(result: dict[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """A module's result with its `reasons` as `msg`, and its `warning_reasons` as warnings."""
    caller = Caller.of(variables)
    if reasons := result.get("reasons"):
        result["msg"] = f"{'. '.join(sentences(reasons, caller))}."
        # It has the module's own message; without it, Ansible takes the new one.
        result.pop("exception", None)
    if warnings := result.get("warning_reasons"):
        result["warnings"] = [*result.get("warnings", []), *(f"{text}." for text in sentences(warnings, caller))]
    return result


@lru_cache(maxsize=1)
def catalogue() -> Mapping[str, Mapping[Any, str]]:
    """The sentences by section and name."""
    found: dict[str, dict[Any, str]] = {}
    for file in sorted(CATALOGUE.glob("*.yml")):
        found |= yaml.safe_load(file.read_text(encoding="utf-8"))
    return found


def _mysql_error(data: Mapping[str, Any], caller: Caller) -> str:
    message = str(data["error"]).strip().rstrip(".") or "no error was given"
    meaning = catalogue()["mysql_errors"].get(data["number"])
    return f"{message}. That is: {_fill(meaning, {}, caller)}" if meaning else message


def _begins_with_value(reason: Mapping[str, Any]) -> bool:
    """Whether a sentence begins with a host's name, say, whose letters are not to be changed."""
    if reason["code"] == MYSQL_ERROR:
        return True
    template = _template(reason["code"])
    if not template.startswith("{"):
        return False
    first = reason["data"].get(_fields(template)[0])
    return _begins_with_value(first) if isinstance(first, Mapping) else True


def _fill(template: str, data: Mapping[str, Any], caller: Caller) -> str:
    words = {name: _word(value, caller) for name, value in data.items()}
    phrases = {name: _fill(text, {}, caller) for name, text in _phrases_in(template).items()}
    return Formatter().vformat(
        template, (), {"here": caller.host, **words, "run": _Commands(caller), "phrase": phrases}
    )


def _phrases_in(template: str) -> dict[str, str]:
    names = [field[7:-1] for field in _fields(template) if field.startswith("phrase[")]
    return {name: catalogue()["phrases"][name] for name in names}


def _fields(template: str) -> list[str]:
    """What stands in braces, without how it is written."""
    return [part[1] for part in Formatter().parse(template) if part[1]]


def _template(code: str) -> str:
    section, name = code.split(".", 1)
    return catalogue()[section][name]


class _Words(list[str]):
    """A list, written with commas, or as `{name:and}` for names at the beginning of a sentence."""

    separator = ", "

    def __format__(self, how: str) -> str:
        if how == "and" and len(self) > 1:
            return f"{self.separator.join(self[:-1])} and {self[-1]}"
        return self.separator.join(self) or "none"


class _Sentences(_Words):
    """A list of sentences, written with semicolons."""

    separator = "; "


def _word(value: Any, caller: Caller) -> Any:
    """A value as it stands in a sentence. Numbers stay numbers, for the sentence to say how they are written."""
    if isinstance(value, Mapping):
        return sentence(value, caller)
    if isinstance(value, Sequence) and not isinstance(value, str):
        kind = _Sentences if any(isinstance(item, Mapping) for item in value) else _Words
        return kind(str(_word(item, caller)) for item in value)
    return value


def _nearest(path: Path) -> str:
    """A path as a person in the current folder would write it."""
    absolute = path if path.is_absolute() else Path.cwd() / path
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(path)
