"""Whether an address is one of the host's own, or is translated on the way to it."""

from __future__ import annotations

import ipaddress
import socket

DISCARD = 9
"""A port to name; nothing is sent."""


def has(address: str) -> bool:
    """Whether an interface of this host has the address.

    The kernel takes an own address as the source towards itself. Binding would not tell: with
    net.ipv4.ip_nonlocal_bind, which a virtual address needs, every address can be bound.

    Raises ValueError for what is no IP address.
    """
    ip = ipaddress.ip_address(address)
    with socket.socket(socket.AF_INET if ip.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM) as towards:
        try:
            towards.connect((address, DISCARD))
        except OSError:
            # No way to it, not even by itself.
            return False
        return ipaddress.ip_address(towards.getsockname()[0]) == ip
