"""The groups of the stack: what an inventory must and may have of them, and which of them a play is for.

The table of groups (playbooks/group_vars/all/groups.yml) says of each group whether it is required, whether its hosts
get the base roles, how many hosts it may have, and which roles make it. Pure: it imports nothing of Ansible.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

Members: TypeAlias = Mapping[str, Sequence[str]]
"""Hosts of every group of the inventory by the group's name: Ansible's `groups`."""

NO_HOSTS = (
    "The inventory has no hosts; give one with -i, such as -i my-inventory. If you did, the warnings above say why it "
    "could not be read"
)
NO_HOST = ("all", "!all")
"""A pattern that matches no host, without a warning of Ansible's."""
_COLUMNS = ("required", "base", "roles", "everywhere", "max_hosts")
_IN_ANY_INVENTORY = ("all", "ungrouped")
_SHORTEST_TO_MISTYPE = 5
"""Of names that are shorter, such as dns, one letter more or less makes another word."""


class GroupError(ValueError):
    """A table or an inventory that cannot be meant. The message names the group and the fix."""


@dataclass(frozen=True)
class Group:
    """One entry of the table.

    A `required` group has at least one host. `base`: its hosts get the base roles. `roles` make it, in this order, and
    where it has hosts, all hosts of the stack get the roles `everywhere`. `max_hosts` None: as many as there are.
    """

    name: str
    required: bool
    base: bool
    roles: tuple[str, ...]
    everywhere: tuple[str, ...] = ()
    max_hosts: int | None = None


def table_of(data: Mapping[str, Any]) -> dict[str, Group]:
    """The table of groups from plain data. Raises GroupError where it is not of the form that `Group` describes."""
    if not isinstance(data, Mapping):
        raise GroupError(f"the table of groups is {data!r}; pass __webstack_groups")
    return {name: _group(name, entry) for name, entry in data.items()}


def _group(name: str, entry: object) -> Group:
    if not isinstance(entry, Mapping) or not set(entry) <= set(_COLUMNS):
        raise GroupError(f"group {name}: its entry is {entry!r}; write {', '.join(_COLUMNS)} alone")
    required, base, roles = entry.get("required"), entry.get("base"), entry.get("roles")
    everywhere = entry.get("everywhere", [])
    most = entry.get("max_hosts")
    if not isinstance(required, bool) or not isinstance(base, bool):
        raise GroupError(f"group {name}: write required and base, each true or false")
    if not isinstance(roles, Sequence) or isinstance(roles, str):
        raise GroupError(f"group {name}: roles is {roles!r}; write a list of roles, empty where there is none")
    if not isinstance(everywhere, Sequence) or isinstance(everywhere, str):
        raise GroupError(f"group {name}: everywhere is {everywhere!r}; write a list of roles, or leave it out")
    if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 1):
        raise GroupError(f"group {name}: max_hosts is {most!r}; write a whole number from 1, or leave it out")
    return Group(name, required, base, tuple(map(str, roles)), tuple(map(str, everywhere)), most)


def stack_groups(table: Mapping[str, Group], members: Members, *, base: bool = False) -> list[str]:
    """The groups of the table that have hosts, in the table's order; with `base`, those that get the base roles.

    Raises GroupError where none has.
    """
    _refuse_no_hosts(members)
    found = [name for name, group in table.items() if members.get(name) and (group.base or not base)]
    if not found:
        raise GroupError(
            " ".join(_unknown(_misspelt(table, members))) or f"No host of the inventory is in {_one_of(table)}."
        )
    return found


def groups_beside(name: str, table: Mapping[str, Group], members: Members) -> list[str]:
    """As `stack_groups` where the optional group `name` has hosts; else a pattern that matches no host."""
    return stack_groups(table, members) if tier_groups([name], table, members) == [name] else list(NO_HOST)


def tier_groups(names: Iterable[str], table: Mapping[str, Group], members: Members) -> list[str]:
    """The given groups that have hosts; where none has, a pattern that matches no host.

    Ansible would warn of a group that the inventory lacks. Raises GroupError for one that the table lacks, or that is
    required and empty.
    """
    _refuse_no_hosts(members)
    asked = list(names)
    for name in asked:
        if name not in table:
            raise GroupError(f"group {name}: it is not in the table of groups; write {_one_of(table)}")
        if table[name].required and not members.get(name):
            misspelt = _misspelt({name: table[name]}, members)
            raise GroupError(" ".join(_unknown(misspelt)) or _missing(name))
    return [name for name in asked if members.get(name)] or list(NO_HOST)


