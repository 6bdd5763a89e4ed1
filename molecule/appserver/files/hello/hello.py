"""An application that tells about itself. Tests make variants of it by changing lines."""

import json
import os
from pathlib import Path

VERSION = "one"
HEALTH = "200 OK"
PATHS = [".", os.environ["APP_SHARED"], "/etc", "/var/tmp", "/tmp", "/var/lib", "/run", "/root", "/dev/shm"]  # noqa: S108


def about():
    return {
        "version": VERSION,
        "release": Path(__file__).resolve().parent.name,
        "environment": dict(os.environ),
        "parent": os.getppid(),
        "uid": os.getuid(),
        "groups": os.getgroups(),
        "writable": [path for path in PATHS if os.access(path, os.W_OK)],
    }


def app(environ, start_response):
    if environ["PATH_INFO"] == "/healthz":
        status, body = HEALTH, {"version": VERSION}
    else:
        status, body = "200 OK", about()
    start_response(status, [("Content-Type", "application/json")])
    return [json.dumps(body).encode()]
