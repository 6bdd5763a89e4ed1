"""The data of the role certificates, and what its program on the host reads of it.

What each option means is said in the role's argument specification.
"""

from __future__ import annotations

import hashlib
import os.path
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils import _x509
from ansible_collections.foobar.webstack.plugins.plugin_utils.records import read

_KIND = re.compile(r"^(DNS|IP):")
_ADDRESS = re.compile(r"[0-9.]+")


class Provider(str, Enum):
    """Where a certificate comes from."""

    CA = "ca"
    FILES = "files"
    ACME = "acme"


@dataclass(frozen=True)
class Certificate:
    """One of `certificates_list`."""

    name: str
    provider: Provider = Provider.CA
    subject_alt_names: tuple[str, ...] = ()
    group: str | None = None
    combined: bool = False
    client: bool = False
    activate: tuple[str, ...] = ()
    unit: str | None = None
    key_type: str | None = None
    certificate: str | None = None
    key: str | None = None

    @property
    def names(self) -> list[str]:
        """Its names without their kind, in small letters."""
        return [_KIND.sub("", name).lower() for name in self.subject_alt_names]

    @property
    def reloaded_unit(self) -> str:
        """The unit that `activate` reloads; empty when it is another command."""
        is_reload = len(self.activate) == 3 and self.activate[:2] == ("systemctl", "reload")
        return self.activate[2] if is_reload else ""

    def path(self, option: str) -> str:
        """The option `certificate` or `key`, with the user's home folder for `~`; empty when it is not given."""
        return os.path.expanduser({"certificate": self.certificate, "key": self.key}[option] or "")


def certificates(data: Iterable[Mapping[str, Any]]) -> list[Certificate]:
    """The certificates of `certificates_list`. Raises RecordError for what the argument specification refuses."""
    return [read(Certificate, entry, f"certificates_list[{number}]") for number, entry in enumerate(data)]


def looks_like_address(name: str) -> bool:
    """Whether the name is meant as an IP address: no DNS name has a colon, or only digits."""
    return ":" in name or _ADDRESS.fullmatch(name) is not None


def entries(listed: Iterable[Certificate], key_type: str, files: Mapping[str, str]) -> list[dict[str, Any]]:
    """What the host needs of the certificates: every option filled in, no path of the controller.

    `key_type` is the default. `files` holds the contents of the given certificates by their paths; one that is not in
    it has the hash of an empty file.
    """
    return [_entry(certificate, key_type, files) for certificate in listed]


def _entry(certificate: Certificate, key_type: str, files: Mapping[str, str]) -> dict[str, Any]:
    names = [f"{'IP' if looks_like_address(name) else 'DNS'}:{name}" for name in certificate.names]
    entry = {
        "name": certificate.name,
        "provider": certificate.provider.value,
        "subject_alt_names": list(dict.fromkeys(names)),
        "group": certificate.group or "",
        "combined": certificate.combined,
        "client": certificate.client,
        "activate": list(certificate.activate),
        "unit": certificate.unit or certificate.reloaded_unit,
        "key_type": certificate.key_type or key_type,
    }
    if certificate.provider is Provider.FILES:
        content = files.get(certificate.path("certificate"), "")
        # Of what the host installs of it, so that line ends and remarks are no difference.
        entry["sha256"] = hashlib.sha256(_x509.certificates_pem(content).encode()).hexdigest()
    return entry
