# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""TLS profiles: protocol versions, ciphers and curves, for every program of the stack.

Source: Mozilla's Server Side TLS guidelines, version 6.0, https://wiki.mozilla.org/Security/Server_Side_TLS. Names are
OpenSSL's; the order is the guidelines', most wanted first. This is the only file of the collection that lists ciphers.

Plain data that imports nothing of Ansible: programs on hosts import it, and roles read it through the filter
`foobar.webstack.tls_profile`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Profile:
    """What one profile of the guidelines allows.

    `protocols` from the lowest version to the highest. `ciphers` are those of TLS 1.2, none where it is not allowed;
    `ciphersuites` are those of TLS 1.3.
    """

    protocols: tuple[str, ...]
    ciphers: tuple[str, ...]
    ciphersuites: tuple[str, ...]
    curves: tuple[str, ...]

    @property
    def minimum_version(self) -> str:
        """The lowest version of TLS that is allowed."""
        return self.protocols[0]

    def for_openssl(self, version: tuple[int, int]) -> Profile:
        """The profile without the curves that OpenSSL does not have in `version`, such as (3, 0)."""
        return replace(self, curves=tuple(c for c in self.curves if _CURVES_SINCE.get(c, version) <= version))


# Programs refuse a curve that their OpenSSL does not know. OpenSSL's changelog: ML-KEM came with 3.5.
_CURVES_SINCE = {"X25519MLKEM768": (3, 5)}

MODERN = Profile(
    protocols=("TLSv1.3",),
    ciphers=(),
    ciphersuites=("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"),
    curves=("X25519MLKEM768", "X25519", "prime256v1", "secp384r1"),
)
"""For clients that all speak TLS 1.3."""

INTERMEDIATE = Profile(
    protocols=("TLSv1.2", "TLSv1.3"),
    ciphers=(
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-CHACHA20-POLY1305",
    ),
    ciphersuites=MODERN.ciphersuites,
    curves=MODERN.curves,
)
"""For everybody else: the guidelines' recommendation for general use."""

PROFILES = {"intermediate": INTERMEDIATE, "modern": MODERN}
