"""mysql-endpoint: says what the MySQL server of this host is right now, and keeps its heartbeat while it takes writes.

GET /primary    200 if it takes writes, else 503.
GET /replica    200 if it is read-only, replicates and is not too far behind, else 503.
GET /readable   200 if it answers at all, else 503.
GET /state      200 and all of that as JSON, else 503.

An answer is made of what the server itself says, at most MAX_AGE before the request. A server that says nothing within
PATIENCE is none: 503.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import ssl
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any, NoReturn

try:
    import pymysql
    import pymysql.cursors
except ImportError:  # main() says so.
    pymysql = None

MAX_AGE = 0.1
"""Seconds for which requests share what the server has said."""

PATIENCE = 1.0
"""Seconds that the server has for its answer."""

BEAT = 1.0
"""Seconds between two heartbeats."""

LOOK = 0.25
"""Seconds between two looks whether the server takes writes by now."""

MAX_CLIENTS = 50
"""Clients at a time. When there is one more, the oldest has to go: a check takes milliseconds."""

CLIENT_SECONDS = 3.0
"""For handshake, request and answer together."""

MAX_HEAD = 8192
"""Bytes of a request."""

# Mozilla's guidelines 6.0, intermediate: https://wiki.mozilla.org/Security/Server_Side_TLS. Of TLS 1.3 OpenSSL has
# the same ones.
CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)

NO_SUCH_TABLE = frozenset({1044, 1049, 1142, 1146})
"""The table, its schema or the right to it is still on its way here from the source."""

READ_ONLY = frozenset({1290, 1836})
"""Refused because the server takes no writes, which it still did a moment ago."""


class NoAnswerError(Exception):
    """The server has not said what was asked; `number` is MySQL's error, or 0."""

    def __init__(self, message: str, number: int = 0) -> None:
        super().__init__(f"{message} (MySQL error {number})" if number else message)
        self.number = number


# What the server's rows mean. No input or output from here to the next heading.

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Heartbeat:
    """A row of webstack.heartbeat. Times are UTC by the clock of the server that wrote it."""

    server_uuid: str
    server_id: int
    written: datetime
    confirmed: datetime | None
    semi_sync: bool
    timeout_ms: int
    gtid_executed: str

    @classmethod
    def of(cls, row: Row) -> Heartbeat:
        """Of what MySQL returns: times without a zone, numbers for booleans."""
        return cls(
            server_uuid=row["server_uuid"],
            server_id=int(row["server_id"]),
            written=row["written"].replace(tzinfo=timezone.utc),  # noqa: UP017
            confirmed=row["confirmed"] and row["confirmed"].replace(tzinfo=timezone.utc),  # noqa: UP017
            semi_sync=bool(row["semi_sync"]),
            timeout_ms=int(row["timeout_ms"]),
            gtid_executed=row["gtid_executed"].replace("\n", ""),
        )

    @property
    def proven_until(self) -> datetime | None:
        """Every write that was acknowledged to a client before this moment is on the replica that holds the row.

        When the heartbeat `confirmed` was acknowledged, so was every commit before it. Every other one began to wait
        after that moment, and none ends semi-sync before it has waited for the timeout.
        """
        if self.confirmed is None:
            return None
        try:
            return self.confirmed + timedelta(milliseconds=self.timeout_ms)
        except OverflowError:
            return datetime.max.replace(tzinfo=timezone.utc)  # noqa: UP017


@dataclass(frozen=True)
class SemiSync:
    """Semi-synchronous replication as the source has it at a moment."""

    on: bool = False
    waits: bool = True
    """Whether it waits for its timeout when no replica is connected (wait_no_replica), and not only when one is."""
    timeout_ms: int = 0
    replicas: int = 0
    unacknowledged: int = 0
    """Commits that no replica had acknowledged when they were answered."""
    times_off: int = 0

    @classmethod
    def of(cls, said: Mapping[str, str]) -> SemiSync:
        """Of variables and status variables by name, in small letters; none without the plugin."""
        prefix = "rpl_semi_sync_source_"
        return cls(
            on=said.get(f"{prefix}status") == "ON",
            waits=said.get(f"{prefix}wait_no_replica") == "ON",
            timeout_ms=int(said.get(f"{prefix}timeout", 0)),
            replicas=int(said.get(f"{prefix}clients", 0)),
            unacknowledged=int(said.get(f"{prefix}no_tx", 0)),
            times_off=int(said.get(f"{prefix}no_times", 0)),
        )


