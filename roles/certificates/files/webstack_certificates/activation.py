"""Have programs read their new certificates: those that run, and cannot have read them when they started."""

from __future__ import annotations

import hashlib
import json

from ansible_collections.foobar.webstack.plugins.module_utils import _process, _x509
from ansible_collections.foobar.webstack.plugins.module_utils._process import RefusedError
from webstack_certificates import store
from webstack_certificates.settings import Certificate
from webstack_certificates.store import Installed, Moment


def trust_id() -> str:
    """The CAs that the host trusts, as one short value."""
    return hashlib.sha256(store.read(store.TLS / "ca.pem").encode()).hexdigest()[:16]


def note_trust() -> None:
    """Remember when ca.pem was first seen to be as it is."""
    if store.read_json(store.folder("trust")).get("id") != trust_id():
        store.write(store.folder("trust"), json.dumps({"id": trust_id(), **Moment.now().data()}))


def unit_state(unit: str) -> tuple[bool, int]:
    """Whether the unit runs, and when it was started: microseconds since the boot."""
    shown = _process.run("systemctl", "show", "--property=ActiveState,InactiveExitTimestampMonotonic", unit).stdout
    state = dict(line.split("=", 1) for line in shown.split())
    return state.get("ActiveState") in ("active", "reloading"), int(state.get("InactiveExitTimestampMonotonic", 0))


def activate(certificate: Certificate, dry: bool = False) -> list[str]:
    """Reload the program if it runs and does not know the certificate or the trusted CAs yet. Returns what was done."""
    installed = Installed.of(certificate.name)
    if not certificate.activate or not installed.leaf:
        return []
    present = f"{_x509.fingerprint(installed.leaf)} {installed.version} {trust_id()}\n"
    known = store.folder(certificate.name) / "activated"
    if store.read(known) == present:
        return []
    running, started = unit_state(certificate.unit)
    if not running:
        return []
    if _started_with_them(certificate.name, started):
        if not dry:
            store.write(known, present)
        return []
    if not dry:
        done = _process.run(*certificate.activate)
        if done.returncode != 0:
            raise RefusedError(
                f"{certificate.name}: the new certificate is in place, but {' '.join(certificate.activate)} failed: "
                f"{(done.stderr or done.stdout).strip()}; fix that and run the play again"
            )
        store.write(known, present)
    return [f"{certificate.name}: {certificate.unit} reads the new certificate"]


def _started_with_them(name: str, started: int) -> bool:
    """Whether the program started after both the certificate and the trusted CAs were as they are."""
    changes = [store.read_json(path) for path in (store.folder(name) / "installed", store.folder("trust"))]
    boot = Moment.now().boot
    return all(change and (change["boot"] != boot or change["time"] < started) for change in changes)
