"""Filter foobar.webstack.mysql_rejoin."""

from __future__ import annotations

DOCUMENTATION = r"""
name: mysql_rejoin
version_added: 1.0.0
short_description: Which database host comes back as a replica after a failover
author: The foobar.webstack maintainers
description:
  - The host that comes back is the one that was asked for, or else the one that neither takes writes nor replicates, or
    that the failover has cut off.
positional: databases, cut_off, asked
options:
  _input:
    description: What each host is, by name, as RV(foobar.webstack.mysql_server_info#module:role).
    type: dict
    required: true
  databases:
    description: Address of each database host, by name.
    type: dict
    required: true
  cut_off:
    description: Addresses that fences cut off, as RV(foobar.webstack.mysql_fence#module:cut_off).
    type: list
    elements: str
    required: true
  asked:
    description: Host that the operator has named.
    type: str
    default: ""
"""

EXAMPLES = r"""
choice: >-
  {{ {'db1': 'down', 'db2': 'primary'} | foobar.webstack.mysql_rejoin({'db1': '198.18.0.31', 'db2': '198.18.0.32'},
     cut_off=[]) }}
"""

RETURN = r"""
_value:
  description: What is to be done.
  type: dict
  contains:
    primary:
      description: Host that takes the writes.
      type: str
    host:
      description: Host that comes back as its replica. Empty if none is missing.
      type: str
    fresh:
      description: Whether that host has no data.
      type: bool
    plan:
      description: What is done, in the form of the refusals.
      type: list
      elements: dict
    refusals:
      description: Why nothing may be done, each a C(code) with C(data) for P(foobar.webstack.reasons#filter).
      type: list
      elements: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.rejoin import decide


def mysql_rejoin(
    roles: Mapping[str, str], databases: Mapping[str, str], cut_off: Sequence[str], asked: str = ""
) -> dict[str, Any]:
    """The choice as data."""
    return decide(roles, databases, cut_off, asked).as_data()


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"mysql_rejoin": mysql_rejoin}
