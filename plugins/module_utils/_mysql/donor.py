"""The server that CLONE copies from, by a name where its address is IPv6.

CLONE takes no IPv6 address: it reads `clone_valid_donor_list` up to the first colon (reference manual, "Cloning Remote
Data": "An alias to the IPv6 address can be used instead"). The name exists on this host alone, while the copy is made.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from ipaddress import IPv6Address
from pathlib import Path

HOSTS = Path("/etc/hosts")
SUFFIX = "clone.webstack.internal"


def donor_name(host: str) -> str:
    """What CLONE calls the host: an IPv6 address by a name that holds all of its digits, whatever else as it is."""
    return f"{IPv6Address(host).exploded.replace(':', '-')}.{SUFFIX}" if ":" in host else host


@contextlib.contextmanager
def resolvable(host: str) -> Iterator[None]:
    """While this lasts, the host's name of CLONE is resolved. OSError where that cannot be written down."""
    if ":" not in host:
        yield
        return
    line = f"{host} {donor_name(host)} # while CLONE copies from it"
    _rewrite([*_without(line), line])
    try:
        yield
    finally:
        _rewrite(_without(line))


def _without(line: str) -> list[str]:
    """The other lines; a run that was killed may have left one."""
    return [other for other in HOSTS.read_text().splitlines() if other != line]


def _rewrite(lines: list[str]) -> None:
    """In place, because in a container the file is a mount; at no moment is it empty."""
    content = "".join(f"{line}\n" for line in lines).encode()
    with HOSTS.open("r+b") as file:
        os.pwrite(file.fileno(), content, 0)
        os.ftruncate(file.fileno(), len(content))
