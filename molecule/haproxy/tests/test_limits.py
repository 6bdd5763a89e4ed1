"""What a client may ask of the load balancer, how fast, and how slowly."""

import time
from collections.abc import Callable

import pytest
from testinfra.host import Host

testinfra_hosts = ["ansible://loadbalancers"]

Get = Callable[..., tuple[int, dict[str, str], str]]

REQUESTS, PERIOD = 10, 2

# So many GETs at once from an address, over one connection: how often each status came.
BURST = """
import collections, http.client, sys
address, port, source, count = sys.argv[1:]
c = http.client.HTTPConnection(address, int(port), timeout=10, source_address=(source, 0) if source else None)
seen = collections.Counter()
for _ in range(int(count)):
    c.request("GET", "/")
    a = c.getresponse()
    a.read()
    seen[a.status] += 1
print(seen[200], seen[429], sum(seen.values()))
"""

# Connections that are held open: how many of them get an answer.
CONNECTIONS = """
import socket, sys
source, count = sys.argv[1], int(sys.argv[2])
held, answered = [], 0
for _ in range(count):
    try:
        s = socket.create_connection(("127.0.0.1", 8082), 10, source_address=(source, 0))
        held.append(s)
        s.sendall(b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
        answered += s.recv(15).startswith(b"HTTP/1.1 ")
    except OSError:
        pass
print(answered)
"""

# A request whose head never ends: what comes after how many seconds.
SLOW = """
import socket, time
s = socket.create_connection(("127.0.0.1", 8082), 10)
s.settimeout(0.2)
start, answer = time.monotonic(), b""
s.sendall(b"GET / HTTP/1.1\\r\\n")
while time.monotonic() - start < 20:
    try:
        if not (part := s.recv(4096)):
            break
        answer += part
    except TimeoutError:
        s.sendall(b"X-A: b\\r\\n")
    except OSError:
        break
print(answer[9:12].decode() or "closed", round(time.monotonic() - start))
"""

# Bytes of a TLS handshake that never come: after how many seconds the connection is closed.
SILENT = """
import socket, time
s = socket.create_connection(("127.0.0.1", 443), 10)
s.settimeout(20)
start = time.monotonic()
s.recv(1)
print(round(time.monotonic() - start))
"""


def burst(host: Host, count: int, source: str = "127.0.0.1", address: str = "127.0.0.1", port: int = 8082) -> list[int]:
    """Of so many requests: how many were served, refused with 429, and answered in any way."""
    said = host.check_output("python3 -c %s %s %s %s %s", BURST, address, str(port), source, str(count))
    return [int(number) for number in said.split()]


def test_too_many_requests_are_refused_and_served_again(host: Host, get: Get, wait_for: Callable[..., None]) -> None:
    """429 with the time to wait, for this client alone, until the period is over. Red without rate_limit."""
    assert burst(host, 30) == [REQUESTS, 20, 30]
    status, headers, _ = get("/", port=8082)
    assert (status, headers["retry-after"]) == (429, str(PERIOD))
    assert get("/", port=8082, source="127.0.0.2")[0] == 200
    refused = time.monotonic()
    wait_for(lambda: get("/", port=8082)[0] == 200, "the client to be served again")
    assert time.monotonic() - refused < 2 * PERIOD + 1


def test_refused_requests_are_not_counted(host: Host) -> None:
    """A client that goes on too fast gets its share all the same: nobody behind its address is shut out by it. Red with
    http_req_rate, which counts what was refused too."""
    assert burst(host, 5 * REQUESTS)[0] == REQUESTS
    deadline = time.monotonic() + 3 * PERIOD
    served = 0
    while time.monotonic() < deadline:
        served += burst(host, REQUESTS)[0]
    assert served >= REQUESTS


def test_allowed_sources_have_no_limit(host: Host) -> None:
    assert burst(host, 30, source="127.0.0.9") == [30, 0, 30]
    assert connections(host, "127.0.0.9", 8) == 8


def test_ipv4_clients_of_an_ipv6_socket_are_told_apart(host: Host) -> None:
    """They come as ::ffff:a.b.c.d, all of one /64. Red if that mask is put on them."""
    assert burst(host, 30, port=8083)[0] == REQUESTS
    assert burst(host, 5, port=8083, source="127.0.0.2")[0] == 5


def test_ipv6_clients_count_by_64_bits(host: Host) -> None:
    """Who has a network has 2^64 addresses. Red if addresses are counted."""
    addresses = ["2001:db8:1:1::1", "2001:db8:1:1::2", "2001:db8:1:2::1"]
    for address in addresses:
        host.check_output(f"ip address replace {address}/128 dev lo nodad")
    try:
        first, second, other = (burst(host, 8, address="::1", port=8083, source=address)[0] for address in addresses)
    finally:
        for address in addresses:
            host.check_output(f"ip address del {address}/128 dev lo")
    assert (first, second, other) == (8, REQUESTS - 8, 8)


def connections(host: Host, source: str, count: int) -> int:
    return int(host.check_output("python3 -c %s %s %s", CONNECTIONS, source, str(count)))


def test_too_many_connections_are_closed(host: Host) -> None:
    assert connections(host, "127.0.0.3", 8) == 5
    assert connections(host, "127.0.0.4", 5) == 5, "another client is not to suffer"


@pytest.mark.parametrize(("length", "status"), [(1024, 200), (1025, 413), (5_000_000, 413)])
def test_announced_length_is_limited(get: Get, length: int, status: int) -> None:
    """At once, whatever comes of the body."""
    assert get("/", port=8082, method="POST", headers={"Content-Length": str(length)}, body=1024)[0] == status


def test_unannounced_length_is_limited_as_far_as_it_is_seen(host: Host) -> None:
    """What came with the head; the rest is the server's to limit."""
    program = (
        "import socket\n"
        "s = socket.create_connection(('127.0.0.1', 8082), 10)\n"
        "head = b'POST / HTTP/1.1\\r\\nHost: x\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n'\n"
        "s.sendall(head + b'500\\r\\n' + b'x' * 0x500 + b'\\r\\n0\\r\\n\\r\\n')\n"
        "print(s.recv(12).decode())"
    )
    assert host.check_output("python3 -c %s", program) == "HTTP/1.1 413"


def test_slow_clients_are_cut_off(host: Host, edit: Callable[..., None]) -> None:
    """One that feeds the head of its request by drops, and one that does not shake hands. Red without timeout
    http-request and timeout client-hs, or with longer ones. HAProxy before 3.0 bounds a handshake by
    timeout client."""
    handshake = "client-hs" if int(host.system_info.release.partition(".")[0]) >= 13 else "client"
    edit("s/timeout http-request .*/timeout http-request 2s/", f"s/timeout {handshake} .*/timeout {handshake} 2s/")
    host.check_output("systemctl reload haproxy")
    status, seconds = host.check_output("python3 -c %s", SLOW).split()
    assert status in {"408", "closed"}
    assert int(seconds) <= 4
    assert int(host.check_output("python3 -c %s", SILENT)) <= 4
