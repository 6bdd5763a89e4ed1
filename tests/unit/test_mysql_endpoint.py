"""The endpoint without a server: what rows mean, what a heartbeat proves, and who may keep it from answering."""

import asyncio
import http.client
import json
import os
import select
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.heartbeat import Heartbeat
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import ServerError
from ansible_collections.foobar.webstack.plugins.plugin_utils.zipapp import build
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mysql_endpoint import server as server_module
from mysql_endpoint.answers import answers, parse, response
from mysql_endpoint.cache import MAX_AGE, StateCache
from mysql_endpoint.proof import Proof, SemiSync
from mysql_endpoint.server import MAX_CLIENTS, MAX_HEAD, HttpServer
from mysql_endpoint.state import not_primary, not_replica, state_of
from mysql_endpoint.systemd import listen
from mysql_endpoint.tls import Certificate
from patience import until
from throwaway_ca import Authority

ROLE = Path(__file__).resolve().parents[2] / "roles/mysql_endpoint"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def beat(uuid: str = "source", written: datetime = NOW, confirmed: datetime | None = None, **more: Any) -> Any:
    return Heartbeat.from_row(
        {
            "server_uuid": uuid,
            "server_id": 1,
            "written": written.replace(tzinfo=None),
            "confirmed": confirmed and confirmed.replace(tzinfo=None),
            "semi_sync": 1,
            "timeout_ms": 10_000,
            "gtid_executed": "source:1-5",
        }
        | more
    )


def state(
    read_only: int = 1,
    super_read_only: int = 1,
    channels: tuple[tuple[str, str], ...] = (("ON", "ON"),),
    beats: tuple[Any, ...] = (beat(written=ago(0.5)),),
) -> Any:
    server = {"read_only": read_only, "super_read_only": super_read_only, "server_uuid": "here", "server_id": 2}
    server["gtid_executed"] = "here:1-3"
    rows = [{"host": "198.18.0.31", "uuid": "source", "receiver": r, "applier": a, "received": ""} for r, a in channels]
    return state_of(server, rows, SemiSync(on=True, replicas=1), beats, NOW)


