"""What the role certificates refuses, and what it hands to its program on the host."""

import hashlib
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.certificates_entries import certificates_entries
from ansible_collections.foobar.webstack.plugins.filter.certificates_errors import certificates_errors
from ansible_collections.foobar.webstack.plugins.plugin_utils.validation.certificates import Variables
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from role_variables import rendered

HOST = {"name": "web", "subject_alt_names": ["web1", "198.18.0.21"]}
WWW = {"name": "www", "provider": "acme", "subject_alt_names": ["www.foobar.com"]}
ACME = {"certificates_acme_email": "webmaster@foobar.com"}

# Nobody has its key.
CA = """\
-----BEGIN CERTIFICATE-----
MIIBEDCBt6ADAgECAgEBMAoGCCqGSM49BAMCMBIxEDAOBgNVBAMMB3Rlc3QgQ0Ew
HhcNMjAwMTAxMDAwMDAwWhcNMjAwMTAyMDAwMDAwWjASMRAwDgYDVQQDDAd0ZXN0
IENBMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEtFjLCnKCAwR03k8QwokbMZct
PD+/oj6QADwPLg9aikZh7Bcz1BttX2FTJJBjU/6YM4gIZl4Hq/CarrCVByqqWTAK
BggqhkjOPQQDAgNIADBFAiEAynR+1/Ijo4kW9HyCPsLHUR+zUthLZpCzEhfKKpVI
IEcCIAOTSNyAfTYK5iA+WVv2SEdjCueWu0hPsp7KLHkf07xT
-----END CERTIFICATE-----
"""


@pytest.fixture
def problems(tmp_path: Path) -> Callable[..., list[str]]:
    """What the role finds wrong, its own reading of files on the controller included."""
    return lambda **variables: rendered(
        "certificates", "__certificates_errors", inventory_dir=str(tmp_path), **variables
    )


@pytest.fixture
def entries(tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    return lambda *certificates: rendered(
        "certificates",
        "__certificates_entries",
        inventory_dir=str(tmp_path),
        certificates_list=list(certificates),
    )


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"certificates_list": [HOST]},
        {"certificates_list": [WWW], **ACME},
        {"certificates_list": [HOST | {"subject_alt_names": ["DNS:web_1", "*.foobar.com", "IP:2001:db8::1", "::1"]}]},
        {"certificates_list": [HOST | {"activate": ["systemctl", "reload", "nginx"]}]},
        {"certificates_list": [HOST | {"activate": ["mysql", "-e", "x"], "unit": "mysql"}]},
    ],
)
def test_good_data_is_taken(problems: Callable[..., list[str]], variables: dict[str, Any]) -> None:
    assert problems(**variables) == []


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        (
            {"certificates_list": [HOST, HOST]},
            'certificates_list has 2 certificates named "web"; give each a name of its own.',
        ),
        (
            {"certificates_list": [HOST | {"name": "../web"}]},
            'certificates_list has the name "../web", which becomes a folder; use small letters, digits, _ and -.',
        ),
        (
            {"certificates_list": [HOST | {"subject_alt_names": []}]},
            'certificates_list, "web": subject_alt_names is empty; list the DNS names and IP addresses by which'
            " it is reached.",
        ),
        (
            {"certificates_list": [HOST | {"subject_alt_names": ["web 1"]}]},
            'certificates_list, "web": subject_alt_names has "web 1", which is neither a DNS name nor an IP'
            " address; correct it.",
        ),
        (
            {"certificates_list": [HOST | {"subject_alt_names": ["198.18.0.256"]}]},
            'certificates_list, "web": subject_alt_names has 198.18.0.256, which is not an IP address in its'
            " shortest form; correct it.",
        ),
        (
            {"certificates_list": [HOST | {"subject_alt_names": ["2001:0db8::1"]}]},
            'certificates_list, "web": subject_alt_names has 2001:0db8::1, which is not an IP address in its'
            " shortest form; correct it.",
        ),
        (
            {"certificates_list": [HOST | {"subject_alt_names": ["web1", "DNS:WEB1"]}]},
            'certificates_list, "web": subject_alt_names has web1 2 times; keep one.',
        ),
        (
            {"certificates_list": [HOST | {"activate": ["mysql", "-e", "x"]}]},
            'certificates_list, "web": activate has no unit; set unit to the systemd unit that must be active for'
            " mysql -e x to be run.",
        ),
        (
            {"certificates_list": [HOST | {"provider": "files"}]},
            'certificates_list, "web": certificate is missing; give the path of the PEM file.\n'
            'certificates_list, "web": key is missing; give the path of the PEM file.',
        ),
        (
            {"certificates_list": [HOST | {"key": "/x.key"}]},
            'certificates_list, "web": certificate and key are for the provider files, and the provider is ca;'
            " write provider: files, or leave them out.",
        ),
        (
            {"certificates_list": [WWW | {"subject_alt_names": ["*.foobar.com"]}], **ACME},
            'certificates_list, "www": subject_alt_names has *.foobar.com, for which ACME issues no certificate'
            " over HTTP-01; leave it out, or use the provider ca or files.",
        ),
        (
            {"certificates_list": [WWW]},
            'certificates_acme_email is ""; give the mail address of the ACME account.',
        ),
        (
            {"certificates_list": [WWW], **ACME, "certificates_acme_directory": "http://ca/dir"},
            'certificates_acme_directory is "http://ca/dir"; give the URL of an ACME directory, which begins'
            " with https://",
        ),
        (
            {"certificates_list": [WWW], **ACME, "certificates_acme_ca": "/none.pem"},
            "certificates_acme_ca is /none.pem, which is not a file on the controller; give the path of a PEM"
            " file, or leave it out.",
        ),
        (
            {"certificates_lifetime_days": 400},
            "certificates_lifetime_days is 400; set it to 2 to 397 days, since browsers refuse certificates that"
            " live longer.",
        ),
        (
            {"certificates_renewal_days": 397},
            "certificates_renewal_days is 397; set it to at least 1 and less than certificates_lifetime_days"
            " (397), or every run would renew.",
        ),
        (
            {"certificates_trusted": ["/none.pem"]},
            "certificates_trusted names /none.pem, which is not a file on the controller; give the path of a PEM"
            " file with CA certificates.",
        ),
    ],
)
def test_bad_data_is_refused(problems: Callable[..., list[str]], variables: dict[str, Any], sentence: str) -> None:
    """Only the mistake is reported, and in a sentence that says what to write instead."""
    assert problems(**variables) == sentence.splitlines()


