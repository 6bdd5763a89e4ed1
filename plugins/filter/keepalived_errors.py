"""Filter foobar.webstack.keepalived_errors."""

from __future__ import annotations

DOCUMENTATION = r"""
name: keepalived_errors
version_added: 1.0.0
short_description: Mistakes in the variables of the role keepalived
author: The foobar.webstack maintainers
description:
  - Finds what a type cannot say, such as a peer of another family, or an address that the host has not.
  - Types and required options are not looked at; the role's argument specification does that before.
positional: facts
options:
  _input:
    description:
      - The role's variables C(instances), C(advert_interval), C(announce), C(handover_seconds), C(notify),
        C(notify_credentials) and C(watch), without C(keepalived_).
    type: dict
    required: true
  facts:
    description: The host's facts, that is C(ansible_facts), with those of the subset C(network).
    type: dict
    required: true
seealso:
  - plugin: foobar.webstack.vrrp_instances
    plugin_type: filter
"""

EXAMPLES = r"""
errors: >-
  {{ {'instances': [], 'advert_interval': 0.1, 'announce': true, 'handover_seconds': 5,
      'notify': [], 'notify_credentials': {}, 'watch': {'address': '127.0.0.1', 'port': 80}}
     | foobar.webstack.keepalived_errors(ansible_facts) }}
# => ['keepalived_instances is empty; give at least one, or leave the role out.']
"""

RETURN = r"""
_value:
  description: A sentence for each mistake, with the variable and the fix. Empty when there is none.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.validation.keepalived import Variables, errors


def keepalived_errors(variables: Mapping[str, Any], facts: Mapping[str, Any]) -> list[str]:
    """All mistakes as sentences; AnsibleFilterError for data of another shape."""
    try:
        return errors(Variables(**variables), facts)
    except TypeError as error:
        raise AnsibleFilterError(f"keepalived_errors: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"keepalived_errors": keepalived_errors}