class TestState:
    @pytest.mark.parametrize(
        ("found", "primary", "replica"),
        [
            pytest.param({}, "it is read-only", "", id="a replica"),
            pytest.param(
                {"read_only": 0, "super_read_only": 0}, "", "it takes writes", id="writable, though a replica"
            ),
            pytest.param(
                {"read_only": 0, "super_read_only": 0, "channels": (), "beats": ()},
                "",
                "it takes writes",
                id="a source",
            ),
            pytest.param({"super_read_only": 0}, "it is read-only", "", id="root may write, nobody else"),
            pytest.param(
                {"channels": ()}, "it is read-only", "it replicates from nobody", id="a crashed source that came back"
            ),
            pytest.param(
                {"channels": (("CONNECTING", "ON"),)},
                "it is read-only",
                "it does not receive from 198.18.0.31",
                id="the source is gone",
            ),
            pytest.param(
                {"channels": (("OFF", "ON"),)},
                "it is read-only",
                "it does not receive from 198.18.0.31",
                id="the receiver is stopped",
            ),
            pytest.param(
                {"channels": (("ON", "OFF"),)},
                "it is read-only",
                "it does not apply what it receives",
                id="the applier is stopped",
            ),
            pytest.param(
                {"channels": (("ON", "ON"), ("ON", "OFF"))},
                "it is read-only",
                "it does not apply what it receives",
                id="one of two channels",
            ),
            pytest.param(
                {"beats": ()}, "it is read-only", "it has no heartbeat of its source yet", id="no heartbeat came yet"
            ),
            pytest.param({"beats": (beat(written=ago(5)),)}, "it is read-only", "", id="just within the bound"),
            pytest.param(
                {"beats": (beat(written=ago(5.1)),)},
                "it is read-only",
                "it is 5.1 s behind, more than 5",
                id="too far behind",
            ),
            pytest.param({"beats": (beat(written=ago(-2)),)}, "it is read-only", "", id="the source's clock is ahead"),
            pytest.param(
                {"beats": (beat("other"), beat(written=ago(60)))},
                "it is read-only",
                "it is 60.0 s behind, more than 5",
                id="another server's heartbeat says nothing of the source",
            ),
            pytest.param(
                {"beats": (beat("first", ago(60)), beat("second", ago(1)))},
                "it is read-only",
                "",
                id="a source that passes on its source's",
            ),
        ],
    )
    def test_what_it_is(self, found: dict[str, Any], primary: str, replica: str) -> None:
        seen = state(**found)
        assert (not_primary(seen), not_replica(seen, 5)) == (primary, replica)

    @given(st.integers(0, 1), st.integers(0, 1), st.sampled_from([(), (("ON", "ON"),), (("OFF", "ON"),)]))
    def test_nobody_is_both(self, read_only: int, super_read_only: int, channels: Any) -> None:
        """super_read_only without read_only is what MySQL does not let be; writes go to neither then."""
        seen = state(read_only=read_only, super_read_only=super_read_only, channels=channels)
        assert not_primary(seen) or not_replica(seen, 5)
        assert seen.writable == (read_only == super_read_only == 0)

    def test_a_source_shows_its_own_heartbeat_and_no_lag(self) -> None:
        seen = state(read_only=0, super_read_only=0, channels=(), beats=(beat("other"), beat("here", ago(30))))
        assert (seen.heartbeat.server_uuid, seen.lag) == ("here", None)

    def test_json_has_every_field_that_others_rely_on(self) -> None:
        shown = json.loads(json.dumps(state(beats=(beat(written=ago(0.25), confirmed=ago(1.25)),)).as_dict(NOW)))
        own = beat(written=ago(0.25), confirmed=ago(1.25))
        assert shown == {
            "time": NOW.isoformat(),
            "writable": False,
            "read_only": True,
            "super_read_only": True,
            "server_uuid": "here",
            "server_id": 2,
            "source_host": "198.18.0.31",
            "receiver": True,
            "applier": True,
            "lag_seconds": 0.25,
            "semi_sync_source": True,
            "semi_sync_replicas": 1,
            "heartbeat": {
                "server_uuid": "source",
                "server_id": 1,
                "written": own.written.isoformat(),
                "confirmed": own.confirmed.isoformat(),
                "semi_sync": True,
                "timeout_ms": 10_000,
                "proven_until": ago(-8.75).isoformat(),
                "gtid_executed": "source:1-5",
            },
            "source_uuid": "source",
            "gtid_executed": "here:1-3",
            "gtid_received": "",
            "epoch": None,
            "group": None,
            "beginnings": [],
            "lock": None,
            "reopen": None,
        }
        assert state(beats=(), channels=()).as_dict(NOW)["heartbeat"] is None

    def test_a_timeout_without_an_end_is_no_error(self) -> None:
        assert beat(confirmed=NOW, timeout_ms=2**64 - 1).proven_until.year == 9999
        assert beat(confirmed=None).proven_until is None

    def test_semi_sync_is_read_from_what_the_server_says(self) -> None:
        said = {
            "rpl_semi_sync_source_status": "ON",
            "rpl_semi_sync_source_wait_no_replica": "ON",
            "rpl_semi_sync_source_timeout": "10000",
            "rpl_semi_sync_source_clients": "1",
            "rpl_semi_sync_source_no_tx": "3",
            "rpl_semi_sync_source_no_times": "2",
        }
        assert SemiSync.of(said) == SemiSync(
            on=True, waits=True, timeout_ms=10_000, replicas=1, unacknowledged=3, times_off=2
        )
        assert SemiSync.of({}) == SemiSync(on=False, waits=False)


