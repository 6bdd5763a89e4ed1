"""Fingerprints of OpenPGP keys, by which a repository's key is known."""

import base64

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._packages.openpgp import KeyringError, fingerprints
from throwaway_openpgp import Key

# The first packet of the example key of draft-bre-openpgp-samples, and its fingerprint there.
ALICE = base64.b64decode("mDMEXEcE6RYJKwYBBAHaRw8BAQdArjWwk3FAqyiFbFBKT4TzXcVBqPTB3gmzlC/Ub7O1u10=")
ALICE_FINGERPRINT = "EB85BB5FA33A75E15E944E63F231550C4F47E38E"


@pytest.fixture(scope="module")
def key() -> Key:
    return Key()


def test_a_known_key() -> None:
    assert fingerprints(ALICE) == [ALICE_FINGERPRINT]


def test_armored_or_not(key) -> None:
    assert fingerprints(key.public) == fingerprints(key.armored.encode()) == [key.fingerprint]
    assert fingerprints(b"Text before it.\n" + key.armored.encode()) == [key.fingerprint]


def test_every_key_is_listed(key) -> None:
    """A keyring with one key more would let that one sign the repository, too."""
    assert fingerprints(key.public + ALICE) == [key.fingerprint, ALICE_FINGERPRINT]


@pytest.mark.parametrize(
    ("keyring", "reason"),
    [
        (b"", "holds no public key"),
        (b"<html>Not found</html>", "is not a keyring of OpenPGP"),
        (ALICE[:-1], "is cut off"),
        (ALICE[:1], "is cut off"),
        (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n", "does not hold exactly one complete block"),
        (
            b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n?\n-----END PGP PUBLIC KEY BLOCK-----\n",
            "has an ASCII armor that cannot be read",
        ),
        (b"\xc6\x02\x06\x00", "holds a key that is not of version 4"),
    ],
)
def test_what_is_no_keyring_is_refused(keyring, reason) -> None:
    with pytest.raises(KeyringError, match=reason):
        fingerprints(keyring)
