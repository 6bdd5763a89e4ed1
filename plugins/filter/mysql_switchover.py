"""Filter foobar.webstack.mysql_switchover."""

from __future__ import annotations

DOCUMENTATION = r"""
name: mysql_switchover
version_added: 1.0.0
short_description: Which database hosts exchange their roles
author: The foobar.webstack maintainers
description:
  - Decides from what each database host is whether a replica may take the writes of the primary. What is wrong with one
    of the servers, or with the replication, is found by M(foobar.webstack.mysql_switchover).
positional: databases, candidate
options:
  _input:
    description: What each host is, by name, as RV(foobar.webstack.mysql_server_info#module:role). Hosts that were not
      reached are left out.
    type: dict
    required: true
  databases:
    description: Names of the database hosts.
    type: list
    elements: str
    required: true
  candidate:
    description: Host that is to take the writes.
    type: str
    required: true
"""

EXAMPLES = r"""
choice: "{{ {'db1': 'primary', 'db2': 'replica'} | foobar.webstack.mysql_switchover(['db1', 'db2'], 'db2') }}"
"""

RETURN = r"""
_value:
  description: What is to be done.
  type: dict
  contains:
    old:
      description: Host that takes the writes now.
      type: str
    candidate:
      description: Host that is to take them.
      type: str
    done:
      description: Whether it does already.
      type: bool
    refusals:
      description: Why nothing may be done, each a C(code) with C(data) for P(foobar.webstack.reasons#filter).
      type: list
      elements: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.switchover import decide


def mysql_switchover(roles: Mapping[str, str], databases: Sequence[str], candidate: str) -> dict[str, Any]:
    """The choice as data."""
    return decide(roles, databases, candidate).as_data()


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"mysql_switchover": mysql_switchover}
