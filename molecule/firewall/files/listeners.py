#!/usr/bin/python3
"""Listen on TCP and UDP ports, on both families: accept, and send back what comes by UDP."""

import asyncio

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
        await asyncio.start_server(lambda _, writer: writer.close(), None, port)
    for port in UDP:
        # On "::" UDP hears both families.
        await loop.create_datagram_endpoint(Echo, ("::", port))
    await asyncio.Event().wait()


asyncio.run(main())
