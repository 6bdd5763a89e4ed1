#!/usr/bin/python3
"""Say which of the targets given as JSON ([protocol, address, port], ...) answer. All are asked at once."""

import asyncio
import json
import sys

PATIENCE = 3


class Answer(asyncio.DatagramProtocol):
    """Send a datagram and wait for one."""

    def __init__(self):
        self.came = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        transport.sendto(b"?")

    def datagram_received(self, *_):
        if not self.came.done():
            self.came.set_result(True)


async def reach(protocol, address, port):
    if protocol == "tcp":
        _, writer = await asyncio.open_connection(address, port)
        writer.close()
    else:
        loop = asyncio.get_running_loop()
        transport, answer = await loop.create_datagram_endpoint(Answer, remote_addr=(address, port))
        try:
            await answer.came
        finally:
            transport.close()


async def reached(target):
    try:
        await asyncio.wait_for(reach(*target), PATIENCE)
    except OSError:
        return False
    return True


async def main():
    targets = json.loads(sys.argv[1])
    answers = await asyncio.gather(*map(reached, targets))
    print(json.dumps([target for target, answered in zip(targets, answers, strict=True) if answered]))


asyncio.run(main())
