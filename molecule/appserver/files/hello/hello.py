"""An application that tells about itself. Tests make variants of it by changing lines."""

import json
import os
from pathlib import Path

VERSION = "one"
HEALTH = "200 OK"


def about():
    return {
        "version": VERSION,
        "release": Path(__file__).resolve().parent.name,
        "environment": dict(os.environ),
        "pid": os.getpid(),
        "parent": os.getppid(),
        "uid": os.getuid(),
        "groups": os.getgroups(),
    }


def app(environ, start_response):
    if environ["PATH_INFO"] == "/healthz":
        status, body = HEALTH, {"version": VERSION}
    else:
        status, body = "200 OK", about()
    start_response(status, [("Content-Type", "application/json")])
    return [json.dumps(body).encode()]