def test_ca_without_its_key_is_not_replaced(problems: Callable[..., list[str]], tmp_path: Path) -> None:
    """A new one would cut off every host that trusts the present one."""
    (tmp_path / ".ca").mkdir()
    (tmp_path / ".ca/ca.pem").write_text(CA)
    assert problems() == [
        f"certificates_ca_directory has ca.pem but not ca.key; restore {tmp_path}/.ca/ca.key from a backup, or"
        " remove ca.pem to start with a new CA.",
        "certificates_ca_directory has a CA that expires on 2020-01-02; replace it: ansible-playbook"
        " playbooks/rotate_certificates.yml -e webstack_rotate_ca=true",
    ]


def test_what_is_left_out_is_filled_in(entries: Callable[..., list[dict[str, Any]]]) -> None:
    assert entries(HOST) == [
        {
            "name": "web",
            "provider": "ca",
            "subject_alt_names": ["DNS:web1", "IP:198.18.0.21"],
            "group": "",
            "combined": False,
            "activate": [],
            "unit": "",
            "key_type": "secp256r1",
        }
    ]


@pytest.mark.parametrize(
    ("command", "given", "unit"),
    [
        (["systemctl", "reload", "nginx"], {}, "nginx"),
        (["systemctl", "reload", "nginx"], {"unit": "proxy"}, "proxy"),
        (["mysql", "-e", "x"], {"unit": "mysql"}, "mysql"),
        (["mysql", "-e", "x"], {}, ""),
    ],
)
def test_unit_follows_from_a_reload(
    entries: Callable[..., list[dict[str, Any]]], command: list[str], given: dict[str, str], unit: str
) -> None:
    assert entries(HOST | {"activate": command} | given)[0]["unit"] == unit


# --- certificates and keys that are given -----------------------------------------------------------------------------


def pem_of(key: ec.EllipticCurvePrivateKey, passphrase: bytes = b"") -> str:
    encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()


def signed(key: ec.EllipticCurvePrivateKey, days: float = 90) -> str:
    """A certificate for www.foobar.com, every name below given.foobar.com and an IPv6 address."""
    now, name = datetime.now(UTC), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "given")])
    names = [
        x509.DNSName("www.foobar.com"),
        x509.DNSName("*.given.foobar.com"),
        x509.IPAddress(ip_address("2001:db8::1")),
    ]
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(100)).not_valid_after(now + timedelta(days))
    return (
        builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
        .decode()
    )


