"""Filter foobar.webstack.replacement_errors."""

from __future__ import annotations

DOCUMENTATION = r"""
name: replacement_errors
version_added: 1.0.0
short_description: What is wrong with setting variables that the wiring sets
author: The foobar.webstack maintainers
description:
  - Makes sentences of what P(foobar.webstack.replaced_variables#lookup) finds, each with what to set instead.
positional: ways, groups, host, intended
options:
  _input:
    description: What the lookup found, names of variables or dicts with C(name) and C(file).
    type: list
    elements: raw
    required: true
  ways:
    description: By variable of the wiring, the variables of the inventory that change it or add to it.
    type: dict
    required: true
  groups:
    description: The groups of the stack, each a dict with C(roles).
    type: dict
    required: true
  host:
    description: Inventory name of the host that replaces the variables. Not needed for dicts.
    type: str
    default: ""
  intended:
    description: Variables that are replaced on purpose.
    type: list
    elements: str
seealso:
  - plugin: foobar.webstack.replaced_variables
    plugin_type: lookup
"""

EXAMPLES = r"""
errors: >-
  {{ ['nginx_sites'] | foobar.webstack.replacement_errors({'nginx_sites': ['webstack_web_static']}, {}, host='web1') }}
# => ['web1: nginx_sites replaces all that the stack gives the role there; set webstack_web_static instead, or ...']
"""

RETURN = r"""
_value:
  description: A sentence for each variable, none when all is well.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils import wiring


def replacement_errors(
    found: Sequence[str | Mapping[str, str]],
    ways: Mapping[str, Sequence[str]],
    groups: Mapping[str, Mapping[str, Any]],
    host: str = "",
    intended: Sequence[str] | None = None,
) -> list[str]:
    """Say what to set instead of each variable, and what does not belong into `intended`."""
    table = wiring.Table(ways, groups)
    files = {entry["name"]: entry["file"] for entry in found if isinstance(entry, Mapping)}
    names = [entry for entry in found if isinstance(entry, str)]
    return [
        *wiring.ignored_errors(files, table),
        *wiring.unknown_errors(intended or (), table),
        *wiring.replacement_errors(host, names, table, intended or ()),
    ]


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"replacement_errors": replacement_errors}
