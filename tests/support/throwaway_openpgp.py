"""A throw-away OpenPGP key that signs an apt repository, made here because GnuPG is not on every machine.

As much of RFC 9580 as that needs: RSA, version 4, SHA-256.
"""

import base64
import hashlib
import time
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

RSA, SHA256 = 1, 8
BINARY_DOCUMENT, POSITIVE_CERTIFICATION = 0x00, 0x13
MADE = int(time.time()) - 3600


def _packet(tag: int, body: bytes) -> bytes:
    return bytes([0xC0 | tag, 0xFF]) + len(body).to_bytes(4, "big") + body


def _integer(number: int) -> bytes:
    """A multi-precision integer."""
    return number.bit_length().to_bytes(2, "big") + number.to_bytes((number.bit_length() + 7) // 8, "big")


def _subpackets(*packets: tuple[int, bytes]) -> bytes:
    body = b"".join(bytes([len(data) + 1, kind]) + data for kind, data in packets)
    return len(body).to_bytes(2, "big") + body


def _armored(what: str, packets: bytes) -> str:
    text = base64.encodebytes(packets).decode()
    return f"-----BEGIN PGP {what}-----\nComment: throw-away\n\n{text}-----END PGP {what}-----\n"


def _armored(what: str, packets: bytes) -> str:
    text = base64.encodebytes(packets).decode()
    return f"-----BEGIN PGP {what}-----\nComment: throw-away\n\n{text}-----END PGP {what}-----\n"


@dataclass(frozen=True)
class Key:
    """A key with one user id."""

    user: str = "Throw-away <key@example.com>"
    private: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    @property
    def _body(self) -> bytes:
        numbers = self.private.public_key().public_numbers()
        return b"\x04" + MADE.to_bytes(4, "big") + bytes([RSA]) + _integer(numbers.n) + _integer(numbers.e)

    @property
    def fingerprint(self) -> str:
        return hashlib.sha1(self._prefixed).hexdigest().upper()  # noqa: S324

    @property
    def _prefixed(self) -> bytes:
        return b"\x99" + len(self._body).to_bytes(2, "big") + self._body

    def _signature(self, kind: int, signed: bytes, *more: tuple[int, bytes]) -> bytes:
        made = (2, (MADE + 1).to_bytes(4, "big"))
        issuer = (33, b"\x04" + bytes.fromhex(self.fingerprint))
        hashed = bytes([4, kind, RSA, SHA256]) + _subpackets(made, issuer, *more)
        trailer = hashed + b"\x04\xff" + len(hashed).to_bytes(4, "big")
        number = int.from_bytes(self.private.sign(signed + trailer, padding.PKCS1v15(), hashes.SHA256()), "big")
        left = hashlib.sha256(signed + trailer).digest()[:2]
        return _packet(2, hashed + _subpackets() + left + _integer(number))

    @property
    def public(self) -> bytes:
        """The key, its user id, and its own signature of both, as packets."""
        user = self.user.encode()
        certified = self._prefixed + b"\xb4" + len(user).to_bytes(4, "big") + user
        # It may certify and sign, and prefers SHA-256.
        own = self._signature(POSITIVE_CERTIFICATION, certified, (27, b"\x03"), (21, bytes([SHA256])), (25, b"\x01"))
        return _packet(6, self._body) + _packet(13, user) + own

    @property
    def armored(self) -> str:
        return _armored("PUBLIC KEY BLOCK", self.public)

    def sign(self, document: bytes) -> str:
        """A detached signature."""
        return _armored("SIGNATURE", self._signature(BINARY_DOCUMENT, document))
