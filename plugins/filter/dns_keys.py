"""Filter foobar.webstack.dns_keys."""

from __future__ import annotations

DOCUMENTATION = r"""
name: dns_keys
version_added: 1.0.0
short_description: The DNSSEC keys of zones, made from a secret
author: The foobar.webstack maintainers
description:
  - Makes for each zone the key that signs it (ECDSA P-256, one key that signs itself and the records).
  - The same secret gives the same keys, so that a name server that is lost is replaced by another one with the same
    keys, and what the parent zone says of them (DS) stays right.
positional: secret
options:
  _input:
    description: Names of the zones, as A-labels, in small letters and without a dot at the end.
    type: list
    elements: str
    required: true
  secret:
    description: >-
      A random text of at least 128 bits, or a private key as PEM, which is the key of all zones then. Empty, there are
      no keys.
    type: str
    required: true
seealso:
  - plugin: foobar.webstack.dns_zones
    plugin_type: filter
"""

EXAMPLES = r"""
keys: "{{ ['foobar.com'] | foobar.webstack.dns_keys(dns_signing_secret) }}"
# => [{'zone': 'foobar.com', 'pem': ..., 'id': 'b78aa7...', 'tag': 6153, 'ds': '6153 13 2 47331d...'}]
"""

RETURN = r"""
_value:
  description: >-
    By zone, in their order, a dict with C(zone), C(pem) (the private key), C(id) (by which Knot DNS names it), C(tag),
    and C(ds), which is what the parent zone has to say.
  type: list
  elements: dict
"""

from collections.abc import Callable, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.dnssec import SigningKeyError, signing_key


def dns_keys(zones: Sequence[str], secret: str) -> list[dict[str, Any]]:
    """The keys as data; AnsibleFilterError for a secret that is not one."""
    try:
        return [signing_key(secret, zone).data() for zone in zones] if secret else []
    except SigningKeyError as error:
        raise AnsibleFilterError(f"dns_signing_secret: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"dns_keys": dns_keys}