ON = SemiSync(on=True, timeout_ms=10_000)
SERVER = {"server_uuid": "here", "server_id": 1}


class TestConfirmed:
    @pytest.mark.parametrize(
        ("before", "after", "confirmed"),
        [
            pytest.param(ON, ON, True, id="acknowledged"),
            pytest.param(SemiSync(), SemiSync(), False, id="off"),
            pytest.param(ON, SemiSync(timeout_ms=10_000, unacknowledged=1), False, id="timed out"),
            pytest.param(SemiSync(timeout_ms=10_000), ON, False, id="came on meanwhile"),
            pytest.param(ON, replace(ON, unacknowledged=1, times_off=1), False, id="went off and on again"),
            pytest.param(ON, replace(ON, times_off=1), False, id="was switched off and on again"),
            pytest.param(replace(ON, waits=False), ON, False, id="ends when the replica goes"),
        ],
    )
    def test_only_what_was_acknowledged(self, before: Any, after: Any, confirmed: bool) -> None:
        old = Proof(ago(5), 10_000)
        assert (old.after(NOW, before, after).confirmed == NOW) is confirmed
        assert (Proof().after(NOW, before, after).confirmed is None) is not confirmed

    def test_a_heartbeat_never_confirms_itself(self) -> None:
        first = Proof().row(SERVER, ON, NOW, "")
        assert (first.confirmed, first.semi_sync, first.timeout_ms) == (None, True, 10_000)

    def test_the_last_proof_stays_while_semi_sync_is_off(self) -> None:
        off = SemiSync(timeout_ms=10_000)
        proof = Proof(ago(5), 10_000).after(NOW, ON, off)
        row = proof.row(SERVER, off, NOW, "")
        assert (row.confirmed, row.semi_sync) == (ago(5), False)

    def test_a_longer_timeout_lengthens_no_wait_that_has_begun(self) -> None:
        """Catches a row whose bound is the new timeout, while a commit still goes by the old one."""
        proof = Proof().after(NOW, ON, ON)
        longer = replace(ON, timeout_ms=60_000)
        assert proof.row(SERVER, longer, NOW, "").timeout_ms == 10_000
        assert proof.after(NOW, longer, longer).row(SERVER, longer, NOW, "").timeout_ms == 60_000


class Pair:
    """A source, its replica and clients, after MySQL's manual on semi-synchronous replication (AFTER_SYNC).

    Commits stand in the binary log in order. One is answered when the replica has acknowledged its place, or when any
    has waited for the timeout: then semi-sync is off, nobody waits, and what is answered counts as unacknowledged,
    until the replica has caught up. The writer's steps are apart, so that anything may happen between them.
    """

    def __init__(self) -> None:
        self.now = 0
        self.timeout = 10
        self.log: list[Any] = []
        self.waiting: dict[int, int] = {}
        self.answered: dict[int, int] = {}
        self.received = self.acknowledged = 0
        self.on = True
        self.unacknowledged = self.times_off = 0
        self.proof = Proof()
        self.writer = self.steps()

    def semi_sync(self) -> Any:
        return SemiSync(
            on=self.on, timeout_ms=self.timeout, unacknowledged=self.unacknowledged, times_off=self.times_off
        )

    def time(self) -> datetime:
        return NOW + timedelta(milliseconds=self.now)

    def answer(self, place: int) -> None:
        self.waiting.pop(place, None)
        self.answered[place] = self.now
        self.unacknowledged += not self.on

    def commit(self, what: Any) -> int:
        self.log.append(what)
        place = len(self.log) - 1
        if self.on:
            self.waiting[place] = self.now + self.timeout
        else:
            self.answer(place)
        return place

    def pass_time(self) -> None:
        self.now += 1
        if any(end <= self.now for end in self.waiting.values()):
            self.on = False
            self.times_off += 1
            for place in list(self.waiting):
                self.answer(place)

    def deliver(self) -> None:
        self.received = min(self.received + 1, len(self.log))

    def acknowledge(self) -> None:
        self.acknowledged = self.received
        for place in [place for place in self.waiting if place < self.acknowledged]:
            self.answer(place)
        self.on = self.on or self.acknowledged == len(self.log)

    def lengthen(self) -> None:
        self.timeout += 7

    def steps(self) -> Iterator[None]:
        """As HeartbeatWriter.write has them."""
        while True:
            before = self.semi_sync()
            yield
            row = self.proof.row(SERVER, before, self.time(), "")
            yield
            place = self.commit(row)
            while place in self.waiting:
                yield
            yield
            self.proof = self.proof.after(row.written, before, self.semi_sync())
            yield

    def beat(self) -> None:
        next(self.writer)

    def write(self) -> None:
        self.commit("a client's")

    def lost(self) -> list[int]:
        """Places of writes that were answered within the bound of the replica's row, and that the replica lacks."""
        rows = [row for row in self.log[: self.received] if isinstance(row, Heartbeat)]
        if not rows or rows[-1].proven_until is None:
            return []
        return [
            place
            for place, moment in self.answered.items()
            if place >= self.received and NOW + timedelta(milliseconds=moment) < rows[-1].proven_until
        ]


