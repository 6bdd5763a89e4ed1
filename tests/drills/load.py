"""What every drill on the databases needs: writes with a ledger, a watch over who takes writes, figures and a picture.

Figures go to DRILL_RESULTS (a folder, default build/drills), for each drill a JSON file and a PNG.
"""

import json
import math
import os
import statistics
import struct
import subprocess
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any, NamedTuple, Self
from uuid import uuid4

RESULTS = Path(os.environ.get("DRILL_RESULTS", Path(__file__).resolve().parents[2] / "build/drills"))
WRITERS, PAUSE = 3, 0.05
"""Threads, and seconds between two requests of each: bounded, whatever the machine is."""
WORKERS = WRITERS + 1
"""With the one that reads: so many requests are in flight at once."""

MOST_REFUSED, REFUSED_LENGTH = 20, 1000


class Moment(NamedTuple):
    """An answer: when it came (time.monotonic()), to what, and whether it was good."""

    at: float
    kind: str
    good: bool


class Written(NamedTuple):
    """An acknowledged entry, and when the acknowledgement came (time.monotonic())."""

    identity: int
    at: float


@dataclass
class Load:
    """Writes with an idempotency key, each repeated until it is acknowledged, and reads, until the block ends."""

    site: Any
    acknowledged: dict[str, Written] = field(default_factory=dict)
    """The ledger, by key."""
    moments: list[Moment] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """What the first failed requests were told."""
    _end: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        jobs = [self._write] * WRITERS + [self._read]
        self._threads = [threading.Thread(target=job, daemon=True) for job in jobs]
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
            answer = self.site.post_json("/api/entries", entry, **{"Idempotency-Key": key})
            good = answer.status in (200, 201)
            at = self._came("write", answer, good=good)
            if good:
                self.acknowledged[key] = Written(answer.json()["id"], at)
                key = uuid4().hex

    def _read(self) -> None:
        while not self._end.wait(PAUSE):
            answer = self.site.get("/")
            self._came("read", answer, good=answer.status == 200)

    def _came(self, kind: str, answer: Any, *, good: bool) -> float:
        moment = Moment(time.monotonic(), kind, good)
        self.moments.append(moment)
        if not good and len(self.refused) < MOST_REFUSED:
            told = f"{answer.status} {answer.error} {dict(answer.headers)} {answer.body!r}"
            self.refused.append(f"{kind} at {datetime.now(UTC):%H:%M:%S.%f}: {told[:REFUSED_LENGTH]}")
        return moment.at

    def silence(self, since: float, until: float, kind: str = "write") -> tuple[float, float]:
        """The longest time without a good answer of the kind that touches this span: when it began and ended."""
        good = sorted(moment.at for moment in list(self.moments) if moment.kind == kind and moment.good)
        before = [at for at in good if at < since][-1:] or [since]
        inside = [at for at in good if since <= at <= until]
        return max(pairwise([*before, *inside, until]), key=lambda pair: pair[1] - pair[0])

    def gap(self, since: float, until: float, kind: str = "write") -> float:
        """How long that was, in seconds."""
        began, ended = self.silence(since, until, kind)
        return ended - began


# Both run in the containers, and end when their standard input does. Each line: a server's name, the moments before and
# after the question, and 1 where it takes writes.
UNTIL_TOLD = """
import os, sys, threading, time
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
"""
ASK_SERVER = (
    UNTIL_TOLD
    + """
import pymysql
connection = None
while True:
    before = time.time()
    try:
        if connection is None:
            connection = pymysql.connect(unix_socket="/run/mysqld/mysqld.sock", user="root", connect_timeout=1,
                                         read_timeout=1, autocommit=True)
            before = time.time()
        with connection.cursor() as cursor:
            cursor.execute("SELECT @@GLOBAL.read_only")
            (read_only,) = cursor.fetchone()
        print(sys.argv[1], before, time.time(), 1 - read_only, flush=True)
    except (pymysql.MySQLError, OSError):
        connection = None
        print(sys.argv[1], before, time.time(), 0, flush=True)
    time.sleep(0.1)
"""
)
ASK_ENDPOINT = (
    UNTIL_TOLD
    + """
import http.client, ssl
context = ssl.create_default_context(cafile="/etc/webstack/tls/ca.pem")
def ask(name, address):
    while True:
        connection = http.client.HTTPSConnection(address, 3308, timeout=0.5, context=context)
        before = time.time()
        try:
            connection.request("GET", "/primary")
            print(name, before, time.time(), int(connection.getresponse().status == 200), flush=True)
        except (OSError, http.client.HTTPException):
            print(name, before, time.time(), 0, flush=True)
        finally:
            connection.close()
        time.sleep(0.2)
servers = [peer.split("=") for peer in sys.argv[1:]]
for server in servers[1:]:
    threading.Thread(target=ask, args=server, daemon=True).start()
ask(*servers[0])
"""
)


