"""The process."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from haproxy_watch.watch import INTERVAL, Row, answers, settle


def main() -> int:
    """Ask for ever."""
    parser = argparse.ArgumentParser(prog="haproxy-watch", description="Writes to a file whether HAProxy answers.")
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--file", type=Path, required=True)
    options = parser.parse_args()
    row = Row()
    while True:
        asked = time.monotonic()
        row = row.then(answers(options.address, options.port))
        if settle(options.file, row.verdict):
            print(f"HAProxy {'answers' if row.length > 0 else 'does not answer'}", flush=True)
        time.sleep(max(0.0, asked + INTERVAL - time.monotonic()))