@dataclass(frozen=True)
class Proof:
    """The latest heartbeat that a replica has acknowledged."""

    confirmed: datetime | None = None
    timeout_ms: int = 0
    """The shortest timeout since: a commit that waits goes by the one with which it began."""

    def row(self, server: Row, now: SemiSync, written: datetime, gtid_executed: str) -> Heartbeat:
        """The next heartbeat."""
        return Heartbeat(
            server_uuid=server["server_uuid"],
            server_id=int(server["server_id"]),
            written=written,
            confirmed=self.confirmed,
            semi_sync=now.on,
            timeout_ms=now.timeout_ms if self.confirmed is None else min(self.timeout_ms, now.timeout_ms),
            gtid_executed=gtid_executed,
        )

    def after(self, written: datetime, before: SemiSync, now: SemiSync) -> Proof:
        """The proof once the commit of the heartbeat `written` has returned.

        It was acknowledged if semi-sync was on all the time, and has answered nobody else without an acknowledgement
        either: then it did not go off in between, and nobody can have ended the heartbeat's own wait but a replica.
        """
        shortest = min(before.timeout_ms, now.timeout_ms)
        throughout = before.on and now.on and before.waits and now.waits
        if throughout and (before.unacknowledged, before.times_off) == (now.unacknowledged, now.times_off):
            return Proof(written, shortest)
        return replace(self, timeout_ms=min(self.timeout_ms, shortest))


@dataclass(frozen=True)
class State:
    """What the server is."""

    read_only: bool
    super_read_only: bool
    server_uuid: str
    server_id: int
    source_host: str | None = None
    """None if it replicates from nobody; so are the next two."""
    receiver: bool | None = None
    applier: bool | None = None
    lag: float | None = None
    """Seconds since the heartbeat that it has. None on a server that takes writes, and where there is no heartbeat."""
    semi_sync: bool = False
    semi_sync_replicas: int = 0
    heartbeat: Heartbeat | None = None

    @property
    def writable(self) -> bool:
        """Whether it takes writes of everybody who may write."""
        return not (self.read_only or self.super_read_only)

    def as_dict(self, now: datetime) -> dict[str, Any]:
        """For JSON. Times are ISO 8601, in UTC."""
        beat = self.heartbeat
        return {
            "time": now.isoformat(),
            "writable": self.writable,
            "read_only": self.read_only,
            "super_read_only": self.super_read_only,
            "server_uuid": self.server_uuid,
            "server_id": self.server_id,
            "source_host": self.source_host,
            "receiver": self.receiver,
            "applier": self.applier,
            "lag_seconds": self.lag,
            "semi_sync_source": self.semi_sync,
            "semi_sync_replicas": self.semi_sync_replicas,
            "heartbeat": beat
            and {
                "server_uuid": beat.server_uuid,
                "server_id": beat.server_id,
                "written": beat.written.isoformat(),
                "confirmed": beat.confirmed and beat.confirmed.isoformat(),
                "semi_sync": beat.semi_sync,
                "timeout_ms": beat.timeout_ms,
                "proven_until": beat.proven_until and beat.proven_until.isoformat(),
                "gtid_executed": beat.gtid_executed,
            },
        }


def state_of(
    server: Row, channels: Sequence[Row], semi_sync: SemiSync, beats: Sequence[Heartbeat], now: datetime
) -> State:
    """What the rows together say. `now` is by this host's clock, as a source's heartbeat is by that one's."""
    state = State(
        read_only=bool(server["read_only"]),
        super_read_only=bool(server["super_read_only"]),
        server_uuid=server["server_uuid"],
        server_id=int(server["server_id"]),
        semi_sync=semi_sync.on,
        semi_sync_replicas=semi_sync.replicas,
    )
    if channels:
        state = replace(
            state,
            source_host=channels[0]["host"],
            receiver=all(channel["receiver"] == "ON" for channel in channels),
            applier=all(channel["applier"] == "ON" for channel in channels),
        )
    if state.writable:
        return replace(state, heartbeat=next((b for b in beats if b.server_uuid == state.server_uuid), None))
    sources = [channel["uuid"] for channel in channels]
    # A source that is itself a replica may never have had a heart: then the freshest that it passes on.
    heard = [beat for beat in beats if beat.server_uuid in sources] or beats
    beat = max(heard, key=lambda beat: beat.written, default=None)
    return replace(state, heartbeat=beat, lag=beat and round((now - beat.written).total_seconds(), 3))


