"""The program webstack-certificates: what is due and when a program is reloaded, in a folder instead of a host."""

import datetime
import ipaddress
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils import _x509
from ansible_collections.foobar.webstack.plugins.module_utils._process import RefusedError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from webstack_certificates import acme, activation, due, settings, store

ENTRY = {
    "name": "web",
    "provider": "ca",
    "subject_alt_names": ["DNS:web1", "IP:198.18.0.21"],
    "group": "",
    "combined": True,
    "activate": ["true"],
    "unit": "nginx",
    "key_type": "secp256r1",
}
NOW = datetime.datetime.now(datetime.UTC)


def pem(key: ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


class Authority:
    """A CA that signs whatever it is asked to."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.pem = self.sign(self.key, "CA", [], 3650)

    def sign(self, key: ec.EllipticCurvePrivateKey, name: str, names: list[str], days: float) -> str:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA")])
        builder = (
            x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(NOW - datetime.timedelta(397 - min(days, 397)))
            .not_valid_after(NOW + datetime.timedelta(days))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if names:
            alternatives: list[x509.GeneralName] = [
                x509.IPAddress(ipaddress.ip_address(value)) if kind == "IP" else x509.DNSName(value)
                for kind, value in (name.split(":", 1) for name in names)
            ]
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture(scope="module")
def ca() -> Authority:
    return Authority()


@pytest.fixture(autouse=True)
def blank_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ca: Authority) -> None:
    """A host without certificates, on which nginx does not run."""
    monkeypatch.setattr(store, "TLS", tmp_path)
    monkeypatch.setattr(activation, "unit_state", lambda unit: (False, 0))
    (tmp_path / ".store").mkdir()
    (tmp_path / "ca.pem").write_text(ca.pem)


def wanted(rotate: list[str] | None = None, directory: str = "https://acme/dir", **entry: Any) -> dict[str, Any]:
    """The settings that the role hands over, as data."""
    server = {"directory": directory, "email": "a@b", "listen": "127.0.0.1:1", "ca": ""}
    return {"renewal_days": 30, "certificates": [ENTRY | entry], "rotate": rotate or [], "acme": server}


def certificate(**entry: Any) -> settings.Certificate:
    return settings.of_data(wanted(**entry)).certificates[0]


@pytest.fixture
def host() -> Callable[..., dict[str, Any]]:
    """A run of the role on the host: what the program prints."""

    def converge(dry: bool = False, rotate: list[str] | None = None, **entry: Any) -> dict[str, Any]:
        return due.converge(wanted(rotate, **entry), dry)

    return converge


@pytest.fixture
def install(ca: Authority) -> Callable[..., None]:
    def put(
        days: float = 397, names: list[str] | None = None, curve: Any = None, source: str = "ca", **entry: Any
    ) -> None:
        key = ec.generate_private_key(curve or ec.SECP256R1())
        chain = ca.sign(key, "web1", names or ENTRY["subject_alt_names"], days)
        store.install(certificate(**entry), source, chain, pem(key))

    return put


def test_nothing_is_due_of_a_good_one(host: Callable[..., Any], install: Callable[..., None]) -> None:
    assert host()["due"] == {"web": "there is none yet"}
    install()
    assert host() == {"changed": [], "due": {}}


@pytest.mark.parametrize(
    ("present", "wanted", "reason"),
    [
        ({"days": 29.9}, {}, "it expires soon"),
        ({"days": 30.1}, {}, None),
        ({"names": ["DNS:web1"]}, {}, "it has other names"),
        ({}, {"subject_alt_names": ["IP:198.18.0.21", "DNS:WEB1"]}, None),
        ({"curve": ec.SECP384R1()}, {}, "its key is of another type"),
        ({"source": "files"}, {}, "another CA issued it"),
        ({"source": "acme https://acme/dir"}, {"provider": "acme"}, None),
        (
            {"source": "acme https://acme/dir", "days": -1},
            {"provider": "acme"},
            "a temporary one, because it has expired",
        ),
        ({}, {"provider": "acme"}, None),
        ({}, {"provider": "files", "sha256": "other"}, "the installed files are not the given ones"),
    ],
)
def test_reasons_for_a_new_one(
    host: Callable[..., Any], install: Callable[..., None], present: dict, wanted: dict, reason: str | None
) -> None:
    install(**present)
    host()
    assert host(**wanted)["due"] == ({"web": reason} if reason else {})


def test_rotation_and_another_ca_are_reasons(
    host: Callable[..., Any], install: Callable[..., None], tmp_path: Path, ca: Authority
) -> None:
    install()
    assert host(rotate=["web"], dry=True)["due"] == {"web": "its rotation was requested"}
    (tmp_path / "ca.pem").write_text(ca.pem + Authority().pem)
    assert host(dry=True)["due"] == {}, "a second one that is trusted issues nothing"
    (tmp_path / "ca.pem").write_text(Authority().pem + ca.pem)
    assert host(dry=True)["due"] == {"web": "another CA issued it"}


@pytest.mark.parametrize(
    ("source", "days", "directory", "reason"),
    [
        ("ca", 397, "https://acme/dir", "there is none yet"),
        ("acme https://acme/dir", 397, "https://acme/dir", None),
        ("acme https://acme/dir", 20, "https://acme/dir", "it expires soon"),
        ("acme https://staging/dir", 397, "https://acme/dir", "another CA issued it"),
    ],
)
def test_acme_is_asked_for_a_reason(
    install: Callable[..., None], source: str, days: float, directory: str, reason: str | None
) -> None:
    install(source=source, days=days)
    read = settings.of_data(wanted(directory=directory, provider="acme"))
    assert due.acme_due(read.certificates[0], read) == reason


def test_short_lived_certificate_is_renewed_in_its_last_third() -> None:
    """Otherwise one that lives no longer than the window would be renewed by every run."""
    authority = Authority()
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = x509.load_pem_x509_certificate(authority.sign(key, "x", ["DNS:x"], 300).encode())
    assert _x509.expires_soon(leaf, 500, NOW) is False
    assert _x509.expires_soon(leaf, 301, NOW) is True


def test_a_check_run_changes_nothing(host: Callable[..., Any], tmp_path: Path) -> None:
    assert host(dry=True) == {"changed": ["settings"], "due": {"web": "there is none yet"}}
    assert sorted(path.name for path in tmp_path.rglob("*")) == [".store", "ca.pem"]


def test_pair_that_does_not_belong_together_is_not_installed(ca: Authority) -> None:
    key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    with pytest.raises(RefusedError, match="do not match; nothing was changed"):
        store.install(certificate(), "ca", ca.sign(key, "web1", ["DNS:web1"], 397), pem(other))


def test_a_new_version_leaves_nothing_of_the_old(install: Callable[..., None], tmp_path: Path) -> None:
    install()
    first = (tmp_path / "web").resolve()
    install()
    assert not first.exists()
    assert (tmp_path / "web/combined.pem").read_text() == (tmp_path / "web/certificate.pem").read_text() + (
        tmp_path / "web/key.pem"
    ).read_text()
    assert {
        path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "web").iterdir() if path.suffix == ".pem"
    } == {
        "certificate.pem": 0o644,
        "key.pem": 0o600,
        "combined.pem": 0o600,
    }


def test_shape_is_repaired(host: Callable[..., Any], install: Callable[..., None], tmp_path: Path) -> None:
    install()
    host()
    (tmp_path / "web/key.pem").chmod(0o644)
    assert host()["changed"] == ["web: owner, mode or files"]
    assert (tmp_path / "web/key.pem").stat().st_mode & 0o777 == 0o600
    assert host(combined=False)["changed"] == ["settings", "web: owner, mode or files"]
    assert not (tmp_path / "web/combined.pem").exists()


@pytest.mark.parametrize(
    ("running", "started", "reloaded"),
    [(False, 0, False), (True, 0, True), (True, 10**18, False)],
    ids=["it does not run", "it started before", "it started after"],
)
def test_a_program_is_reloaded_once_and_only_if_it_started_before(
    host: Callable[..., Any],
    install: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    running: bool,
    started: int,
    reloaded: bool,
) -> None:
    install()
    host()
    monkeypatch.setattr(activation, "unit_state", lambda unit: (running, started))
    assert host()["changed"] == ["web: nginx reads the new certificate"] * reloaded
    assert host()["changed"] == []
    assert store.folder("web").joinpath("activated").exists() == running


def test_changed_trust_is_activated_as_well(
    host: Callable[..., Any],
    install: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    install()
    host()
    monkeypatch.setattr(activation, "unit_state", lambda unit: (True, store.Moment.now().time))
    assert host()["changed"] == [], "it started with both"
    started = store.Moment.now().time
    monkeypatch.setattr(activation, "unit_state", lambda unit: (True, started))
    with (tmp_path / "ca.pem").open("a") as trust:
        trust.write(Authority().pem)
    assert host()["changed"] == ["web: nginx reads the new certificate"]


def test_a_program_that_cannot_be_reloaded_is_a_sentence(
    host: Callable[..., Any], install: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    install()
    monkeypatch.setattr(activation, "unit_state", lambda unit: (True, 0))
    sentence = "web: the new certificate is in place, but false failed: ; fix that and run the play again"
    with pytest.raises(RefusedError, match=re.escape(sentence)):
        host(activate=["false"])
    assert not store.folder("web").joinpath("activated").exists()
    assert json.loads(store.read(store.folder("settings.json")))["certificates"][0]["activate"] == ["false"]


# --- ACME -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, ca: Authority) -> list[str]:
    """An ACME server that issues to everybody but `refused`; the names of those who have asked."""
    asked: list[str] = []

    def request(certificate: settings.Certificate, server: settings.Acme) -> tuple[str, str]:
        asked.append(certificate.name)
        if certificate.name == "refused":
            raise RefusedError("refused: no certificate")
        key = ec.generate_private_key(ec.SECP256R1())
        return ca.sign(key, certificate.name, list(certificate.subject_alt_names), 90), pem(key)

    monkeypatch.setattr(acme, "reach", lambda server: None)
    monkeypatch.setattr(acme, "request", request)
    return asked


def keep_settings(*entries: dict[str, Any]) -> None:
    kept = wanted() | {"certificates": [ENTRY | {"provider": "acme"} | entry for entry in entries]}
    store.write(store.folder("settings.json"), json.dumps(kept))


def test_one_certificate_that_is_refused_does_not_keep_the_others_from_being_issued(
    served: list[str], tmp_path: Path
) -> None:
    keep_settings({"name": "refused", "unit": ""}, {"name": "web", "unit": "", "activate": []})
    result = acme.issue()
    assert result == {
        "changed": ["web: installed, because there is none yet"],
        "problems": ["refused: no certificate"],
    }
    assert json.loads((tmp_path / ".store/acme.json").read_text()) == result
    assert acme.issue()["changed"] == []
    assert served == ["refused", "web", "refused"], "what is there is not asked for again"


def test_nobody_is_asked_while_the_load_balancer_does_not_run(
    served: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It forwards the challenge. Catches attempts that can only fail, of which an ACME server allows few."""
    keep_settings({"unit": "haproxy", "activate": []})
    assert acme.issue() == {"changed": [], "problems": []}
    assert served == []
    monkeypatch.setattr(activation, "unit_state", lambda unit: (unit == "haproxy", 0))
    assert acme.issue()["changed"] == ["web: installed, because there is none yet"]


def test_a_requested_rotation_is_done_once(served: list[str], host: Callable[..., Any]) -> None:
    keep_settings({"unit": "", "activate": []})
    acme.issue()
    acme_web = {"provider": "acme", "unit": "", "activate": []}
    host(rotate=["web"], **acme_web)
    assert acme.issue()["changed"] == ["web: installed, because its rotation was requested"]
    assert acme.issue()["changed"] == []


@pytest.fixture
def lego(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ca: Authority) -> list[tuple[list[str], dict[str, str]]]:
    """A lego that issues: with which arguments and which environment it was called."""
    calls = []

    def run(command: list[str], env: dict[str, str], **_: Any) -> subprocess.CompletedProcess[str]:
        calls.append((command, env))
        key = ec.generate_private_key(ec.SECP256R1())
        files = tmp_path / "acme/certificates"
        files.mkdir(parents=True, exist_ok=True)
        (files / "_.foobar.com.crt").write_text(ca.sign(key, "www", ["DNS:*.foobar.com"], 90))
        (files / "_.foobar.com.key").write_text(pem(key))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(acme, "FOLDER", tmp_path / "acme")
    monkeypatch.setattr(acme.subprocess, "run", run)
    return calls


WILD = {"provider": "acme", "subject_alt_names": ["DNS:*.foobar.com"]}
SERVER = {"directory": "https://acme:14000/dir", "email": "a@b", "listen": "127.0.0.1:1", "ca": "", "dns": "hetzner"}
SECRET = {"eab": {"kid": "me", "hmac": "secret-1"}, "environment": {"HETZNER_API_KEY": "secret-2", "PATH": "/evil"}}


def test_dns_is_asked_for_with_secrets_in_the_environment(lego: list[Any]) -> None:
    """No other program sees them there, as it would among the arguments."""
    store.write(store.folder("acme-secrets.json"), json.dumps(SECRET | {"eab": {}}), 0o600)
    chain, _ = acme.request(certificate(**WILD), settings.Acme(**SERVER))
    assert "*.foobar.com" in str(_x509.names(_x509.load(chain)))
    [(command, environment)] = lego
    assert command[command.index("--dns") + 1] == "hetzner"
    assert "--http" not in command
    assert "--eab" not in command
    assert "secret" not in " ".join(command)
    assert (environment["HETZNER_API_KEY"], environment["PATH"]) == ("secret-2", "/usr/sbin:/usr/bin:/sbin:/bin")


def test_an_own_name_server_is_asked_instead_of_the_host_s(lego: list[Any]) -> None:
    """Red where lego looks for the zone at a resolver that does not know it yet."""
    acme.request(certificate(**WILD), settings.Acme(**SERVER | {"dns": "rfc2136", "resolvers": ("[fd00::11]:53",)}))
    [(command, _)] = lego
    assert command[command.index("--dns.resolvers") + 1] == "[fd00::11]:53"


def test_an_account_is_bound_once(lego: list[Any], tmp_path: Path) -> None:
    """When it is made; afterwards its key is in no arguments any more, but lego has to be told that there is one."""
    store.write(store.folder("acme-secrets.json"), json.dumps(SECRET), 0o600)
    acme.request(certificate(**WILD), settings.Acme(**SERVER))
    account = tmp_path / "acme/accounts/acme_14000/a@b/account.json"
    account.parent.mkdir(parents=True)
    account.touch()
    acme.request(certificate(**WILD), settings.Acme(**SERVER))
    (first, _), (second, _) = lego
    assert first[first.index("--eab") :][:5] == ["--eab", "--kid", "me", "--hmac", "secret-1"]
    assert "--eab" in second
    assert {"--kid", "--hmac", "secret-1"}.isdisjoint(second)


def test_dns_needs_no_load_balancer() -> None:
    """Nobody has to forward a challenge."""
    for provider, asked in (("", {}), ("hetzner", {"web": due.Reason.MISSING})):
        read = settings.of_data(wanted(**WILD) | {"acme": SERVER | {"dns": provider}})
        assert acme.outstanding(read) == asked
