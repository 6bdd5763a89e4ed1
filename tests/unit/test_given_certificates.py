"""Certificates and keys that a user gives as files: taken as they come, or refused with the reason."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from role_variables import rendered
from webstack_certificates import due, settings, store

NOW = datetime.now(UTC)
NAMES = ("www.foobar.com", "*.given.foobar.com", "xn--bcher-kva.example", "2001:db8::1")
PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
TRADITIONAL = serialization.PrivateFormat.TraditionalOpenSSL
# What `openssl ecparam -genkey` writes before a key.
PARAMETERS = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"


def key_text(key: Any, passphrase: bytes = b"", form: Any = PKCS8) -> str:
    encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return key.private_bytes(PEM, form, encryption).decode()


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def signed(
    name: str,
    key: Any,
    issuer: str,
    by: Any,
    names: tuple[str, ...] = (),
    days: tuple[float, float] = (-100, 90),
    digest: Any = None,
) -> str:
    """A certificate. `days`: of its life, counted from now."""
    builder = x509.CertificateBuilder(named(issuer), named(name), key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(NOW + timedelta(days[0])).not_valid_after(NOW + timedelta(days[1]))
    if names:
        alternatives: list[x509.GeneralName] = [
            x509.IPAddress(ip_address(each)) if ":" in each else x509.DNSName(each) for each in names
        ]
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    else:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(by, digest or hashes.SHA256()).public_bytes(PEM).decode()


KEY, OTHER, MIDDLE, TOP = (ec.generate_private_key(ec.SECP256R1()) for _ in range(4))
RSA = rsa.generate_private_key(65537, 2048)
WEAK = rsa.generate_private_key(65537, 1024)  # noqa: S505
ROOT = signed("Root", TOP, "Root", TOP)
INTERMEDIATE = signed("R11", MIDDLE, "Root", TOP)
FOREIGN = signed("R11", OTHER, "Root", TOP)
LEAF = signed("www", KEY, "R11", MIDDLE, NAMES)
SELF = signed("own", KEY, "own", KEY, NAMES)
CHAIN = LEAF + INTERMEDIATE


def leaf(key: Any = KEY, names: tuple[str, ...] = NAMES, **how: Any) -> str:
    return signed("www", key, "R11", MIDDLE, names, **how) + INTERMEDIATE


def crlf(text: str) -> str:
    return text.replace("\n", "\r\n")


@pytest.fixture
def give(tmp_path: Path) -> Callable[..., list[str]]:
    """Gives these files; what the role finds wrong with them, without the names of the files."""

    def check(chain: str, key: str, *names: str) -> list[str]:
        paths = {"certificate": tmp_path / "given.pem", "key": tmp_path / "given.key"}
        for path, content in zip(paths.values(), (chain, key), strict=True):
            path.write_bytes(content.encode("latin-1", "replace"))
        given = {"name": "given", "provider": "files", "subject_alt_names": list(names)}
        given |= {option: str(path) for option, path in paths.items()}
        found = rendered(
            "certificates", "__certificates_errors", inventory_dir=str(tmp_path), certificates_list=[given]
        )
        return [error.replace(f"{tmp_path}/", "").removeprefix('certificates_list, "given": ') for error in found]

    return check


@pytest.mark.parametrize(
    ("chain", "key"),
    [
        (CHAIN, key_text(KEY)),
        (CHAIN + ROOT, key_text(KEY)),
        (SELF, key_text(KEY)),
        (CHAIN, key_text(KEY, form=TRADITIONAL)),
        (leaf(RSA), key_text(RSA)),
        (leaf(RSA), key_text(RSA, form=TRADITIONAL)),
        (leaf(MIDDLE), PARAMETERS + key_text(MIDDLE, form=TRADITIONAL)),
        (crlf(CHAIN), crlf(key_text(KEY))),
        ("\ufeffsubject=/CN=www\n" + LEAF + "\n\nissuer=/CN=Root\n" + INTERMEDIATE, "Bag Attributes\n" + key_text(KEY)),
        (CHAIN + key_text(KEY), CHAIN + key_text(KEY)),
    ],
    ids=[
        "with its intermediate",
        "with the root too",
        "self-signed",
        "traditional form of an EC key",
        "RSA",
        "traditional form of an RSA key",
        "parameters before the key",
        "CRLF",
        "text before the blocks",
        "one file for both",
    ],
)
def test_good_pairs_are_taken(give: Callable[..., list[str]], chain: str, key: str) -> None:
    names = ("www.foobar.com", "DNS:ANY.given.foobar.com", "*.given.foobar.com", "xn--bcher-kva.example", "2001:db8::1")
    assert give(chain, key, *names) == []


@pytest.mark.parametrize(
    ("chain", "key", "names", "sentence"),
    [
        (
            CHAIN,
            key_text(OTHER),
            (),
            "certificate given.pem and key given.key do not match; give the key with which the certificate was"
            " requested.",
        ),
        (
            LEAF,
            key_text(KEY),
            (),
            'certificate given.pem lacks the certificate of its issuer "R11", without which many visitors cannot verify'
            " it; give the whole chain (often called fullchain.pem), or append the issuer's certificate, also if that"
            " is a root of your own.",
        ),
        (
            INTERMEDIATE + LEAF,
            key_text(KEY),
            (),
            "certificate given.pem has the server's certificate in place 2; write the server's certificate first, after"
            " it the one of its issuer, and so on.",
        ),
        (
            LEAF + ROOT + INTERMEDIATE,
            key_text(KEY),
            (),
            "certificate given.pem is out of order: number 1 is not followed by its issuer; write the server's"
            " certificate first, after it the one of its issuer, and so on.",
        ),
        (
            LEAF + FOREIGN,
            key_text(KEY),
            (),
            'certificate given.pem lacks the certificate of "R11", which issued number 1 ("www"), and number 2 did not;'
            " put it between the two, and leave out what is not of the chain.",
        ),
        (
            CHAIN,
            key_text(KEY),
            ("www.foobar.com", "a.b.given.foobar.com", "given.foobar.com"),
            "certificate given.pem does not cover a.b.given.foobar.com and given.foobar.com (it has *.given.foobar.com,"
            " 2001:db8::1, www.foobar.com and xn--bcher-kva.example); give one that does, or leave out of"
            " subject_alt_names (of the stack: webstack_domain and webstack_aliases) what it does not cover.",
        ),
        (
            leaf(names=()),
            key_text(KEY),
            ("www",),
            "certificate given.pem does not cover www (it has no subject alternative names, and nothing else counts);"
            " give one that does, or leave out of subject_alt_names (of the stack: webstack_domain and"
            " webstack_aliases) what it does not cover.",
        ),
        (
            "0\x82\x03\xff\xfe",
            key_text(KEY),
            (),
            "certificate is given.pem, which contains no certificate; give a PEM file, the server's certificate first"
            " and the intermediate ones after it (openssl x509 or openssl pkcs12 converts other forms).",
        ),
        (
            CHAIN,
            CHAIN,
            (),
            "key is given.key, which contains no private key; give the PEM file of the certificate's key.",
        ),
        (
            leaf(days=(-100, -1)),
            key_text(KEY),
            (),
            f"certificate given.pem expired on {NOW - timedelta(1):%Y-%m-%d}; give a new one.",
        ),
        (
            leaf(days=(1, 90)),
            key_text(KEY),
            (),
            f"certificate given.pem is not valid before {NOW + timedelta(1):%Y-%m-%d %H:%M} UTC; give one that is valid"
            " now, or set this machine's clock.",
        ),
        (
            LEAF + signed("R11", MIDDLE, "Root", TOP, days=(-9, -1)),
            key_text(KEY),
            (),
            'certificate given.pem has in place 2 the certificate of "R11", which expired on'
            f" {NOW - timedelta(1):%Y-%m-%d}; give a new one.",
        ),
        (
            leaf(WEAK),
            key_text(WEAK),
            (),
            'certificate given.pem has an RSA key of 1024 bits ("www"), which OpenSSL refuses; have one made with at'
            " least 2048 bits, or with secp256r1.",
        ),
    ],
    ids=[
        "another key",
        "no intermediate",
        "issuer first",
        "issuers exchanged",
        "another issuer of that name",
        "other names",
        "no names",
        "no PEM",
        "no key",
        "expired",
        "not yet",
        "intermediate expired",
        "weak",
    ],
)
def test_wrong_files_are_refused(
    give: Callable[..., list[str]], chain: str, key: str, names: tuple[str, ...], sentence: str
) -> None:
    assert give(chain, key, *names) == [sentence]


@pytest.mark.parametrize("form", [PKCS8, TRADITIONAL])
def test_a_key_with_a_passphrase_is_refused(give: Callable[..., list[str]], form: Any) -> None:
    assert give(CHAIN, key_text(KEY, b"secret", form)) == [
        "key is given.key, which a passphrase protects, and nobody is there to type it when a program starts; give it"
        " without one (openssl pkey -in FILE -out NEW; Ansible Vault may encrypt the file)."
    ]


@pytest.mark.parametrize("block", ["CERTIFICATE", "PRIVATE KEY"])
def test_files_that_cannot_be_read_are_a_sentence(give: Callable[..., list[str]], block: str) -> None:
    """Catches a stack trace of the library, as of the file that an editor has cut off."""
    broken = f"-----BEGIN {block}-----\nMIIB\n-----END {block}-----\n"
    chain, key = (broken, key_text(KEY)) if block == "CERTIFICATE" else (CHAIN, broken)
    [error] = give(chain, key)
    assert error.startswith("certificate given.pem or key given.key cannot be read (")


def test_a_private_key_appears_in_no_message(give: Callable[..., list[str]]) -> None:
    for error in [*give(CHAIN, key_text(OTHER), "x"), *give("x", key_text(KEY)), *give(LEAF, key_text(KEY))]:
        assert "PRIVATE" not in error


def entry(folder: Path, chain: str) -> dict[str, Any]:
    """What the host is told of these files."""
    path = folder / "given.pem"
    path.write_bytes(chain.encode())
    given = {"name": "given", "provider": "files", "certificate": str(path), "key": "/x.key", "combined": "yes"}
    [found] = rendered("certificates", "__certificates_entries", inventory_dir=str(folder), certificates_list=[given])
    assert str(path) not in str(found)
    return dict(found)


def test_the_host_is_told_which_file_was_given(tmp_path: Path) -> None:
    """Another file with the same path is another certificate; other line ends are none."""
    found = [entry(tmp_path, chain)["sha256"] for chain in (CHAIN, SELF, crlf("remark\n" + CHAIN + "\n\n"))]
    assert found[0] == found[2] != found[1]
    assert found[0] == hashlib.sha256(CHAIN.encode()).hexdigest()


@pytest.mark.parametrize("chain", [CHAIN, crlf(CHAIN), "remark\n" + LEAF + "\n\n" + INTERMEDIATE + "  \n"])
def test_a_second_run_has_nothing_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chain: str) -> None:
    """However the file was written. Red where the host's copy is compared byte by byte."""
    monkeypatch.setattr(store, "TLS", tmp_path)
    wanted = settings.of_data({"renewal_days": 30, "certificates": [entry(tmp_path, chain)], "acme": _NO_ACME})
    certificate = wanted.certificates[0]
    assert due.due(certificate, wanted, None) is due.Reason.OTHER_FILES
    (tmp_path / ".store/given").mkdir(parents=True)
    store.install(certificate, "files", chain, crlf("remark\n" + key_text(KEY)))
    assert due.due(certificate, wanted, None) is None
    assert (tmp_path / "given/combined.pem").read_bytes() == (CHAIN + key_text(KEY)).encode()


_NO_ACME = {"directory": "", "email": "", "listen": "", "ca": ""}
