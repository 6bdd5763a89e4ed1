"""Filter foobar.webstack.without."""

from __future__ import annotations

DOCUMENTATION = r"""
name: without
version_added: 1.0.0
short_description: Dicts without some of their keys
author: The foobar.webstack maintainers
description:
  - Leaves out of each dict of a list the keys that are named, such as those that the stack reads itself and a role does
    not know.
positional: keys
options:
  _input:
    description: The dicts.
    type: list
    elements: dict
    required: true
  keys:
    description: The keys to leave out.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
databases: "{{ [{'name': 'shop', 'application': true}] | foobar.webstack.without(['application']) }}"
# => [{name: shop}]
"""

RETURN = r"""
_value:
  description: The dicts in their order, without these keys.
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils import additions


def without(entries: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> list[dict[str, Any]]:
    """The dicts without these keys."""
    return additions.without(entries, keys)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"without": without}