class Sample(NamedTuple):
    """An answer to whether a server takes writes, and the moments (time.time()) between which that was so."""

    before: float
    after: float
    writable: bool


class Watch:
    """Asks ten times a second who takes writes, until the block ends. `questions`: a command for each who asks.

    The hosts of a lab share one clock.
    """

    def __init__(self, questions: Iterable[Sequence[str]]) -> None:
        self._questions = list(questions)
        self._series: dict[tuple[int, str], list[Sample]] = {}
        self._end = threading.Event()
        self._threads: list[threading.Thread] = []

    @classmethod
    def servers(cls, containers: Mapping[str, str]) -> Self:
        """Each server is asked itself, on its own host: one that is cut off, too. `containers`: by name."""
        return cls(
            ["docker", "exec", "-i", container, "python3", "-c", ASK_SERVER, name]
            for name, container in containers.items()
        )

    @classmethod
    def application(cls, containers: Iterable[str], addresses: Mapping[str, str]) -> Self:
        """Each application host asks each server's endpoint: what cannot be reached takes no writes of them."""
        peers = [f"{name}={address}" for name, address in addresses.items()]
        return cls(
            ["docker", "exec", "-i", container, "python3", "-c", ASK_ENDPOINT, *peers] for container in containers
        )

    def __enter__(self) -> Self:
        self._threads = [
            threading.Thread(target=self._ask, args=numbered, daemon=True) for numbered in enumerate(self._questions)
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, number: int, command: Sequence[str]) -> None:
        # A container without power is asked again until it is back.
        while not self._end.wait(0.2):
            with subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            ) as asked:
                for line in asked.stdout:
                    # Where a container has no power, the engine says so here.
                    if len(words := line.split()) != 4:
                        continue
                    name, before, after, writable = words
                    self._series.setdefault((number, name), []).append(
                        Sample(float(before), float(after), writable == "1")
                    )
                    if self._end.is_set():
                        break
                asked.stdin.close()

    @property
    def samples(self) -> dict[str, int]:
        """How often each server was asked."""
        names = sorted({name for _, name in self._series})
        return {name: sum(len(series) for (_, of), series in self._series.items() if of == name) for name in names}

    def answers(self, name: str) -> list[Sample]:
        """What the server has said, in order."""
        return sorted(sample for (_, of), series in self._series.items() if of == name for sample in series)

    def spans(self, name: str) -> list[tuple[float, float]]:
        """From when until when the server took writes for certain: between two answers in a row that say so."""
        found: list[tuple[float, float]] = []
        for (_, of), series in self._series.items():
            if of != name:
                continue
            for one, other in pairwise(list(series)):
                if not (one.writable and other.writable and other.before - one.after < 1):
                    continue
                # What was so before and after an answer was so during it.
                if found and found[-1][1] == one.before:
                    found[-1] = (found[-1][0], other.before)
                else:
                    found.append((one.after, other.before))
        return found

    def overlaps(self) -> list[tuple[float, float]]:
        """Times at which two servers took writes."""
        return [
            (max(a, c), min(b, d))
            for one, other in combinations(self.samples, 2)
            for a, b in self.spans(one)
            for c, d in self.spans(other)
            if max(a, c) < min(b, d)
        ]


