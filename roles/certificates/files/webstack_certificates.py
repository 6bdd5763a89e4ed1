"""The certificates of this host: what is due, what is installed, which program still has to be told.

converge   reads the settings as JSON from standard input, keeps them, repairs, activates and prints what is due
           (--check: prints what it would do)
install    reads {"name", "source", "certificate"} as JSON from standard input, and takes the key that waits in next/
acme       gets what ACME owes (the timer's service); --service has the service do it and prints what came of it

Each certificate has a folder in the store: versions of {certificate,key,combined}.pem, of which a link in TLS shows the
current one, so that the files of one certificate change together. Beside them stands which version its program was last
told of.
"""

from __future__ import annotations

import argparse
import datetime
import fcntl
import grp
import hashlib
import ipaddress
import json
import os
import pathlib
import secrets
import shutil
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

TLS = pathlib.Path("/etc/webstack/tls")
ACME = pathlib.Path("/var/lib/webstack-acme")
UNIT = "webstack-acme.service"
CERTIFICATE, KEY, COMBINED = "certificate.pem", "key.pem", "combined.pem"
OWN_CA = "ca"
Entry = dict[str, Any]


def store(name: str = "") -> pathlib.Path:
    return TLS / ".store" / name


class ProblemError(Exception):
    """A sentence for the operator."""


