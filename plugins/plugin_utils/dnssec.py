"""The key that signs a zone, made from a secret, so that a host that is lost takes no key with it.

One key for a zone, which signs itself and the records (a combined signing key), ECDSA P-256 (RFC 6605, algorithm 13).
The same secret and zone give the same key on every machine; the secret is kept and backed up with the stack's others.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass
from typing import Any

try:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec
except ImportError:
    # Its documentation is read without the library; whoever uses it has installed it.
    serialization = ec = None  # type: ignore[assignment]

ALGORITHM = 13
"""ECDSA Curve P-256 with SHA-256."""
FLAGS, PROTOCOL = 257, 3
"""RFC 4034, 2.1: a zone key that is a secure entry point."""
SHA256 = 2
"""Digest type of a DS record (RFC 4509)."""
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the group of P-256 (FIPS 186-5)."""
_PURPOSE = "foobar.webstack: DNSSEC key of the zone "


class SigningKeyError(ValueError):
    """A secret that is no key. The message says what to write instead."""


@dataclass(frozen=True)
class SigningKey:
    """The key of a zone. `id` is by which Knot names it, `tag` and `ds` what the parent zone has of it."""

    zone: str
    pem: str
    id: str
    tag: int
    ds: str

    def data(self) -> dict[str, Any]:
        """As the role dns has it."""
        return {"zone": self.zone, "pem": self.pem, "id": self.id, "tag": self.tag, "ds": self.ds}


def signing_key(secret: str, zone: str) -> SigningKey:
    """The key of a zone. A secret that is a private key itself (PEM) is that one.

    Raises SigningKeyError for a PEM that is no private key on the curve P-256.
    """
    private = _given(secret) if "-----BEGIN" in secret else _derived(secret, zone)
    public = private.public_key()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    point = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)[1:]
    dnskey = struct.pack("!HBB", FLAGS, PROTOCOL, ALGORITHM) + point
    tag = key_tag(dnskey)
    digest = hashlib.sha256(_wire(zone) + dnskey).hexdigest()
    return SigningKey(
        zone=zone,
        pem=private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
        # GnuTLS's name of a public key, and so Knot's.
        id=hashlib.sha1(der, usedforsecurity=False).hexdigest(),
        tag=tag,
        ds=f"{tag} {ALGORITHM} {SHA256} {digest}",
    )


def key_tag(dnskey: bytes) -> int:
    """RFC 4034, appendix B."""
    total = sum(byte if place % 2 else byte << 8 for place, byte in enumerate(dnskey))
    return (total + (total >> 16)) & 0xFFFF


def _derived(secret: str, zone: str) -> ec.EllipticCurvePrivateKey:
    """512 bits of a keyed hash, of which the bias modulo the group's order cannot be noticed (FIPS 186-5, A.2.1)."""
    digest = hmac.new(secret.encode(), (_PURPOSE + zone).encode(), hashlib.sha512).digest()
    return ec.derive_private_key(int.from_bytes(digest, "big") % (_ORDER - 1) + 1, ec.SECP256R1())


def _given(secret: str) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(secret.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise SigningKeyError(f"it is not a private key without a passphrase: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SigningKeyError(
            "it is not a key of the curve P-256; make one with openssl ecparam -name prime256v1 -genkey"
        )
    return key


def _wire(name: str) -> bytes:
    """A name as DNS messages have it."""
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
