"""What HAProxy's master process says, through its socket (haproxy's option -S)."""

from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass

SOCKET = "/run/haproxy-master.sock"
ANSWER_TIMEOUT = 5
"""Seconds for one question and its answer."""


class HandoverError(Exception):
    """What went wrong, as a sentence for the person who reloads."""


@dataclass(frozen=True)
class Reloads:
    """How often the master has reloaded since it was started, and how many of these failed in a row until now."""

    count: int
    failed: int


def ask(command: str) -> str:
    """The answer of the master to a command or, when that begins with `@1`, of the worker."""
    deadline = time.monotonic() + ANSWER_TIMEOUT
    answer = b""
    try:
        with socket.socket(socket.AF_UNIX) as master:
            master.settimeout(ANSWER_TIMEOUT)
            master.connect(SOCKET)
            master.sendall(command.encode() + b"\n")
            master.shutdown(socket.SHUT_WR)  # or it waits for the next command
            while part := master.recv(65536):
                answer += part
                master.settimeout(max(0.001, deadline - time.monotonic()))
    except OSError as error:
        raise HandoverError(f"HAProxy's master process does not answer on {SOCKET} (option -S): {error}") from error
    return answer.decode(errors="replace")


def reloads() -> Reloads:
    """What `show proc` says of the master."""
    answer = ask("show proc")
    found = re.search(r"^\d+\s+master\s+(\d+) \[failed: (\d+)\]", answer, re.MULTILINE)
    if not found:
        raise HandoverError(f"HAProxy's master process gave an unknown answer to 'show proc': {answer.strip()!r}")
    return Reloads(int(found[1]), int(found[2]))


def startup_log() -> str:
    """Why the last start or reload failed. HAProxy 2.6 tells it only to the journal."""
    answer = ask("show startup-logs").strip()
    return "the journal of the unit says why" if answer.startswith("Unknown command") else answer
