"""Whether the application answers: over TCP or a Unix socket, with TLS or without."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Union

_PAUSE = 0.1

Address = Union["tuple[str, int]", str]
"""An address and a port, or the path of a Unix socket."""


@dataclass(frozen=True)
class Tls:
    """How to find out whether a server is the right one.

    ``trusted`` is a bundle of authorities, or the certificate itself: then it is that one which must be shown.
    ``name`` stands in the certificate; none is looked for when it is empty.
    """

    trusted: str
    name: str = ""

    def wrap(self, plain: socket.socket) -> ssl.SSLSocket:
        """The TLS side of a connection; it is verified."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.check_hostname = bool(self.name)
        try:
            context.load_verify_locations(self.trusted)
        except (OSError, ssl.SSLError) as error:
            raise OSError(f"{self.trusted} cannot be read as certificates ({error})") from error
        return context.wrap_socket(plain, server_hostname=self.name or None)


class Connection(http.client.HTTPConnection):
    """An HTTP connection to any address."""

    def __init__(self, address: Address, timeout: float, tls: Tls | None = None) -> None:
        host, port = ("localhost", None) if isinstance(address, str) else address
        super().__init__(host, port, timeout=timeout)
        self.address = address
        self.tls = tls

    def connect(self) -> None:
        """Called by http.client before the first request."""
        if isinstance(self.address, str):
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(self.timeout)
            self.sock.connect(self.address)
        else:
            super().connect()
        if self.tls:
            self.sock = self.tls.wrap(self.sock)


# What the proxies add to a request: an application that sends visitors to HTTPS, or looks at their address, is as
# healthy as it is for them.
_AS_FROM_A_PROXY = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"}

Connect = Callable[[float], http.client.HTTPConnection]
"""Makes a connection with a timeout in seconds."""


def ask(connect: Connect, uri: str, host: str, timeout: float) -> str | None:
    """None when it answers 2xx; otherwise what it does instead."""
    connection = connect(timeout)
    headers = {
        "Host": host,
        "User-Agent": "foobar.webstack",
        **_AS_FROM_A_PROXY,
        "X-Forwarded-Host": host,
        "Connection": "close",
    }
    try:
        connection.request("GET", uri, headers=headers)
        answer = connection.getresponse()
        body = answer.read(400).decode(errors="replace").strip()
    except TimeoutError:
        return f"GET {uri} got no answer within {timeout:.0f} s"
    except ssl.SSLCertVerificationError as error:
        return f"GET {uri} failed: its certificate is not accepted, {error.verify_message}"
    except (OSError, http.client.HTTPException) as error:
        return f"GET {uri} failed: {error or type(error).__name__}"
    finally:
        connection.close()
    if 200 <= answer.status < 300:
        return None
    return f"GET {uri} answered {answer.status} {answer.reason}: {body}".rstrip(": ")


def wait(connect: Connect, uri: str, host: str, seconds: float, ended: Callable[[], str | None]) -> str | None:
    """Ask until it answers; None then. Give up when the time is over, or when `ended` gives a reason."""
    end = time.monotonic() + seconds
    while True:
        left = end - time.monotonic()
        problem = ask(connect, uri, host, max(left, 1))
        if problem is None or time.monotonic() >= end:
            return problem
        if reason := ended():
            return reason
        time.sleep(_PAUSE)
