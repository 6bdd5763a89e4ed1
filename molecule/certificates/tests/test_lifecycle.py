"""A certificate's life, also by ACME: issued, renewed, activated, rotated, refused; and always one serves."""

import json
import re
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from testinfra.host import Host

testinfra_hosts = ["ansible://loadbalancers"]

Play = Callable[..., subprocess.CompletedProcess[str]]
Observed = dict[str, Any]

STORE = "/etc/webstack/tls/.store"
GROUPED = {
    "name": "grouped",
    "subject_alt_names": ["web.webstack.internal", "2001:db8::11"],
    "group": "keyreaders",
    "combined": True,
    "activate": ["systemctl", "reload", "recorder"],
}


def changed(run: subprocess.CompletedProcess[str]) -> int:
    assert run.returncode == 0, run.stdout + run.stderr
    return int(re.search(r"certificates-front\s*:.*changed=(\d+)", run.stdout)[1])


def quiet(observed: Observed) -> None:
    assert observed["failures"] == []
    assert observed["made"] > 50


def issuer(host: Host, name: str) -> str:
    return host.check_output("openssl x509 -noout -issuer -in %s", f"/etc/webstack/tls/{name}/certificate.pem")


def edit(host: Host, **settings: Any) -> str:
    """Change what the program reads; return what was there."""
    before = host.file(f"{STORE}/settings.json").content_string
    host.check_output("printf %%s %s > %s", json.dumps(json.loads(before) | settings), f"{STORE}/settings.json")
    return before


def test_acme_took_the_place_of_the_temporary_certificate(
    host: Host, served: Callable[[], str], fingerprint: Callable[[str], str]
) -> None:
    assert "Pebble" in issuer(host, "www")
    assert host.file("/etc/webstack/tls/www/.source").content_string == "acme https://198.18.15.12:14000/dir"
    assert served() == fingerprint("www")
    assert host.service("webstack-acme.timer").is_running
    assert host.service("webstack-acme.timer").is_enabled


def test_the_account_is_bound_and_only_root_reads_the_binding(host: Host) -> None:
    """The server of the tests makes no account without. Red where it stands in what everybody may read."""
    binding = host.file(f"{STORE}/acme-secrets.json")
    assert (binding.user, binding.mode) == ("root", 0o600)
    assert json.loads(binding.content_string)["eab"]["kid"] == "test"
    assert "hmac" not in host.file(f"{STORE}/settings.json").content_string


def test_timer_renews_what_ends_soon_and_the_old_serves_until_then(
    host: Host, observe: Callable[[str], Observed], fingerprint: Callable[[str], str]
) -> None:
    """The service that the timer starts, with a window in which the certificate already is."""
    before = fingerprint("www")
    said = host.check_output("openssl x509 -noout -startdate -enddate -in /etc/webstack/tls/www/certificate.pem")
    start, end = (datetime.strptime(line.partition("=")[2], "%b %d %H:%M:%S %Y %Z") for line in said.splitlines())
    # A second less than its whole life: it has lived for longer than that.
    original = edit(host, renewal_days=(end - start) / timedelta(days=1) - 1 / 86400)
    try:
        observed = observe("systemctl start webstack-acme.service")
    finally:
        host.check_output("printf %%s %s > %s", original, f"{STORE}/settings.json")
    assert observed["status"] == 0, observed["output"]
    quiet(observed)
    assert observed["served"] == [before, fingerprint("www")]
    assert before != fingerprint("www")


def test_timer_asks_nobody_while_nothing_is_due(host: Host, fingerprint: Callable[[str], str]) -> None:
    before = fingerprint("www")
    host.check_output("systemctl start webstack-acme.service")
    assert fingerprint("www") == before


def test_acme_server_that_is_away_takes_nothing_away(
    host: Host, served: Callable[[], str], fingerprint: Callable[[str], str]
) -> None:
    """The service fails, for everybody to see, with a sentence; the certificate serves on."""
    before = fingerprint("www")
    acme = json.loads(host.file(f"{STORE}/settings.json").content_string)["acme"]
    original = edit(host, acme=acme | {"directory": "https://198.18.15.12:14001/dir"})
    try:
        assert host.run("systemctl start webstack-acme.service").rc == 1
        problem = json.loads(host.file(f"{STORE}/acme.json").content_string)["problems"][0]
    finally:
        host.check_output("printf %%s %s > %s", original, f"{STORE}/settings.json")
        host.check_output("systemctl reset-failed webstack-acme.service")
    assert problem.startswith("certificates_acme_directory: https://198.18.15.12:14001/dir does not answer this host")
    assert served() == fingerprint("www") == before


def test_interrupted_run_is_finished_by_the_next(
    host: Host, play: Play, fingerprint: Callable[[str], str], served: Callable[..., str]
) -> None:
    """Ended between certificate and reload, or between key and certificate: activated, and issued, by the next run."""
    stamp = f"{STORE}/grouped/activated"
    reloads = len(host.run("cat /run/recorder").stdout.splitlines())
    host.check_output("rm %s", stamp)
    # What is in place is younger than the program.
    host.check_output('sed -i \'s/"time": [0-9]*/"time": 99999999999999/\' %s', f"{STORE}/grouped/installed")
    plain = fingerprint("plain")
    host.check_output(
        "mkdir -m 700 %s/plain/next && openssl ecparam -genkey -name prime256v1 -out %s/plain/next/key.pem",
        STORE,
        STORE,
    )
    assert changed(play()) > 0
    assert host.file(stamp).exists
    assert len(host.file("/run/recorder").content_string.splitlines()) == reloads + 1
    assert fingerprint("plain") != plain


