"""The process."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from keepalived_notify.notify import Memory, Teller, serve


def addresses(text: str) -> tuple[str, list[str]]:
    """An instance with its addresses: `webstack_1=198.18.1.10,fd00::10`."""
    name, equals, listed = text.partition("=")
    if not (name and equals and listed):
        raise argparse.ArgumentTypeError(f"{text!r} is not <instance>=<address>,<address>")
    return name, listed.split(",")


def main() -> int:
    """Serve for ever."""
    parser = argparse.ArgumentParser(
        prog="keepalived-notify", description="Tells a program what keepalived's states are."
    )
    parser.add_argument("--fifo", type=Path, required=True, help="the pipe into which keepalived writes")
    parser.add_argument("--states", type=Path, required=True, help="where the last states are remembered")
    parser.add_argument("--instance", type=addresses, action="append", required=True, metavar="NAME=ADDRESS,...")
    parser.add_argument("command", nargs="+", help="it gets the state and the addresses as further arguments")
    options = parser.parse_args()
    tellers = {name: Teller(options.command, listed) for name, listed in options.instance}
    for name, teller in tellers.items():
        teller.name = name
        teller.start()
    # For writing too, so that the pipe does not end when keepalived does.
    with os.fdopen(os.open(options.fifo, os.O_RDWR), "r") as pipe:
        serve(iter(pipe.readline, ""), tellers, Memory(options.states))
    return 0
