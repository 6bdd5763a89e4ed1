"""Filter foobar.webstack.release_table."""

from __future__ import annotations

DOCUMENTATION = r"""
name: release_table
version_added: 1.0.0
short_description: The releases of all hosts as a table for people
author: The foobar.webstack maintainers
description:
  - Tells of each host which releases it has, which of them serves, and when the others did.
options:
  _input:
    description: Results of M(foobar.webstack.app_release_info) by host, failures included.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Say it
  foobar.webstack.say:
    text: "{{ answers | foobar.webstack.release_table }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: The table.
  type: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.releases import model, shown


def release_table(answers: Mapping[str, Mapping[str, Any]]) -> str:
    """The table as text."""
    return "\n".join(shown.lines(model.hosts_of(answers)))


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"release_table": release_table}
