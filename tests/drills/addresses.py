"""Who has a virtual address while load balancers are lost."""

from collections.abc import Mapping

from ansible_collections.foobar.webstack.tests.drills.load import UNTIL_TOLD, Watch

# Without a process for each look.
ASK_ADDRESS = (
    UNTIL_TOLD
    + """
import re
name, address = sys.argv[1:]
held = re.compile(r"-- " + re.escape(address) + r"\\s+/32 host LOCAL")
while True:
    before = time.time()
    with open("/proc/net/fib_trie") as table:
        found = bool(held.search(table.read()))
    print(name, before, time.time(), int(found), flush=True)
    time.sleep(0.02)
"""
)


def watch(containers: Mapping[str, str], address: str) -> Watch:
    """Asks each load balancer fifty times a second whether it has the IPv4 address. `containers`: by name."""
    return Watch(
        ["docker", "exec", "-i", container, "python3", "-c", ASK_ADDRESS, name, address]
        for name, container in containers.items()
    )


def shared(seen: Watch) -> float:
    """The longest time for which two hosts had the address, in seconds."""
    return max((end - begin for begin, end in seen.overlaps()), default=0.0)


def moved(seen: Watch, giver: str, taker: str) -> float:
    """For how many seconds at most neither had the address: from the last look at the giver that found it there to the
    first one at the taker. Negative while both had it.
    """
    last = max(answer.before for answer in seen.answers(giver) if answer.writable)
    first = min(answer.after for answer in seen.answers(taker) if answer.writable)
    return first - last
