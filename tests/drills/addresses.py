"""Who has a virtual address while load balancers are lost."""

import time
from collections.abc import Mapping
from itertools import pairwise

from ansible_collections.foobar.webstack.tests.drills.load import Load, Watch

# Runs in the containers, without a process for each look, and ends when its standard input does.
ASK_ADDRESS = """
import os, re, sys, threading, time
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
name, address = sys.argv[1:]
held = re.compile(r"-- " + re.escape(address) + r"\\s+/32 host LOCAL")
while True:
    before = time.time()
    with open("/proc/net/fib_trie") as table:
        found = bool(held.search(table.read()))
    print(name, before, time.time(), int(found), flush=True)
    time.sleep(0.02)
"""


def watch(containers: Mapping[str, str], address: str) -> Watch:
    """Asks each load balancer fifty times a second whether it has the IPv4 address. `containers`: by name."""
    return Watch(
        ["docker", "exec", "-i", container, "python3", "-c", ASK_ADDRESS, name, address]
        for name, container in containers.items()
    )


def shared(seen: Watch) -> float:
    """The longest time for which two hosts had the address, in seconds."""
    return max((end - begin for begin, end in seen.overlaps()), default=0.0)


def gap(load: Load, kind: str, since: float) -> float:
    """The longest time without a good answer from that moment on, in seconds."""
    good = sorted(moment.at for moment in list(load.moments) if moment.kind == kind and moment.good)
    before = [at for at in good if at < since][-1:] or [since]
    return max(other - one for one, other in pairwise([*before, *(at for at in good if at >= since), time.monotonic()]))
