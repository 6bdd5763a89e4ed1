#!/usr/bin/python3
"""A steady stream of GETs while a command runs: load REQUESTS COMMAND...

At least REQUESTS are made, by half of the clients over a kept connection, by the others over a new one every time. The
command starts when a quarter of them is done, and the stream outlasts it. Prints what came back as JSON; whatever is
not a 200 is a failure. With the environment variable CA, a file, it speaks TLS.
"""

import collections
import http.client
import json
import os
import ssl
import subprocess
import sys
import threading
import time

CLIENTS = 4
AT_MOST = 60  # times the requests asked for, should the command never end
PACE = 0.002  # seconds between two requests of a client

wanted, command = int(sys.argv[1]), sys.argv[2:]
lock = threading.Lock()
origins: collections.Counter[str] = collections.Counter()
handshakes: collections.Counter[str] = collections.Counter()  # by the certificate's serial number
tls = ssl.create_default_context(cafile=os.environ["CA"]) if "CA" in os.environ else None
failures: list[str] = []
made = during = 0
started, finished = threading.Event(), threading.Event()


class TlsConnection(http.client.HTTPSConnection):
    """Notes which certificate it got."""

    def connect(self) -> None:
        super().connect()
        with lock:
            handshakes[self.sock.getpeercert()["serialNumber"]] += 1


def client(kept: bool) -> None:
    global made, during
    if tls:
        connection = TlsConnection("127.0.0.1", 443, timeout=20, context=tls)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=20)
    while (made < wanted or not finished.is_set()) and made < wanted * AT_MOST:
        try:
            connection.request("GET", "/", headers={} if kept else {"Connection": "close"})
            answer = connection.getresponse()
            answer.read()
            outcome = str(answer.status)
        except (OSError, http.client.HTTPException) as error:
            outcome = repr(error)
            connection.close()
        with lock:
            made += 1
            during += started.is_set() and not finished.is_set()
            if outcome == "200":
                origins[answer.headers["X-Origin"]] += 1
            else:
                failures.append(outcome)
        time.sleep(PACE)
    connection.close()


clients = [threading.Thread(target=client, args=(number % 2 == 0,)) for number in range(CLIENTS)]
for thread in clients:
    thread.start()
while made < wanted // 4:
    time.sleep(PACE)
started.set()
result = subprocess.run(command, check=False, capture_output=True, text=True)
finished.set()
for thread in clients:
    thread.join()
report = {
    "made": made,
    "during": during,
    "failures": failures,
    "origins": origins,
    "handshakes": handshakes,
    "status": result.returncode,
    "output": result.stdout + result.stderr,
}
print(json.dumps(report))