WHAT_HAPPENS = ["beat", "write", "pass_time", "deliver", "acknowledge", "lengthen"]
# Each ends with a write that is answered without the replica, because an older one has waited for long enough.
OLDER_COMMIT_TIMES_OUT = [("write", 1), ("pass_time", 9), ("beat", 3), ("deliver", 2), ("pass_time", 2), ("write", 1)]
CONFIRMED = [("beat", 3), ("deliver", 1), ("acknowledge", 1), ("beat", 2)]
TIMEOUT_IS_LENGTHENED = [
    *CONFIRMED,
    *[("write", 1), ("lengthen", 1), ("beat", 3), ("deliver", 2), ("pass_time", 11), ("write", 1)],
]


@given(st.lists(st.tuples(st.sampled_from(WHAT_HAPPENS), st.integers(1, 12)), max_size=60))
@example(OLDER_COMMIT_TIMES_OUT)
@example(TIMEOUT_IS_LENGTHENED)
@settings(max_examples=400)
def test_what_was_acknowledged_before_the_bound_is_on_the_replica(events: list[tuple[str, int]]) -> None:
    """At every moment, because the source may be gone at any. Red if a heartbeat confirms itself because semi-sync is
    on, if its commit's return alone confirms it, and if the timeout is the row's and not the shortest since.
    """
    pair = Pair()
    for name, times in events:
        for _ in range(times):
            getattr(pair, name)()
            assert pair.lost() == []


def test_the_bound_advances_while_the_replica_acknowledges() -> None:
    """The test of the test above, which nothing would ever contradict if nothing were ever confirmed."""
    pair = Pair()
    for _ in range(50):
        for happens in ("write", "beat", "deliver", "deliver", "acknowledge", "pass_time"):
            getattr(pair, happens)()
    last = [row for row in pair.log[: pair.received] if isinstance(row, Heartbeat)][-1]
    assert last.confirmed > NOW + timedelta(milliseconds=30)


class TestRequests:
    @pytest.mark.parametrize(
        ("head", "found"),
        [
            (b"GET /primary HTTP/1.0\r\n\r\n", ("GET", "/primary")),
            (b"HEAD /state?x=1 HTTP/1.1\r\nHost: x\r\n\r\n", ("HEAD", "/state")),
        ],
    )
    def test_method_and_path(self, head: bytes, found: tuple[str, str]) -> None:
        assert parse(head) == found

    @given(st.binary(max_size=50))
    def test_anything_else_is_no_request(self, head: bytes) -> None:
        try:
            _method, path = parse(head)
        except ValueError:
            return
        assert b" HTTP/1." in head
        assert "?" not in path

    def test_an_answer_says_its_length_and_the_end(self) -> None:
        head, _, body = response("200 OK", "yes").partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert (b"Content-Length: 4" in head, b"Connection: close" in head, body) == (True, True, b"yes\n")


