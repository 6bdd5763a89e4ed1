"""What somebody who listens to the lab's network reads: nothing."""

import contextlib
import io
import struct
import tarfile
from collections import defaultdict
from collections.abc import Iterator
from ipaddress import ip_address
from typing import NamedTuple

import docker
import pytest

MARKER = "Nobody-on-the-way-may-read-this"
METRICS = {9100, 9104, 9113, 8405}


class Side(NamedTuple):
    """One direction of a connection."""

    source: str
    port: int
    destination: str
    to_port: int


def frames(capture: bytes) -> Iterator[bytes]:
    """The Ethernet frames of a capture file (pcap, little-endian, as tcpdump writes it here)."""
    assert capture[:4] == bytes.fromhex("d4c3b2a1"), "not a capture"
    rest = io.BytesIO(capture[24:])
    while header := rest.read(16):
        yield rest.read(struct.unpack("<IIII", header)[2])


class Heard:
    """What was said over TCP: by each side of each connection, in the order in which it was seen."""

    def __init__(self) -> None:
        self.said: dict[Side, bytes] = defaultdict(bytes)
        self.begun: set[Side] = set()
        """Those whose first byte was heard; the others had begun before, and may start in the middle of a record."""

    def listen_to(self, capture: bytes) -> None:
        for frame in frames(capture):
            if frame[12:14] != b"\x08\x00" or frame[23] != 6:
                continue
            packet = frame[14:]
            header = (packet[0] & 0x0F) * 4
            length = struct.unpack(">H", packet[2:4])[0]
            segment = packet[header:length]
            source, destination = (str(ip_address(packet[start : start + 4])) for start in (12, 16))
            ports = struct.unpack(">HH", segment[:4])
            side = Side(source, ports[0], destination, ports[1])
            if segment[13] & 0x02:
                self.begun.add(side)
            payload = segment[(segment[12] >> 4) * 4 :]
            if payload:
                self.said[side] += payload


@pytest.fixture
def listening(lab):
    """Capture all that crosses the lab's bridge while the block runs: ``with listening() as heard: ...``."""

    @contextlib.contextmanager
    def listen() -> Iterator[Heard]:
        heard = Heard()
        with contextlib.closing(docker.from_env(timeout=600)) as engine:
            ear = engine.containers.run(
                "foobar-webstack/parsers:trixie",
                # Written as it comes, so that the end of the process loses nothing. SSH is this test's own.
                ["tcpdump", "-i", lab, "-s", "0", "-U", "-w", "/tmp/capture", "tcp and not port 22"],  # noqa: S108
                entrypoint=[],
                detach=True,
                network_mode="host",
                cap_add=["NET_ADMIN", "NET_RAW"],
            )
            try:
                while b"listening on" not in ear.logs():
                    ear.reload()
                    assert ear.status in {"created", "running"}, ear.logs()
                yield heard
                ear.kill(signal="INT")
                ear.wait()
                stream, _ = ear.get_archive("/tmp/capture")  # noqa: S108
                with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
                    heard.listen_to(archive.extractfile("capture").read())
            finally:
                ear.remove(force=True)

    return listen


def tls(data: bytes) -> bool:
    """Whether this is how a TLS 1.0 or later conversation begins: a handshake record."""
    return data[:2] == b"\x16\x03"


def mysql_upgraded(data: bytes) -> bool:
    """Whether a MySQL client said nothing but "let us use TLS" (SSLRequest: 32 bytes, capability 0x800), and did."""
    length = int.from_bytes(data[:3], "little")
    return length == 32 and bool(int.from_bytes(data[4:8], "little") & 0x800) and tls(data[36:])


def test_nothing_is_readable_on_the_network(listening, inventory, site, on, wait_until):
    """Every conversation is TLS, on every hop, also those that are used only when something is broken.

    Allowed in the clear is the redirect to HTTPS, MySQL's greeting before its TLS, and the numbers that the monitoring
    hosts ask for.
    """
    first = inventory.groups["loadbalancers"][0]
    redirects = (inventory.address(first), 80)
    monitoring = {inventory.address(host) for host in inventory.groups.get("monitoring", [])}
    with listening() as heard:
        assert site.plain.get("/").status == 308
        made = site.post_json("/api/entries", {"name": "drill", "message": MARKER})
        assert made.status == 201, made
        for _ in range(10):
            assert MARKER in site.get("/").body.decode()
        # Each web server uses the other's application, and each application connects to the databases anew.
        for web in inventory.groups["webservers"]:
            on(web).check_output("systemctl stop guestbook")
            statuses = [site.get("/").status for _ in range(10)]
            on(web).check_output("systemctl start guestbook")
            assert statuses == [200] * 10
            # nginx leaves a server that failed alone for some seconds; without both there would be none.
            wait_until(lambda name=web: site.get("/").headers["X-App-Server"] == name, f"{web}'s application")
            for _ in range(10):
                assert site.get("/").status == 200
        replica = next(name for name, known in inventory.hostvars.items() if known.get("mysql_role") == "replica")
        on(replica).check_output("mysql -e 'STOP REPLICA; START REPLICA'")
        made = site.post_json("/api/entries", {"name": "drill", "message": MARKER})
        assert made.status == 201, made
        count = f"mysql -NBe 'SELECT COUNT(*) FROM guestbook.entry WHERE id = {made.json()['id']}'"  # noqa: S608
        wait_until(lambda: on(replica).check_output(count) == "1", "the entry to replicate")

    assert not [side for side, data in heard.said.items() if MARKER.encode() in data]
    readable = {}
    servers = set()
    for client in heard.begun:
        server = Side(client.destination, client.to_port, client.source, client.port)
        # Whoever answers has the lower port: the stack's are all below those that clients get.
        if client.to_port > client.port or (client.destination, client.to_port) == redirects:
            continue
        servers.add((client.destination, client.to_port))
        asked, greeting = heard.said.get(client, b""), heard.said.get(server, b"")
        if client.source in monitoring and client.to_port in METRICS and asked.startswith(b"GET /metrics "):
            continue
        if asked and not tls(asked) and not (greeting[4:5] == b"\x0a" and mysql_upgraded(asked)):
            readable[client] = asked[:80]
    assert readable == {}
    # A test that heard nothing would be green too.
    expected = {
        (inventory.address(host), port)
        for group, port in {"loadbalancers": 443, "webservers": 443, "appservers": 8000, "databases": 3306}.items()
        for host in inventory.groups[group]
    }
    assert expected <= servers
