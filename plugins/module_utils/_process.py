"""Commands that a program on a host runs."""

from __future__ import annotations

import subprocess


class RefusedError(Exception):
    """What was asked for was not done. The message is a sentence for the operator."""


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    """What became of the command. One that is not installed has the exit status 127, as in a shell."""
    try:
        return subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError:
        return subprocess.CompletedProcess(argv, 127, "", f"{argv[0]} is not installed")
