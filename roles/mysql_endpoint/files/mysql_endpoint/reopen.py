"""Lets a server that was the primary and has restarted take writes again, where that is safe.

A process of its own beside the one that answers: it may change the server, and nobody can connect to it. Whether it is
safe is decided by `modes.pair.reopen`; here is what is seen, and how it is done: while the lock's file is kept, so that
no verb that reaches this host begins meanwhile. What it decided last stands in a file, and in `/state`.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NoReturn

from ansible_collections.foobar.webstack.plugins.module_utils._mysql import epoch, role_lock
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.epoch import Epoch
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet, one_line
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.reopen import (
    Closed,
    Observation,
    Other,
    Own,
    Reopen,
    StayClosed,
    decide,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.peers import state_of_host
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.role_lock import LockError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import Queries, Server, ServerError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.statements import (
    ALLOW_WRITES,
    SEMISYNC_SOURCE,
)

from mysql_endpoint.journal import Journal
from mysql_endpoint.proof import read_semi_sync
from mysql_endpoint.state import REOPEN_STATUS, SERVER, status_data, utc_now

INTERVAL, IDLE = 0.5, 1.0
"""Seconds between two looks; where there is nothing to be opened."""

PATIENCE = 2.0
"""Seconds that another host has for its answer."""

TIMEOUT = 5.0
"""Seconds that the server has for a statement."""

PAUSE = threading.Event().wait

FOLDER = "/run/mysql-reopen"
OPENED = f"{FOLDER}/opened.json"

SAME_START = 5.0
"""Seconds by which two readings of the moment at which a server started may differ."""

STARTED = (
    "SELECT (SELECT THREAD_OS_ID FROM performance_schema.threads WHERE NAME = 'thread/sql/main') AS process,"
    " (SELECT VARIABLE_VALUE FROM performance_schema.global_status WHERE VARIABLE_NAME = 'Uptime') AS uptime,"
    " (SELECT COUNT(*) FROM performance_schema.replication_connection_configuration) AS channels,"
    " CONNECTION_ID() AS connection"
)


@dataclass(frozen=True)
class Peer:
    """Another database host, and where its endpoint is."""

    name: str
    address: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Peer:
        """From NAME,ADDRESS,PORT. ValueError where it is something else."""
        name, address, port = text.split(",")
        return cls(name, address, int(port))


@dataclass(frozen=True)
class Start:
    """Which start of the server this is: its process, and when that began."""

    process: int
    at: float

    def same(self, other: Start | None) -> bool:
        return other is not None and self.process == other.process and abs(self.at - other.at) <= SAME_START


def in_words(told: dict[str, Any] | None) -> str:
    """The verb that holds a lock, from `Holder.as_data`; empty where none does, or one that has expired."""
    if not told or told.get("expired"):
        return ""
    return str(told.get("error") or f"{told['verb']} of {told['who']}")


def other_of(peer: Peer, told: dict[str, Any], executed: GtidSet) -> Other:
    """What another host's /state says. ValueError where it says something else."""
    if error := told.get("error"):
        return Other(peer.name, error=str(error))
    try:
        held = GtidSet.parse(f"{told['gtid_executed']},{told['gtid_received']}")
        return Other(
            peer.name,
            writable=not told["read_only"],
            source_uuid=str(told["source_uuid"] or "") if told["receiver"] else "",
            epoch=Epoch.from_data(told["epoch"]) if told["epoch"] else None,
            beyond=str(held - executed),
            lock=in_words(told["lock"]),
        )
    except (KeyError, TypeError) as error:
        # A host that this was not rolled out on yet.
        raise ValueError(f"its answer has no {error}") from error


