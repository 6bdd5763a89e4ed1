"""The picture of the stack in a browser (headless Chromium): a web server that is killed is seen on it in time.

Pictures of the page, as it is then, are left in build/pages.
"""

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest
from monitoring_host import FOLDER, answer
from plays import ROOT

SUPPORT = Path(__file__).resolve().parents[1] / "support"
PLACE = "/opt"
SECONDS = 15
"""Until it is to be seen: 5 until Prometheus asks, at most 5 until it knows, 5 until the page asks Prometheus."""


@pytest.fixture
def watcher(browser) -> Any:
    """The browser's container with the program that watches."""
    for name in ("browsing.py", "watching.py"):
        command = ["sh", "-c", 'printf %s "$2" > "$1"', "sh", f"{PLACE}/{name}", (SUPPORT / name).read_text()]
        code, said = browser.exec_run(command)
        assert code == 0, said
    return browser


def test_a_killed_web_server_is_seen_within_15_seconds(watcher, on, inventory, server_states, wait_until):
    """Red where the page is renewed too seldom, or what it shows is asked too seldom, or where it shows something else.

    nginx is killed, and the host does not start it again. It has to be seen on the overview, over HTTPS by the stack's
    CA, with the password, and without a program on the page.
    """
    name, killed = inventory.groups["monitoring"][0], inventory.groups["webservers"][0]
    host = on(name)
    wait_until(lambda: ">does not answer<" not in answer(host, "/consoles/index.html")[1], "all answer, on the page")
    password = host.file(f"{FOLDER}/secrets/page").content_string
    url = f"https://{inventory.address(name)}:9090/consoles/index.html"
    wanted = ["status page does not answer", "has it out"]
    command = ["python3", f"{PLACE}/watching.py", url, f"webstack:{password}", "status page answers", *wanted]
    lines = _lines(watcher, command)
    assert next(lines) == ["ready"]
    began = time.time()
    try:
        on(killed).check_output("systemctl kill --signal=KILL nginx && systemctl stop nginx")
        _seen, at, _text = next(lines)
        next(lines)
        _word, pictures = next(lines)
    finally:
        on(killed).check_output("systemctl start nginx")
        wait_until(lambda: set(server_states().values()) == {"UP"}, "every web server is up")
    print(f"\n  {killed} was killed, and on the page {at - began:.1f} s later")
    folder = ROOT / "build/pages"
    folder.mkdir(parents=True, exist_ok=True)
    for picture, data in pictures.items():
        (folder / f"{picture}.png").write_bytes(base64.b64decode(data))
    assert at - began < SECONDS


def _lines(container: Any, command: list[str]) -> Any:
    """What the program says, line by line, each when it is said."""
    text = ""
    for part in container.exec_run(command, stream=True).output:
        text += part.decode()
        *whole, text = text.split("\n")
        for line in whole:
            if line.startswith("["):
                yield json.loads(line)
            elif line:
                print(line)
