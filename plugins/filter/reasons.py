"""Filter foobar.webstack.reasons."""

from __future__ import annotations

DOCUMENTATION = r"""
name: reasons
version_added: 1.0.0
short_description: Sentences for the reasons that this collection's filters and modules give
author: The foobar.webstack maintainers
description:
  - Takes reasons, each a C(code) with C(data), and makes sentences of them, each with a capital letter and without a
    full stop.
  - They name this collection's playbooks by the command that runs them in the way in which the current one was run,
    C(ansible-playbook playbooks/rejoin.yml -i inventory) in a checkout and
    C(ansible-playbook foobar.webstack.rejoin -i inventory) where the collection is installed.
positional: variables
options:
  _input:
    description: The reasons.
    type: list
    elements: dict
    required: true
  variables:
    description: Ansible's own variables of a host, C(hostvars[inventory_hostname]).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Refuse what is not safe
  ansible.builtin.assert:
    that: verdict.refusals | length == 0
    fail_msg: "{{ verdict.refusals | foobar.webstack.reasons(hostvars[inventory_hostname]) | join('. ') }}."
"""

RETURN = r"""
_value:
  description: A sentence for each reason.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.sentences import Caller, sentences


def reasons(given: Sequence[Mapping[str, Any]], variables: Mapping[str, Any]) -> list[str]:
    """The sentences of the catalogue."""
    return sentences(given, Caller.of(variables))


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"reasons": reasons}
