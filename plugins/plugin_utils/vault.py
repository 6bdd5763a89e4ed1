"""Files on the controller that may be encrypted with ansible-vault.

A file that is encrypted stays so when it is written.
The passwords are those that the run was given (--vault-password-file, --vault-id, --ask-vault-pass).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ansible.parsing.vault import AnsibleVaultError, VaultLib, VaultSecret, VaultSecretsContext, is_encrypted
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.limits import secret_errors

LABELLED = "1.2"
"""The version of the vault format whose header names a vault id."""


class VaultFileError(Exception):
    """A sentence on a file that cannot be read, opened or written."""


@dataclass(frozen=True)
class Lock:
    """How a file is encrypted: with which of the run's passwords, and the vault id that its header names."""

    secret: VaultSecret = field(repr=False)
    vault_id: str | None = None


@dataclass(frozen=True)
class Opened:
    """What is in a file, and how it was encrypted; None where it is in clear."""

    content: bytes = field(repr=False)
    lock: Lock | None = None


def opened(path: Path) -> Opened:
    """Read a file, and decrypt one that is encrypted."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise VaultFileError(f"{path} cannot be read: {error.strerror}") from error
    if not is_encrypted(data):
        return Opened(data)
    context = VaultSecretsContext.current(optional=True)
    secrets = context.secrets if context else []
    try:
        content, _vault_id, secret = VaultLib(secrets).decrypt_and_get_vault_id(data)
    except AnsibleVaultError as error:
        which = "none of the vault passwords of this run opens it" if secrets else "this run has no vault password"
        raise VaultFileError(
            f"{path} is encrypted with ansible-vault, and {which}; add --vault-password-file <file> or --ask-vault-pass"
        ) from error
    return Opened(bytes(content), Lock(secret, _vault_id_of(data)))


def write(path: Path, content: bytes, lock: Lock | None) -> None:
    """Write a file that only its owner can read, all of it or nothing; encrypted where there is a lock.

    Folders that are missing are made, for the owner alone.
    """
    data = VaultLib().encrypt(content, secret=lock.secret, vault_id=lock.vault_id) if lock else content
    # Where a link leads, and not in the place of the link.
    target = path.resolve()
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise VaultFileError(f"{path} cannot be written: {error.strerror}") from error


def passwords(path: Path) -> dict[str, str]:
    """The generated passwords by name, none where there is no file yet."""
    if not path.exists():
        return {}
    # New passwords are never made because the present ones cannot be read: a running stack would not take them.
    advice = "put the file back from your backup. (Without it, new passwords are made, which a running stack refuses)"
    try:
        text = opened(path).content.decode()
        if "!vault" in text:
            raise VaultFileError(
                f"{path} has single values that are encrypted with ansible-vault; encrypt the file as a whole "
                f"(ansible-vault encrypt {path}), or move them to webstack_secrets"
            )
        found: Any = yaml.safe_load(text) or {}
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise VaultFileError(f"{path} is not valid YAML; {advice}") from error
    if not isinstance(found, Mapping):
        raise VaultFileError(f"{path} is not a mapping of names to passwords; {advice}")
    secrets = {str(name): str(value) for name, value in found.items()}
    for name, problem in secret_errors(secrets):
        raise VaultFileError(f"{path}, {name}: {problem}")
    return secrets


def _vault_id_of(data: bytes) -> str | None:
    header = data.splitlines()[0].decode(errors="replace").strip().split(";")
    return header[3] if len(header) > 3 and header[1] == LABELLED else None
