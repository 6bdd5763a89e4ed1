"""Numbers for who watches, as statsd over UDP: nobody is waited for, and what nobody takes is lost."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Statsd:
    """Where numbers go; with no address, nowhere. Names have the prefix before them, labels are DogStatsD's."""

    def __init__(self, address: tuple[str, int] | None, prefix: str = "guestbook") -> None:
        self._address = address
        self._prefix = prefix
        # Not connected: a socket that is would fail when nobody listens.
        family = socket.AF_INET6 if address and ":" in address[0] else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM) if address else None
        if self._socket:
            self._socket.setblocking(False)

    def count(self, name: str, **labels: str) -> None:
        self._send(f"{name}:1|c", labels)

    @contextmanager
    def measured(self, name: str, **labels: str) -> Iterator[None]:
        """Tell how long the block took, whether it went well or not."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self._send(f"{name}:{1000 * (time.monotonic() - begun):.3f}|ms", labels)

    def _send(self, text: str, labels: dict[str, str]) -> None:
        if self._socket is None:
            return
        tags = ",".join(f"{name}:{value}" for name, value in labels.items())
        try:
            self._socket.sendto(f"{self._prefix}.{text}{'|#' if tags else ''}{tags}".encode(), self._address)
        except OSError:
            # A buffer that is full, a network that is not there.
            return
