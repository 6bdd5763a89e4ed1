"""The primary moved many times, and killed many times, while the application writes.

Counted are entries that were acknowledged and are gone, moments in which two servers took writes, and how long nobody
could
write. Figures go to DRILL_RESULTS (a folder, default build/drills) as failover.json and failover.png. DRILL_SWITCHOVERS
(default 50) and DRILL_FAILOVERS (default 20) say how often.
"""

import csv
import io
import json
import os
import statistics
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import pytest

SWITCHOVERS = int(os.environ.get("DRILL_SWITCHOVERS", "50"))
FAILOVERS = int(os.environ.get("DRILL_FAILOVERS", "20"))
RESULTS = Path(os.environ.get("DRILL_RESULTS", Path(__file__).resolve().parents[2] / "build/drills"))
WRITERS, PAUSE = 3, 0.05
"""Threads, and seconds between two requests of each: bounded, whatever the machine is."""

SWITCHOVER_GAP, FAILOVER_GAP = 2.0, 10.0
"""Seconds without a write that the median must not exceed: the issue's bars, from the command on."""


@dataclass
class Load:
    """Writes with an idempotency key, each repeated until it is acknowledged, and reads; every answer with its"
    " moment."""

    front_door: Any
    acknowledged: dict[str, int] = field(default_factory=dict)
    """Identity of each entry by its key."""
    moments: list[tuple[float, str, bool]] = field(default_factory=list)
    """When, write or read, and whether it went well."""
    changed: list[str] = field(default_factory=list)
    """Keys that were answered with another entry the second time."""
    _end: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._threads = [threading.Thread(target=self._write, daemon=True) for _ in range(WRITERS)]
        self._threads.append(threading.Thread(target=self._read, daemon=True))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _write(self) -> None:
        key = uuid4().hex
        while not self._end.wait(PAUSE):
            entry = {"name": "drill", "message": key}
            answer = self.front_door.post_json("/api/entries", entry, **{"Idempotency-Key": key})
            good = answer.status in (200, 201)
            self.moments.append((time.monotonic(), "write", good))
            if good:
                identity = answer.json()["id"]
                if self.acknowledged.setdefault(key, identity) != identity:
                    self.changed.append(key)
                key = uuid4().hex

    def _read(self) -> None:
        while not self._end.wait(PAUSE):
            answer = self.front_door.get("/")
            self.moments.append((time.monotonic(), "read", answer.status == 200))

    def gap(self, since: float, until: float) -> float:
        """The longest time without an acknowledged write that touches this span."""
        written = sorted(moment for moment, kind, good in self.moments if kind == "write" and good)
        inside = [moment for moment in written if since - 1 <= moment <= until + 1]
        return max((after - before for before, after in pairwise(inside)), default=until - since)


@dataclass
class Watch:
    """Asks both servers ten times a second whether they take writes. Each has a connection that stays open."""

    on: Any
    names: list[str]
    samples: int = 0
    both: list[float] = field(default_factory=list)
    _end: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._seen: dict[str, tuple[float, bool]] = {}
        self._threads = [threading.Thread(target=self._ask, args=(name,), daemon=True) for name in self.names]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, name: str) -> None:
        host = self.on(name)
        loop = (
            "for n in $(seq 20); do mysql --connect-timeout=1 -NBe 'SELECT UNIX_TIMESTAMP(NOW(6)), @@GLOBAL.read_only'"
            " 2>/dev/null; sleep 0.1; done"
        )
        while not self._end.is_set():
            for line in host.run(loop).stdout.splitlines():
                moment, read_only = line.split()
                self._note(name, float(moment), read_only == "0")

    def _note(self, name: str, moment: float, writable: bool) -> None:
        self.samples += 1
        self._seen[f"{name} {moment}"] = (moment, writable)

    def overlaps(self) -> list[tuple[float, float]]:
        """Pairs of moments between which two servers took writes: one seen writable between two such of the other."""
        spans: dict[str, list[tuple[float, float]]] = {}
        for name in self.names:
            mine = sorted((m, w) for key, (m, w) in self._seen.items() if key.startswith(f"{name} "))
            spans[name] = [(a[0], b[0]) for a, b in pairwise(mine) if a[1] and b[1] and b[0] - a[0] < 1]
        one, other = (spans[name] for name in self.names)
        return [(max(a, c), min(b, d)) for a, b in one for c, d in other if max(a, c) < min(b, d)]


