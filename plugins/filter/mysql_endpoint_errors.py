"""Filter foobar.webstack.mysql_endpoint_errors."""

from __future__ import annotations

DOCUMENTATION = r"""
name: mysql_endpoint_errors
version_added: 1.0.0
short_description: Mistakes in the variables of the role mysql_endpoint
author: The foobar.webstack maintainers
description:
  - Finds what a type cannot say, such as a certificate without a key.
  - Types and required options are not looked at; the role's argument specification does that before.
options:
  _input:
    description:
      - The role's variables C(address), C(port), C(tls), C(max_lag), C(reopen), C(peers) and C(ca), without their
        prefix C(mysql_endpoint_).
    type: dict
    required: true
seealso:
  - plugin: foobar.webstack.haproxy_errors
    plugin_type: filter
"""

EXAMPLES = r"""
errors: >-
  {{ {'address': '*', 'port': 3308, 'tls': {'certificate': '/etc/webstack/tls/certificate.pem'}, 'max_lag': 5}
     | foobar.webstack.mysql_endpoint_errors }}
# => ['mysql_endpoint_tls has no key; set both certificate and key, or leave it empty.']
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
from ansible_collections.foobar.webstack.plugins.plugin_utils.validation.mysql_endpoint import Variables, errors


def mysql_endpoint_errors(variables: Mapping[str, Any]) -> list[str]:
    """All mistakes as sentences; AnsibleFilterError for data of another shape."""
    try:
        return errors(Variables(**variables))
    except TypeError as error:
        raise AnsibleFilterError(f"mysql_endpoint_errors: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"mysql_endpoint_errors": mysql_endpoint_errors}