def read(path: pathlib.Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def write(path: pathlib.Path, text: str, mode: int = 0o644, gid: int = 0) -> None:
    """Replace a file as a whole, never readable by more than it shall be."""
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


def now_mark() -> dict[str, Any]:
    """A moment that can be compared with the start of a unit, whatever becomes of the clock."""
    boot = read(pathlib.Path("/proc/sys/kernel/random/boot_id")).strip()
    return {"boot": boot, "time": time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}


# Certificates


def utc(certificate: x509.Certificate, moment: str) -> datetime.datetime:
    """Its not_valid_before or not_valid_after with a time zone: only newer versions of the library have it so."""
    aware = getattr(certificate, f"{moment}_utc", None)
    return aware or getattr(certificate, moment).replace(tzinfo=datetime.timezone.utc)  # noqa: UP017


def fingerprint(certificate: x509.Certificate) -> str:
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


def names_of(certificate: x509.Certificate) -> set[str]:
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    addresses = {f"IP:{address}" for address in alternative.get_values_for_type(x509.IPAddress)}
    return addresses | {f"DNS:{name.lower()}" for name in alternative.get_values_for_type(x509.DNSName)}


def names_wanted(entry: Entry) -> set[str]:
    """The names asked for, as names_of gives them."""
    pairs = [name.split(":", 1) for name in entry.get("subject_alt_names", [])]
    return {f"IP:{ipaddress.ip_address(name)}" if kind == "IP" else f"DNS:{name.lower()}" for kind, name in pairs}


def key_type_of(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    return key.curve.name if isinstance(key, ec.EllipticCurvePublicKey) else f"rsa{key.key_size}"


def public_part(key: Any) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def belong_together(certificate: x509.Certificate, key_text: str) -> bool:
    key = serialization.load_pem_private_key(key_text.encode(), None)
    return public_part(key.public_key()) == public_part(certificate.public_key())


def issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """By key identifiers, which follow from the keys: CAs of one name are told apart."""
    try:
        issuer = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        subject = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return False
    return issuer == subject


def days_left(certificate: x509.Certificate) -> float:
    return (utc(certificate, "not_valid_after") - datetime.datetime.now(datetime.timezone.utc)) / datetime.timedelta(1)  # noqa: UP017


def expires_soon(certificate: x509.Certificate, window: float) -> bool:
    """Within the window, or in its last third if its whole life is no longer than the window."""
    life = (utc(certificate, "not_valid_after") - utc(certificate, "not_valid_before")) / datetime.timedelta(1)
    return days_left(certificate) < (window if window < life else life / 3)


# What is installed


class Installed:
    """The version of a certificate that programs see, or that there is none."""

    def __init__(self, name: str) -> None:
        folder = TLS / name
        self.source = read(folder / ".source")
        self.chain, self.key = read(folder / CERTIFICATE), read(folder / KEY)
        self.version = os.readlink(folder).rpartition("/")[2] if folder.is_symlink() else ""
        self.leaf = None
        if self.chain and self.key:
            leaf = x509.load_pem_x509_certificate(self.chain.encode())
            self.leaf = leaf if belong_together(leaf, self.key) else None


def group_of(entry: Entry) -> int:
    try:
        return grp.getgrnam(entry["group"]).gr_gid if entry.get("group") else 0
    except KeyError:
        raise ProblemError(
            f"{entry['name']}: there is no group {entry['group']} on this host; run the play again"
        ) from None


def layout(entry: Entry) -> dict[str, int]:
    """File name to mode, as they shall be."""
    modes = {CERTIFICATE: 0o644, KEY: 0o640 if entry.get("group") else 0o600}
    return modes | ({COMBINED: modes[KEY]} if entry.get("combined") else {})


def in_shape(entry: Entry) -> bool:
    """Whether the files that are there have the owner and the modes that they shall have."""
    folder = TLS / entry["name"]
    for file, mode in layout(entry).items():
        try:
            state = (folder / file).stat()
            owner = (0, 0 if file == CERTIFICATE else group_of(entry))
        except (FileNotFoundError, ProblemError):
            # A check run has only pretended to make the group.
            return False
        if state.st_mode & 0o7777 != mode or (os.geteuid() == 0 and (state.st_uid, state.st_gid) != owner):
            return False
    return (folder / COMBINED).exists() == bool(entry.get("combined"))


def install(entry: Entry, source: str, chain: str, key: str) -> None:
    """Put a new version in place, all of its files at one moment."""
    chain, key = f"{chain.rstrip()}\n", f"{key.rstrip()}\n"
    leaf = x509.load_pem_x509_certificate(chain.encode())
    if not belong_together(leaf, key):
        raise ProblemError(f"{entry['name']}: the new certificate and key do not belong together; nothing was changed")
    folder = store(entry["name"])
    version = folder / secrets.token_hex(6)
    version.mkdir(mode=0o755, parents=True)
    contents = {CERTIFICATE: chain, KEY: key, COMBINED: chain + key}
    for file, mode in layout(entry).items():
        write(version / file, contents[file], mode, 0 if file == CERTIFICATE else group_of(entry))
    write(version / ".source", source)
    link = TLS / entry["name"]
    temporary = folder / ".link"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(version.relative_to(TLS))
    temporary.replace(link)
    # After the switch: a program that starts between the two is told once more than it needs, never once too little.
    write(folder / "installed", json.dumps(now_mark()))
    for other in folder.iterdir():
        if other.is_dir() and other != version:
            shutil.rmtree(other)


# Whether a program has to be told


def trust_id() -> str:
    return hashlib.sha256(read(TLS / "ca.pem").encode()).hexdigest()[:16]


def note_trust() -> None:
    """Remember when ca.pem was first seen to be as it is."""
    known = json.loads(read(store("trust")) or "{}")
    if known.get("id") != trust_id():
        write(store("trust"), json.dumps({"id": trust_id(), **now_mark()}))


def unit_state(unit: str) -> tuple[bool, int]:
    command = ["systemctl", "show", "--property=ActiveState,InactiveExitTimestampMonotonic", unit]
    shown = subprocess.run(command, check=False, capture_output=True, text=True).stdout  # noqa: S603
    state = dict(line.split("=", 1) for line in shown.split())
    return state.get("ActiveState") in ("active", "reloading"), int(state.get("InactiveExitTimestampMonotonic", 0))


def activate(entry: Entry, dry: bool = False) -> list[str]:
    """Tell the program of a changed certificate or trust, if it runs and does not know yet. Returns what was done."""
    installed = Installed(entry["name"])
    if not entry.get("activate") or not installed.leaf:
        return []
    current = f"{fingerprint(installed.leaf)} {installed.version} {trust_id()}\n"
    stamp = store(entry["name"]) / "activated"
    if read(stamp) == current:
        return []
    running, started = unit_state(entry["unit"])
    if not running:
        return []
    marks = [json.loads(read(path) or "{}") for path in (store(entry["name"]) / "installed", store("trust"))]
    boot = now_mark()["boot"]
    knows = all(mark and (mark["boot"] != boot or mark["time"] < started) for mark in marks)
    if knows and not dry:
        write(stamp, current)
    if knows:
        return []
    told = f"{entry['name']}: told {entry['unit']}"
    if dry:
        return [told]
    done = subprocess.run(entry["activate"], check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode != 0:
        raise ProblemError(
            f"{entry['name']}: the new certificate is in place, but {' '.join(entry['activate'])} failed: "
            f"{(done.stderr or done.stdout).strip()}; once that is repaired, run the play again"
        )
    write(stamp, current)
    return [told]


# What is due


def due(entry: Entry, settings: Entry, authority: x509.Certificate | None) -> str:
    """Why Ansible has to bring a certificate, or nothing."""
    installed = Installed(entry["name"])
    if entry["provider"] == "files":
        same = installed.leaf and hashlib.sha256(installed.chain.rstrip().encode()).hexdigest() == entry["sha256"]
        return "" if same else "the files are not those that were given"
    acme = entry["provider"] == "acme"
    if installed.leaf is None:
        return "a temporary one, until ACME gives it" if acme else "there is none yet"
    if (store(entry["name"]) / "next" / KEY).exists():
        return "an earlier run was interrupted"
    if acme and installed.source != OWN_CA:
        return "a temporary one, because it has expired" if days_left(installed.leaf) <= 0 else ""
    if not acme and entry["name"] in settings.get("rotate", []):
        return "it was asked for"
    if installed.source != OWN_CA or authority is None or not issued_by(installed.leaf, authority):
        return "another CA issued it"
    if names_of(installed.leaf) != names_wanted(entry):
        return "it has other names"
    if key_type_of(installed.leaf) != entry["key_type"]:
        return "its key is of another type"
    return "it expires soon" if expires_soon(installed.leaf, settings["renewal_days"]) else ""


def acme_due(entry: Entry, settings: Entry) -> str:
    """Why ACME has to be asked, or nothing."""
    installed = Installed(entry["name"])
    if installed.leaf is None or not installed.source.startswith("acme "):
        return "there is none yet"
    if (store(entry["name"]) / "rotate").exists():
        return "it was asked for"
    if installed.source != f"acme {settings['acme']['directory']}":
        return "another CA issued it"
    if names_of(installed.leaf) != names_wanted(entry):
        return "it has other names"
    if key_type_of(installed.leaf) != entry["key_type"]:
        return "its key is of another type"
    return "it expires soon" if expires_soon(installed.leaf, settings["renewal_days"]) else ""


def converge(settings: Entry, dry: bool) -> dict[str, Any]:
    """Keep the settings, repair what has another shape, activate what is not activated; say what is due."""
    changed, rotate = [], settings.get("rotate", [])
    lasting = {key: value for key, value in settings.items() if key != "rotate"}
    kept = json.dumps(lasting, indent=2, sort_keys=True) + "\n"
    if read(store("settings.json")) != kept:
        changed.append("settings")
    authority = read(TLS / "ca.pem")
    authority = x509.load_pem_x509_certificate(authority.encode()) if authority else None
    if not dry:
        write(store("settings.json"), kept)
        note_trust()
    wanted = {}
    for entry in settings["certificates"]:
        name = entry["name"]
        if entry["provider"] == "acme" and name in rotate and not dry:
            store(name).mkdir(mode=0o755, exist_ok=True)
            write(store(name) / "rotate", "")
        reason = due(entry, settings, authority)
        if reason:
            wanted[name] = reason
            if not dry:
                (store(name) / "next").mkdir(mode=0o700, parents=True, exist_ok=True)
            continue
        if not in_shape(entry):
            changed.append(f"{name}: owner, mode or files")
            if not dry:
                installed = Installed(name)
                install(entry, installed.source, installed.chain, installed.key)
        changed += activate(entry, dry)
    return {"changed": changed, "due": wanted}


def entry_named(settings: Entry, name: str) -> Entry:
    return next(entry for entry in settings["certificates"] if entry["name"] == name)


def install_given(given: Entry) -> dict[str, Any]:
    """Install what Ansible brings, and tell its program."""
    settings = json.loads(read(store("settings.json")))
    entry = entry_named(settings, given["name"])
    install(entry, given["source"], given["certificate"], read(store(entry["name"]) / "next" / KEY))
    return {"changed": [f"{entry['name']}: installed", *activate(entry)]}


# ACME


def reach(settings: Entry) -> None:
    """Speak to the directory once, because what lego says of a CA that is not trusted is hard to read."""
    acme = settings["acme"]
    context = ssl.create_default_context(cafile=acme["ca"] or None)
    try:
        with urllib.request.urlopen(acme["directory"], timeout=20, context=context) as answer:  # noqa: S310
            json.load(answer)
    except (OSError, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise ProblemError(
            f"certificates_acme_directory: {acme['directory']} does not answer this host over TLS: {reason}; "
            "give the URL of an ACME directory, let the host reach it, and if its certificate is not a public one, "
            "name its CA in certificates_acme_ca"
        ) from error


def ask_acme(entry: Entry, settings: Entry) -> tuple[str, str]:
    """A new key and certificate from lego, which serves the challenge where the load balancer forwards it to."""
    acme = settings["acme"]
    key_types = {"secp256r1": "ec256", "secp384r1": "ec384"}
    key_type = key_types.get(entry["key_type"], entry["key_type"])
    names = [name.split(":", 1)[1] for name in entry["subject_alt_names"]]
    command = ["lego", "--path", str(ACME), "--server", acme["directory"], "--email", acme["email"], "--accept-tos"]
    command += ["--key-type", key_type, "--http", "--http.port", acme["listen"]]
    for name in names:
        command += ["--domains", name]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(ACME)}
    if acme["ca"]:
        environment["LEGO_CA_CERTIFICATES"] = acme["ca"]
    done = subprocess.run([*command, "run"], check=False, capture_output=True, text=True, env=environment)  # noqa: S603
    if done.returncode != 0:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip() and "[INFO]" not in line]
        raise ProblemError(
            f"{entry['name']}: {acme['directory']} gave no certificate for {', '.join(names)}: {' '.join(said[-4:])}; "
            "every name must lead to this load balancer, and it must forward /.well-known/acme-challenge/ to "
            f"{acme['listen']}"
        )
    files = ACME / "certificates" / names[0]
    return read(files.with_name(f"{files.name}.crt")), read(files.with_name(f"{files.name}.key"))


def acme_owed(settings: Entry) -> dict[str, str]:
    """Name to reason, of the certificates for which ACME can be asked now: whoever forwards the challenge runs."""
    found = {}
    for entry in settings["certificates"]:
        reason = acme_due(entry, settings) if entry["provider"] == "acme" else ""
        if reason and (not entry.get("unit") or unit_state(entry["unit"])[0]):
            found[entry["name"]] = reason
    return found


def acme() -> dict[str, Any]:
    """Get and activate what is owed. One that fails does not keep the others from being tried."""
    settings = json.loads(read(store("settings.json")))
    changed, problems = [], []
    for name, reason in acme_owed(settings).items():
        entry = entry_named(settings, name)
        try:
            reach(settings)
            chain, key = ask_acme(entry, settings)
            install(entry, f"acme {settings['acme']['directory']}", chain, key)
            (store(name) / "rotate").unlink(missing_ok=True)
            changed.append(f"{name}: installed, because {reason}")
        except ProblemError as problem:
            problems.append(str(problem))
    for entry in settings["certificates"]:
        if entry["provider"] == "acme":
            changed += activate(entry)
    write(store("acme.json"), json.dumps({"changed": changed, "problems": problems}))
    return {"changed": changed, "problems": problems}


def acme_by_service(dry: bool) -> dict[str, Any]:
    """As the timer would do it, with its sandbox, if anything is owed."""
    owed = acme_owed(json.loads(read(store("settings.json"))))
    if dry or not owed:
        return {
            "changed": [f"{name}: to be asked for, because {reason}" for name, reason in owed.items()],
            "problems": [],
        }
    (store("acme.json")).unlink(missing_ok=True)
    start = ["systemctl", "start", UNIT]
    done = subprocess.run(start, check=False, capture_output=True, text=True)  # noqa: S603
    result = json.loads(read(store("acme.json")) or "{}")
    if not result:
        raise ProblemError(
            f"{UNIT} failed before it asked: {done.stderr.strip()}; read why with journalctl --unit={UNIT}"
        )
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["converge", "install", "acme"])
    parser.add_argument("--check", action="store_true", help="change nothing")
    parser.add_argument("--service", action="store_true", help="have the timer's service do it")
    options = parser.parse_args()
    os.umask(0o022)
    try:
        if options.command == "acme" and options.service:
            # Without the lock, which the service takes.
            result = acme_by_service(options.check)
        else:
            with (TLS / ".store" / ".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if options.command == "converge":
                    result = converge(json.load(sys.stdin), options.check)
                elif options.command == "install":
                    result = install_given(json.load(sys.stdin))
                else:
                    result = acme()
    except ProblemError as problem:
        sys.exit(str(problem))
    print(json.dumps(result))
    return int(options.command == "acme" and not options.service and bool(result["problems"]))


if __name__ == "__main__":
    sys.exit(main())