@dataclass
class Record:
    """A drill under way, and what it found."""

    name: str
    load: Load
    watch: Watch
    wait_until: Callable[[Callable[[], Any], str], Any]
    given_up: set[str] = field(default_factory=set)
    """Keys of acknowledged writes that the operator of the drill has agreed to lose."""
    figures: dict[str, list[float]] = field(default_factory=dict)
    aims: dict[str, float] = field(default_factory=dict)
    marks: list[float] = field(default_factory=list)
    """Moments to be seen in the picture."""

    def mark(self) -> float:
        """Now (time.monotonic()), to be seen in the picture."""
        self.marks.append(time.monotonic())
        return self.marks[-1]

    def note(self, figure: str, value: float) -> None:
        self.figures.setdefault(figure, []).append(value)

    def aim(self, figure: str, seconds: float) -> None:
        """What the median of a figure is meant to be at most; printed beside it."""
        self.aims[figure] = seconds

    def goes_on(self, count: int = 5) -> None:
        """Wait for that many more acknowledged writes."""
        start = len(self.load.acknowledged)
        self.wait_until(lambda: len(self.load.acknowledged) >= start + count, f"{count} more acknowledged writes")

    def back_after(self, since: float) -> float:
        """Wait for writes; how many seconds after that moment the longest time without any ended."""
        self.goes_on()
        return self.load.silence(since, time.monotonic())[1] - since

    def write(self, folder: Path = RESULTS) -> None:
        """Print the figures, and keep them with a picture."""
        found = {
            "acknowledged": len(self.load.acknowledged),
            "given_up": len(self.given_up),
            "requests": len(self.load.moments),
            "failed_requests": {
                kind: sum(moment.kind == kind and not moment.good for moment in self.load.moments)
                for kind in ("read", "write")
            },
            "refused": self.load.refused,
            "samples_of_writability": self.watch.samples,
            "two_writable": len(self.watch.overlaps()),
            **{name: summary(values, self.aims.get(name)) for name, values in self.figures.items()},
        }
        FOUND[self.name] = found
        print(json.dumps({self.name: found}, indent=2))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.name}.json").write_text(json.dumps(found, indent=2) + "\n")
        if self.load.moments:
            (folder / f"{self.name}.png").write_bytes(picture(self.load.moments, self.marks))


FOUND: dict[str, dict[str, Any]] = {}
"""What the drills of this run have found, by name."""


def table(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A line for each drill: its requests, how many failed, and the median of each figure with its aim."""
    rows = [("drill", "requests", "failed reads", "failed writes", "figures (median)")]
    for name, drill in found.items():
        figures = [
            f"{figure} {values['median']}"
            + (f" (aim {values['median_aimed_at']})" if "median_aimed_at" in values else "")
            for figure, values in drill.items()
            if isinstance(values, dict) and "median" in values
        ]
        failed = drill["failed_requests"]
        rows.append((name, *(str(number) for number in (drill["requests"], *failed.values())), ", ".join(figures)))
    widths = [max(len(row[number]) for row in rows) for number in range(4)]
    return ["  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]) for row in rows]


def summary(values: Sequence[float], aim: float | None = None) -> dict[str, float]:
    found = {"min": min(values), "median": statistics.median(values), "max": max(values), "count": len(values)}
    aimed = {} if aim is None else {"median_aimed_at": aim}
    return {name: round(value, 3) for name, value in (found | aimed).items()}


COLOURS = {"write": (0x2E, 0x7D, 0x32), "read": (0x64, 0x95, 0xED), "failed": (0xC6, 0x28, 0x28)}
MARK = (0x90, 0x90, 0x90)


def picture(moments: Sequence[Moment], marks: Iterable[float] = (), width: int = 1200, height: int = 300) -> bytes:
    """A PNG of the requests over time: good writes in green, good reads in blue, failed ones in red, marks in grey."""
    start = min(moment.at for moment in moments)
    span = max(moment.at for moment in moments) - start or 1
    # A column has a second or more, or it would show single requests.
    wide = min(width, max(3, math.ceil(width / span)))

    def column(at: float) -> int:
        return min(max(int((at - start) / span * (width // wide)), 0), width // wide - 1)

    columns = [dict.fromkeys(COLOURS, 0) for _ in range(width // wide)]
    for moment in moments:
        columns[column(moment.at)][moment.kind if moment.good else "failed"] += 1
    most = max(sum(counts.values()) for counts in columns)
    marked = {column(at) for at in marks}
    pixels = [bytearray(b"\xff" * 3 * width) for _ in range(height)]
    for x, counts in ((x, columns[x // wide]) for x in range(width // wide * wide)):
        y = height
        for kind, colour in COLOURS.items():
            for _ in range(round(counts[kind] / most * (height - 10))):
                y -= 1
                pixels[y][3 * x : 3 * x + 3] = bytes(colour)
        for above in range(y if x % wide == 0 and x // wide in marked else 0):
            pixels[above][3 * x : 3 * x + 3] = bytes(MARK)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = b"".join(b"\x00" + bytes(row) for row in pixels)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
