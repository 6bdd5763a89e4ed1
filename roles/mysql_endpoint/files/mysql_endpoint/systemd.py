"""sd_notify(3), and the listening socket that systemd keeps over a restart (FileDescriptorStoreMax)."""

from __future__ import annotations

import os
import socket


def notify(message: str, *files: int) -> None:
    """Send a message, with file descriptors, to systemd; nothing without systemd."""
    path = os.environ.get("NOTIFY_SOCKET")
    if path:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as systemd:
            systemd.connect("\0" + path[1:] if path.startswith("@") else path)
            socket.send_fds(systemd, [message.encode()], files)


def listen(address: str, port: int) -> socket.socket:
    """A new listening socket. `*` is every address, IPv6 and IPv4 where the host has both."""
    if address == "*":
        try:
            return socket.create_server(("", port), family=socket.AF_INET6, backlog=128, dualstack_ipv6=True)
        except (OSError, ValueError):
            address = "0.0.0.0"  # noqa: S104
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, port), family=family, backlog=128)


def kept_listener(address: str, port: int) -> socket.socket:
    """The listening socket that systemd has kept over the restart, or a new one, which it is to keep.

    Health checks that come during a restart wait in its queue instead of being refused, so that a restart takes no
    server out of service.
    """
    wanted = f"{address}-{port}".replace(":", ".")
    names = os.environ.get("LISTEN_FDNAMES", "").split(":") if os.environ.get("LISTEN_PID") == str(os.getpid()) else []
    found = None
    for number, name in enumerate(filter(None, names), start=3):
        if name == wanted and found is None:
            found = socket.socket(fileno=number)
            found.set_inheritable(False)
        else:
            os.close(number)
            notify(f"FDSTOREREMOVE=1\nFDNAME={name}")
    if found is None:
        found = listen(address, port)
        notify(f"FDSTORE=1\nFDNAME={wanted}", found.fileno())
    return found