def refuse_foreign_limit(limit: str, table: Mapping[str, Group], members: Members) -> None:
    """Raises GroupError where --limit leaves no host of the stack: every play would be skipped, and the run end well.

    Patterns that are more than names, wildcards, `!` and `&` are not judged.
    """
    parts = [part.strip() for part in re.split(r"[,:]", limit) if part.strip()]
    if not parts or any(part[0] in "@~" or "[" in part or not _matching(part.lstrip("!&"), members) for part in parts):
        return
    chosen = {host for part in parts if part[0] not in "!&" for host in _matching(part, members)}
    if all(part[0] in "!&" for part in parts):
        chosen = set(members["all"])
    for part in parts:
        if part[0] == "&":
            chosen &= _matching(part[1:], members)
        if part[0] == "!":
            chosen -= _matching(part[1:], members)
    if not chosen & {host for name in table for host in members.get(name, ())}:
        raise GroupError(f"--limit {limit} leaves no host that is in {_one_of(table)}; name one that is.")


# Ansible's own words. The others are what molecule names in every run.
_TAGS_OF_ANSIBLE = ("all", "always", "tagged", "untagged", "never")
_TAGS_OF_MOLECULE = re.compile(r"(molecule-.*)?notest")


def refuse_unknown_tags(run: Sequence[str], skip: Sequence[str], known: Sequence[str]) -> None:
    """Raises GroupError where --tags or --skip-tags name an unknown tag: the run would do nothing, and end well.

    Nothing but `all` may be named where no tag is known: half of what a verb does is worse than none of it.
    """
    meant = [("--tags", name) for name in run] + [("--skip-tags", name) for name in skip]
    allowed = {*known, *_TAGS_OF_ANSIBLE} if known else {"all"}
    for option, name in meant:
        if name in allowed or _TAGS_OF_MOLECULE.fullmatch(name):
            continue
        if known:
            raise GroupError(f"{option} {name}: unknown tag; use some of {', '.join(known)}.")
        raise GroupError(f"{option} {name}: this playbook is done as a whole; leave out {option}.")


def _matching(pattern: str, members: Members) -> set[str]:
    """Hosts that a name or wildcard of a host or group stands for."""
    groups = {host for name, hosts in members.items() if fnmatchcase(name, pattern) for host in hosts}
    return groups | {host for host in members["all"] if fnmatchcase(host, pattern)}


def any_hosts(members: Members) -> list[str]:
    """The group all. Raises GroupError where the inventory has no hosts."""
    _refuse_no_hosts(members)
    return ["all"]


def inventory_errors(table: Mapping[str, Group], members: Members) -> list[str]:
    """What is wrong with the inventory's groups, a sentence each: misspelt, missing, with too many hosts.

    Raises GroupError where the inventory has no hosts.
    """
    _refuse_no_hosts(members)
    misspelt = _misspelt(table, members)
    missing = [
        _missing(name)
        for name, group in table.items()
        if group.required and not members.get(name) and name not in misspelt.values()
    ]
    crowded = [
        f"The inventory's group {name} has {', '.join(members[name])}; keep "
        + (f"{group.max_hosts} of them." if group.max_hosts > 1 else "one of them.")
        for name, group in table.items()
        if group.max_hosts and len(members.get(name, ())) > group.max_hosts
    ]
    return _unknown(misspelt) + missing + crowded


def meant(name: str, known: Iterable[str]) -> str:
    """Which of the known names a name is a misspelling of; empty for a name of its own.

    One letter is wrong, or two have changed places, or it differs in case, in separators, or in being singular or
    plural. A number at the end makes a name of its own: webservers2 may be a part of webservers.
    """
    for other in known:
        if name == other:
            return ""
    for other in known:
        typed, right = _plain(name), _plain(other)
        if typed == right or (len(right) >= _SHORTEST_TO_MISTYPE and _one_mistake(typed, right)):
            return other
    return ""


def _misspelt(table: Mapping[str, Group], members: Members) -> dict[str, str]:
    """Of misspelt groups, which was meant. One whose hosts are all in the group meant does no harm."""
    found = {name: meant(name, table) for name in members if name not in _IN_ANY_INVENTORY}
    return {
        name: right for name, right in found.items() if right and not set(members[name]) <= set(members.get(right, ()))
    }


def _unknown(misspelt: Mapping[str, str]) -> list[str]:
    return [f"Unknown group {name}; did you mean {right}?" for name, right in misspelt.items()]


def _missing(name: str) -> str:
    return f"The inventory's group {name} is missing or empty; put at least one host into it."


def _refuse_no_hosts(members: Members) -> None:
    if not isinstance(members, Mapping):
        raise GroupError(f"groups is {members!r}; pass Ansible's groups")
    if not members.get("all"):
        raise GroupError(NO_HOSTS)


def _one_of(table: Mapping[str, Group]) -> str:
    return f"one of the groups {', '.join(table)}"


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower()).removesuffix("s")


def _one_mistake(typed: str, right: str) -> bool:
    """Whether a letter is missing, too many or wrong, or two neighbours have changed places."""
    while typed and right and typed[0] == right[0]:
        typed, right = typed[1:], right[1:]
    while typed and right and typed[-1] == right[-1]:
        typed, right = typed[:-1], right[:-1]
    swapped = len(typed) == 2 and typed == right[::-1]
    return swapped or (len(typed) <= 1 and len(right) <= 1 and not typed.isdigit())