def not_primary(state: State) -> str:
    """Why it is no server to write to, empty if it is one."""
    return "" if state.writable else "it is read-only"


def not_replica(state: State, max_lag: float) -> str:
    """Why it is no replica to read from, empty if it is one."""
    if not state.read_only:
        return "it takes writes"
    if state.receiver is None:
        return "it replicates from nobody"
    if not state.receiver:
        return f"it does not receive from {state.source_host}"
    if not state.applier:
        return "it does not apply what it receives"
    if state.lag is None:
        return "it has no heartbeat of its source yet"
    return "" if state.lag <= max_lag else f"it is {state.lag:.1f} s behind, more than {max_lag:g}"


def target_of(head: bytes) -> tuple[str, str]:
    """Method and path of a request's head. ValueError if it is no HTTP."""
    method, target, version = head.split(b"\r\n", 1)[0].decode("ascii").split(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError(version)
    return method, target.split("?", 1)[0]


def response(status: str, body: str, kind: str = "text/plain", *, head_only: bool = False) -> bytes:
    """A whole answer, after which the connection is closed."""
    content = f"{body}\n".encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {len(content)}\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (b"" if head_only else content)


# The MySQL server


class Link:
    """A connection to the server, made when it is needed and again after it broke."""

    def __init__(self, unix_socket: str, user: str, patience: float | None) -> None:
        self._arguments = {
            "unix_socket": unix_socket,
            "user": user,
            "connect_timeout": PATIENCE,
            "read_timeout": patience,
            "charset": "utf8mb4",
            "autocommit": True,
        }
        self._connection: Any = None

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        """What a statement returns. NoAnswerError if it does not come about; the next makes a new connection then."""
        try:
            if self._connection is None:
                self._connection = pymysql.connect(**self._arguments)
            with self._connection.cursor(pymysql.cursors.DictCursor) as cursor:
                cursor.execute(statement, values or None)
                return list(cursor.fetchall())
        except (pymysql.MySQLError, OSError, ValueError) as error:
            number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
            if number not in NO_SUCH_TABLE | READ_ONLY:
                self.close()
            raise NoAnswerError(str(error.args[-1]) if error.args else repr(error), number) from error

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(pymysql.MySQLError, OSError):
                connection.close()


SERVER = (
    "SELECT @@GLOBAL.read_only AS read_only, @@GLOBAL.super_read_only AS super_read_only,"
    " @@GLOBAL.server_uuid AS server_uuid, @@GLOBAL.server_id AS server_id"
)
CHANNELS = (
    "SELECT f.HOST AS host, s.SOURCE_UUID AS uuid, s.SERVICE_STATE AS receiver, a.SERVICE_STATE AS applier"
    " FROM performance_schema.replication_connection_configuration f"
    " JOIN performance_schema.replication_connection_status s USING (CHANNEL_NAME)"
    " JOIN performance_schema.replication_applier_status a USING (CHANNEL_NAME)"
    " WHERE f.CHANNEL_NAME NOT LIKE 'group_replication%' ORDER BY f.CHANNEL_NAME"
)
COLUMNS = ("server_uuid", "server_id", "written", "confirmed", "semi_sync", "timeout_ms", "gtid_executed")
HEARTBEATS = f"SELECT {', '.join(COLUMNS)} FROM webstack.heartbeat"  # noqa: S608
WRITE = (
    f"INSERT INTO webstack.heartbeat ({', '.join(COLUMNS)}) VALUES ({', '.join(['%s'] * len(COLUMNS))}) AS new"  # noqa: S608
    f" ON DUPLICATE KEY UPDATE {', '.join(f'{column} = new.{column}' for column in COLUMNS[1:])}"
)


def utc_now() -> datetime:
    return datetime.now(timezone.utc)  # noqa: UP017


def semi_sync(link: Link) -> SemiSync:
    rows = link.rows("SHOW GLOBAL VARIABLES LIKE 'rpl_semi_sync_source_%'")
    rows += link.rows("SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_source_%'")
    return SemiSync.of({row["Variable_name"].lower(): row["Value"] for row in rows})


def heartbeats(link: Link) -> list[Heartbeat]:
    try:
        return [Heartbeat.of(row) for row in link.rows(HEARTBEATS)]
    except NoAnswerError as error:
        if error.number in NO_SUCH_TABLE:
            return []
        raise


def observe(link: Link) -> State:
    (server,) = link.rows(SERVER)
    return state_of(server, link.rows(CHANNELS), semi_sync(link), heartbeats(link), utc_now())


class Latest:
    """What the server said last. One thread asks, when somebody wants to know; whoever wants to waits no longer than
    PATIENCE, whatever has become of that thread's question.
    """

    def __init__(self, ask: Callable[[], State]) -> None:
        self._ask = ask
        self._said = threading.Condition()
        self._wanted = False
        self._asked = float("-inf")
        self._answer: State | NoAnswerError = NoAnswerError("nobody has asked yet")

    def get(self) -> State:
        """Raises NoAnswerError."""
        oldest = time.monotonic() - MAX_AGE
        with self._said:
            if self._asked < oldest:
                self._wanted = True
                self._said.notify_all()
                if not self._said.wait_for(lambda: self._asked >= oldest, PATIENCE):
                    raise NoAnswerError(f"MySQL has not answered within {PATIENCE:g} s")
            if isinstance(self._answer, NoAnswerError):
                raise self._answer
            return self._answer

    def run(self) -> NoReturn:
        known = None
        while True:
            with self._said:
                self._said.wait_for(lambda: self._wanted)
                self._wanted = False
            # Its age counts from before the question.
            asked = time.monotonic()
            try:
                answer: State | NoAnswerError = self._ask()
            except NoAnswerError as error:
                answer = error
            with self._said:
                self._asked, self._answer = asked, answer
                self._said.notify_all()
            known = announce(known, summary(answer))


def summary(answer: State | NoAnswerError) -> str:
    """What the journal shall tell when it changes."""
    if isinstance(answer, NoAnswerError):
        return f"MySQL does not answer: {answer}"
    if answer.writable:
        return "MySQL takes writes"
    if answer.source_host is None:
        return "MySQL is read-only and replicates from nobody"
    running = {True: "runs", False: "stands still"}
    return (
        f"MySQL is a replica of {answer.source_host}; its receiver {running[bool(answer.receiver)]},"
        f" its applier {running[bool(answer.applier)]}"
    )


def announce(known: str | None, now: str) -> str:
    if now != known:
        print(now, flush=True)
    return now


class Heart:
    """Writes the heartbeat while the server takes writes.

    Its commits wait for a replica like all others, for ever if the server is told so. Nothing else waits for it.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._proof: Proof | None = None

    def beat(self) -> bool:
        """Write one; False on a server that takes no writes."""
        link = self._link
        (server,) = link.rows(SERVER)
        if server["read_only"] or server["super_read_only"]:
            # What another server proves meanwhile is in its own row.
            self._proof = None
            return False
        if self._proof is None:
            own = next((beat for beat in heartbeats(link) if beat.server_uuid == server["server_uuid"]), None)
            self._proof = Proof(own.confirmed, own.timeout_ms) if own and own.confirmed else Proof()
        before = semi_sync(link)
        gtid_executed = link.rows("SELECT @@GLOBAL.gtid_executed AS value")[0]["value"].replace("\n", "")
        row = self._proof.row(server, before, utc_now(), gtid_executed)
        values = {name: getattr(row, name) for name in COLUMNS}
        for name in ("written", "confirmed"):
            values[name] = values[name] and values[name].replace(tzinfo=None)
        try:
            link.rows(WRITE, list(values.values()))
        except NoAnswerError as error:
            if error.number in READ_ONLY:
                return False
            raise
        self._proof = self._proof.after(row.written, before, semi_sync(link))
        return True

    def run(self) -> NoReturn:
        known: str | None = "no heartbeat"
        pause = threading.Event()
        while True:
            started = time.monotonic()
            try:
                written = self.beat()
                now = "heartbeat" if written else "no heartbeat"
            except NoAnswerError as error:
                # Whether that one was written is not known, and was not confirmed.
                written, now = False, f"no heartbeat: {error}"
            known = announce(known, now)
            pause.wait(max(0.0, started + (BEAT if written else LOOK) - time.monotonic()))


# The clients


class Certificate:
    """What is spoken with clients: TLS with the files as they are now, or nothing but TCP where there are none."""

    def __init__(self, certificate: str, key: str) -> None:
        self._files = (certificate, key) if certificate else ()
        self._state: Any = None
        self._refused = ""
        self._context: ssl.SSLContext | None = None

    def load(self) -> None:
        """Read the files if they are others than before. Raises OSError, which ssl.SSLError is too."""
        state = [(at.st_ino, at.st_mtime_ns, at.st_size) for at in map(os.stat, self._files)]
        if not state or state == self._state:
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(CIPHERS)
        # Nobody comes back within the life of a ticket and with it: health checks do not.
        context.num_tickets = 0
        context.load_cert_chain(*self._files)
        self._context, self._state = context, state

    def wrap(self, client: socket.socket) -> socket.socket:
        """The client's connection as it will be spoken on. Between two files that do not belong together, the
        certificate that was good stays.
        """
        if not self._files:
            return client
        try:
            self.load()
            self._refused = ""
        except OSError as error:
            if str(error) != self._refused:
                self._refused = str(error)
                print(f"The certificate {self._files[0]} cannot be used, the one before stays: {error}", flush=True)
        assert self._context is not None  # noqa: S101
        return self._context.wrap_socket(client, server_side=True, do_handshake_on_connect=False)


class Endpoint:
    """Answers clients, each in a thread of its own, and holds to what it has: clients, seconds and bytes."""

    def __init__(self, listener: socket.socket, certificate: Certificate, answer: Callable[[str], bytes]) -> None:
        self._listener = listener
        self._certificate = certificate
        self._answer = answer
        self._lock = threading.Lock()
        self._slots = threading.Semaphore(MAX_CLIENTS)
        self._clients: dict[socket.socket, None] = {}

    def run(self, alive: Callable[[], None]) -> NoReturn:
        """Accept for ever; `alive` is called at least every second."""
        self._listener.settimeout(1)
        while True:
            alive()
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError as error:
                print(f"no client can be accepted: {error}", flush=True)
                time.sleep(0.1)
                continue
            self._admit(client)

    def _admit(self, client: socket.socket) -> None:
        try:
            client.settimeout(CLIENT_SECONDS)
            client = self._certificate.wrap(client)
        except OSError:
            client.close()
            return
        if not self._slots.acquire(blocking=False):
            with self._lock:
                oldest = next(iter(self._clients), None)
            if oldest is not None:
                # Not ssl's own, which would forget the connection while its thread uses it. That ends now.
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(oldest, socket.SHUT_RDWR)
            if not self._slots.acquire(timeout=CLIENT_SECONDS):
                client.close()
                return
        with self._lock:
            self._clients[client] = None
        try:
            threading.Thread(target=self._converse, args=(client,), daemon=True).start()
        except RuntimeError:  # no more threads
            self._dismiss(client)

    def _converse(self, client: socket.socket) -> None:
        deadline = time.monotonic() + CLIENT_SECONDS

        def hurry() -> None:
            client.settimeout(max(0.001, deadline - time.monotonic()))

        try:
            if isinstance(client, ssl.SSLSocket):
                client.do_handshake()
            head = b""
            while b"\r\n\r\n" not in head:
                hurry()
                part = client.recv(MAX_HEAD)
                head += part
                if not part or len(head) > MAX_HEAD:
                    return
            answer = self._respond(head)
            hurry()
            client.sendall(answer)
        except OSError:
            pass
        finally:
            self._dismiss(client)

    def _respond(self, head: bytes) -> bytes:
        try:
            method, path = target_of(head)
        except ValueError:
            return response("400 Bad Request", "this is no HTTP request")
        if method not in ("GET", "HEAD"):
            return response("405 Method Not Allowed", "only GET and HEAD")
        answer = self._answer(path)
        return answer.split(b"\r\n\r\n", 1)[0] + b"\r\n\r\n" if method == "HEAD" else answer

    def _dismiss(self, client: socket.socket) -> None:
        with self._lock:
            self._clients.pop(client, None)
        with contextlib.suppress(OSError):
            client.close()
        self._slots.release()


def answers(get: Callable[[], State], max_lag: float) -> Callable[[str], bytes]:
    """The answer to a path."""
    reasons: dict[str, Callable[[State], str]] = {
        "/primary": not_primary,
        "/replica": lambda state: not_replica(state, max_lag),
        "/readable": lambda state: "",
    }

    def answer(path: str) -> bytes:
        if path not in reasons and path != "/state":
            return response("404 Not Found", f"there is {', '.join(reasons)} and /state")
        try:
            state = get()
        except NoAnswerError as error:
            if path == "/state":
                return response("503 Service Unavailable", json.dumps({"error": str(error)}), "application/json")
            return response("503 Service Unavailable", f"MySQL does not answer: {error}")
        if path == "/state":
            return response("200 OK", json.dumps(state.as_dict(utc_now())), "application/json")
        reason = reasons[path](state)
        return response("503 Service Unavailable", reason) if reason else response("200 OK", "yes")

    return answer


# The process


def listen(address: str, port: int) -> socket.socket:
    """`*` is every address, of both kinds where the host has both."""
    if address == "*":
        try:
            return socket.create_server(("", port), family=socket.AF_INET6, backlog=128, dualstack_ipv6=True)
        except (OSError, ValueError):
            address = "0.0.0.0"  # noqa: S104
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, port), family=family, backlog=128)


def tell_systemd(message: str, *files: int) -> None:
    """sd_notify(3)."""
    path = os.environ.get("NOTIFY_SOCKET")
    if path:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as systemd:
            systemd.connect("\0" + path[1:] if path.startswith("@") else path)
            socket.send_fds(systemd, [message.encode()], files)


def kept_listener(address: str, port: int) -> socket.socket:
    """The listening socket that systemd has kept for us while we restarted, or a new one, which it shall keep.

    So a check that comes meanwhile waits, and is not refused: a restart takes no server out.
    """
    wanted = f"{address}-{port}".replace(":", ".")
    names = os.environ.get("LISTEN_FDNAMES", "").split(":") if os.environ.get("LISTEN_PID") == str(os.getpid()) else []
    found = None
    for number, name in enumerate(filter(None, names), start=3):
        if name == wanted and found is None:
            found = socket.socket(fileno=number)
            found.set_inheritable(False)
        else:
            os.close(number)
            tell_systemd(f"FDSTOREREMOVE=1\nFDNAME={name}")
    if found is None:
        found = listen(address, port)
        tell_systemd(f"FDSTORE=1\nFDNAME={wanted}", found.fileno())
    return found


def always(work: Callable[[], NoReturn], name: str) -> None:
    """Run in a thread what the process is nothing without: if it ends, systemd starts all anew."""

    def run() -> None:
        try:
            work()
        except BaseException:
            traceback.print_exc()
        os._exit(1)

    threading.Thread(target=run, name=name, daemon=True).start()


def main() -> int:
    parser = argparse.ArgumentParser(description="Says over HTTP what the MySQL server of this host is.")
    parser.add_argument("--address", default="*")
    parser.add_argument("--port", type=int, default=3308)
    parser.add_argument("--certificate", default="")
    parser.add_argument("--key", default="")
    parser.add_argument("--mysql-socket", default="/run/mysqld/mysqld.sock")
    parser.add_argument("--mysql-user", default="mysql-endpoint")
    parser.add_argument("--max-lag", type=float, default=5.0, help="seconds that a replica may be behind")
    options = parser.parse_args()
    if pymysql is None:
        print("PyMySQL is missing on this host: install python3-pymysql", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))

    def link(patience: float | None) -> Link:
        return Link(options.mysql_socket, options.mysql_user, patience)

    certificate = Certificate(options.certificate, options.key)
    try:
        certificate.load()
        listener = kept_listener(options.address, options.port)
    except OSError as error:
        place = options.certificate if isinstance(error, ssl.SSLError) else f"{options.address} port {options.port}"
        print(f"{error.filename or place}: {error}", file=sys.stderr)
        return 1
    asking = link(PATIENCE)
    latest = Latest(lambda: observe(asking))
    always(latest.run, "ask")
    # Without an end: a commit waits for its replica as long as the server lets it.
    always(Heart(link(None)).run, "heart")
    tell_systemd("READY=1")
    Endpoint(listener, certificate, answers(latest.get, options.max_lag)).run(lambda: tell_systemd("WATCHDOG=1"))
    return 1


if __name__ == "__main__":
    sys.exit(main())
