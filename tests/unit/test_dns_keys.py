"""The keys of zones: the same from the same secret, and told to the parent as every server computes it."""

import base64

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.dns_keys import dns_keys
from ansible_collections.foobar.webstack.plugins.plugin_utils.dnssec import key_tag, signing_key
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

SECRET = "WpE4fJ2nUq8sTzK1xYvB6mCdRgLhA3Na"


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def test_a_key_is_as_knot_has_it() -> None:
    """Id, tag and digest are what keymgr 3.2.6 said of this key (import-pem, ds)."""
    found = signing_key("x", "foobar.com")
    assert found.id == "b78aa74976a8194df15000728a1ef1d99c1d76a7"
    assert found.tag == 6153
    assert found.ds == "6153 13 2 47331d335dc2b6542e9f4fb53cc73e730dc998dc8d889949bf0180d4876cac78"


def test_the_tag_of_the_standard_s_example() -> None:
    """RFC 6605, 6.1."""
    public = "GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA=="
    assert key_tag(bytes([1, 1, 3, 13]) + base64.b64decode(public)) == 55648


@given(st.text(min_size=1), st.sampled_from(["foobar.com", "0.18.198.in-addr.arpa"]))
def test_the_same_secret_gives_the_same_key(secret: str, zone: str) -> None:
    found = signing_key(secret, zone)
    assert found == signing_key(secret, zone)
    assert found.id != signing_key(secret, "example.net").id, "each zone has its own"
    assert found.id != signing_key(secret + "2", zone).id


def test_a_key_that_is_given_is_taken() -> None:
    given_key = ec.generate_private_key(ec.SECP256R1())
    assert dns_keys(["foobar.com"], pem(given_key))[0]["pem"] == pem(given_key)


def test_without_a_secret_there_are_no_keys() -> None:
    assert dns_keys(["foobar.com"], "") == []


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        (pem(ec.generate_private_key(ec.SECP384R1())), "not a key of the curve P-256; make one with openssl ecparam"),
        (pem(rsa.generate_private_key(65537, 2048)), "not a key of the curve P-256"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "not a private key without a passphrase"),
    ],
)
def test_another_key_is_refused(secret: str, said: str) -> None:
    with pytest.raises(AnsibleFilterError, match=f"dns_signing_secret: it is {said}"):
        dns_keys(["foobar.com"], secret)
