"""Filter foobar.webstack.mysql_mode_errors."""

from __future__ import annotations

DOCUMENTATION = r"""
name: mysql_mode_errors
version_added: 1.0.0
short_description: Whether database hosts are a pair or a group, as it is wanted
author: The foobar.webstack maintainers
description:
  - Compares what database hosts are with what they are to be. A running pair becomes no group, and a running group no
    pair, by being configured as one.
positional: mode
options:
  _input:
    description:
      - What M(foobar.webstack.mysql_server_info) has returned, by host. Hosts that were not reached may be left out.
    type: dict
    required: true
  mode:
    description: What they are to be.
    type: str
    choices: [pair, group]
    required: true
seealso:
  - module: foobar.webstack.mysql_conversion
"""

EXAMPLES = r"""
errors: "{{ {'db1': found} | foobar.webstack.mysql_mode_errors('group') | foobar.webstack.reasons(hostvars['db1']) }}"
"""

RETURN = r"""
_value:
  description: Why they must not be configured so, each a C(code) with C(data) for P(foobar.webstack.reasons#filter).
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.conversion.mode import differences


def mysql_mode_errors(answers: Mapping[str, Mapping[str, Any]], mode: str) -> list[dict[str, Any]]:
    """The reasons as data."""
    return [each.as_data() for each in differences(mode, answers)]


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"mysql_mode_errors": mysql_mode_errors}
