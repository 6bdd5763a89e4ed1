# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""What HAProxy says at its socket (the runtime API)."""

from __future__ import annotations

import socket


def statistics(path: str, patience: float) -> str:
    """The answer to `show stat`, CSV. Raises OSError where HAProxy does not answer within `patience` seconds."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(patience)
        connection.connect(path)
        connection.sendall(b"show stat\n")
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()
