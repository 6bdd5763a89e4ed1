"""The certificates of this host: what is due, what is installed, which program has to be reloaded.

converge   reads the settings as JSON from standard input, keeps them, repairs, activates and prints what is due
           (--check: prints what it would do)
install    reads {"name", "source", "certificate"} as JSON from standard input, and installs it with the key in next/
acme       gets what is outstanding from the ACME server (the timer's service); --service starts that service and prints
           its result
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._process import RefusedError
from webstack_certificates import acme, store
from webstack_certificates.activation import activate
from webstack_certificates.due import converge


def install(given: Mapping[str, str]) -> dict[str, Any]:
    """Install what Ansible brings, and have its program read it."""
    certificate = acme.kept_settings().certificate(given["name"])
    key = store.read(store.folder(certificate.name) / "next" / store.KEY)
    store.install(certificate, given["source"], given["certificate"], key)
    return {"changed": [f"{certificate.name}: installed", *activate(certificate)]}


def run(command: str, check: bool, service: bool) -> dict[str, Any]:
    """The result of the command."""
    if command == "acme" and service:
        # Without the lock, which the service takes.
        return acme.issue_by_service(check)
    with store.folder(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if command == "converge":
            return converge(json.load(sys.stdin), check)
        return install(json.load(sys.stdin)) if command == "install" else acme.issue()


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="webstack-certificates", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=["converge", "install", "acme"])
    parser.add_argument("--check", action="store_true", help="change nothing")
    parser.add_argument("--service", action="store_true", help="have the timer's service do it")
    options = parser.parse_args()
    os.umask(0o022)
    try:
        result = run(options.command, options.check, options.service)
    except RefusedError as problem:
        print(problem, file=sys.stderr)
        return 1
    print(json.dumps(result))
    return int(options.command == "acme" and not options.service and bool(result["problems"]))