@pytest.fixture(scope="module")
def results() -> Iterator[dict[str, Any]]:
    found: dict[str, Any] = {}
    yield found
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "failover.json").write_text(json.dumps(found, indent=2))


@pytest.fixture(scope="module")
def servers(on, inventory):
    """What each database host is: primary, replica, read_only or down."""

    def ask() -> dict[str, str]:
        roles = {}
        for name in inventory.groups["databases"]:
            said = on(name).run(
                "mysql -NBe 'SELECT @@GLOBAL.read_only, COUNT(*)"
                " FROM performance_schema.replication_connection_configuration'"
            )
            if said.rc:
                roles[name] = "down"
            else:
                read_only, channels = said.stdout.split()
                roles[name] = "primary" if read_only == "0" else "replica" if channels != "0" else "read_only"
        return roles

    return ask


def which(roles: dict[str, str], role: str) -> str:
    (name,) = [name for name, found in roles.items() if found == role]
    return name


def same(on, servers, wait_until) -> None:
    """Both servers have the same transactions and the same rows."""
    primary, replica = which(servers(), "primary"), which(servers(), "replica")
    executed = on(primary).check_output("mysql -NBre 'SELECT @@GLOBAL.gtid_executed'").replace("\n", "")
    wait = f"mysql -NBe \"SELECT WAIT_FOR_EXECUTED_GTID_SET('{executed}', 30)\""
    assert on(replica).check_output(wait) == "0"
    ahead = on(replica).check_output("mysql -NBre 'SELECT @@GLOBAL.gtid_executed'").replace("\n", "")
    errant = f"mysql -NBe \"SELECT GTID_SUBTRACT('{ahead}', @@GLOBAL.gtid_executed)\""
    assert on(primary).check_output(errant) == ""
    checksum = "mysql -NBe 'CHECKSUM TABLE guestbook.entry'"
    wait_until(lambda: on(primary).check_output(checksum) == on(replica).check_output(checksum), "equal checksums")


def lost(on, servers, load: Load) -> set[int]:
    """Acknowledged entries that the primary does not have."""
    there = on(which(servers(), "primary")).check_output("mysql -NBe 'SELECT id FROM guestbook.entry'").split()
    return set(load.acknowledged.values()) - {int(one) for one in there}


def seen_down(on, inventory, name: str) -> bool:
    """Whether the HAProxy of every application host has the server down."""
    ask = (
        "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/haproxy/admin.sock'); "
        "s.sendall(b'show stat\\n'); print(b''.join(iter(lambda: s.recv(65536), b'')).decode())"
    )

    def down(host: str) -> bool:
        rows = csv.DictReader(io.StringIO(on(host).check_output("python3 -c %s", ask).lstrip("# ")))
        return any(
            (row["pxname"], row["svname"]) == ("mysql-write", name) and row["status"].startswith("DOWN") for row in rows
        )

    return all(down(host) for host in inventory.groups["appservers"])


def summary(figures: list[float]) -> dict[str, float]:
    return {"min": min(figures), "median": statistics.median(figures), "max": max(figures), "count": len(figures)}


def report(results, name: str, load: Load, watch: Watch, **figures: list[float]) -> None:
    failed = [moment for moment, _kind, good in load.moments if not good]
    results[name] = {
        "acknowledged": len(load.acknowledged),
        "requests": len(load.moments),
        "failed_requests": len(failed),
        "samples_of_writability": watch.samples,
        "two_writable": len(watch.overlaps()),
        **{key: {k: round(v, 3) for k, v in summary(values).items()} for key, values in figures.items()},
    }
    print(json.dumps({name: results[name]}, indent=2))
    RESULTS.mkdir(parents=True, exist_ok=True)
    plot(RESULTS / f"failover-{name}.png", load.moments)


def test_switchovers(on, play, servers, front_door, inventory, wait_until, results):
    """The writes moved there and back under load. Catches lost and doubled entries, divergence and two primaries."""
    gaps, seconds = [], []
    with Load(front_door) as load, Watch(on, inventory.groups["databases"]) as watch:
        wait_until(lambda: len(load.acknowledged) > 20, "writes")
        for _ in range(SWITCHOVERS):
            target = which(servers(), "replica")
            since = time.monotonic()
            run = play("switchover.yml", "-e", f"webstack_primary={target}")
            assert run.succeeded, run.output
            count = len(load.acknowledged)
            wait_until(lambda count=count: len(load.acknowledged) > count + 5, "writes to go on")
            until = time.monotonic()
            gaps.append(load.gap(since, until))
            seconds.append(until - since)
            assert which(servers(), "primary") == target
    assert lost(on, servers, load) == set()
    assert load.changed == []
    same(on, servers, wait_until)
    report(results, "switchover", load, watch, write_gap_seconds=gaps, command_seconds=seconds)
    assert watch.overlaps() == []
    assert statistics.median(gaps) <= SWITCHOVER_GAP
    again = play("switchover.yml", "-e", f"webstack_primary={which(servers(), 'primary')}")
    assert again.succeeded
    assert "takes the writes already; nothing is done" in " ".join(again.output.split())


