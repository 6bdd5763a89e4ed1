"""A WebSocket as a browser has one (RFC 6455): text messages, and answers to pings. No longer ones than 65535 bytes."""

import base64
import hashlib
import os
import struct
from typing import Self

from visitors import Site

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class ClosedError(Exception):
    """The server, or somebody between, has closed the connection."""


class WebSocket:
    """An open connection: ``with WebSocket(site, "/ws") as socket: socket.ask("hello")``."""

    def __init__(self, site: Site, path: str) -> None:
        key = base64.b64encode(os.urandom(16))
        self._connection = site.handshake()
        self._stream = self._connection.makefile("rb")
        self._connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {site.host}\r\nOrigin: https://{site.host}\r\nConnection: Upgrade\r\n"
            f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key.decode()}\r\n\r\n".encode()
        )
        status = self._stream.readline().decode().strip()
        headers = {}
        while line := self._stream.readline().decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        assert " 101 " in f"{status} ", f"the connection was not upgraded: {status}"
        accepted = base64.b64encode(hashlib.sha1(key + MAGIC).digest()).decode()  # noqa: S324 (the protocol's)
        assert headers["sec-websocket-accept"] == accepted

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._connection.close()

    def ask(self, text: str) -> str:
        """Send a message, and wait for one."""
        self._send(TEXT, text.encode())
        while True:
            kind, content = self._receive()
            if kind == TEXT:
                return content.decode()
            if kind == PING:
                self._send(PONG, content)
            elif kind == CLOSE:
                raise ClosedError(content[2:].decode() or "without a reason")

    def _send(self, kind: int, content: bytes) -> None:
        length = bytes([0x80 | len(content)]) if len(content) < 126 else struct.pack(">BH", 0x80 | 126, len(content))
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(content))
        self._connection.sendall(bytes([0x80 | kind]) + length + mask + masked)

    def _receive(self) -> tuple[int, bytes]:
        kind, length = self._read(2)
        if length == 126:
            (length,) = struct.unpack(">H", self._read(2))
        return kind & 0x0F, self._read(length)

    def _read(self, count: int) -> bytes:
        content = self._stream.read(count)
        if len(content) < count:
            raise ClosedError("the connection ended")
        return content
