"""What the guest book gives to a database that is not proven to be its own: nothing. And what it says then."""

import json
from pathlib import Path

import pytest
from testinfra.host import Host

testinfra_hosts = ["ansible://appservers"]

PROGRAM = (Path(__file__).resolve().parents[1] / "files/fake_mysql.py").read_text()


@pytest.mark.parametrize(
    ("address", "authority", "mode", "seen", "said"),
    [
        ("127.0.0.1", "ca", "tls", True, "Access denied"),
        ("localhost", "ca", "tls", False, "its certificate is not accepted: Hostname mismatch"),
        ("127.0.0.1", "other", "tls", False, "its certificate is not accepted: unable to get local issuer certificate"),
        ("127.0.0.1", "ca", "clear", False, "it offers no TLS"),
    ],
    ids=["its own", "another name", "another authority", "in the clear"],
)
def test_only_a_verified_database_hears_of_the_account(host: Host, address, authority, mode, seen, said) -> None:
    """Catches PyMySQL's habit of logging in without TLS where none is offered, and a name that nobody compares."""
    report = json.loads(
        host.check_output("python3 -c %s %s %s %s", PROGRAM, address, f"/etc/webstack/tls/{authority}.pem", mode)
    )
    assert report["answered"] == {"read": None, "write": None}
    assert set(report["seen"]) == ({"encrypted login"} if seen else set())
    (message,) = report["messages"]
    assert "does not answer" in message
    assert said in message
    assert "canary" not in message
