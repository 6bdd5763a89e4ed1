"""Units that are confined as the application's own is: its user, environment and sandbox, with another command.

Everything follows from the text of the application's unit, so that nothing has to be said twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._release.environment import environment_value
from ansible_collections.foobar.webstack.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.foobar.webstack.plugins.module_utils._release.layout import Layout
from ansible_collections.foobar.webstack.plugins.module_utils._release.systemd import command_argument

Lines = Iterable["tuple[str, str]"]
"""Directives and their values, in order."""

# What is about the application's process itself: how it starts, ends and listens.
_ITS_OWN = re.compile(
    r"Type|NotifyAccess|FileDescriptorStore\w*|Exec\w+|Kill\w+|\w+KillSignal|SendSIG\w+|Timeout\w+|Restart\w*|Watchdog\w+"
    r"|OOMPolicy|Sockets|RuntimeDirectory\w*|RemainAfterExit|PIDFile|GuessMainPID|Standard\w+"
)


def as_command(words: Sequence[str]) -> list[str]:
    """A command of the release. A file of Python (manage.py) is run by the release's Python."""
    return ["python3", *words] if words and words[0].endswith(".py") else [*words]


def command_line(words: Sequence[str], environment: Mapping[str, Any] | None = None) -> str:
    """The value of ExecStart.

    env finds a command of the release's virtual environment through PATH, which systemd itself would not. It also has
    the last word on variables: those of EnvironmentFile win over Environment.
    """
    if not words:
        raise ReleaseError("a command has no words; write what is to be run, such as [manage.py, check]")
    added = [f"{name}={environment_value(name, value)}" for name, value in sorted((environment or {}).items())]
    return " ".join(["/usr/bin/env", "--", *map(command_argument, [*added, *as_command(words)])])


def pinned(text: str, at: Layout, release: str) -> str:
    """The text with this release in the place of the current one, or of another."""
    names = rf"{re.escape(str(at.root))}/(?:current|releases/[\w.-]+)(?![\w.-])"
    return re.sub(names, str(at.release(release)), text)


def derived(unit: str, description: str, service: Lines, about: Lines = ()) -> str:
    """A service with the user, the environment and the sandbox of `unit`; `about` is for its section [Unit]."""
    lines = [
        *header(unit),
        "[Unit]",
        *(f"{name}={value}" for name, value in (("Description", description), *about)),
        "",
        "[Service]",
        *_kept(unit),
        *(f"{name}={value}" for name, value in service),
    ]
    return "\n".join(lines) + "\n"


def header(unit: str) -> list[str]:
    """The comment that a unit begins with."""
    return [line for line in unit.partition("\n[")[0].splitlines() if line.startswith("#")]


def options(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Directives as a user gives them: a list becomes as many lines."""
    for name, value in sorted(given.items()):
        for one in value if isinstance(value, (list, tuple)) else [value]:
            yield name, str(one).lower() if isinstance(one, bool) else str(one)


def _kept(unit: str) -> Iterator[str]:
    """The lines of [Service] that are not about the process itself, without comments."""
    section, continued, keep = "", False, False
    for line in unit.splitlines():
        if not continued:
            if line.startswith("["):
                section = line
                continue
            if not line.strip() or line.lstrip().startswith(("#", ";")):
                continue
            keep = section == "[Service]" and not _ITS_OWN.fullmatch(line.partition("=")[0].strip())
        if keep:
            yield line
        continued = line.endswith("\\")