class Reopener:
    """The server of this host, and those of the others. `ask` takes a peer and returns what its /state says."""

    def __init__(
        self,
        server: Queries,
        peers: Sequence[Peer],
        ask: Callable[[Peer], dict[str, Any]],
        *,
        lock: str = role_lock.FILE,
        opened: str = OPENED,
    ) -> None:
        self._server, self._peers, self._ask, self._lock, self._file = server, peers, ask, lock, opened

    def look(self) -> StayClosed | None:
        """Open the server if nothing speaks against it; else say what does. ServerError, LockError: that is unknown."""
        (row,) = self._server.rows(SERVER)
        if not (row["read_only"] or row["super_read_only"]):
            self._note_open()
            return None
        # Before the lock is kept and anybody else is asked: a replica stays one for years.
        found = decide(Observation(self._own(row, "")))
        if isinstance(found, StayClosed):
            return found
        with role_lock.alone(PATIENCE, self._lock) as descriptor:
            holder = role_lock.read(descriptor)
            lock = in_words(holder.as_data(time.time()) if holder else None)
            return self._decide(lock)

    def _decide(self, lock: str) -> StayClosed | None:
        (row,) = self._server.rows(SERVER)
        if not row["read_only"]:
            return None
        own, executed = self._own(row, lock), GtidSet.parse(one_line(row["gtid_executed"]))
        others: tuple[Other, ...] = ()
        if isinstance(decide(Observation(own)), Reopen) and self._peers:
            with ThreadPoolExecutor(len(self._peers)) as pool:
                others = tuple(pool.map(lambda peer: self._other(peer, executed), self._peers))
        found = decide(Observation(own, others))
        if isinstance(found, StayClosed):
            return found
        self._open()
        return None

    def _own(self, row: dict[str, Any], lock: str) -> Own:
        (started,) = self._server.rows(STARTED)
        return Own(
            server_uuid=row["server_uuid"],
            replicates=bool(started["channels"]),
            was_open=self._start(started).same(self._opened()),
            epoch=epoch.read(self._server),
            lock=lock,
            acknowledgers=read_semi_sync(self._server).replicas,
        )

    def _other(self, peer: Peer, executed: GtidSet) -> Other:
        try:
            return other_of(peer, self._ask(peer), executed)
        except (OSError, ValueError) as error:
            return Other(peer.name, error=str(error) or type(error).__name__)

    def _open(self) -> None:
        """On the one connection that has looked: a server that has restarted since does not know it."""
        (started,) = self._server.rows(STARTED)
        self._server.rows(SEMISYNC_SOURCE, ["ON" if self._peers else "OFF"])
        try:
            self._server.rows(ALLOW_WRITES)
        except ServerError:
            self._settle(int(started["connection"]))
            raise
        print("MySQL takes writes again: it was the primary, and nothing speaks against it", flush=True)

    def _settle(self, connection: int) -> None:
        """Keep the lock while the statement whose answer was lost may still be executed."""
        query = "SELECT 1 AS there FROM performance_schema.threads WHERE PROCESSLIST_ID = %s"
        while True:
            try:
                if not self._server.rows(query, [connection]):
                    return
            except ServerError as error:
                cause = getattr(error.__cause__, "original_exception", error.__cause__)
                if isinstance(cause, (ConnectionRefusedError, FileNotFoundError)):
                    # No server, no statement.
                    return
            time.sleep(INTERVAL)

    @staticmethod
    def _start(started: dict[str, Any]) -> Start:
        return Start(int(started["process"]), time.time() - float(started["uptime"]))

    def _note_open(self) -> None:
        """Write down that the server takes writes since this start of it."""
        start = self._start(self._server.rows(STARTED)[0])
        if not start.same(self._opened()):
            place(self._file, {"process": start.process, "at": start.at})

    def _opened(self) -> Start | None:
        try:
            with open(self._file, encoding="utf-8") as file:
                return Start(**json.load(file))
        except (OSError, ValueError, TypeError):
            return None

    def run(self, status: str = REOPEN_STATUS, pause: Callable[[float], object] = PAUSE) -> NoReturn:
        """Look, for ever."""
        journal = Journal()
        while True:
            closed: StayClosed | None = None
            try:
                closed = self.look()
                why = str(closed) if closed else ""
            except ServerError as error:
                why = f"MySQL does not answer: {error}"
            except LockError as error:
                why = str(error)
            place(status, status_data(why, closed.why.name.lower() if closed else "", utc_now()))
            journal.note(f"MySQL stays read-only: {why}" if why else "MySQL takes writes")
            idle = not why or (closed is not None and closed.why is Closed.REPLICATES)
            pause(IDLE if idle else INTERVAL)


def place(path: str, content: dict[str, Any]) -> None:
    """Write a file that others read, at once or not at all."""
    staged = f"{path}.new"
    with open(staged, "w", encoding="utf-8") as file:
        json.dump(content, file)
    os.chmod(staged, 0o644)
    os.replace(staged, path)


def reopener(socket: str, user: str, peers: Sequence[Peer], ca: str) -> Reopener:
    """For the server at a socket."""
    server = Server(unix_socket=socket, user=user, connect_timeout=TIMEOUT, read_timeout=TIMEOUT)
    return Reopener(server, peers, lambda peer: state_of_host(peer.address, peer.port, ca, PATIENCE))
