"""What the stack gives its roles, and what an inventory puts in its place.

The wiring are the variables of `playbooks/group_vars/all` that are a role's own. Ansible's order of precedence decides
between two values: one for another group than `all`, for a host or on the command line replaces the wiring's, and one
for the inventory's group `all` is lost to it. Pure: it imports nothing of Ansible.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

INTERNAL = "__"
"""What the names of internal variables begin with."""

_SECTION = re.compile(r"\s*\[([^]]+)\]\s*(?:[#;].*)?")
_ASSIGNMENT = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*=")


@dataclass(frozen=True)
class Table:
    """What is known of the wiring's variables."""

    ways: Mapping[str, Sequence[str]]
    """By variable, those of the inventory that change it or add to it."""
    groups: Mapping[str, Mapping[str, Any]]
    """The groups of the stack, each with its `roles`."""

    def instead(self, name: str) -> str:
        """What to do instead of setting the variable."""
        *most, last = self.ways.get(name) or [""]
        if not last:
            return "remove it"
        return f"set {', '.join(most)} or {last} instead" if most else f"set {last} instead"

    def groups_of(self, name: str) -> list[str]:
        """The groups whose hosts have the role of the variable."""
        return [
            group
            for group, entry in self.groups.items()
            if any(name.startswith(f"{role}_") for role in entry.get("roles", ()))
        ]


def wired(files: Iterable[Mapping[str, Any] | None]) -> dict[str, Any]:
    """The roles' variables in the files of the wiring, with their values as they are written."""
    return {name: value for file in files for name, value in (file or {}).items() if not name.startswith(INTERNAL)}


def replaced(wiring: Mapping[str, Any], own: Mapping[str, Any]) -> list[str]:
    """The variables that a host has with another value than the wiring's, templates as they are written."""
    return [name for name, value in wiring.items() if name in own and own[name] != value]


def variables_of_all(data: object, text: str = "") -> set[str]:
    """The variables that an inventory file gives to all hosts: `all: vars:` in YAML (`data`), else INI (`text`)."""
    if isinstance(data, Mapping):
        everything = data.get("all")
        given = everything.get("vars") if isinstance(everything, Mapping) else None
        return {str(name) for name in given} if isinstance(given, Mapping) else set()
    found, section = set(), ""
    for line in text.splitlines():
        if head := _SECTION.fullmatch(line):
            section = head[1]
        elif section == "all:vars" and (assignment := _ASSIGNMENT.match(line)):
            found.add(assignment[1])
    return found


def replacement_errors(host: str, names: Iterable[str], table: Table, intended: Collection[str]) -> list[str]:
    """A sentence for each variable that `host` replaces and that `intended` (webstack_replace) does not name."""
    return [
        f"{host}: {name} replaces all that the stack gives the role there; {table.instead(name)}, or name it in "
        "webstack_replace if that is meant."
        for name in names
        if name not in intended
    ]


def ignored_errors(files: Mapping[str, str], table: Table) -> list[str]:
    """A sentence for each variable that an inventory gives to all hosts, with its file: the stack's value wins."""
    return list(_ignored(files, table))


def _ignored(files: Mapping[str, str], table: Table) -> Iterator[str]:
    for name, file in files.items():
        group = next(iter(table.groups_of(name)), "<group>")
        yield (
            f"{file}: {name} has no effect for all hosts, because the stack sets it; {table.instead(name)}. (To "
            f"replace what the stack sets, move it to group_vars/{group} and name it in webstack_replace.)"
        )


def unknown_errors(intended: Iterable[str], table: Table) -> list[str]:
    """A sentence for each name in webstack_replace that is no variable of the wiring."""
    return [
        f"webstack_replace: the stack does not set {name}; remove it from the list, any value of yours is taken."
        for name in intended
        if name not in table.ways
    ]
