"""A CDN or another load balancer in front: who the visitor is, and who may say so."""

import json
from collections.abc import Callable

import pytest
from testinfra.host import Host

testinfra_hosts = ["ansible://loadbalancers"]

Get = Callable[..., tuple[int, dict[str, str], str]]

# 127.0.0.22 and .23 are trusted, too, and stand behind it.
CDN, ANYBODY = "127.0.0.21", "127.0.0.1"
PLAIN, TLS, PASSED = 8084, 8444, 8085
VISITOR = "203.0.113.5"
REQUESTS = 10

# Connections from an address, each with what is written on it, one after the other and all left open: what came back.
OPEN = """
import json, socket, sys
source, port, *texts = json.loads(sys.argv[1])
held, said = [], []
for text in texts:
    s = socket.create_connection(("127.0.0.1", port), 10, source_address=(source, 0))
    held.append(s)
    s.settimeout(1)
    try:
        s.sendall(text.encode("latin-1"))
        answer = s.recv(65536).decode()
    except TimeoutError:
        answer = "HTTP/1.1 open"
    except ConnectionResetError:
        answer = ""
    said.append([(answer.split(" ", 2) + ["-"])[1], answer.rpartition("\\r\\n\\r\\n")[2].strip()])
print(json.dumps(said))
"""

# What is written on one connection from an address, and how often each status came until it was closed.
ONE = """
import collections, json, re, socket, sys
source, port, text = json.loads(sys.argv[1])
s = socket.create_connection(("127.0.0.1", port), 10, source_address=(source, 0))
s.sendall(text.encode())
said = b"".join(iter(lambda: s.recv(65536), b"")).decode()
print(json.dumps(collections.Counter(re.findall("HTTP/1.1 ([0-9]+)", said))))
"""


def opened(host: Host, port: int, source: str, *texts: str) -> list[list[str]]:
    """Status and body of each: `open` while the request is still under way, `-` for a closed connection."""
    return json.loads(host.check_output("python3 -c %s %s", OPEN, json.dumps([source, port, *texts])))


def request(*headers: str, line: str = "GET /") -> str:
    return "\r\n".join([f"{line} HTTP/1.1", "Host: www.foobar.com", *headers, "", ""])


def proxied(visitor: str) -> str:
    """A header of the PROXY protocol, version 2, as a load balancer writes it: TCP over IPv4."""
    addresses = bytes(map(int, f"{visitor}.127.0.0.1".split(".")))
    ports = (4711).to_bytes(2, "big") + (443).to_bytes(2, "big")
    head = b"\r\n\r\n\x00\r\nQUIT\n\x21\x11" + len(addresses + ports).to_bytes(2, "big")
    return (head + addresses + ports).decode("latin-1")


def test_tls_that_a_cdn_took_off_is_not_asked_for_again(get: Get) -> None:
    """Its visitor uses HTTPS, and would be redirected for ever. Red with `ssl_fc` alone."""
    status, headers, body = get(
        "/", PLAIN, source=CDN, headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": VISITOR}
    )
    assert (status, body) == (200, f"{VISITOR} https\n")
    assert headers["strict-transport-security"] == "max-age=63072000"


@pytest.mark.parametrize("port", [PLAIN, TLS])
def test_visitors_of_a_cdn_without_tls_are_redirected(get: Get, port: int) -> None:
    """Also where the CDN itself speaks TLS to the load balancer."""
    status, headers, _ = get("/a?b", port, source=CDN, headers={"X-Forwarded-Proto": "http", "Host": "www.foobar.com"})
    assert (status, headers["location"]) == (308, "https://www.foobar.com:8444/a?b")


def test_anybody_else_is_not_believed(get: Get) -> None:
    """Neither scheme nor address. Red if they are believed, or handed on."""
    forged = {"X-Forwarded-Proto": "https", "X-Forwarded-For": VISITOR}
    assert get("/", PLAIN, source=ANYBODY, headers=forged)[0] == 308
    assert get("/", TLS, headers=forged | {"X-Forwarded-Proto": "http"})[2] == f"{ANYBODY} https\n"


