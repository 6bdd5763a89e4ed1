"""A visitor with a browser (headless Chromium) that knows no address of the site, but a name server of the stack.

The only drill that breaks nothing: it is here because its image is too large for every run of the host checks.
"""

import json
import secrets
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[1] / "support/browsing.py"


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
