"""When HAProxy is well, and what the file says of it."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

INTERVAL = 0.5
"""Seconds between two questions."""
TIMEOUT = 0.8
"""Seconds for an answer."""
FALL = 2
"""Failures in a row, so that one stall moves no address: with the above, a hang is noticed within 2.1 s."""
RISE = 3
"""Answers in a row: an address that comes back has to stay."""

WELL, UNWELL = "0\n", "1\n"


@dataclass(frozen=True)
class Row:
    """How many times in a row HAProxy answered (positive), or did not (negative)."""

    length: int = 0

    def then(self, answered: bool) -> Row:
        """The row after one more question."""
        if answered:
            return Row(max(self.length, 0) + 1)
        return Row(min(self.length, 0) - 1)

    @property
    def verdict(self) -> str | None:
        """What the file has to say; None: as it is."""
        if self.length >= RISE:
            return WELL
        return UNWELL if self.length <= -FALL else None


def answers(address: str, port: int, timeout: float = TIMEOUT) -> bool:
    """Whether a server speaks HTTP there. Any status will do: it is HAProxy that is asked for, and no page."""
    try:
        with socket.create_connection((address, port), timeout) as connection:
            connection.settimeout(timeout)
            connection.sendall(b"GET / HTTP/1.1\r\nHost: haproxy-watch\r\nConnection: close\r\n\r\n")
            return connection.recv(16).startswith(b"HTTP/1.")
    except OSError:
        return False


def settle(file: Path, verdict: str | None) -> bool:
    """Make the file say so; whether it said something else. HAProxy's unit may have written in between."""
    if verdict is None or (file.is_file() and file.read_text() == verdict):
        return False
    file.write_text(verdict)
    return True
