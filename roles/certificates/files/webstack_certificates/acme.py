"""Certificates from an ACME server (RFC 8555).

Debian's lego asks the server and answers its challenge, which the load balancer forwards to this host.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils import _process
from ansible_collections.foobar.webstack.plugins.module_utils._process import RefusedError
from webstack_certificates import activation, store
from webstack_certificates.due import Reason, acme_due
from webstack_certificates.settings import Acme, Certificate, Provider, Settings, of_data

FOLDER = Path("/var/lib/webstack-acme")
UNIT = "webstack-acme.service"
KEY_TYPES = {"secp256r1": "ec256", "secp384r1": "ec384"}
"""lego's names of kinds of keys, where they differ."""


def kept_settings() -> Settings:
    """The settings that the last run of Ansible left on this host."""
    return of_data(json.loads(store.read(store.folder("settings.json"))))


def reach(acme: Acme) -> None:
    """Read the server's directory once, because lego's message about a CA that is not trusted is hard to read."""
    context = ssl.create_default_context(cafile=acme.ca or None)
    try:
        with urllib.request.urlopen(acme.directory, timeout=20, context=context) as answer:  # noqa: S310
            json.load(answer)
    except (OSError, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise RefusedError(
            f"certificates_acme_directory: {acme.directory} does not answer this host over TLS: {reason}; "
            "set it to the URL of an ACME directory, allow the host to reach it, and if its certificate is not a "
            "public one, set certificates_acme_ca to its CA"
        ) from error


def request(certificate: Certificate, acme: Acme) -> tuple[str, str]:
    """A new certificate chain and its key."""
    domains = [name.split(":", 1)[1] for name in certificate.subject_alt_names]
    command = ["lego", "--path", str(FOLDER), "--server", acme.directory, "--email", acme.email, "--accept-tos"]
    command += ["--key-type", KEY_TYPES.get(certificate.key_type, certificate.key_type)]
    command += ["--dns", acme.dns] if acme.dns else ["--http", "--http.port", acme.listen]
    for resolver in acme.resolvers:
        command += ["--dns.resolvers", resolver]
    secret = store.read_json(store.folder("acme-secrets.json"))
    if secret.get("eab"):
        # Without the word, lego asks no such server for anything.
        command.append("--eab")
    if secret.get("eab") and not _account(acme).exists():
        # This lego takes it in no other way; it is of no use afterwards.
        command += ["--kid", secret["eab"]["kid"], "--hmac", secret["eab"]["hmac"]]
    for domain in domains:
        command += ["--domains", domain]
    environment = {**secret.get("environment", {}), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(FOLDER)}
    if acme.ca:
        environment["LEGO_CA_CERTIFICATES"] = acme.ca
    done = subprocess.run([*command, "run"], check=False, capture_output=True, text=True, env=environment)  # noqa: S603
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip() and "[INFO]" not in line]
        raise RefusedError(
            f"{certificate.name}: {acme.directory} issued no certificate for {', '.join(domains)}: "
            f"{' '.join(lines[-4:])}; {_needs(acme)}"
        )
    files = FOLDER / "certificates" / domains[0].replace("*", "_")
    return store.read(files.with_name(f"{files.name}.crt")), store.read(files.with_name(f"{files.name}.key"))


def _account(acme: Acme) -> Path:
    """What lego keeps of an account that it has made."""
    server = urllib.parse.urlsplit(acme.directory).netloc.replace(":", "_")
    return FOLDER / "accounts" / server / acme.email / "account.json"


def _needs(acme: Acme) -> str:
    """What has to be so for the challenge to succeed."""
    if acme.resolvers:
        return (
            f"the name server {' and '.join(acme.resolvers)} must take the record _acme-challenge of every name from "
            "this host, and the zone's name servers must resolve from here"
        )
    if acme.dns:
        return (
            f"certificates_acme_dns.environment must allow this host to write the record _acme-challenge of every name "
            f"(lego dnshelp -c {acme.dns})"
        )
    return (
        "every name must resolve to this load balancer, which must forward /.well-known/acme-challenge/ to "
        f"{acme.listen}"
    )


def outstanding(settings: Settings) -> dict[str, Reason]:
    """Why the server has to be asked, by name of the certificate.

    A certificate whose load balancer does not run is left out, because nobody would forward the challenge of HTTP-01.
    """
    found = {}
    for certificate in settings.certificates:
        reason = acme_due(certificate, settings) if certificate.provider is Provider.ACME else None
        if reason and (settings.acme.dns or not certificate.unit or activation.unit_state(certificate.unit)[0]):
            found[certificate.name] = reason
    return found


def issue() -> dict[str, Any]:
    """Get and activate what is outstanding. One certificate that fails does not keep the others from being tried."""
    settings = kept_settings()
    changed, problems = [], []
    for name, reason in outstanding(settings).items():
        certificate = settings.certificate(name)
        try:
            reach(settings.acme)
            chain, key = request(certificate, settings.acme)
            store.install(certificate, f"acme {settings.acme.directory}", chain, key)
            (store.folder(name) / "rotate").unlink(missing_ok=True)
            changed.append(f"{name}: installed, because {reason.value}")
        except RefusedError as problem:
            problems.append(str(problem))
    for certificate in settings.certificates:
        if certificate.provider is Provider.ACME:
            changed += activation.activate(certificate)
    result = {"changed": changed, "problems": problems}
    store.write(store.folder("acme.json"), json.dumps(result))
    return result


def issue_by_service(dry: bool) -> dict[str, Any]:
    """Have the timer's service do it, with its sandbox, if anything is outstanding."""
    waiting = outstanding(kept_settings())
    if dry or not waiting:
        return {
            "changed": [f"{name}: to be requested, because {reason.value}" for name, reason in waiting.items()],
            "problems": [],
        }
    store.folder("acme.json").unlink(missing_ok=True)
    done = _process.run("systemctl", "start", UNIT)
    result = store.read_json(store.folder("acme.json"))
    if not result:
        raise RefusedError(
            f"{UNIT} failed before it asked the server: {done.stderr.strip()}; see journalctl --unit={UNIT}"
        )
    return result
