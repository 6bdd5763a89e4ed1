"""What a certificate says: names, life, key and issuer. For programs on hosts and for checks on the controller."""

from __future__ import annotations

import datetime
import hashlib
import re
from typing import Any

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
except ImportError:
    # Whoever imports this module has installed the library.
    x509 = None  # type: ignore[assignment]

UTC = datetime.timezone.utc  # noqa: UP017
DAY = datetime.timedelta(days=1)
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)


def certificates_pem(text: str) -> str:
    """The certificates of a text, and nothing else of it: the same whatever its line ends, blanks and remarks are."""
    return _blocks(text, "CERTIFICATE", "X509 CERTIFICATE")


def key_pem(text: str) -> str:
    """The private key of a text, and nothing else of it. One that a passphrase protects is none."""
    return _blocks(text, "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY")


def _blocks(text: str, *kinds: str) -> str:
    found = [block[0] for block in _BLOCK.finditer(text) if block[1] in kinds]
    lines = [line.strip() for block in found for line in block.splitlines()]
    return "".join(f"{line}\n" for line in lines if line)


def load(pem: str) -> x509.Certificate:
    """The first certificate of the text. Raises ValueError when it holds none that can be read."""
    return x509.load_pem_x509_certificate(pem.encode())


def load_all(pem: str) -> list[x509.Certificate]:
    """The certificates of the text, in order. Raises ValueError when one cannot be read."""
    return [load(block[0]) for block in _BLOCK.finditer(certificates_pem(pem))]


def not_before(certificate: x509.Certificate) -> datetime.datetime:
    """The beginning of its life. Only newer versions of the library have it with a time zone."""
    aware: datetime.datetime | None = getattr(certificate, "not_valid_before_utc", None)
    return aware or certificate.not_valid_before.replace(tzinfo=UTC)


def not_after(certificate: x509.Certificate) -> datetime.datetime:
    """The end of its life."""
    aware: datetime.datetime | None = getattr(certificate, "not_valid_after_utc", None)
    return aware or certificate.not_valid_after.replace(tzinfo=UTC)


def expires_soon(certificate: x509.Certificate, days: float, now: datetime.datetime) -> bool:
    """Whether it ends within the days, or is in the last third of its life if that is no longer than the days."""
    life = (not_after(certificate) - not_before(certificate)) / DAY
    return (not_after(certificate) - now) / DAY < (days if days < life else life / 3)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


def names(certificate: x509.Certificate) -> set[str]:
    """Its names, such as `DNS:www.foobar.com` and `IP:198.18.0.11`."""
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    addresses = {f"IP:{address}" for address in alternative.get_values_for_type(x509.IPAddress)}
    return addresses | {f"DNS:{name.lower()}" for name in alternative.get_values_for_type(x509.DNSName)}


def is_for_clients(certificate: x509.Certificate) -> bool:
    """Whether it may show who a client is: it says so, or does not say what it is for."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH in usage


def key_type(certificate: x509.Certificate) -> str:
    """The kind of its key, as the role names it: `secp256r1`, `rsa3072`."""
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.curve.name
    return f"rsa{key.key_size}" if isinstance(key, rsa.RSAPublicKey) else type(key).__name__


def belong_together(certificate: x509.Certificate, private: str) -> bool:
    """Whether the private key is the certificate's. Raises ValueError when it cannot be read."""
    key = serialization.load_pem_private_key(private.encode(), None)
    return _public_part(key.public_key()) == _public_part(certificate.public_key())


def issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Whether the CA issued it, by key identifiers: they differ also between CAs of one name."""
    try:
        issuer = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        subject = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return False
    return issuer == subject


def signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Whether the CA has its issuer's name, and the key that signed it. Not on hosts: Debian 12's library lacks it."""
    if certificate.issuer != authority.subject:
        return False
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _public_part(key: Any) -> bytes:
    encoded: bytes = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return encoded
