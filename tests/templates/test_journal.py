"""The units and settings of the journal, as systemd and stunnel themselves read them."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "roles/journal/files/units"
TLS = {"certificate": "/tls/certificate.pem", "key": "/tls/key.pem", "ca": "/tls/ca.pem"}
RECEIVER = {"name": "web2", "address": "198.18.0.22", "port": 19532}


@pytest.fixture
def upload(render_template: Callable[..., str]) -> Callable[..., str]:
    return lambda **receiver: render_template(
        "journal", "upload.service.j2", {"item": RECEIVER | receiver, "journal_tls": TLS}
    )


@pytest.fixture
def tls(render_template: Callable[..., str]) -> Callable[..., str]:
    return lambda **variables: render_template(
        "journal",
        "stunnel.conf.j2",
        {"journal_listen": {"address": "198.18.0.22"}, "journal_senders": ["lb1"], "journal_tls": TLS, **variables},
    )


def test_systemd_accepts_the_units(upload: Callable[..., str], parser: Callable[..., Any]) -> None:
    texts = {
        "webstack-journal-upload-web2.service": upload(),
        "webstack-journal-tls.service": (UNITS / "webstack-journal-tls.service").read_text(),
        "systemd-journal-remote.service.d/webstack.conf": (
            UNITS / "systemd-journal-remote.service.d/webstack.conf"
        ).read_text(),
        "systemd-journal-remote.socket.d/webstack.conf": (
            UNITS / "systemd-journal-remote.socket.d/webstack.conf"
        ).read_text(),
    }
    units = [name for name in texts if name.endswith(".service")] + ["systemd-journal-remote.socket"]
    done = parser(
        ["systemd-analyze", "verify", "--man=no", *units],
        {f"/etc/systemd/system/{name}": text for name, text in texts.items()},
    )
    assert [line for line in done.stderr.splitlines() if "journal" in line] == [], done.stderr


def test_stunnel_reads_it_up_to_the_certificate(tls: Callable[..., str], parser: Callable[..., Any]) -> None:
    """Which is not there. Red for an option that it does not know, or a value that it does not take."""
    done = parser(["stunnel4", "/etc/stunnel/webstack-journal.conf"], {"/etc/stunnel/webstack-journal.conf": tls()})
    said = done.stdout + done.stderr
    assert TLS["certificate"] in said
    wrong = parser(
        ["stunnel4", "/etc/stunnel/webstack-journal.conf"],
        {"/etc/stunnel/webstack-journal.conf": tls().replace("verifyChain", "verifyNobody")},
    )
    assert TLS["certificate"] not in wrong.stdout + wrong.stderr, "the test is not able to fail"


def test_who_is_let_in(tls: Callable[..., str]) -> None:
    """Each by its name, and nobody without a certificate."""
    text = tls(journal_senders=["lb1", "db1"])
    assert re.findall("^checkHost = (.*)$", text, re.MULTILINE) == ["lb1", "db1"]
    assert {"verifyChain = yes", "requireCert = yes"} <= set(text.splitlines())


@pytest.mark.parametrize(
    ("address", "accepted"),
    [("198.18.0.22", "198.18.0.22:19532"), ("fd00::22", "fd00::22:19532"), ("*", "0.0.0.0:19532")],
)
def test_where_it_listens(tls: Callable[..., str], address: str, accepted: str) -> None:
    """stunnel takes what stands after the last colon for the port, and wants no brackets."""
    assert f"accept = {accepted}\n" in tls(journal_listen={"address": address})


@pytest.mark.parametrize(
    ("address", "url"), [("198.18.0.22", "https://198.18.0.22:19532"), ("fd00::22", "https://[fd00::22]:19532")]
)
def test_where_it_is_sent_to(upload: Callable[..., str], address: str, url: str) -> None:
    (command,) = re.findall("^ExecStart=(.*)$", upload(address=address), re.MULTILINE)
    assert f"--url={url} " in command
    assert "--trust=/tls/ca.pem" in command


def test_bounds(render_template: Callable[..., str]) -> None:
    text = render_template("journal", "journald.conf.j2", {"journal_max_use": "2G", "journal_max_retention": "14day"})
    assert text.partition("[Journal]\n")[2].splitlines() == [
        "Storage=persistent",
        "SystemMaxUse=2G",
        "MaxRetentionSec=14day",
        "RateLimitIntervalSec=30s",
        "RateLimitBurst=100000",
    ]
