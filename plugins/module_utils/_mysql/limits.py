"""How long MySQL takes names and passwords to be. Pure.

Beyond that it refuses a statement in the middle of a run. The manual: "Account Names", "CHANGE REPLICATION SOURCE TO"
(SOURCE_PASSWORD, which a replica keeps in clear), and `CRYPT_MAX_PASSWORD_SIZE` of caching_sha2_password.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

NAME_CHARACTERS = 32
HOST_CHARACTERS = 255
PASSWORD_BYTES = 256
SOURCE_PASSWORD_CHARACTERS = 32

REPLICATION = "mysql_replication"
"""The secret with which replicas log in to their source."""


def account_errors(name: str, host: str = "", password: str = "") -> Iterator[str]:
    """What of an account is too long, each as the end of a sentence."""
    if len(name) > NAME_CHARACTERS:
        yield f"the name has {len(name)} characters, and MySQL takes at most {NAME_CHARACTERS}; shorten it"
    if len(host) > HOST_CHARACTERS:
        yield f"a host has {len(host)} characters, and MySQL takes at most {HOST_CHARACTERS}; shorten it"
    if (size := len(password.encode())) > PASSWORD_BYTES:
        yield f"the password has {size} bytes, and MySQL takes at most {PASSWORD_BYTES}; use a shorter one"


def source_password_error(password: str) -> str:
    """Why a replica cannot log in to its source with the password, empty where it can."""
    if len(password) <= SOURCE_PASSWORD_CHARACTERS:
        return ""
    return (
        f"the replication password has {len(password)} characters, and MySQL takes at most"
        f" {SOURCE_PASSWORD_CHARACTERS} there (SOURCE_PASSWORD); use a shorter one"
    )


def secret_errors(secrets: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Which of the stack's passwords are too long, by name, each with the end of a sentence."""
    for name, value in secrets.items():
        if not name.startswith("mysql_"):
            continue
        if error := source_password_error(str(value)) if name == REPLICATION else "":
            yield name, error
        for error in account_errors("", "", str(value)):
            yield name, error
