"""The certificates on disk: each a link in TLS to one version of its files, which therefore change together.

The folder of a certificate in the store holds its versions and
`installed`: when the present one was installed,
`activated`: which one its program has read,
`next/key.pem`: the key of the one that is being issued,
`rotate`: that ACME has to renew it.
"""

from __future__ import annotations

import grp
import json
import os
import secrets
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils import _x509
from ansible_collections.foobar.webstack.plugins.module_utils._process import RefusedError
from cryptography import x509
from webstack_certificates.settings import Certificate

TLS = Path("/etc/webstack/tls")
CERTIFICATE, KEY, COMBINED = "certificate.pem", "key.pem", "combined.pem"
BOOT = Path("/proc/sys/kernel/random/boot_id")


def folder(name: str = "") -> Path:
    """The folder of a certificate in the store, or the store itself."""
    return TLS / ".store" / name


def read(path: Path) -> str:
    """The text of a file; nothing where there is none."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def read_json(path: Path) -> dict[str, Any]:
    """The data of a file; nothing where there is none."""
    found: dict[str, Any] = json.loads(read(path) or "{}")
    return found


def write(path: Path, text: str, mode: int = 0o644, gid: int = 0) -> None:
    """Replace a file in one step, at no moment readable by more than it is meant for."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        if os.geteuid() == 0:
            os.fchown(file.fileno(), 0, gid)
        os.fchmod(file.fileno(), mode)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


@dataclass(frozen=True)
class Moment:
    """A moment that can be compared with the start of a unit, whatever happens to the clock. `time` in microseconds."""

    boot: str
    time: int

    @classmethod
    def now(cls) -> Moment:
        """This moment."""
        return cls(read(BOOT).strip(), time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)

    def data(self) -> dict[str, Any]:
        """As it is kept in files."""
        return {"boot": self.boot, "time": self.time}


@dataclass(frozen=True)
class Installed:
    """The version of a certificate that programs see. Without a `leaf` there is none that could be used."""

    source: str
    chain: str
    key: str
    version: str
    leaf: x509.Certificate | None

    @classmethod
    def of(cls, name: str) -> Installed:
        """The version of the certificate of that name."""
        place = TLS / name
        chain, key = read(place / CERTIFICATE), read(place / KEY)
        version = os.readlink(place).rpartition("/")[2] if place.is_symlink() else ""
        leaf = _x509.load(chain) if chain and key else None
        if leaf and not _x509.belong_together(leaf, key):
            leaf = None
        return cls(read(place / ".source"), chain, key, version, leaf)


def layout(certificate: Certificate) -> dict[str, int]:
    """The modes of its files by their names."""
    modes = {CERTIFICATE: 0o644, KEY: 0o640 if certificate.group else 0o600}
    return {**modes, COMBINED: modes[KEY]} if certificate.combined else modes


def group_of(certificate: Certificate) -> int:
    """The group that may read its key."""
    try:
        return grp.getgrnam(certificate.group).gr_gid if certificate.group else 0
    except KeyError:
        raise RefusedError(
            f"{certificate.name}: the group {certificate.group} does not exist on this host; run the play again"
        ) from None


def in_shape(certificate: Certificate) -> bool:
    """Whether exactly the files that are wanted are there, with their owners and modes."""
    place = TLS / certificate.name
    for file, mode in layout(certificate).items():
        try:
            state = (place / file).stat()
            owner = (0, 0 if file == CERTIFICATE else group_of(certificate))
        except (FileNotFoundError, RefusedError):
            # In check mode the group may not be there yet.
            return False
        if state.st_mode & 0o7777 != mode or (os.geteuid() == 0 and (state.st_uid, state.st_gid) != owner):
            return False
    return (place / COMBINED).exists() == certificate.combined


def install(certificate: Certificate, source: str, chain: str, key: str) -> None:
    """Put a new version in place, all of its files in one step, and of the PEM texts what programs read."""
    chain, key = _x509.certificates_pem(chain), _x509.key_pem(key)
    if not _x509.belong_together(_x509.load(chain), key):
        raise RefusedError(f"{certificate.name}: the new certificate and key do not match; nothing was changed")
    place = folder(certificate.name)
    version = place / secrets.token_hex(6)
    version.mkdir(mode=0o755, parents=True)
    contents = {CERTIFICATE: chain, KEY: key, COMBINED: chain + key}
    for file, mode in layout(certificate).items():
        write(version / file, contents[file], mode, 0 if file == CERTIFICATE else group_of(certificate))
    write(version / ".source", source)
    temporary = place / ".link"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(version.relative_to(TLS))
    temporary.replace(TLS / certificate.name)
    # After the link: a program that starts between the two is reloaded once too often, but never once too seldom.
    write(place / "installed", json.dumps(Moment.now().data()))
    for other in place.iterdir():
        if other.is_dir() and other != version:
            shutil.rmtree(other)
