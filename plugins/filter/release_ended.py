"""Filter foobar.webstack.release_ended."""

from __future__ import annotations

DOCUMENTATION = r"""
name: release_ended
version_added: 1.0.0
short_description: How a deployment has ended on its hosts
author: The foobar.webstack maintainers
description:
  - Tells on which host it failed, and on which what served before serves again.
positional: staged, live, back, goes_back
options:
  _input:
    description: Hosts on which the release was to go live.
    type: list
    elements: str
    required: true
  staged:
    description: Results of M(foobar.webstack.app_release) with C(until=tried) by host.
    type: dict
    required: true
  live:
    description: Results of M(foobar.webstack.app_switch) with C(state=live), each with its host as C(item).
    type: list
    elements: dict
    required: true
  back:
    description: Results of M(foobar.webstack.app_switch) with C(state=returned), each with its host as C(item).
    type: list
    elements: dict
    required: true
  goes_back:
    description: Whether it was a rollback.
    type: bool
    default: false
"""

EXAMPLES = r"""
ended: "{{ ready.hosts | foobar.webstack.release_ended(staged, live.results, back.results) }}"
"""

RETURN = r"""
_value:
  description: How it has ended.
  type: dict
  contains:
    failures:
      description: What has failed, each a C(code) with C(data) for P(foobar.webstack.reasons#filter).
      type: list
      elements: dict
    said:
      description: What went live.
      type: list
      elements: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.releases import going

Results = Sequence[Mapping[str, Any]]


def release_ended(
    hosts: Sequence[str],
    staged: Mapping[str, Mapping[str, Any]],
    live: Results,
    back: Results,
    goes_back: bool = False,
) -> dict[str, Any]:
    """The end as data."""
    return going.ended(hosts, staged, live, back, goes_back=goes_back).as_data()


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"release_ended": release_ended}
