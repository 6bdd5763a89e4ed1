"""A visitor with a browser (headless Chromium) that knows no address of the site, but a name server of the stack.

The only drill that breaks nothing: it is here because its image is too large for every run of the host checks.
"""

import base64
import contextlib
import json
import secrets
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

PROGRAM = Path(__file__).resolve().parents[1] / "support/browsing.py"


@pytest.fixture
def browser(lab, inventory) -> Iterator[Any]:
    """A container with Chromium, whose only resolver is the first host of the group dns; it trusts the stack's CA."""
    der = base64.b64encode(ssl.PEM_cert_to_DER_cert(inventory.ca.read_text())).decode()
    policy = json.dumps({"CACertificates": [der]})
    resolver = f"nameserver {inventory.address(inventory.groups['dns'][0])}\n"
    with contextlib.closing(docker.from_env(timeout=600)) as engine:
        container = engine.containers.run(
            "foobar-webstack/browser:trixie",
            ["sleep", "infinity"],
            name=f"{lab}-browser",
            network=lab,
            labels={"foobar.webstack.lab": lab},
            init=True,
            detach=True,
        )
        try:
            for path, content in (
                ("/etc/chromium/policies/managed/ca.json", policy),
                ("/etc/resolv.conf", resolver),
            ):
                command = ["sh", "-c", 'mkdir -p "${1%/*}" && printf %s "$2" > "$1"', "sh", path, content]
                code, said = container.exec_run(command)
                assert code == 0, said
            yield container
        finally:
            container.remove(force=True)


def test_a_visitor_signs_the_guest_book_and_sees_it_come_back(browser, inventory, site, databases):
    """By name, over HTTPS without a warning; what was written is read from a replica.

    Red with a zone that lacks the site, with a certificate that the browser does not take, and where the page is read
    from the primary.
    """
    message = f"I came by name alone, {secrets.token_hex(4)}"
    code, said = browser.exec_run(
        ["python3", "-c", PROGRAM.read_text(), f"https://{site.host}/", "Ada", message], demux=True
    )
    assert code == 0, said[1].decode()
    first, signed, again = json.loads(said[0])
    for page in (first, signed, again):
        assert page["url"] == f"https://{site.host}/"
        assert page["secure"] == "secure"
        assert page["headers"]["x-web-server"] in inventory.groups["webservers"]
    assert message not in first["text"]
    assert message in signed["text"]
    assert message in again["text"]
    assert again["headers"]["x-database-read"] in set(inventory.groups["databases"]) - {databases.primary}
    print(f"\n  {again['protocol']} at {again['address']}, read from {again['headers']['x-database-read']}")