def test_kills(on, play, servers, front_door, inventory, wait_until, results):
    """The primary's mysqld killed under load, failed over and rejoined, again and again."""
    gaps, back, rejoined = [], [], []
    with Load(front_door) as load, Watch(on, inventory.groups["databases"]) as watch:
        for _ in range(FAILOVERS):
            count = len(load.acknowledged)
            wait_until(lambda count=count: len(load.acknowledged) > count + 20, "writes")
            old, new = which(servers(), "primary"), which(servers(), "replica")
            killed = time.monotonic()
            on(old).check_output("systemctl kill --signal=SIGKILL mysql; systemctl stop mysql")
            wait_until(lambda old=old: seen_down(on, inventory, old), "every HAProxy to have seen it")
            since = time.monotonic()
            run = play("failover.yml")
            assert run.succeeded, run.output
            assert "no acknowledged write is lost" in " ".join(run.output.split())
            count = len(load.acknowledged)
            wait_until(lambda count=count: len(load.acknowledged) > count + 5, "writes to go on")
            until = time.monotonic()
            gaps.append(load.gap(killed, until))
            back.append(until - since)
            assert servers()[new] == "primary"
            since = time.monotonic()
            run = play("rejoin.yml")
            assert run.succeeded, run.output
            rejoined.append(time.monotonic() - since)
            assert servers()[old] == "replica"
            assert lost(on, servers, load) == set()
    assert load.changed == []
    same(on, servers, wait_until)
    report(results, "failover", load, watch, write_gap_seconds=gaps, writes_back_seconds=back, rejoin_seconds=rejoined)
    assert watch.overlaps() == []
    assert statistics.median(back) <= FAILOVER_GAP


def test_a_restarted_primary_takes_no_writes_until_it_is_told_to(on, play, servers, wait_until):
    """systemd starts a killed mysqld again at once: it is read-only, a plain run says so, and the verb ends that."""
    old = which(servers(), "primary")
    on(old).check_output("systemctl kill --signal=SIGKILL mysql")
    wait_until(lambda: servers()[old] == "read_only", "the server to run again, read-only")
    run = play("site.yml")
    assert not run.succeeded
    assert "playbooks/failover.yml with -e webstack_primary=<this host>" in " ".join(run.output.split())
    assert servers()[old] == "read_only"
    run = play("failover.yml")
    assert not run.succeeded, "everybody reaches it"
    run = play("failover.yml", "-e", f"webstack_primary={old}")
    assert run.succeeded, run.output
    assert servers()[old] == "primary"
    same(on, servers, wait_until)


def plot(file: Path, moments: list[tuple[float, str, bool]], width: int = 1200, height: int = 300) -> None:
    """Throughput over time as a picture: good requests a second in green (writes) and blue (reads), failed ones in"
    " red."""
    start = min(moment for moment, _kind, _good in moments)
    span = max(moment for moment, _kind, _good in moments) - start or 1
    columns: list[dict[str, int]] = [{"write": 0, "read": 0, "failed": 0} for _ in range(width)]
    for moment, kind, good in moments:
        columns[min(int((moment - start) / span * width), width - 1)][kind if good else "failed"] += 1
    most = max(sum(column.values()) for column in columns)
    colours = {"write": (0x2E, 0x7D, 0x32), "read": (0x64, 0x95, 0xED), "failed": (0xC6, 0x28, 0x28)}
    pixels = [bytearray(b"\xff" * 3 * width) for _ in range(height)]
    for x, column in enumerate(columns):
        y = height
        for kind, colour in colours.items():
            for _ in range(round(column[kind] / most * (height - 10))):
                y -= 1
                pixels[y][3 * x : 3 * x + 3] = bytes(colour)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = b"".join(b"\x00" + bytes(row) for row in pixels)
    file.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