def test_own_ca_follows_names_and_key_type_and_renews_within_the_window(
    host: Host, play: Play, fingerprint: Callable[[str], str]
) -> None:
    plain = {"name": "plain", "subject_alt_names": ["certificates-front", "added.webstack.internal"]}
    grouped = GROUPED | {"key_type": "secp384r1"}
    assert changed(play(certificates_list=[plain, grouped], certificates_lifetime_days=40)) > 0
    text = host.check_output("openssl x509 -noout -text -in /etc/webstack/tls/plain/certificate.pem")
    assert "DNS:certificates-front, DNS:added.webstack.internal" in text
    assert "P-384" in host.check_output("openssl pkey -noout -text -in /etc/webstack/tls/grouped/key.pem")
    before = fingerprint("plain"), fingerprint("grouped")
    # They have a little less than 40 days to live.
    assert changed(play(certificates_list=[plain, grouped], certificates_renewal_days=40)) > 0
    assert {fingerprint("plain"), fingerprint("grouped")}.isdisjoint(before)
    host.check_output("openssl x509 -checkend %s -in /etc/webstack/tls/plain/certificate.pem", str(396 * 86400))


def test_wrong_files_are_refused_before_anything_changes(
    play: Play, inventory_folder: Path, fingerprint: Callable[[str], str]
) -> None:
    """A sentence for each: the key of another certificate, a name that is not covered, a key that is not there."""
    before = fingerprint("given")
    folder = inventory_folder / ".given"
    right = {"provider": "files", "certificate": str(folder / "given.pem"), "key": str(folder / "given.key")}
    entries = [
        right | {"name": "pair", "key": str(folder / "other.key")},
        right | {"name": "given", "subject_alt_names": ["elsewhere.foobar.com"]},
        right | {"name": "away", "key": str(folder / "none.key")},
    ]
    run = play(certificates_list=entries)
    assert run.returncode != 0
    said = " ".join(run.stdout.split())
    for sentence in (
        f'certificates-front: certificates_list, "pair": certificate {folder}/given.pem and key {folder}/other.key do'
        " not match; give the key with which the certificate was requested.",
        f'certificates-front: certificates_list, "given": certificate {folder}/given.pem does not cover'
        " elsewhere.foobar.com (it has *.given.foobar.com and given.foobar.com); give one that does",
        f'certificates-front: certificates_list, "away": key is "{folder}/none.key", which is not a file on the'
        " controller; give the path of the PEM file.",
    ):
        assert sentence in said
    assert "PRIVATE KEY" not in run.stdout + run.stderr
    assert fingerprint("given") == before


def test_rotation_is_live(
    host: Host,
    rotate: Play,
    observe_meanwhile: Callable[..., tuple[subprocess.CompletedProcess[str], Observed]],
    fingerprint: Callable[[str], str],
    served: Callable[..., str],
) -> None:
    """New keys and certificates of all providers that make them; visitors notice nothing but the new certificate."""
    names = ("plain", "grouped", "www", "given")
    keys = {name: host.file(f"/etc/webstack/tls/{name}/key.pem").content for name in names}
    run, observed = observe_meanwhile(rotate)
    assert changed(run) > 0
    quiet(observed)
    assert {name: host.file(f"/etc/webstack/tls/{name}/key.pem").content == keys[name] for name in names} == {
        "plain": False,
        "grouped": False,
        "www": False,
        "given": True,
    }
    assert observed["served"][-1] == served() == fingerprint("www")


def test_unknown_name_is_not_rotated(rotate: Play) -> None:
    run = rotate(webstack_rotate="www,mail")
    assert run.returncode != 0
    assert "webstack_rotate names mail, which no host of this run has;" in " ".join(run.stdout.split())


def test_ca_is_exchanged_live(
    host: Host,
    play: Play,
    rotate: Play,
    inventory_folder: Path,
    observe_meanwhile: Callable[..., tuple[subprocess.CompletedProcess[str], Observed]],
    fingerprint: Callable[[str], str],
) -> None:
    """Afterwards everything is of the new CA and the old one is trusted no longer; nothing is left to do."""
    folder = inventory_folder / ".ca"
    old = (folder / "ca.pem").read_text()
    www = fingerprint("www")
    run, observed = observe_meanwhile(lambda: rotate(webstack_rotate_ca=True))
    assert changed(run) > 0
    quiet(observed)
    new = (folder / "ca.pem").read_text()
    assert new != old
    assert host.file("/etc/webstack/tls/ca.pem").content_string.strip() == new.strip()
    assert sorted(file.name for file in folder.iterdir()) == ["ca.key", "ca.pem"]
    assert (folder / "ca.key").stat().st_mode & 0o777 == 0o600
    for name in ("plain", "grouped"):
        host.check_output(f"openssl verify -CAfile /etc/webstack/tls/ca.pem /etc/webstack/tls/{name}/certificate.pem")
    assert fingerprint("www") == www, "not of this CA"
    assert changed(play()) == 0