class TestStateCache:
    @pytest.fixture
    def latest(self) -> Callable[[Callable[[], Any]], Any]:
        def make(ask: Callable[[], Any]) -> Any:
            made = StateCache(ask)
            threading.Thread(target=made.run, daemon=True).start()
            return made

        return make

    def test_requests_share_an_answer_for_a_tenth_of_a_second(self, latest: Any) -> None:
        asked = []
        known = latest(lambda: (asked.append(time.monotonic()), state())[1])
        end = time.monotonic() + 0.35
        while time.monotonic() < end:
            known.get()
        assert 3 <= len(asked) <= 5
        assert min(b - a for a, b in pairwise(asked)) >= MAX_AGE

    def test_an_answer_is_never_older_than_it_may_be(self, latest: Any) -> None:
        """Catches an age that counts from the answer: what the server said first may be long ago by then."""
        values = iter([state(), state(read_only=0, super_read_only=0)])

        def slowly() -> Any:
            found = next(values)
            time.sleep(0.3)
            return found

        known = latest(slowly)
        assert not known.get().writable
        assert known.get().writable

    def test_a_server_that_hangs_keeps_nobody_longer_than_a_second(self, latest: Any) -> None:
        """Red without a bound on the wait: requests would pile up behind the one question."""
        known = latest(threading.Event().wait)
        started = time.monotonic()
        problems = []

        def ask() -> None:
            with pytest.raises(ServerError, match="not answered within 1 s"):
                known.get()
            problems.append(time.monotonic() - started)

        threads = [threading.Thread(target=ask) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(problems) == 10
        assert max(problems) < 2

    def test_what_went_wrong_is_said_and_forgotten(self, latest: Any) -> None:
        outcomes = iter([ServerError(0, "gone"), None])

        def ask() -> Any:
            error = next(outcomes, None)
            if error:
                raise error
            return state()

        known = latest(ask)
        with pytest.raises(ServerError, match="gone"):
            known.get()
        time.sleep(MAX_AGE)
        assert known.get().read_only


class Served:
    """A running endpoint."""

    def __init__(self, certificate: Any, get: Callable[[], Any], ca: str = "") -> None:
        self.listener = listen("127.0.0.1", 0)
        self.address = self.listener.getsockname()
        self.ca = ca
        server = HttpServer(self.listener, certificate, answers(get, 5))
        threading.Thread(target=lambda: asyncio.run(server.run(lambda: None)), daemon=True).start()

    def silent(self) -> socket.socket:
        return socket.create_connection(self.address, 10)

    def ask(self, path: str = "/primary", method: str = "GET") -> tuple[int, str]:
        with self.silent() as client:
            if self.ca:
                context = ssl.create_default_context(cafile=self.ca)
                client = context.wrap_socket(client, server_hostname="db1")
            client.sendall(f"{method} {path} HTTP/1.0\r\n\r\n".encode())
            answer = b""
            while part := client.recv(4096):
                answer += part
            client.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split(b" ")[1]), body.decode().strip()


def certificate(folder: Path, name: str) -> tuple[str, str]:
    """A certificate for db1 with that of its authority, which is its own, and its key."""
    authority = Authority(folder / f"ca-{name}")
    issued, key = authority.issue(name, ["DNS:db1"])
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    paths[0].write_text(issued + authority.certificate.read_text())
    paths[1].write_text(key)
    return str(paths[0]), str(paths[1])


