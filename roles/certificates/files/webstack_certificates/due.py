"""Which certificates are due, and why. Everything else of a run that needs nothing from outside the host."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Mapping
from enum import Enum
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils import _x509
from cryptography import x509
from webstack_certificates import settings as wanted
from webstack_certificates import store
from webstack_certificates.activation import activate, note_trust
from webstack_certificates.settings import Certificate, Provider, Settings
from webstack_certificates.store import Installed

OWN_CA = "ca"
"""Source of a certificate of the own CA. Other sources are `files`, and `acme` with the server's directory."""


class Reason(str, Enum):
    """Why a new certificate is needed."""

    MISSING = "there is none yet"
    TEMPORARY = "a temporary one, until ACME issues it"
    TEMPORARY_EXPIRED = "a temporary one, because it has expired"
    INTERRUPTED = "an earlier run was interrupted"
    ROTATION = "its rotation was requested"
    OTHER_FILES = "the installed files are not the given ones"
    OTHER_ISSUER = "another CA issued it"
    OTHER_NAMES = "it has other names"
    OTHER_KEY_TYPE = "its key is of another type"
    NOT_FOR_CLIENTS = "it does not show who a client is"
    EXPIRES = "it expires soon"


def due(
    certificate: Certificate,
    settings: Settings,
    authority: x509.Certificate | None,
) -> Reason | None:
    """Why Ansible has to bring a certificate."""
    installed = Installed.of(certificate.name)
    if certificate.provider is Provider.FILES:
        given = hashlib.sha256(_x509.certificates_pem(installed.chain).encode()).hexdigest() == certificate.sha256
        return None if installed.leaf and given else Reason.OTHER_FILES
    acme = certificate.provider is Provider.ACME
    if installed.leaf is None:
        return Reason.TEMPORARY if acme else Reason.MISSING
    if (store.folder(certificate.name) / "next" / store.KEY).exists():
        return Reason.INTERRUPTED
    if acme and installed.source != OWN_CA:
        return Reason.TEMPORARY_EXPIRED if _x509.not_after(installed.leaf) <= _now() else None
    if not acme and certificate.name in settings.rotate:
        return Reason.ROTATION
    if installed.source != OWN_CA or authority is None or not _x509.issued_by(installed.leaf, authority):
        return Reason.OTHER_ISSUER
    return _unfit(certificate, installed.leaf, settings)


def acme_due(certificate: Certificate, settings: Settings) -> Reason | None:
    """Why the ACME server has to be asked."""
    installed = Installed.of(certificate.name)
    if installed.leaf is None or not installed.source.startswith("acme "):
        return Reason.MISSING
    if (store.folder(certificate.name) / "rotate").exists():
        return Reason.ROTATION
    if installed.source != f"acme {settings.acme.directory}":
        return Reason.OTHER_ISSUER
    return _unfit(certificate, installed.leaf, settings)


def _unfit(certificate: Certificate, leaf: x509.Certificate, settings: Settings) -> Reason | None:
    """Why this certificate of the right issuer no longer fits."""
    if _x509.names(leaf) != certificate.names:
        return Reason.OTHER_NAMES
    if _x509.key_type(leaf) != certificate.key_type:
        return Reason.OTHER_KEY_TYPE
    if certificate.client and not _x509.is_for_clients(leaf):
        return Reason.NOT_FOR_CLIENTS
    return Reason.EXPIRES if _x509.expires_soon(leaf, settings.renewal_days, _now()) else None


def converge(data: Mapping[str, Any], dry: bool) -> dict[str, Any]:
    """Keep the settings, repair owners, modes and files, activate what is not activated; return what is due."""
    settings, changed = wanted.of_data(data), []
    lasting = {key: value for key, value in data.items() if key != "rotate"}
    kept = json.dumps(lasting, indent=2, sort_keys=True) + "\n"
    if store.read(store.folder("settings.json")) != kept:
        changed.append("settings")
    trusted = store.read(store.TLS / "ca.pem")
    authority = _x509.load(trusted) if trusted else None
    if not dry:
        store.write(store.folder("settings.json"), kept)
        note_trust()
    reasons = {}
    for certificate in settings.certificates:
        if certificate.provider is Provider.ACME and certificate.name in settings.rotate and not dry:
            store.folder(certificate.name).mkdir(mode=0o755, exist_ok=True)
            store.write(store.folder(certificate.name) / "rotate", "")
        reason = due(certificate, settings, authority)
        if reason:
            reasons[certificate.name] = reason.value
            if not dry:
                (store.folder(certificate.name) / "next").mkdir(mode=0o700, parents=True, exist_ok=True)
            continue
        changed += [*_repair(certificate, dry), *activate(certificate, dry)]
    return {"changed": changed, "due": reasons}


def _repair(certificate: Certificate, dry: bool) -> list[str]:
    if store.in_shape(certificate):
        return []
    if not dry:
        installed = Installed.of(certificate.name)
        store.install(certificate, installed.source, installed.chain, installed.key)
    return [f"{certificate.name}: owner, mode or files"]


def _now() -> datetime.datetime:
    return datetime.datetime.now(_x509.UTC)
