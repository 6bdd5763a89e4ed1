#!/usr/bin/python3
"""Listen on TCP and UDP ports, on both families: accept, and send back what comes by UDP."""

import asyncio
import socket

TCP = [80, 8000, 8600, 8601, 9999]
UDP = [443, 5300, 9998]


class Echo(asyncio.DatagramProtocol):
    """Answer every datagram with its content."""

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.transport.sendto(data, address)


async def main():
    loop = asyncio.get_running_loop()
    for port in TCP:
        await asyncio.start_server(lambda _, writer: writer.close(), ["0.0.0.0", "::"], port)
    for port in UDP:
        for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            await loop.create_datagram_endpoint(Echo, (address, port), family=family)
    await asyncio.Event().wait()


asyncio.run(main())
