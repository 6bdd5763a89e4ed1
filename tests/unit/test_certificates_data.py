"""What the role certificates refuses, and what it hands to its program on the host."""

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.certificates_entries import certificates_entries
from ansible_collections.foobar.webstack.plugins.filter.certificates_errors import certificates_errors
from ansible_collections.foobar.webstack.plugins.plugin_utils.validation.certificates import Variables
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
        {
            "certificates_list": [WWW | {"subject_alt_names": ["*.foobar.com"]}],
            **ACME,
            "certificates_acme_dns": {"provider": "hetzner", "environment": {"HETZNER_API_KEY": "x"}},
            "certificates_acme_eab": {"kid": "a", "hmac": "b"},
        },
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
            {"certificates_list": [HOST | {"subject_alt_names": ["www.bücher.example"]}]},
            'certificates_list, "web": subject_alt_names has "www.bücher.example"; write its ASCII form'
            " www.xn--bcher-kva.example.",
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
            'certificates_list, "www": subject_alt_names has *.foobar.com, for which ACME issues a certificate'
            " over DNS-01 only; set certificates_acme_dns, or leave the name out.",
        ),
        (
            {"certificates_list": [WWW], **ACME, "certificates_acme_dns": {"provider": "cloudflare"}},
            "certificates_acme_dns.provider is cloudflare, which Debian's lego was built without; delegate"
            " _acme-challenge by a CNAME to another DNS service, or use exec with a program of your own.",
        ),
        (
            {
                "certificates_list": [WWW],
                **ACME,
                "certificates_acme_nameserver": {"address": "ns1", "secret": "x" * 15},
            },
            'certificates_acme_nameserver.address is "ns1"; give the bare IPv4 or IPv6 address of the name server.\n'
            "certificates_acme_nameserver.secret is too short; give at least 16 random characters.",
        ),
        (
            {
                "certificates_list": [WWW],
                **ACME,
                "certificates_acme_dns": {"provider": "hetzner"},
                "certificates_acme_nameserver": {"address": "198.18.0.11", "secret": "x" * 16},
            },
            "certificates_acme_dns and certificates_acme_nameserver are both set; leave one of them out.",
        ),
        (
            {"certificates_list": [WWW], **ACME, "certificates_acme_eab": {"kid": "x"}},
            "certificates_acme_eab has only one of kid and hmac; give both, as the CA gave them to you.",
        ),
        (
            {"certificates_list": [WWW], **ACME, "certificates_acme_dns": {"environment": {"A": "x"}}},
            "certificates_acme_dns has an environment and no provider; set provider to lego's code of your DNS.",
        ),
        (
            {
                "certificates_list": [WWW],
                **ACME,
                "certificates_acme_dns": {"provider": "--x", "environment": {"cf-token": "x"}},
            },
            'certificates_acme_dns.provider is "--x"; write the code of a provider from'
            " https://go-acme.github.io/lego/dns/, such as hetzner.\n"
            'certificates_acme_dns.environment has "cf-token"; write the name of a variable that lego dnshelp says,'
            " such as HETZNER_API_KEY.",
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
            "client": False,
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


def test_data_of_a_wrong_type_is_an_error() -> None:
    for wrong in (lambda: certificates_errors([], {}, datetime.now(UTC)), lambda: certificates_entries([1], "x", {})):
        with pytest.raises(AnsibleFilterError, match="expected a dict"):
            wrong()


def test_the_checks_know_the_role_s_defaults() -> None:
    """A variable that is left out is checked as the role would have it."""
    file = Path(__file__).resolve().parents[2] / "roles/certificates/defaults/main.yml"
    defaults = yaml.safe_load(file.read_text())
    for field in fields(Variables):
        # Dicts are records there, of which every field is empty.
        if field.name not in ("certificates_ca_directory", *(name for name in defaults if defaults[name] == {})):
            assert field.default == (tuple(value) if isinstance(value := defaults[field.name], list) else value)
