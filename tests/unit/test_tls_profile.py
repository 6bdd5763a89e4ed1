"""TLS profiles: what the guidelines say, in one file only, and in names that OpenSSL knows."""

import json
import re
import ssl
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.tls_profile import tls_profile
from ansible_collections.foobar.webstack.plugins.module_utils._tls import INTERMEDIATE, PROFILES

ROOT = Path(__file__).resolve().parents[2]


def test_intermediate_is_tls_1_2_with_forward_secrecy_and_aead_and_tls_1_3() -> None:
    profile = tls_profile("intermediate")
    assert (profile["minimum_version"], profile["protocols"]) == ("TLSv1.2", ["TLSv1.2", "TLSv1.3"])
    assert len(profile["ciphers"]) == 6
    for cipher in profile["ciphers"]:
        assert re.fullmatch(r"ECDHE-(ECDSA|RSA)-(AES\d+-GCM-SHA\d+|CHACHA20-POLY1305)", cipher)
    json.dumps(profile)


def test_modern_is_tls_1_3_only() -> None:
    profile = tls_profile("modern")
    assert (profile["minimum_version"], profile["protocols"], profile["ciphers"]) == ("TLSv1.3", ["TLSv1.3"], [])
    assert profile["ciphersuites"] == tls_profile("intermediate")["ciphersuites"]


@pytest.mark.parametrize("name", PROFILES)
def test_key_exchange_resists_quantum_computers_where_openssl_can(name: str) -> None:
    assert tls_profile(name, "3.5.1")["curves"] == tls_profile(name)["curves"]
    assert tls_profile(name)["curves"][0] == "X25519MLKEM768"
    assert tls_profile(name, "3.0.13")["curves"] == ["X25519", "prime256v1", "secp384r1"]


def test_openssl_knows_every_cipher() -> None:
    """Catches a misspelt name, which OpenSSL leaves out without a word where others are left."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(":".join(INTERMEDIATE.ciphers))
    known = {cipher["name"] for cipher in context.get_ciphers()}
    assert known >= {*INTERMEDIATE.ciphers, *INTERMEDIATE.ciphersuites}


@pytest.mark.parametrize(
    ("profile", "openssl", "message"),
    [
        ("moderne", None, "tls_profile: unknown profile 'moderne'; use one of intermediate, modern"),
        ("modern", "new", "tls_profile: openssl is 'new'; pass a version such as '3.0'"),
    ],
)
def test_what_is_not_known_is_refused(profile: str, openssl: str | None, message: str) -> None:
    with pytest.raises(AnsibleFilterError, match=re.escape(message)):
        tls_profile(profile, openssl)


def test_no_other_file_lists_ciphers() -> None:
    """Catches a copy that would stay behind when the guidelines change."""
    cipher = re.compile(r"ECDHE-(ECDSA|RSA)-|TLS_(AES|CHACHA20)_|X25519MLKEM768:")
    copies = [
        str(path.relative_to(ROOT))
        for folder in ("roles", "plugins", "playbooks", "inventories")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.is_file() and path.suffix != ".pyc" and cipher.search(path.read_text(encoding="utf-8"))
    ]
    assert copies == ["plugins/module_utils/_tls.py"]
