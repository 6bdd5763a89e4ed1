"""What a lab's HAProxy says of its servers."""

import csv
import io
from typing import Any

ASK = (
    "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/haproxy/admin.sock'); "
    "s.sendall(b'show stat\\n'); print(b''.join(iter(lambda: s.recv(65536), b'')).decode())"
)


def states(host: Any) -> dict[tuple[str, str], str]:
    """Each server of the host's HAProxy, by the names of its proxy and its own: UP, DOWN, DRAIN, MAINT...

    `host` is testinfra's.
    """
    rows = csv.DictReader(io.StringIO(host.check_output("python3 -c %s", ASK).lstrip("# ")))
    return {
        (row["pxname"], row["svname"]): row["status"].split()[0]
        for row in rows
        if row["svname"] not in ("FRONTEND", "BACKEND")
    }
