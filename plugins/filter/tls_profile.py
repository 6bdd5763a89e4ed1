"""Filter foobar.webstack.tls_profile."""

from __future__ import annotations

DOCUMENTATION = r"""
name: tls_profile
version_added: 1.0.0
short_description: Protocol versions, ciphers and curves of a TLS profile
author: The foobar.webstack maintainers
description:
  - Returns what a profile of Mozilla's Server Side TLS guidelines 6.0 allows
    (U(https://wiki.mozilla.org/Security/Server_Side_TLS)), in OpenSSL's names, most wanted first.
  - Every role takes its TLS settings from here, so that a new version of the guidelines changes one file.
positional: openssl
options:
  _input:
    description: The profile, V(intermediate) (TLS 1.2 and 1.3) or V(modern) (TLS 1.3 only).
    type: str
    required: true
  openssl:
    description:
      - Version of the OpenSSL that will read the curves, such as V(3.0). Curves that it does not have are left out.
      - All curves are returned, if not given.
    type: str
seealso:
  - name: Server Side TLS
    description: The guidelines.
    link: https://wiki.mozilla.org/Security/Server_Side_TLS
"""

EXAMPLES = r"""
# nginx: ssl_ciphers
ciphers: "{{ ('intermediate' | foobar.webstack.tls_profile).ciphers | join(':') }}"

# A host whose OpenSSL is 3.0
curves: "{{ ('intermediate' | foobar.webstack.tls_profile('3.0')).curves }}"
# => [X25519, prime256v1, secp384r1]
"""

RETURN = r"""
_value:
  description: The profile.
  type: dict
  contains:
    minimum_version:
      description: Lowest version of TLS that is allowed.
      type: str
      sample: TLSv1.2
    protocols:
      description: Versions of TLS, the lowest first.
      type: list
      elements: str
      sample: [TLSv1.2, TLSv1.3]
    ciphers:
      description: Ciphers of TLS 1.2; empty where the profile does not allow it.
      type: list
      elements: str
    ciphersuites:
      description: Cipher suites of TLS 1.3.
      type: list
      elements: str
    curves:
      description: Curves and groups for the key exchange.
      type: list
      elements: str
"""

import re
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.module_utils._tls import PROFILES


def tls_profile(profile: str, openssl: str | None = None) -> dict[str, Any]:
    """The profile as plain data; AnsibleFilterError where there is no such profile or version."""
    if profile not in PROFILES:
        raise AnsibleFilterError(f"tls_profile: unknown profile {profile!r}; use one of {', '.join(PROFILES)}")
    found = PROFILES[profile]
    if openssl is not None:
        version = re.match(r"(\d+)\.(\d+)", str(openssl))
        if not version:
            raise AnsibleFilterError(f"tls_profile: openssl is {openssl!r}; pass a version such as '3.0'")
        found = found.for_openssl((int(version[1]), int(version[2])))
    return {
        "minimum_version": found.minimum_version,
        "protocols": list(found.protocols),
        "ciphers": list(found.ciphers),
        "ciphersuites": list(found.ciphersuites),
        "curves": list(found.curves),
    }


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"tls_profile": tls_profile}
