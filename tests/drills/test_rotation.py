"""Certificates and passwords replaced while visitors come and go."""

import contextlib
import hashlib
import ssl
from pathlib import Path

import pytest
import yaml


@pytest.fixture
def site(site):
    """Trusts, from one connection to the next, whatever CAs the operator's folder has: during an exchange two."""

    class Informed(type(site)):
        @property
        def _tls(self):
            context = ssl.create_default_context()
            for file in self.ca.parent.glob("*.pem"):
                # Renamed since it was listed; it is read under its new name by the next connection.
                with contextlib.suppress(FileNotFoundError):
                    context.load_verify_locations(file)
            return context

    return Informed(site.address, site.host, site.ca)


@pytest.fixture
def load(stream, entries):
    """Reads and writes at the same time, each a new connection and so a new handshake; nothing of it may fail."""

    @contextlib.contextmanager
    def under():
        with stream() as reads, stream(entries) as writes:
            yield reads
            reads.more()
            writes.more()
        assert reads.failed == []
        assert writes.failed == []

    return under


def served(site) -> str:
    """Fingerprint of the certificate that the site shows."""
    with site.handshake() as connection:
        return hashlib.sha256(connection.getpeercert(binary_form=True)).hexdigest()


def mysql_certificate(host) -> str:
    """From when to when the certificate that a running MySQL shows is valid."""
    return host.check_output("mysql -NBe %s", "SHOW GLOBAL STATUS LIKE 'Ssl_server_not%'")


def started(host) -> str:
    """Since when MySQL runs."""
    return host.check_output("systemctl show mysql --property=ExecMainStartTimestamp")


@pytest.mark.parametrize("options", [(), ("-e", "webstack_rotate_ca=true")], ids=["certificates", "the CA too"])
def test_every_certificate_is_rotated_live(load, play, site, on, inventory, databases, options):
    """All certificates of all hosts replaced under load: no handshake and no request fails, no database restarts.

    With the CA's exchange, too. Catches a program that goes on with the CA that it read when it was started.
    """
    issuer = site.ca.read_bytes()
    servers = [on(name) for name in databases.names]
    since = [*map(started, servers)]
    before = [served(site), *map(mysql_certificate, servers)]
    with load():
        run = play("rotate_certificates.yml", *options)
        assert run.succeeded, run.output
    assert (site.ca.read_bytes() != issuer) is bool(options)
    after = [served(site), *map(mysql_certificate, servers)]
    assert not set(before) & set(after), "a certificate is still the old one"
    assert since == [*map(started, servers)], "a database was restarted"
    assert databases.broken() == []
    again = play("site.yml")
    assert again.succeeded, again.output
    assert again.changed == dict.fromkeys(inventory.hostvars, 0), again.output


def test_every_password_is_rotated_live(load, play, inventory, on):
    """All generated passwords replaced under load: no request fails, none of the old ones opens anything."""
    file = Path(inventory.path) / ".secrets.yml"
    before = yaml.safe_load(file.read_text())
    with load():
        run = play("rotate_secrets.yml")
        assert run.succeeded, run.output
    after = yaml.safe_load(file.read_text())
    assert before.keys() == after.keys()
    assert not set(before.values()) & set(after.values())
    assert oct(file.stat().st_mode & 0o777) == "0o600"
    kept = on(inventory.groups["databases"][0]).check_output(
        "mysql -NBe \"SELECT user FROM mysql.user WHERE User_attributes->>'$.additional_password' IS NOT NULL\""
    )
    assert kept == "", "an old password still works"
    again = play("site.yml")
    assert again.succeeded, again.output
    assert again.changed == dict.fromkeys(inventory.hostvars, 0), again.output