@pytest.mark.parametrize(
    ("forwarded", "visitor"),
    [
        (VISITOR, VISITOR),
        ("2001:db8::5", "2001:db8::5"),
        (f"6.6.6.6, {VISITOR}", VISITOR),
        (f"6.6.6.6, {VISITOR}, 127.0.0.23,127.0.0.22", VISITOR),
        (f"6.6.6.6, {CDN}, {VISITOR}", VISITOR),
        # Who can be read is a trusted proxy: it stays with that one.
        ("127.0.0.22", "127.0.0.22"),
        ("unknown", CDN),
        (f"{VISITOR}, unknown", CDN),
        ("6.6.6.6, 127.0.0.22, unknown, 127.0.0.23", "127.0.0.23"),
        # So many stand one behind the other at most.
        (", ".join([VISITOR, *["127.0.0.22"] * 5]), "127.0.0.22"),
        (", ".join([VISITOR, *["127.0.0.22"] * 4]), VISITOR),
        (None, CDN),
    ],
)
def test_the_visitor_is_the_last_who_is_no_proxy(get: Get, forwarded: str | None, visitor: str) -> None:
    """What stands before it the visitor may have written. Red with the first address, and with the last."""
    headers = {"X-Forwarded-Proto": "https"} | ({"X-Forwarded-For": forwarded} if forwarded else {})
    assert get("/", PLAIN, source=CDN, headers=headers)[2] == f"{visitor} https\n"


def test_several_headers_are_one_list(host: Host) -> None:
    headers = ["X-Forwarded-For: 6.6.6.6", f"X-Forwarded-For: {VISITOR}", "X-Forwarded-For: 127.0.0.22"]
    assert opened(host, PLAIN, CDN, request("X-Forwarded-Proto: https", *headers)) == [["200", f"{VISITOR} https"]]


def test_visitors_of_a_cdn_are_limited_one_by_one(host: Host) -> None:
    """Requests over one connection, as a CDN sends them, are not all of one client."""

    visitors = [VISITOR] * 12 + ["203.0.113.6", "203.0.113.7"]
    text = "".join(request("X-Forwarded-Proto: https", f"X-Forwarded-For: {visitor}") for visitor in visitors)
    text += request("X-Forwarded-Proto: https", "X-Forwarded-For: 203.0.113.6", "Connection: close")
    said = json.loads(host.check_output("python3 -c %s %s", ONE, json.dumps([CDN, PLAIN, text])))
    assert said == {"200": REQUESTS + 3, "429": 2}


def test_a_visitor_has_so_many_requests_open_at_a_time(host: Host) -> None:
    """The connections are the CDN's own. Red where they are counted as one client's, or not at all."""

    def slow(visitor: str) -> str:
        headers = ("X-Forwarded-Proto: https", f"X-Forwarded-For: {visitor}", "Content-Length: 10")
        return request(*headers, line="POST /")

    said = opened(host, PLAIN, CDN, *[slow("203.0.113.8")] * 8, slow("203.0.113.9"))
    assert [status for status, _ in said] == ["open"] * 5 + ["429"] * 3 + ["open"]
    assert [status for status, _ in opened(host, PLAIN, CDN, slow("203.0.113.8"))] == ["open"], "not given back"


def test_the_log_has_the_visitor(host: Host, get: Get) -> None:
    get("/logged", PLAIN, source=CDN, headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.10"})
    line = host.check_output("journalctl --unit=haproxy --output=cat --grep='/logged\"' | tail -n 1")
    record = json.loads(line)
    assert (record["client"], record["method"], record["path"]) == ("203.0.113.10", "GET", "/logged")


def test_proxy_protocol(host: Host) -> None:
    """Who it names is the visitor, whatever that one writes into headers."""
    forged = request("X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https")
    assert opened(host, PASSED, CDN, proxied(VISITOR) + forged) == [["200", f"{VISITOR} http"]]


def test_proxy_protocol_from_others_is_refused(host: Host) -> None:
    """And none is needed of them. Red with `accept-proxy`, which takes it from everybody."""
    assert opened(host, PASSED, ANYBODY, proxied(VISITOR) + request())[0][0] != "200"
    assert opened(host, PASSED, ANYBODY, request()) == [["200", f"{ANYBODY} http"]]
    assert opened(host, PASSED, CDN, request())[0][0] == "-", "it has to write one"


def test_connections_behind_the_proxy_protocol_are_counted_by_visitor(host: Host) -> None:
    same = [proxied("203.0.113.11") + request()] * 8
    said = opened(host, PASSED, CDN, *same, proxied("203.0.113.12") + request())
    assert [status for status, _ in said] == ["200"] * 5 + ["-"] * 3 + ["200"]
