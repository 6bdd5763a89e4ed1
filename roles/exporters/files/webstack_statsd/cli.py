"""The process."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from webstack_statsd.lines import RefusedError, parse
from webstack_statsd.metrics import Metrics

FILE = "app.prom"
EVERY = 5.0
"""Seconds between two files: half of what lies between two questions of Prometheus."""
WAIT = 1.0
TOLD = 20
"""Refused lines that the journal gets; the file counts all."""


def listener(listen: str) -> socket.socket:
    """The socket at an address with its port, such as 127.0.0.1:9125 or [::1]:9125."""
    address, _separator, port = listen.rpartition(":")
    family = socket.AF_INET6 if address.startswith("[") else socket.AF_INET
    found = socket.socket(family, socket.SOCK_DGRAM)
    found.bind((address.strip("[]"), int(port)))
    found.settimeout(WAIT)
    return found


def take(datagram: bytes, metrics: Metrics, now: float) -> None:
    """Count each line of a datagram, or the reason why it cannot be."""
    for line in datagram.decode("utf-8", "replace").split("\n"):
        if not line:
            continue
        try:
            metrics.add(parse(line), now)
        except RefusedError as error:
            reason = str(error)
            metrics.refused[reason] += 1
            if sum(metrics.refused.values()) <= TOLD:
                print(f"<5>not counted ({reason}): {line[:120]!a}", file=sys.stderr, flush=True)


def write(path: Path, text: str) -> None:
    """Replace the file as a whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text)
    temporary.chmod(0o644)
    temporary.rename(path)


def serve(source: socket.socket, path: Path, goes_on: Callable[[], bool] = lambda: True) -> None:
    """Take what comes, and write it down every few seconds."""
    metrics, due = Metrics(), 0.0
    while goes_on():
        now = time.monotonic()
        if now >= due:
            write(path, metrics.text(now))
            due = now + EVERY
        try:
            take(source.recv(65535), metrics, now)
        except TimeoutError:
            continue
    write(path, metrics.text(time.monotonic()))


def main() -> int:
    """Run until stopped."""
    about = "Writes what applications send as statsd for node_exporter."
    parser = argparse.ArgumentParser(prog="webstack-statsd", description=about)
    parser.add_argument("--listen", required=True, help="address and port, such as 127.0.0.1:9125")
    parser.add_argument("--directory", type=Path, required=True, help="where node_exporter reads files")
    options = parser.parse_args()
    serve(listener(options.listen), options.directory / FILE)
    return 0
