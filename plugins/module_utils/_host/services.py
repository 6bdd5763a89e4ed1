"""Which units run, from what systemctl says. Pure, but for `units` and `failed`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils import _process

_PROPERTIES = {"LoadState": "load", "ActiveState": "active", "SubState": "sub", "Result": "result"}


def units(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """How each unit is, in one call."""
    if not names:
        return {}
    properties = f"--property={','.join(_PROPERTIES)}"
    return shown(names, _process.run("systemctl", "show", "--no-pager", properties, "--", *names).stdout)


def failed() -> list[str]:
    """Every unit of the host that has failed."""
    arguments = ("--state=failed", "--plain", "--no-legend", "--full", "--no-pager")
    return first_words(_process.run("systemctl", "list-units", *arguments).stdout)


def shown(names: Sequence[str], text: str) -> dict[str, dict[str, Any]]:
    """The blocks of `systemctl show`, which are in the order of the names. One that is missing is not there.

    Not by Id: that of an alias is another unit's name.
    """
    blocks = [block for block in text.split("\n\n") if block.strip()]
    found = {}
    for place, name in enumerate(names):
        lines = blocks[place].splitlines() if place < len(blocks) else []
        said = dict(line.split("=", 1) for line in lines if "=" in line)
        unit = {short: said.get(long, "") for long, short in _PROPERTIES.items()}
        found[name] = {**unit, "there": unit["load"] == "loaded", "runs": unit["active"] in ("active", "reloading")}
    return found


def first_words(text: str) -> list[str]:
    """The names in a listing of systemctl's."""
    return [line.split()[0] for line in text.splitlines() if line.strip()]