KEY, OTHER = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
CHAIN = signed(KEY)


@pytest.fixture
def give(tmp_path: Path, problems: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """Gives these files; what is wrong with them, without the names of the files."""

    def check(chain: str, key: str, *names: str) -> list[str]:
        paths = {"certificate": tmp_path / "given.pem", "key": tmp_path / "given.key"}
        for path, content in zip(paths.values(), (chain, key), strict=True):
            path.write_text(content)
        given = {"name": "given", "provider": "files", "subject_alt_names": list(names)}
        found = problems(certificates_list=[given | {option: str(path) for option, path in paths.items()}])
        return [error.replace(f"{tmp_path}/", "").removeprefix('certificates_list, "given": ') for error in found]

    return check


def test_a_pair_that_covers_its_names_is_taken(give: Callable[..., list[str]]) -> None:
    assert give(CHAIN + CA, pem_of(KEY), "www.foobar.com", "DNS:any.given.foobar.com", "2001:db8::1") == []


@pytest.mark.parametrize(
    ("chain", "key", "names", "sentence"),
    [
        (
            CHAIN,
            pem_of(OTHER),
            (),
            "certificate given.pem and key given.key do not match; give the key with which the certificate was"
            " requested.",
        ),
        (
            CHAIN,
            pem_of(KEY),
            ("a.b.given.foobar.com",),
            "certificate given.pem does not cover a.b.given.foobar.com; give one that does, or leave the name out of"
            " subject_alt_names.",
        ),
        (
            "nothing",
            pem_of(KEY),
            (),
            "certificate is given.pem, which contains no certificate; give a PEM file, the server's certificate first"
            " and the intermediate ones after it.",
        ),
        (
            CHAIN,
            pem_of(KEY, b"secret"),
            (),
            "key is given.key, which is not an unencrypted private key; give a PEM file without a passphrase (Ansible"
            " Vault may encrypt the file).",
        ),
        (
            signed(KEY, -1),
            pem_of(KEY),
            (),
            f"certificate given.pem expired on {datetime.now(UTC) - timedelta(1):%Y-%m-%d}; give a new one.",
        ),
    ],
    ids=["another key", "another name", "no certificate", "a passphrase", "expired"],
)
def test_wrong_files_are_refused(
    give: Callable[..., list[str]], chain: str, key: str, names: tuple[str, ...], sentence: str
) -> None:
    assert give(chain, key, *names) == [sentence]


def test_files_that_cannot_be_read_are_a_sentence(give: Callable[..., list[str]]) -> None:
    """Catches a stack trace of the library, as of the certificate that an editor has cut off."""
    [error] = give("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", pem_of(KEY))
    assert error.startswith("certificate given.pem or key given.key cannot be read (")


def test_a_private_key_appears_in_no_message(give: Callable[..., list[str]]) -> None:
    for error in [*give(CHAIN, pem_of(OTHER), "x"), *give("x", pem_of(KEY))]:
        assert "PRIVATE" not in error


def test_the_host_is_told_which_file_was_given(entries: Callable[..., Any], tmp_path: Path) -> None:
    """Another file with the same path is another certificate."""
    path = tmp_path / "given.pem"
    given = {"name": "given", "provider": "files", "certificate": str(path), "key": "/x.key", "combined": "yes"}
    found = []
    for content in (CHAIN, CA):
        path.write_text(content)
        [entry] = entries(given)
        found.append(entry["sha256"])
        assert entry["combined"] is True
        assert str(path) not in str(entry)
    # As the program on the host computes it.
    assert found == [hashlib.sha256(content.rstrip().encode()).hexdigest() for content in (CHAIN, CA)]


def test_data_of_a_wrong_type_is_an_error() -> None:
    for wrong in (lambda: certificates_errors([], {}, datetime.now(UTC)), lambda: certificates_entries([1], "x", {})):
        with pytest.raises(AnsibleFilterError, match="expected a dict"):
            wrong()


def test_the_checks_know_the_role_s_defaults() -> None:
    """A variable that is left out is checked as the role would have it."""
    file = Path(__file__).resolve().parents[2] / "roles/certificates/defaults/main.yml"
    defaults = yaml.safe_load(file.read_text())
    for field in fields(Variables):
        if field.name != "certificates_ca_directory":
            assert field.default == (tuple(value) if isinstance(value := defaults[field.name], list) else value)
