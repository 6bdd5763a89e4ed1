"""Values against an argument specification, as strictly as roles take them.

Ansible's own validator converts what it checks, and gives the role what was there before: a string passes as a list and
is read letter by letter, "no" passes as a boolean and is true. So a value is of its type here, or it is refused.
Whole numbers and booleans may be strings where the caller says so, because it converts them itself: `-e` and the
sections [...:vars] of INI inventories have strings alone.

Pure: it imports nothing of Ansible. Specifications are those of meta/argument_specs.yml.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import BOOLEANS

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")
_SIMILAR = 0.6
"""Of difflib's ratio: from where a name is worth proposing."""
_FIXES = {
    "str": "write a string",
    "path": "write a path",
    "int": "write a whole number, without quotes",
    "float": "write a number, without quotes",
    "bool": "write true or false, without quotes",
    "list": "write a list, such as {example}",
    "dict": "write a dict, such as {example}",
}


def errors(
    variables: Mapping[str, Any], specification: Mapping[str, Mapping[str, Any]], *, text: Collection[str] = ()
) -> list[str]:
    """What is wrong with the variables, a sentence each, without its full stop.

    Those that `text` names may be strings that stand for a whole number or a boolean.
    """
    return list(_of_options(variables, specification, "", text))


def _of_options(
    values: Mapping[str, Any], options: Mapping[str, Mapping[str, Any]], where: str, text: Collection[str] = ()
) -> Iterator[str]:
    for name in values:
        if name not in options:
            yield _unknown(str(name), [*options], where)
    for name, option in options.items():
        path = f"{where}.{name}" if where else name
        if values.get(name) is not None:
            yield from _of_value(values[name], option, path, path in text)
        elif name in values and not where:
            yield f"{path} is null; {_fix(option, None, path)}, or remove it"
        elif option.get("required"):
            yield f"{path} is required; {_fix(option, None, path)}"
        elif name in values and option.get("default") is not None:
            yield f"{path} is null; {_fix(option, None, path)}, or leave it out"


def _of_value(value: Any, option: Mapping[str, Any], path: str, text: bool) -> Iterator[str]:
    kind = option.get("type", "str")
    if not (_is(value, kind) or (text and _stands_for(value, kind))):
        yield f"{path} is {_shown(value)}; {_fix(option, value, path)}"
        return
    choices = option.get("choices")
    if choices:
        for chosen in value if kind == "list" else [value]:
            if chosen not in choices and not (text and _stands_for(chosen, kind)):
                yield f"{path} is {_shown(chosen)}; write {_alternatives(choices)}"
    if kind == "dict" and option.get("options"):
        yield from _of_options(value, option["options"], path)
    if kind == "list" and option.get("elements"):
        element = {"type": option["elements"], "options": option.get("options")}
        for number, one in enumerate(value):
            if one is None:
                yield f"{path}[{number}] is null; {_fix(element, None, path)}, or remove it"
            else:
                yield from _of_value(one, element, f"{path}[{number}]", False)


def _is(value: Any, kind: str) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind in ("str", "path"):
        # A version or a port is written without quotes as well; whoever renders it gets what was written.
        return isinstance(value, str) or number
    if kind == "int":
        return number and isinstance(value, int)
    if kind == "float":
        return number
    if kind == "bool":
        return isinstance(value, bool)
    if kind == "list":
        return isinstance(value, Sequence) and not isinstance(value, (str, bytes))
    if kind == "dict":
        return isinstance(value, Mapping)
    return True


def _stands_for(value: Any, kind: str) -> bool:
    if not isinstance(value, str):
        return False
    if kind == "int":
        return _WHOLE_NUMBER.fullmatch(value) is not None
    return kind == "bool" and value.lower() in BOOLEANS


def _unknown(name: str, known: Sequence[str], where: str) -> str:
    near = get_close_matches(name, known, n=1, cutoff=_SIMILAR)
    hint = f"did you mean {near[0]}?" if near else f"use {_alternatives(sorted(known), 'and')}"
    # A sentence that asks ends with its own mark.
    shown = _plain(name)
    return f"Unknown option {shown} of {where}; {hint}" if where else f"Unknown variable {shown}; {hint}"


def _fix(option: Mapping[str, Any], value: Any, path: str) -> str:
    kind = option.get("type", "str")
    if option.get("choices") and kind != "list":
        return f"write {_alternatives(option['choices'])}"
    return _FIXES.get(kind, "write a value").format(example=_example(kind, option, value))


def _example(kind: str, option: Mapping[str, Any], value: Any) -> str:
    if kind == "list" and isinstance(value, (str, int, float)) and option.get("elements") in ("str", "path", "int"):
        return f"[{_plain(str(value))}]"
    names = [*(option.get("options") or {})][:1]
    inside = f"{{{names[0]}: ...}}" if names else "{...}" if option.get("elements") == "dict" else "..."
    return f"[{inside}]" if kind == "list" else (inside if names else "{name: value}")


def _alternatives(choices: Sequence[Any], last: str = "or") -> str:
    *most, end = [str(choice).lower() if isinstance(choice, bool) else str(choice) for choice in choices] or ["nothing"]
    return f"{', '.join(most)} {last} {end}" if most else end


def _plain(text: str) -> str:
    """As it is written, or in quotes where a line end or another character in it would not be seen."""
    return text if text and text.isprintable() else json.dumps(text, ensure_ascii=False)


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."
