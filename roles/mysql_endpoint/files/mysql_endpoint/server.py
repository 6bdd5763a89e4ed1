"""The clients: asyncio's connections, with a limit on their number, their time and their requests.

The standard library's http.server has none of the three. A timeout there is one for each read, which a client that
sends a byte at a time starts anew, and a request may have 100 headers of 64 KiB. Adding them takes more code than
reading the one line of a request that matters here.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

from mysql_endpoint.answers import respond
from mysql_endpoint.tls import Certificate

MAX_CLIENTS = 50
"""Clients at a time. One more replaces the oldest: a health check takes milliseconds."""

CLIENT_SECONDS = 3.0
"""For TLS handshake, request and answer together."""

MAX_HEAD = 8192
"""Bytes of a request."""


class HttpServer:
    """Answers each client once. `answer` takes the path and may block."""

    def __init__(self, listener: socket.socket, certificate: Certificate, answer: Callable[[str], bytes]) -> None:
        self._listener = listener
        self._certificate = certificate
        self._answer = answer
        self._clients: dict[asyncio.Task[None], socket.socket] = {}
        self._threads = ThreadPoolExecutor(MAX_CLIENTS)

    async def run(self, alive: Callable[[], None]) -> NoReturn:
        """Serve for ever. `alive` is called every second, unless the event loop hangs."""
        accepting = asyncio.create_task(self._accept())
        while not accepting.done():
            alive()
            await asyncio.wait([accepting], timeout=1)
        raise RuntimeError("no connections are accepted any more") from accepting.exception()

    async def _accept(self) -> NoReturn:
        self._listener.setblocking(False)
        while True:
            try:
                connection, _address = await asyncio.get_running_loop().sock_accept(self._listener)
            except OSError as error:
                print(f"Accepting a connection failed: {error}", flush=True)
                await asyncio.sleep(0.1)
                continue
            if len(self._clients) >= MAX_CLIENTS:
                # Not Task.cancel(): during the first steps of a TLS handshake that leaves the connection open.
                with contextlib.suppress(OSError):
                    self._clients.pop(next(iter(self._clients))).shutdown(socket.SHUT_RDWR)
            client = asyncio.create_task(self._serve(connection))
            self._clients[client] = connection
            client.add_done_callback(lambda done: self._clients.pop(done, None))

    async def _serve(self, connection: socket.socket) -> None:
        try:
            async with asyncio.timeout(CLIENT_SECONDS):
                await self._converse(connection)
        except (OSError, EOFError, asyncio.LimitOverrunError):
            # The client's doing: the handshake failed, the request is too slow, too long or incomplete.
            pass

    async def _converse(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        # The end of TLS is a small message after the answer, and would wait for the client's acknowledgement.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = asyncio.StreamReader(MAX_HEAD)
        protocol = asyncio.StreamReaderProtocol(reader)
        # Here and not by asyncio.start_server, whose clients count only once their handshake is done.
        transport, _protocol = await loop.connect_accepted_socket(
            lambda: protocol, connection, ssl=self._certificate.context()
        )
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(await loop.run_in_executor(self._threads, respond, head, self._answer))
            writer.close()
            await writer.wait_closed()
        finally:
            transport.abort()
