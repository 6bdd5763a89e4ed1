"""Filter foobar.webstack.release_ready."""

from __future__ import annotations

DOCUMENTATION = r"""
name: release_ready
version_added: 1.0.0
short_description: Whether a release may go live on every host
author: The foobar.webstack maintainers
description:
  - Refuses where it did not answer on trial on a host, so that it goes live on none.
options:
  _input:
    description: Results of M(foobar.webstack.app_release) with C(until=tried) by host, failures included.
    type: dict
    required: true
"""

EXAMPLES = r"""
ready: "{{ staged | foobar.webstack.release_ready }}"
# => hosts: [web1, web2]
"""

RETURN = r"""
_value:
  description: What is to be done.
  type: dict
  contains:
    hosts:
      description: Hosts on which it goes live, in this order. None where nothing is to be done.
      type: list
      elements: str
    refusals:
      description: Why nothing may be done, each a C(code) with C(data) for P(foobar.webstack.reasons#filter).
      type: list
      elements: dict
    said:
      description: What is going to happen.
      type: list
      elements: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.releases import going


def release_ready(staged: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The decision as data."""
    return going.ready(staged).as_data()


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"release_ready": release_ready}
