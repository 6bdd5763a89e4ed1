"""Oracle's repository on database hosts (mysql_replication_apt), read by apt from a repository of this test."""

import hashlib
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.modules.apt_source import source_text
from throwaway_openpgp import Key

PACKAGES = """Package: mysql-server
Version: 8.4.99-1debian13
Architecture: amd64
Maintainer: Nobody <nobody@example.com>
Filename: pool/mysql-server.deb
Size: 1
SHA256: 0000000000000000000000000000000000000000000000000000000000000000
Description: of a test
"""
INDEX = "mysql-8.4-lts/binary-amd64/Packages"
RELEASE = f"""Origin: Test
Suite: trixie
Codename: trixie
Architectures: amd64
Components: mysql-8.4-lts
Date: Thu, 01 Jan 2026 00:00:00 UTC
SHA256:
 {hashlib.sha256(PACKAGES.encode()).hexdigest()} {len(PACKAGES)} {INDEX}
"""
KEYRING = "/etc/apt/keyrings/webstack-mysql.asc"
ASK = "apt-get update && apt-cache policy mysql-server"


@pytest.fixture
def ask(role_variable, parser):
    """What apt says of mysql-server, when the repository is signed with one key and another is on the host."""

    def run(signer: Key, trusted: Key, **given: Any):
        settings = role_variable(
            "mysql_replication",
            "__mysql_replication_apt",
            {
                "mysql_replication_apt": {"component": "mysql-8.4-lts", "uri": "file:///srv/oracle"} | given,
                "ansible_facts": {"os_family": "Debian", "distribution": "Debian", "distribution_release": "trixie"}
                | {"distribution_major_version": "13"},
            },
        )
        params = settings | {"components": [settings["component"]]}
        folder = "/srv/oracle/dists/trixie"
        return parser(
            ["sh", "-c", ASK],
            {
                "/etc/apt/sources.list.d/webstack-mysql.sources": source_text(params, KEYRING),
                KEYRING: trusted.armored,
                f"{folder}/Release": RELEASE,
                f"{folder}/Release.gpg": signer.sign(RELEASE.encode()),
                f"{folder}/{INDEX}": PACKAGES,
            },
        )

    return run


def test_apt_takes_what_that_key_has_signed(ask) -> None:
    key = Key()
    said = ask(key, key)
    assert said.returncode == 0, said.stderr
    assert "8.4.99-1debian13" in said.stdout


def test_apt_refuses_what_another_key_has_signed(ask) -> None:
    said = ask(Key(), Key())
    assert said.returncode != 0
    assert "8.4.99" not in said.stdout


def test_the_defaults_are_oracles(role_variable) -> None:
    """The repository of the host's own release, and the key that MySQL's manual prints."""
    facts = {"os_family": "Debian", "distribution": "Ubuntu", "distribution_release": "noble"}
    settings = role_variable(
        "mysql_replication",
        "__mysql_replication_apt",
        {
            "mysql_replication_apt": {"component": "mysql-9.7-lts"},
            "ansible_facts": facts | {"distribution_major_version": "24"},
        },
    )
    assert settings == {
        "component": "mysql-9.7-lts",
        "uri": "https://repo.mysql.com/apt/ubuntu",
        "suite": "noble",
        "fingerprint": "BCA4 3417 C3B4 85DD 128E C6D4 B7B3 B788 A8D3 785C",
        "key": "",
        "key_url": "https://repo.mysql.com/RPM-GPG-KEY-mysql-2025",
    }
