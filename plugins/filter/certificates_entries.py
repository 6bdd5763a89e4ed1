"""Filter foobar.webstack.certificates_entries."""

from __future__ import annotations

DOCUMENTATION = r"""
name: certificates_entries
version_added: 1.0.0
short_description: What a host needs of the list of its certificates
author: The foobar.webstack maintainers
description:
  - Fills in every option of C(certificates_list) of the role P(foobar.webstack.certificates#role), and leaves out what
    concerns the controller alone.
positional: key_type, files
options:
  _input:
    description: The certificates, as in C(certificates_list).
    type: list
    elements: dict
    required: true
  key_type:
    description: Kind of the key of a certificate that does not say one.
    type: str
    required: true
  files:
    description: Contents of the certificates of the provider V(files), by their paths on the controller.
    type: dict
    required: true
seealso:
  - plugin: foobar.webstack.certificates_errors
    plugin_type: filter
"""

EXAMPLES = r"""
entries: >-
  {{ [{'name': 'web', 'subject_alt_names': ['web1', '198.18.0.21'], 'activate': ['systemctl', 'reload', 'nginx']}]
     | foobar.webstack.certificates_entries(key_type='secp256r1', files={}) }}
# => [{name: web, provider: ca, subject_alt_names: ['DNS:web1', 'IP:198.18.0.21'], group: '', combined: false,
#      client: false, activate: [systemctl, reload, nginx], unit: nginx, key_type: secp256r1}]
"""

RETURN = r"""
_value:
  description: The certificates, in the order of the input.
  type: list
  elements: dict
  contains:
    name:
      description: Name.
      type: str
    provider:
      description: C(ca), C(files) or C(acme).
      type: str
    subject_alt_names:
      description: Names, each with its kind, once.
      type: list
      elements: str
    group:
      description: Group that may read the key, or empty.
      type: str
    combined:
      description: Whether one file with chain and key is written, too.
      type: bool
    client:
      description: Whether it also shows who a client is.
      type: bool
    activate:
      description: Command that has the program read its new files, or empty.
      type: list
      elements: str
    unit:
      description: Unit that has to be active for that; by default the one that the command reloads.
      type: str
    key_type:
      description: Kind of the key.
      type: str
    sha256:
      description: Hash of the given certificate.
      returned: with the provider C(files)
      type: str
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.certificates import certificates, entries
from ansible_collections.foobar.webstack.plugins.plugin_utils.records import RecordError


def certificates_entries(
    listed: Sequence[Mapping[str, Any]], key_type: str, files: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The certificates with everything filled in. Raises AnsibleFilterError for values of a wrong type."""
    try:
        return entries(certificates(listed), key_type, files)
    except RecordError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"certificates_entries": certificates_entries}
