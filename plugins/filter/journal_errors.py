"""Filter foobar.webstack.journal_errors."""

from __future__ import annotations

DOCUMENTATION = r"""
name: journal_errors
version_added: 1.0.0
short_description: Mistakes in the variables of the role journal
author: The foobar.webstack maintainers
description:
  - Finds what a type cannot say, such as a receiver without a certificate to show it, or a size that is none.
  - Types and required options are not looked at; the role's argument specification does that before.
options:
  _input:
    description:
      - C(sizes), a dict of the role's sizes by their names; C(max_retention), C(rate_limit_burst), C(receivers),
        C(listen), C(senders) and C(tls), the values of those variables.
    type: dict
    required: true
seealso:
  - plugin: foobar.webstack.exporters_errors
    plugin_type: filter
"""

EXAMPLES = r"""
errors: >-
  {{ {'sizes': {'journal_max_use': '1 GB'}, 'max_retention': '1month', 'rate_limit_burst': 10000, 'receivers': [],
      'listen': {}, 'senders': [], 'tls': {}} | foobar.webstack.journal_errors }}
# => ['journal_max_use is "1 GB"; give a size such as 1G or 500M.']
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
from ansible_collections.foobar.webstack.plugins.plugin_utils.validation.journal import Variables, errors


def journal_errors(variables: Mapping[str, Any]) -> list[str]:
    """All mistakes as sentences; AnsibleFilterError for data of another shape."""
    try:
        return errors(Variables(**variables))
    except (KeyError, TypeError) as error:
        raise AnsibleFilterError(f"journal_errors: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"journal_errors": journal_errors}
