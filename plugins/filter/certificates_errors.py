"""Filter foobar.webstack.certificates_errors."""

from __future__ import annotations

DOCUMENTATION = r"""
name: certificates_errors
version_added: 1.0.0
short_description: What is wrong with the data of the role certificates
author: The foobar.webstack maintainers
description:
  - Checks what an argument specification cannot say - names, days that contradict each other, certificates and keys on
    the controller that are missing, do not match or do not cover the wanted names.
  - The role P(foobar.webstack.certificates#role) uses it before it changes anything.
positional: files, now
options:
  _input:
    description:
      - Variables of the role P(foobar.webstack.certificates#role) by their names, of the types that its argument
        specification gives. One that is left out has its default.
    type: dict
    required: true
  files:
    description:
      - Contents of the files on the controller that the variables name, by their paths, and of C(ca.pem) and C(ca.key)
        in C(certificates_ca_directory). A file that does not exist is not among them.
      - Of C(ca.key) and of C(certificates_acme_account_key) the contents are not looked at, and may be empty.
    type: dict
    required: true
  now:
    description: Time by which certificates have expired or not, with a time zone.
    type: raw
    required: true
seealso:
  - plugin: foobar.webstack.certificates_entries
    plugin_type: filter
"""

EXAMPLES = r"""
errors: >-
  {{ {'certificates_trusted': ['/none.pem']} | foobar.webstack.certificates_errors(files={}, now=now(utc=true)) }}
# => ['certificates_trusted names /none.pem, which is not a file on the controller; give the path of a PEM file with CA
#      certificates.']
"""

RETURN = r"""
_value:
  description: A sentence for each mistake, with the variable and what to write instead. Empty if there is none.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.records import RecordError, read
from ansible_collections.foobar.webstack.plugins.plugin_utils.validation.certificates import Variables, errors


def certificates_errors(variables: Mapping[str, Any], files: Mapping[str, str], now: datetime) -> list[str]:
    """A sentence for each mistake. Raises AnsibleFilterError for values of a wrong type."""
    try:
        given = read(Variables, variables)
    except RecordError as error:
        raise AnsibleFilterError(str(error)) from error
    # Jinja's now(utc=true) has no time zone.
    return errors(given, files, now if now.tzinfo else now.replace(tzinfo=UTC))


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"certificates_errors": certificates_errors}
