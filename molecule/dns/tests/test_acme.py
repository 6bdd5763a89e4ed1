"""A wildcard certificate, proven by a record that the load balancer writes at the primary (DNS-01)."""

import re
import subprocess
from collections.abc import Callable

import pytest
from testinfra.host import Host

testinfra_hosts = ["ansible://dns-ns1"]

PRIMARY, SECONDARY = "198.18.33.11", "198.18.33.12"
NAME = "_acme-challenge.foobar.com"
KEY = "hmac-sha256:acme:dGhlIHNlY3JldCBvZiB0aGUgY2hhbGxlbmdlcw=="
CERTIFICATE = "/etc/webstack/tls/www/certificate.pem"

Ask = Callable[..., str]
Play = Callable[..., subprocess.CompletedProcess[str]]


def update(host: Host, record: str, key: str = KEY) -> str:
    """What the server says to a dynamic update."""
    lines = f"server {PRIMARY} 53\nzone foobar.com.\nupdate add {record}\nsend\nanswer\n"
    return knsupdate(host, lines, key)


def knsupdate(host: Host, lines: str, key: str) -> str:
    done = host.run("printf %%s %s | knsupdate " + ("-y %s" if key else ""), lines, *([key] if key else []))
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def issued(play: Play, front: Host) -> str:
    """The certificate, as text."""
    run = play(playbook="front.yml")
    assert run.returncode == 0, run.stdout + run.stderr
    return front.check_output(f"openssl x509 -noout -text -in {CERTIFICATE}")


def test_the_wildcard_certificate_is_issued(issued: str) -> None:
    """The ACME server asks the secondary. Red where the record is not there, or at the primary alone."""
    assert re.search(r"Issuer: .*Pebble", issued)
    assert "DNS:*.foobar.com, DNS:foobar.com" in issued or "DNS:foobar.com, DNS:*.foobar.com" in issued


def test_the_records_are_gone_afterwards(issued: str, ask: Ask) -> None:
    assert issued
    assert "status: NXDOMAIN" in ask(PRIMARY, NAME, "TXT")


def test_a_second_run_asks_nobody(issued: str, play: Play, front: Host) -> None:
    run = play(playbook="front.yml")
    assert re.search(r"dns-front\s*:.*changed=0 ", run.stdout), run.stdout
    assert front.check_output(f"openssl x509 -noout -text -in {CERTIFICATE}") == issued


@pytest.mark.parametrize(
    "record",
    [
        "_acme-challenge.www.foobar.com. 60 TXT mine",
        f"below.{NAME}. 60 TXT mine",
        f"{NAME}. 60 A 198.18.33.99",
        "www.foobar.com. 60 A 198.18.33.99",
        "foobar.com. 60 TXT mine",
    ],
)
def test_the_key_writes_the_challenge_alone(front: Host, ask: Ask, record: str) -> None:
    """Red where whoever has a load balancer's key can redirect the site."""
    assert "NOERROR" not in update(front, record)
    name, _, kind, value = record.split()
    assert value not in ask(PRIMARY, name, kind, "+short")


@pytest.mark.parametrize("key", ["", "hmac-sha256:acme:YW5vdGhlciBzZWNyZXQgb2YgYW55Ym9keQ=="])
def test_nobody_writes_without_the_key(front: Host, ask: Ask, key: str) -> None:
    assert "NOERROR" not in update(front, f"{NAME}. 60 TXT mine", key)
    assert "mine" not in ask(PRIMARY, NAME, "TXT", "+short")


def test_the_key_is_for_the_load_balancer_s_address(secondary: Host, ask: Ask) -> None:
    assert "NOERROR" not in update(secondary, f"{NAME}. 60 TXT mine")
    assert "mine" not in ask(PRIMARY, NAME, "TXT", "+short")


def test_a_challenge_can_be_written(front: Host, ask: Ask) -> None:
    """The test of the tests above: with key, address, name and type it is. It is taken out again, as lego does."""
    assert "NOERROR" in update(front, f"{NAME}. 60 TXT mine")
    assert "mine" in ask(PRIMARY, NAME, "TXT", "+short")
    knsupdate(front, f"server {PRIMARY} 53\nzone foobar.com.\nupdate del {NAME}. TXT\nsend\n", KEY)
    assert "mine" not in ask(PRIMARY, NAME, "TXT", "+short")
