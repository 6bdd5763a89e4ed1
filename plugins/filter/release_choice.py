"""Filter foobar.webstack.release_choice."""

from __future__ import annotations

DOCUMENTATION = r"""
name: release_choice
version_added: 1.0.0
short_description: Whether a deployment may begin, and to which release a rollback goes
author: The foobar.webstack maintainers
description:
  - Refuses where a host cannot be asked, or another verb is at work.
  - A rollback goes to the release that has served last on all hosts and that nobody went back from, or to the one that
    is asked for, if that has served. One that was interrupted goes on.
positional: locks, application, goes_back, asked
options:
  _input:
    description: Results of M(foobar.webstack.app_release_info) by host, failures included.
    type: dict
    required: true
  locks:
    description: Results of M(foobar.webstack.app_lock) by host, failures included.
    type: dict
    required: true
  application:
    description: Name of the application.
    type: str
    required: true
  goes_back:
    description: Whether it is a rollback.
    type: bool
    default: false
  asked:
    description: Release that it has to go to.
    type: str
    default: ""
"""

EXAMPLES = r"""
choice: "{{ answers | foobar.webstack.release_choice(locks, 'shop', goes_back=true) }}"
# => release: 3f2a9c41b07d
"""

RETURN = r"""
_value:
  description: What is to be done.
  type: dict
  contains:
    release:
      description: Release that serves afterwards. Empty when nothing may be done, and of a deployment.
      type: str
    refusals:
      description: Why nothing may be done, each a C(code) with C(data) for P(foobar.webstack.reasons#filter).
      type: list
      elements: dict
    notes:
      description: What has to be known about it, such as migrations that stand between.
      type: list
      elements: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.releases import back, model

Results = Mapping[str, Mapping[str, Any]]


def release_choice(
    answers: Results, locks: Results, application: str, goes_back: bool = False, asked: str = ""
) -> dict[str, Any]:
    """The choice as data."""
    hosts, others = model.hosts_of(answers, locks), tuple(model.locked(locks, application))
    return back.begin(hosts, others, goes_back=goes_back, asked=str(asked)).as_data()


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"release_choice": release_choice}
