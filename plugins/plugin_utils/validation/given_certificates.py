"""Mistakes in a certificate and key that are given as files: whatever a program would refuse, or a visitor.

Every function yields sentences that name the file and the fix, the option of `certificates_list` in front.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise

from ansible_collections.foobar.webstack.plugins.module_utils import _x509
from ansible_collections.foobar.webstack.plugins.plugin_utils.certificates import Certificate
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import listed

try:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa
except ImportError:
    # Its documentation is read without the library; whoever uses it has installed it.
    x509 = None  # type: ignore[assignment]

RSA_BITS = 2048
"""What OpenSSL on the hosts (security level 2), and every browser, asks for at least."""
_OLD_HASHES = ("md5", "sha1")
_ORDER = "write the server's certificate first, after it the one of its issuer, and so on"


def errors(certificate: Certificate, files: Mapping[str, str], now: datetime) -> Iterator[str]:
    """A sentence for each mistake. `files` holds the contents of the files on the controller by their paths."""
    paths = {option: certificate.path(option) for option in ("certificate", "key")}
    missing = {option: path for option, path in paths.items() if path not in files}
    for option, path in missing.items():
        state = f'"{path}", which is not a file on the controller' if path else "missing"
        yield f"{option} is {state}; give the path of the PEM file."
    if missing:
        return
    chain, key = (files[path] for path in paths.values())
    if not _x509.certificates_pem(chain):
        yield (
            f"certificate is {paths['certificate']}, which contains no certificate; give a PEM file, the server's "
            "certificate first and the intermediate ones after it (openssl x509 or openssl pkcs12 converts other "
            "forms)."
        )
    elif "ENCRYPTED" in key:
        yield (
            f"key is {paths['key']}, which a passphrase protects, and nobody is there to type it when a program "
            "starts; give it without one (openssl pkey -in FILE -out NEW; Ansible Vault may encrypt the file)."
        )
    elif not _x509.key_pem(key):
        yield f"key is {paths['key']}, which contains no private key; give the PEM file of the certificate's key."
    else:
        yield from _of_pair(certificate, chain, key, now)


def _of_pair(certificate: Certificate, text: str, key: str, now: datetime) -> Iterator[str]:
    where = f"certificate {certificate.path('certificate')}"
    try:
        chain = _x509.load_all(text)
        owners = [number for number, each in enumerate(chain) if _x509.belong_together(each, key)]
    except ValueError as reason:
        yield f"{where} or key {certificate.path('key')} cannot be read ({reason}); give PEM files."
        return
    if not owners:
        yield (
            f"{where} and key {certificate.path('key')} do not match; give the key with which the certificate was "
            "requested."
        )
    elif owners[0] > 0:
        # Nothing of what is said below would be about the server's certificate.
        yield f"{where} has the server's certificate in place {owners[0] + 1}; {_ORDER}."
        return
    yield from (f"{where} {problem}" for problem in _of_chain(chain))
    yield from (f"{where} {problem}" for problem in _of_time(chain, now))
    yield from (f"{where} {problem}" for problem in _of_strength(chain))
    yield from (f"{where} {problem}" for problem in _of_names(certificate, chain[0]))


def _of_chain(chain: Sequence[x509.Certificate]) -> Iterator[str]:
    """A browser finds the way from the server's certificate to a root that it knows only if each issuer follows."""
    for number, (each, following) in enumerate(pairwise(chain), start=1):
        if _x509.signed_by(each, following):
            continue
        if any(_x509.signed_by(each, other) for other in chain):
            yield f"is out of order: number {number} is not followed by its issuer; {_ORDER}."
        else:
            yield (
                f"lacks the certificate of {_name(each.issuer)}, which issued number {number} ({_name(each.subject)}), "
                f"and number {number + 1} did not; put it between the two, and leave out what is not of the chain."
            )
        return
    if len(chain) == 1 and chain[0].issuer != chain[0].subject:
        yield (
            f"lacks the certificate of its issuer {_name(chain[0].issuer)}, without which many visitors cannot verify "
            "it; give the whole chain (often called fullchain.pem), or append the issuer's certificate, also if that "
            "is a root of your own."
        )


def _of_time(chain: Sequence[x509.Certificate], now: datetime) -> Iterator[str]:
    for number, each in enumerate(chain, start=1):
        which = "" if number == 1 else f"has in place {number} the certificate of {_name(each.subject)}, which "
        if _x509.not_after(each) < now:
            yield f"{which}expired on {_x509.not_after(each):%Y-%m-%d}; give a new one."
        elif _x509.not_before(each) > now:
            yield (
                f"{which}is not valid before {_x509.not_before(each):%Y-%m-%d %H:%M} UTC; give one that is valid now, "
                "or set this machine's clock."
            )


def _of_strength(chain: Sequence[x509.Certificate]) -> Iterator[str]:
    for each in chain:
        key, used = each.public_key(), each.signature_hash_algorithm
        if isinstance(key, rsa.RSAPublicKey) and key.key_size < RSA_BITS:
            yield (
                f"has an RSA key of {key.key_size} bits ({_name(each.subject)}), which OpenSSL refuses; have one made "
                f"with at least {RSA_BITS} bits, or with secp256r1."
            )
        # Nobody looks at the signature of a root.
        if used and used.name in _OLD_HASHES and each.issuer != each.subject:
            signed = f"is signed with {used.name.upper()} ({_name(each.subject)})"
            yield f"{signed}, which OpenSSL refuses; have it issued anew."


def _of_names(certificate: Certificate, leaf: x509.Certificate) -> Iterator[str]:
    covered = sorted(name.partition(":")[2] for name in _x509.names(leaf))
    missing = [
        name
        for name in dict.fromkeys(certificate.names)
        if name not in covered and re.sub(r"^[^.]+", "*", name) not in covered
    ]
    if missing:
        has = f"has {listed(covered)}" if covered else "has no subject alternative names, and nothing else counts"
        yield (
            f"does not cover {listed(missing)} (it {has}); give one that does, or leave out of subject_alt_names (of "
            "the stack: webstack_domain and webstack_aliases) what it does not cover."
        )


def _name(name: x509.Name) -> str:
    """How people call it."""
    found = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return f'"{found[0].value!s}"' if found else f'"{name.rfc4514_string()}"'
