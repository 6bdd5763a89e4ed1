#!/usr/bin/python3
"""Ask an address at a steady rate, until a file appears; then print how each request ended.

Usage: load ADDRESS PORT FILE. Every request has a connection of its own: none may be refused or broken.
"""

import http.client
import json
import sys
import threading
import time
from collections import Counter
from pathlib import Path

PAUSE = 0.01
LONGEST = 120

address, port, file = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
ends = Counter()
slowest = 0.0
versions = []
lock = threading.Lock()


def ask():
    global slowest
    started = time.monotonic()
    connection = http.client.HTTPConnection(address, port, timeout=20)
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        version = json.loads(answer.read()).get("version")
        end = str(answer.status)
    except (OSError, ValueError, http.client.HTTPException) as error:
        version, end = None, repr(error)
    finally:
        connection.close()
    with lock:
        ends[end] += 1
        slowest = max(slowest, time.monotonic() - started)
        if version and version not in versions:
            versions.append(version)


threads = []
started = time.monotonic()
while not file.exists() and time.monotonic() < started + LONGEST:
    threads.append(threading.Thread(target=ask))
    threads[-1].start()
    time.sleep(PAUSE)
for thread in threads:
    thread.join()
print(json.dumps({"ends": ends, "slowest": slowest, "versions": versions}))
