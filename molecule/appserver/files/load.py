#!/usr/bin/python3
"""Ask an address again and again, until a file appears; then print how each request ended.

Usage: load ADDRESS PORT FILE CA. Every request has a connection of its own, whose certificate is verified: none may be
refused or broken.
"""

import http.client
import json
import ssl
import sys
import threading
import time
from collections import Counter
from pathlib import Path

# So many at a time: what takes longer is asked less often, and a busy machine is not made busier.
CLIENTS = 6
PAUSE = 0.05
LONGEST = 900

address, port, file = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
tls = ssl.create_default_context(cafile=sys.argv[4])
ends = Counter()
slowest = 0.0
versions = []
certificates = []
lock = threading.Lock()


def ask():
    global slowest
    started = time.monotonic()
    connection = http.client.HTTPSConnection(address, port, timeout=20, context=tls)
    try:
        connection.request("GET", "/healthz")
        certificate = connection.sock.getpeercert()["serialNumber"]
        answer = connection.getresponse()
        version = json.loads(answer.read()).get("version")
        end = str(answer.status)
    except (OSError, ValueError, http.client.HTTPException) as error:
        version, certificate, end = None, None, repr(error)
    finally:
        connection.close()
    with lock:
        ends[end] += 1
        slowest = max(slowest, time.monotonic() - started)
        if version and version not in versions:
            versions.append(version)
        if certificate and certificate not in certificates:
            certificates.append(certificate)


def keep_asking():
    while not file.exists() and time.monotonic() < begun + LONGEST:
        ask()
        time.sleep(PAUSE)


begun = time.monotonic()
threads = [threading.Thread(target=keep_asking) for _ in range(CLIENTS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps({"ends": ends, "slowest": slowest, "versions": versions, "certificates": certificates}))
