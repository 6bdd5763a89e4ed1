"""A program for a host that has Chromium and its driver: signs the guest book as a visitor does, says what was seen.

    browsing.py <URL> <name> <message>

Chromium is driven as the W3C's WebDriver says. It prints a list of three pages as JSON: the first one, the one after
the form was sent, and that one as the next visitor sees it.
"""

import json
import subprocess
import sys
import time
import urllib.request
from typing import Any

PATIENCE = 60
"""Seconds that the driver has to start, and a replica to have what was written."""

DRIVER = "http://127.0.0.1:9515"
ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


def call(method: str, path: str, **body: Any) -> Any:
    data = json.dumps(body).encode() if method == "POST" else None
    request = urllib.request.Request(f"{DRIVER}{path}", data, method=method)  # noqa: S310
    with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
        return json.load(answer)["value"]


def started() -> str:
    """A session of a new browser, once the driver takes questions: its path."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            call("GET", "/status")
            break
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
    wanted = {"goog:chromeOptions": {"args": ARGUMENTS}, "goog:loggingPrefs": {"performance": "ALL"}}
    return "/session/" + call("POST", "/session", capabilities={"alwaysMatch": wanted})["sessionId"]


def element(session: str, selector: str) -> str:
    found = call("POST", f"{session}/element", using="css selector", value=selector)
    return f"{session}/element/{next(iter(found.values()))}"


def page(session: str) -> dict[str, Any]:
    """What is shown, and what the last page's answer was."""
    logged = [
        json.loads(entry["message"])["message"] for entry in call("POST", f"{session}/se/log", type="performance")
    ]
    answers = [
        entry["params"]["response"]
        for entry in logged
        if entry["method"] == "Network.responseReceived" and entry["params"]["type"] == "Document"
    ]
    return {
        "url": call("GET", f"{session}/url"),
        "text": call("GET", f"{element(session, 'body')}/text"),
        "headers": {name.lower(): value for name, value in answers[-1]["headers"].items()},
        "secure": answers[-1]["securityState"],
        "protocol": answers[-1]["protocol"],
        "address": answers[-1]["remoteIPAddress"],
    }


def visit(url: str, name: str, message: str) -> list[dict[str, Any]]:
    session = started()
    call("POST", f"{session}/url", url=url)
    pages = [page(session)]
    call("POST", f"{element(session, '#name')}/value", text=name)
    call("POST", f"{element(session, '#message')}/value", text=message)
    call("POST", f"{element(session, 'form button')}/click")
    pages.append(page(session))
    # Whoever has just written is shown the page of the primary; the next visitor that of a replica, once it is there.
    call("DELETE", f"{session}/cookie")
    end = time.monotonic() + PATIENCE
    while len(pages) < 3 or (message not in pages[-1]["text"] and time.monotonic() < end):
        call("POST", f"{session}/refresh")
        pages[2:] = [page(session)]
    return pages


if __name__ == "__main__":
    with subprocess.Popen(["chromedriver", "--port=9515"], stdout=subprocess.DEVNULL) as driver:
        try:
            print(json.dumps(visit(*sys.argv[1:])))
        finally:
            driver.terminate()
