"""What the role wants of this host's certificates, as Ansible hands it over and the host keeps it in settings.json."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Provider(str, Enum):
    """Where a certificate comes from."""

    CA = "ca"
    FILES = "files"
    ACME = "acme"


@dataclass(frozen=True)
class Certificate:
    """One certificate. `sha256` is that of the given file, for the provider files."""

    name: str
    provider: Provider
    subject_alt_names: tuple[str, ...] = ()
    group: str = ""
    combined: bool = False
    client: bool = False
    activate: tuple[str, ...] = ()
    unit: str = ""
    key_type: str = ""
    sha256: str = ""

    @property
    def names(self) -> set[str]:
        """Its names as a certificate has them: addresses in their shortest form, small letters."""
        pairs = [name.split(":", 1) for name in self.subject_alt_names]
        return {f"IP:{ipaddress.ip_address(name)}" if kind == "IP" else f"DNS:{name.lower()}" for kind, name in pairs}


@dataclass(frozen=True)
class Acme:
    """The ACME server, and where its challenge is answered. `ca` is the file of the server's own CA, or empty.

    `dns` is lego's provider for DNS-01; with none, the challenge is HTTP-01. `resolvers` are name servers that know the
    names, as address:port, where those of the host are not asked.
    """

    directory: str
    email: str
    listen: str
    ca: str
    dns: str = ""
    resolvers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """All of it. `rotate` are names of certificates that are renewed in this run, due or not; it is not kept."""

    renewal_days: float
    certificates: tuple[Certificate, ...]
    acme: Acme
    rotate: tuple[str, ...] = ()

    def certificate(self, name: str) -> Certificate:
        """The certificate of that name."""
        return next(certificate for certificate in self.certificates if certificate.name == name)


def of_data(data: Mapping[str, Any]) -> Settings:
    """The settings in what was read as JSON."""
    return Settings(
        renewal_days=data["renewal_days"],
        certificates=tuple(
            Certificate(
                **{
                    **entry,
                    "provider": Provider(entry["provider"]),
                    "subject_alt_names": tuple(entry["subject_alt_names"]),
                    "activate": tuple(entry["activate"]),
                }
            )
            for entry in data["certificates"]
        ),
        acme=Acme(**{**data["acme"], "resolvers": tuple(data["acme"].get("resolvers", ()))}),
        rotate=tuple(data.get("rotate", ())),
    )
