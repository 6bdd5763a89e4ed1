"""gunicorn's configuration: what it sets, where it listens, and whether that and its certificate can be used."""

from __future__ import annotations

import ast
import errno
import socket
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._release.errors import ReleaseError

Listener = tuple[str, int]

# Prints why the certificate and the key that it is given cannot be used.
LOAD_CERTIFICATE = """
import ssl, sys
certificate, key = sys.argv[1:]
for path in sys.argv[1:]:
    try:
        open(path).close()
    except OSError as error:
        sys.exit(f"the file {path} of its certificate cannot be read: {error.strerror}")
try:
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, lambda: b"")
except ssl.SSLError as error:
    if error.reason == "KEY_VALUES_MISMATCH":
        sys.exit(f"the certificate {certificate} does not belong to the key {key}")
    sys.exit(f"the certificate {certificate} and the key {key} cannot be used: {error}")
"""


def setting(config: str, name: str) -> Any:
    """What a gunicorn configuration sets literally; None when it does not."""
    for statement in ast.parse(config).body:
        if isinstance(statement, ast.Assign) and [getattr(target, "id", "") for target in statement.targets] == [name]:
            return ast.literal_eval(statement.value)
    return None


def listener(config: str) -> Listener:
    """The address and the port that a gunicorn configuration binds to."""
    bind = setting(config, "bind")
    if not bind:
        raise ReleaseError("gunicorn's configuration does not set bind")
    first = bind[0] if isinstance(bind, list) else bind
    address, _colon, port = str(first).rpartition(":")
    if not address or not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise ReleaseError(
            f"gunicorn's configuration binds to {first!r}, which is not an address and a port from 1 to 65535; "
            "set appserver_bind"
        )
    return address.strip("[]"), int(port)


def listener_or_none(config: bytes | None) -> Listener | None:
    """The same of a file that somebody may have changed or removed."""
    try:
        return listener((config or b"").decode())
    except (ReleaseError, SyntaxError, ValueError):
        return None


def check_listener(wanted: Listener, present: Listener | None) -> None:
    """Find out before anything is stopped whether the application could listen there."""
    if wanted == present:
        return
    address, port = wanted
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(wanted)
            trial.listen()
        except OSError as error:
            # The port may be the one that this service has now, at another address.
            if error.errno != errno.EADDRINUSE or present is None or present[1] != port:
                raise ReleaseError(
                    f"the application cannot listen on {address} port {port}: {error.strerror}; set appserver_bind to "
                    "an address of this host and a free port (in a stack webstack_app_port), or stop what listens "
                    "there, such as the application under its former name"
                ) from error
