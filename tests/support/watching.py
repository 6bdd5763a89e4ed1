"""A program for a host that has Chromium and its driver: looks at a page that renews itself until something is on it.

    watching.py <URL> <name:password> <text>...

It says "ready" once the page is there, then, for each text that comes, the time when it was seen and the text, and at
its end pictures of the page by their names: on a phone and on a wall, light and dark. Each is a line of JSON.
"""

import base64
import json
import subprocess
import sys
import time
from typing import Any

from browsing import call, element, started

SIZES = {"phone": (360, 800), "wall": (1920, 1080)}
TALLEST = 12_000


def devtools(session: str, command: str, **parameters: Any) -> Any:
    return call("POST", f"{session}/goog/cdp/execute", cmd=command, params=parameters)


def say(*words: Any) -> None:
    print(json.dumps(words), flush=True)


def text_of(session: str) -> str:
    """What is read at this moment. A page that is just being renewed has none."""
    try:
        return str(call("GET", f"{element(session, 'body')}/text"))
    except OSError:
        return ""


def wait_for(session: str, wanted: str) -> None:
    end = time.monotonic() + 120
    while wanted not in " ".join(text_of(session).split()):
        if time.monotonic() > end:
            sys.exit(f"not seen in 120 s: {wanted}; but: {text_of(session)}")
        time.sleep(0.1)


def pictures(session: str) -> dict[str, str]:
    found = {}
    for name, (width, height) in SIZES.items():
        for scheme in ("light", "dark"):
            size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": name == "phone"}
            devtools(session, "Emulation.setDeviceMetricsOverride", **size)
            scheme_of = [{"name": "prefers-color-scheme", "value": scheme}]
            devtools(session, "Emulation.setEmulatedMedia", features=scheme_of)
            page = devtools(session, "Page.getLayoutMetrics")["cssContentSize"]
            clip = {"x": 0, "y": 0, "scale": 1, "width": page["width"], "height": min(page["height"], TALLEST)}
            shot = {"format": "png", "captureBeyondViewport": True, "clip": clip}
            found[f"{name}-{scheme}"] = devtools(session, "Page.captureScreenshot", **shot)["data"]
            if page["width"] > width:
                sys.exit(f"{name}: the page is {page['width']} pixels wide, which is more than {width}")
    return found


def watch(url: str, user: str, *texts: str) -> None:
    session = started()
    access = "Basic " + base64.b64encode(user.encode()).decode()
    devtools(session, "Network.enable")
    devtools(session, "Network.setExtraHTTPHeaders", headers={"Authorization": access})
    call("POST", f"{session}/url", url=url)
    wait_for(session, texts[0])
    say("ready")
    for wanted in texts[1:]:
        wait_for(session, wanted)
        say("seen", time.time(), wanted)
    say("pictures", pictures(session))


if __name__ == "__main__":
    with subprocess.Popen(["chromedriver", "--port=9515"], stdout=subprocess.DEVNULL) as driver:
        try:
            watch(*sys.argv[1:])
        finally:
            driver.terminate()
