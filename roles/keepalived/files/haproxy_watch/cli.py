"""The process."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from haproxy_watch.handover import HandoverError, hand_over
from haproxy_watch.watch import INTERVAL, Row, answers, settle


def arguments() -> argparse.Namespace:
    """Without defaults: those are the role's."""
    parser = argparse.ArgumentParser(prog="haproxy-watch")
    commands = parser.add_subparsers(dest="command", required=True)
    watch = commands.add_parser("watch", description="Writes to a file whether HAProxy answers.")
    watch.add_argument("--address", required=True)
    watch.add_argument("--port", type=int, required=True)
    watch.add_argument("--file", type=Path, required=True)
    give = commands.add_parser("hand-over", description="Passes on new connections to another load balancer.")
    give.add_argument("--peer", action="append", default=[], help="another load balancer's own address")
    give.add_argument("--port", type=int, required=True, help="at which it answers when it is ready")
    give.add_argument("--seconds", type=float, required=True, help="how long open connections may take to end")
    give.add_argument("address", nargs="+", help="a virtual address")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    if options.command == "hand-over":
        try:
            print(hand_over(options.address, options.peer, options.port, options.seconds), flush=True)
        except HandoverError as error:
            print(f"The addresses move at once: {error}", file=sys.stderr)
            return 1
        return 0
    row = Row()
    while True:
        asked = time.monotonic()
        row = row.then(answers(options.address, options.port))
        if settle(options.file, row.verdict):
            print(f"HAProxy {'answers' if row.length > 0 else 'does not answer'}", flush=True)
        time.sleep(max(0.0, asked + INTERVAL - time.monotonic()))
