"""Mistakes in what an application builds and in what runs beside it, and which of that is for a host.

The role's argument specification cannot say what the entries of a dict hold, because their names are free: it stands
here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._release.parameters import ARGUMENTS
from ansible_collections.foobar.webstack.plugins.plugin_utils.validation import arguments


def _entry_options(parameter: str, hosts: list[str]) -> dict[str, dict[str, Any]]:
    """What the module takes of an entry, which is named by its key here, and on which hosts it runs."""
    options = {key: option for key, option in ARGUMENTS[parameter]["options"].items() if key != "name"}
    return {**options, "hosts": {"type": "str", "choices": hosts, "default": hosts[0]}}


PROCESS = _entry_options("processes", ["all", "first"])
JOB = _entry_options("jobs", ["first", "all"])
KINDS = {"appserver_processes": PROCESS, "appserver_jobs": JOB}
"""By variable of the role, what each of its entries holds."""

MOST_INSTANCES = 64

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
_CRON_FIELDS = 5


def errors(given: Mapping[str, Any]) -> list[str]:
    """A sentence for each mistake in the role's variables that are given, without its full stop."""
    build = given.get("appserver_build") or ()
    empty = [
        f"appserver_build[{number}] has no words; write a command, or remove it"
        for number, words in enumerate(build)
        if not words
    ]
    of_entries = [
        error
        for variable, specification in KINDS.items()
        for name, entry in (given.get(variable) or {}).items()
        for error in _entry(variable, str(name), entry, specification)
    ]
    return empty + of_entries or list(_names(given))


def units_of_host(entries: Mapping[str, Mapping[str, Any]], *, is_first: bool, default: str) -> list[dict[str, Any]]:
    """The entries for one of the application's hosts, each with its name; `default` says where, if one does not."""
    return [
        {"name": name, **{key: value for key, value in entry.items() if key != "hosts"}}
        for name, entry in entries.items()
        if is_first or entry.get("hosts", default) == "all"
    ]


def _entry(variable: str, name: str, entry: Any, specification: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    where = f"{variable}.{name}"
    if not _NAME.fullmatch(name):
        yield f'{variable}: "{name}" is not a valid name; use at most 31 of a-z, 0-9, - and _, a letter first'
        return
    mistakes = arguments.errors({where: entry}, {where: {"type": "dict", "options": specification}})
    yield from mistakes
    if mistakes:
        return
    if not entry["command"]:
        yield f"{where}.command has no words; write what is to be run"
    if not 1 <= entry.get("instances", 1) <= MOST_INSTANCES:
        yield f"{where}.instances is {entry['instances']}; use 1 to {MOST_INSTANCES}"
    for key in ("timeout", "stop_timeout"):
        if entry.get(key, 1) < 1:
            yield f"{where}.{key} is {entry[key]}; use 1 or more"
    if "schedule" in entry:
        yield from _schedule(f"{where}.schedule", str(entry["schedule"]))


def _schedule(where: str, schedule: str) -> Iterator[str]:
    """The host's systemd reads the rest of it."""
    if len(schedule.split()) == _CRON_FIELDS or not schedule.strip() or not schedule.isprintable():
        yield (
            f'{where} is "{schedule}", which is not as systemd has it (OnCalendar); write daily, *:0/10 for every ten '
            "minutes, 03:15 for every night or Mon 03:15, say"
        )


def _names(given: Mapping[str, Any]) -> Iterator[str]:
    """Each unit has a name of its own."""
    seen: dict[str, str] = {}
    for name, variable in _units(given):
        if name in seen or name == "candidate":
            other = (
                f"is a name that {seen[name]} has as well" if name in seen else "is a name that the role needs itself"
            )
            yield f'{variable}: "{name}" {other}; use another one'
        seen[name] = variable


def _units(given: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for variable in KINDS:
        for name, entry in (given.get(variable) or {}).items():
            count = int(entry.get("instances", 1))
            yield from ((name if count == 1 else f"{name}-{number}", variable) for number in range(1, count + 1))
