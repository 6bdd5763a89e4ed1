"""Filter foobar.webstack.dns_errors."""

from __future__ import annotations

DOCUMENTATION = r"""
name: dns_errors
version_added: 1.0.0
short_description: Mistakes in the variables of the role dns
author: The foobar.webstack maintainers
description:
  - Finds what a type cannot say, such as a record outside of its zone, or a secondary without a secret.
  - Types and required options are not looked at; the role's argument specification does that before.
options:
  _input:
    description:
      - The role's variables C(zones), C(address), C(primary), C(secondaries), C(transfer_secret), C(signing_secret),
        C(acme_names), C(acme_clients), C(acme_secret), C(listen) and C(rate_limit), without C(dns_).
    type: dict
    required: true
seealso:
  - plugin: foobar.webstack.dns_zones
    plugin_type: filter
"""

EXAMPLES = r"""
errors: >-
  {{ {'zones': [], 'address': '', 'primary': '', 'secondaries': [], 'transfer_secret': '', 'signing_secret': '',
      'acme_names': [], 'acme_clients': [], 'acme_secret': '', 'listen': ['192.0.2.11'],
      'rate_limit': 50} | foobar.webstack.dns_errors }}
# => ['dns_zones is empty; give at least one zone, or leave the role out.']
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
from ansible_collections.foobar.webstack.plugins.plugin_utils.validation.dns import Variables, errors


def dns_errors(variables: Mapping[str, Any]) -> list[str]:
    """All mistakes as sentences; AnsibleFilterError for data of another shape."""
    try:
        return errors(Variables(**variables))
    except TypeError as error:
        raise AnsibleFilterError(f"dns_errors: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"dns_errors": dns_errors}
