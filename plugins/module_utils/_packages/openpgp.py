"""Keys of OpenPGP, as far as a fingerprint needs it: no program for them is on every host."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator

ARMOR = b"-----BEGIN PGP PUBLIC KEY BLOCK-----"
ARMOR_END = b"-----END PGP PUBLIC KEY BLOCK-----"
PUBLIC_KEY = 6
"""The tag of a primary key's packet (RFC 9580, section 5). Sub-keys have another."""


class KeyringError(ValueError):
    """What was given is no keyring. The message says why."""


def fingerprints(keyring: bytes) -> list[str]:
    """Of its primary keys, in upper-case hexadecimal digits, in the keyring's order."""
    found = [_fingerprint(body) for tag, body in _packets(dearmored(keyring)) if tag == PUBLIC_KEY]
    if not found:
        raise KeyringError("holds no public key")
    return found


def dearmored(keyring: bytes) -> bytes:
    """The packets of a keyring that may be in ASCII armor."""
    begin, end = keyring.find(ARMOR), keyring.find(ARMOR_END)
    if begin < 0:
        return keyring
    if end < begin or keyring.count(ARMOR) != 1:
        raise KeyringError("does not hold exactly one complete block in ASCII armor")
    # Headers, an empty line, the packets in base64, and a checksum that begins with "=".
    lines = [line.strip() for line in keyring[begin + len(ARMOR) : end].splitlines()]
    try:
        body = lines[lines.index(b"", 1) + 1 :]
        return base64.b64decode(b"".join(line for line in body if not line.startswith(b"=")), validate=True)
    except (ValueError, binascii.Error):
        raise KeyringError("has an ASCII armor that cannot be read") from None


def _fingerprint(body: bytes) -> str:
    """Of version 4, which all keys in use have (RFC 9580, section 5.5.4.2)."""
    if body[:1] != b"\x04":
        raise KeyringError("holds a key that is not of version 4")
    return hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body).hexdigest().upper()  # noqa: S324


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and body of each packet (RFC 9580, section 4.2)."""
    at = 0
    try:
        while at < len(data):
            head = data[at]
            if not head & 0x80:
                raise KeyringError("is not a keyring of OpenPGP")
            if head & 0x40:
                tag, (length, start) = head & 0x3F, _new_length(data, at + 1)
            else:
                tag, size = (head >> 2) & 0x0F, 1 << (head & 3)
                if size == 8:
                    raise KeyringError("has a packet without a length")
                length, start = int.from_bytes(data[at + 1 : at + 1 + size], "big"), at + 1 + size
            at = start + length
            if at > len(data):
                raise KeyringError("is cut off")
            yield tag, data[start:at]
    except IndexError:
        raise KeyringError("is cut off") from None


def _new_length(data: bytes, at: int) -> tuple[int, int]:
    """Length of a packet's body, and where that begins."""
    first = data[at]
    if first < 192:
        return first, at + 1
    if first < 224:
        return ((first - 192) << 8) + data[at + 1] + 192, at + 2
    if first == 255:
        return int.from_bytes(data[at + 1 : at + 5], "big"), at + 5
    raise KeyringError("has a packet in parts")
