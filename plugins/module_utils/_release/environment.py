"""Environment variables of the application, as a file that systemd reads."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from ansible_collections.foobar.webstack.plugins.module_utils._release.errors import ReleaseError

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# systemd drops a variable whose value holds any other control character, with no more than a line in the journal.
_UNUSABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_LINE = re.compile(r'^(\w+)="((?:[^"\\]|\\.)*)"$', re.MULTILINE | re.DOTALL)


def environment_value(name: str, value: Any) -> str:
    """The text of a value as a process will see it."""
    if not VARIABLE.fullmatch(name):
        raise ReleaseError(
            f"the environment variable {name!r} does not have a valid name; use letters, digits and _, no digit first"
        )
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if value is None:
        raise ReleaseError(f'the environment variable {name} has no value; write "" for an empty one')
    # The value may be a secret: it is not repeated.
    if not isinstance(value, str):
        raise ReleaseError(f"the environment variable {name} must be text or a number, not a {type(value).__name__}")
    if _UNUSABLE.search(value):
        raise ReleaseError(f"the environment variable {name} holds a control character, which systemd does not pass on")
    return str(value)


def environment_text(values: Mapping[str, Any]) -> str:
    """An EnvironmentFile of systemd.

    Inside double quotes systemd takes everything as it is, line breaks too, but for a backslash before one of four
    characters. It expands neither $ nor % there.
    """
    lines = ["# Ansible managed"]
    for name in sorted(values):
        quoted = re.sub(r'(["\\`$])', r"\\\1", environment_value(name, values[name]))
        lines.append(f'{name}="{quoted}"')
    return "\n".join(lines) + "\n"


def names(content: bytes | None, other: bytes | None) -> str:
    """The variables of an environment file, without values, and whether they differ from the other's."""
    parsed, known = (dict(_pairs(text)) for text in (content, other))
    return "".join(f"{name}{'' if known.get(name) == value else ' (differs)'}\n" for name, value in parsed.items())


def values_of(content: bytes | None) -> dict[str, str]:
    """The variables of an environment file as a process sees them."""
    return {name: re.sub(r'\\(["\\`$])', r"\1", value) for name, value in _pairs(content)}


def passwords(secrets: Mapping[str, Any]) -> set[str]:
    """The passwords in the URLs among secrets: a program may print one of them without the rest of its URL."""
    found = set()
    for word in " ".join(value for value in secrets.values() if isinstance(value, str)).split():
        with contextlib.suppress(ValueError):
            if password := urlsplit(word).password:
                found |= {password, unquote(password)}
    return found


def _pairs(content: bytes | None) -> Iterator[tuple[str, str]]:
    for found in _LINE.finditer((content or b"").decode(errors="replace")):
        yield found[1], found[2]
