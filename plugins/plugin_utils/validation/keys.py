"""Secrets that somebody gives, such as the keys of TSIG."""

from __future__ import annotations

from collections.abc import Iterator

SHORTEST = 16
"""Characters. RFC 8945, 8: at least 128 bits for HMAC-SHA256."""


def length_errors(variable: str, secret: str, otherwise: str = "") -> Iterator[str]:
    """A sentence where the secret is too short. `otherwise` is what may be given instead of random characters."""
    if len(secret) < SHORTEST:
        yield f"{variable} is too short; give at least {SHORTEST} random characters{otherwise}."