class TestEndpoint:
    def test_answers(self) -> None:
        source = Served(Certificate("", ""), lambda: state(read_only=0, super_read_only=0))
        assert source.ask("/primary") == (200, "yes")
        assert source.ask("/replica") == (503, "it takes writes")
        assert source.ask("/readable") == (200, "yes")
        assert json.loads(source.ask("/state")[1])["writable"] is True
        assert source.ask("/primary", "HEAD") == (200, "")
        assert source.ask("/primary", "POST")[0] == 405
        assert source.ask("/other")[0] == 404
        assert source.ask("no path")[0] == 400

    def test_a_server_that_says_nothing_is_none(self) -> None:
        def gone() -> Any:
            raise ServerError(2002, "Connection refused")

        served = Served(Certificate("", ""), gone)
        for path in ("/primary", "/replica", "/readable"):
            assert served.ask(path) == (503, "MySQL does not answer: Connection refused (MySQL error 2002)")
        status, body = served.ask("/state")
        assert (status, json.loads(body)) == (503, {"error": "Connection refused (MySQL error 2002)"})

    def test_silent_clients_keep_nobody_out(self, tmp_path: Path) -> None:
        """More of them than may be at a time. Red without the rule that the oldest goes."""
        files = certificate(tmp_path, "one")
        served = Served(Certificate(*files), state, files[0])
        before = threading.active_count()
        silent = [served.silent() for _ in range(MAX_CLIENTS * 2)]
        try:
            started = time.monotonic()
            assert served.ask("/replica") == (200, "yes")
            assert time.monotonic() - started < 1
            assert threading.active_count() - before <= MAX_CLIENTS
            # The one that was answered took a place, too.
            until(lambda: select.select(silent, [], [], 0)[0] == silent[: MAX_CLIENTS + 1], "the oldest to be closed")
        finally:
            for client in silent:
                client.close()

    @pytest.mark.parametrize("tls", [False, True])
    def test_a_slow_client_is_let_go(self, tmp_path: Path, tls: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        """One byte at a time starts no clock anew. Red with a timeout for each byte instead of one for all."""
        monkeypatch.setattr(server_module, "CLIENT_SECONDS", 0.5)
        files = certificate(tmp_path, "one") if tls else ("", "")
        served = Served(Certificate(*files), state, files[0])
        client = served.silent()
        if tls:
            client = ssl.create_default_context(cafile=files[0]).wrap_socket(client, server_hostname="db1")
        client.settimeout(0.1)
        started, open_still = time.monotonic(), True
        while open_still and time.monotonic() - started < 5:
            try:
                client.sendall(b"G")
                open_still = client.recv(1) != b""
            except TimeoutError:
                pass
            except OSError:
                open_still = False
        assert not open_still
        assert time.monotonic() - started < 3

    def test_an_endless_head_is_refused(self) -> None:
        served = Served(Certificate("", ""), state)
        client = served.silent()
        started = time.monotonic()
        client.sendall(b"GET / HTTP/1.0\r\nX: " + b"x" * MAX_HEAD)
        assert client.recv(1) == b""
        assert time.monotonic() - started < server_module.CLIENT_SECONDS / 2

    def test_a_new_certificate_is_used_at_once_and_a_bad_one_never(self, tmp_path: Path) -> None:
        first, second = certificate(tmp_path, "first"), certificate(tmp_path, "second")
        live = tmp_path / "live.pem", tmp_path / "live.key"

        def place(cert: str, key: str) -> None:
            for target, source in zip(live, (cert, key), strict=True):
                target.with_suffix(".new").write_bytes(Path(source).read_bytes())
                target.with_suffix(".new").replace(target)

        place(*first)
        known = Certificate(*map(str, live))
        known.load()
        served = Served(known, state, first[0])
        assert served.ask("/replica")[0] == 200
        place(second[0], first[1])
        assert served.ask("/replica")[0] == 200
        place(*second)
        with pytest.raises(ssl.SSLCertVerificationError):
            served.ask("/replica")
        served.ca = second[0]
        assert served.ask("/replica")[0] == 200
        live[1].unlink()
        assert served.ask("/replica")[0] == 200


KEEP = """
import os, sys
sys.path.insert(0, sys.argv[1])
from mysql_endpoint.systemd import kept_listener
os.environ["LISTEN_PID"] = str(os.getpid())
print(kept_listener("127.0.0.1", int(sys.argv[2])).getsockname()[1])
"""


def test_the_listening_socket_outlives_a_restart(tmp_path: Path) -> None:
    """As systemd keeps it: under its name it comes back, and one of another address does not."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd, socket.create_server(("127.0.0.1", 0)) as kept:
        systemd.bind(str(tmp_path / "notify"))
        port = kept.getsockname()[1]

        def start(name: str) -> tuple[str, bytes, int]:
            environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "LISTEN_FDNAMES": name}
            command = [sys.executable, "-c", KEEP, str(ROLE / "files"), str(port)]
            # As the number 3, which is where systemd puts the first.
            shell = ["bash", "-c", f'exec 3<&{kept.fileno()}; exec "$@"', "bash", *command]
            done = subprocess.run(
                shell, env=environment, pass_fds=[kept.fileno()], capture_output=True, text=True, check=False
            )
            systemd.settimeout(0.2)
            try:
                message, files, _flags, _address = socket.recv_fds(systemd, 1024, 1)
            except TimeoutError:
                message, files = b"", []
            for file in files:
                os.close(file)
            return done.stdout.strip() or done.stderr, message, len(files)

        assert start(f"127.0.0.1-{port}") == (str(port), b"", 0)
        said, message, _files = start("127.0.0.1-1")
        assert message == b"FDSTOREREMOVE=1\nFDNAME=127.0.0.1-1"
        assert "Address already in use" in said


PYMYSQL = """
class MySQLError(Exception): pass
class OperationalError(MySQLError): pass
class InterfaceError(MySQLError): pass
def connect(**arguments): raise OperationalError(2002, "Connection refused")
"""


def test_the_program_as_it_is_installed(tmp_path: Path) -> None:
    """Catches an import that the zip file does not hold, and a process that does not survive bad clients quietly."""
    program = tmp_path / "mysql-endpoint"
    program.write_bytes(build(ROLE / "files/mysql_endpoint"))
    (tmp_path / "pymysql").mkdir()
    (tmp_path / "pymysql/__init__.py").write_text(PYMYSQL)
    (tmp_path / "pymysql/cursors.py").write_text("class DictCursor: pass")
    files = certificate(tmp_path, "one")
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    options = [
        f"--port={port}",
        "--address=127.0.0.1",
        "--mode=pair",
        "--max-lag=5",
        "--mysql-user=x",
        "--mysql-socket=/x",
    ]
    context = ssl.create_default_context(cafile=files[0])

    def ask() -> tuple[int, str] | None:
        client = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
        try:
            client.sock = context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="db1")
            client.request("GET", "/primary")
            answer = client.getresponse()
            return answer.status, answer.read().decode().strip()
        except ConnectionRefusedError:
            return None
        finally:
            client.close()

    with subprocess.Popen(
        [sys.executable, program, *options, f"--certificate={files[0]}", f"--key={files[1]}"],
        env={"PYTHONPATH": str(tmp_path)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        try:
            assert until(ask, "an answer")[0] == 503
            for junk in (b"", b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01" + b"x" * 300):
                with socket.create_connection(("127.0.0.1", port), 10) as client:
                    client.sendall(junk)
                    client.shutdown(socket.SHUT_WR)
                    client.recv(100)
            assert ask() == (503, "MySQL does not answer: Connection refused (MySQL error 2002)")
        finally:
            process.terminate()
        said = process.communicate()[0]
    assert sorted(said.splitlines()) == [
        "MySQL does not answer: Connection refused (MySQL error 2002)",
        "no heartbeat: Connection refused (MySQL error 2002)",
    ]
    assert process.returncode == 0
