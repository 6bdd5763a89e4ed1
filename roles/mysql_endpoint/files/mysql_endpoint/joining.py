"""Keeps the server in its group: it joins at boot and after it was expelled, and wakes the group where one is silent.

The process of `reopen`, for a server that belongs into a group. What to do is decided by `modes.group.reopen`; here is
what is seen, and how it is done: while the lock's file is kept, so that no verb that reaches this host begins
meanwhile. It begins a group only where every other member has just answered that it is in none and has no more than
this one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

from ansible_collections.foobar.webstack.plugins.module_utils._mysql import beginnings, group, role_lock
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.execution import execute
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.group import View
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import one_line
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.membership import (
    LEAVE,
    WAKE,
    begin,
    join,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.outage import held
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.reopen import (
    Act,
    Decision,
    Other,
    Own,
    decide,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.peers import state_of_host
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.role_lock import LockError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import Queries, Server, ServerError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.statements import Statement

from mysql_endpoint.journal import Journal
from mysql_endpoint.reopen import INTERVAL, PATIENCE, TIMEOUT, Peer, in_words, place
from mysql_endpoint.state import REOPEN_STATUS, status_data, utc_now

ENTER_SECONDS = 300.0
"""For a statement that enters or leaves the group: it waits for the others."""

PAUSE = threading.Event().wait

SERVER = (
    "SELECT @@GLOBAL.server_uuid AS server_uuid, @@GLOBAL.gtid_executed AS gtid_executed,"
    " (SELECT COUNT(*) FROM performance_schema.replication_connection_configuration"
    "  WHERE CHANNEL_NAME = '') AS channels"
)

STATEMENTS: dict[Act, tuple[Statement, ...]] = {
    Act.WAKE: (WAKE,),
    Act.LEAVE: LEAVE,
    Act.JOIN: join(),
    Act.BOOTSTRAP: begin(),
}


def other_of(peer: Peer, told: dict[str, Any]) -> Other:
    """What another host's /state says. ValueError where it says something else."""
    if error := told.get("error"):
        return Other(peer.name, error=str(error))
    try:
        uuid = str(told["server_uuid"])
        view = View.from_data(told["group"], uuid) if told["group"] else None
        return Other(
            peer.name,
            server_uuid=uuid,
            state=view.state if view else None,
            majority=bool(view and view.majority),
            held=held(told["gtid_executed"], told["gtid_received"]),
            beginnings=beginnings.from_data(told["beginnings"]),
            lock=in_words(told["lock"]),
        )
    except (KeyError, TypeError) as error:
        # A host that this was not rolled out on yet.
        raise ValueError(f"its answer has no {error}") from error


class Joiner:
    """The server of this host, and those of the others. `ask` takes a peer and returns what its /state says."""

    def __init__(
        self,
        server: Queries,
        patient: Queries,
        peers: Sequence[Peer],
        ask: Callable[[Peer], dict[str, Any]],
        *,
        lock: str = role_lock.FILE,
    ) -> None:
        self._server, self._patient, self._peers, self._ask, self._lock = server, patient, peers, ask, lock

    def look(self) -> Decision:
        """Do what is to be done; what that was, or why nothing is. ServerError, LockError: that is unknown."""
        found = decide(self._own(""))
        if found.act in (Act.NOTHING, Act.WAKE):
            self._do(found.act)
            return found
        with role_lock.alone(PATIENCE, self._lock) as descriptor:
            holder = role_lock.read(descriptor)
            found = self._decide(in_words(holder.as_data(time.time()) if holder else None))
            self._do(found.act)
            return found

    def _decide(self, lock: str) -> Decision:
        found = decide(self._own(lock))
        if found.act is not Act.JOIN:
            return found
        with ThreadPoolExecutor(max(1, len(self._peers))) as pool:
            others = tuple(pool.map(self._other, self._peers))
        # Once more what this server is: another program may have made it a member while the others were asked.
        return decide(self._own(lock), others)

    def _own(self, lock: str) -> Own:
        (row,) = self._server.rows(SERVER)
        view = group.read(self._server)
        return Own(
            server_uuid=row["server_uuid"],
            state=view.state if view else None,
            majority=bool(view and view.majority),
            suspects=bool(view and view.unreachable),
            held=held(one_line(row["gtid_executed"]), view.received if view else ""),
            beginnings=beginnings.read(self._server) if view else (),
            replicates=bool(row["channels"]),
            lock=lock,
        )

    def _other(self, peer: Peer) -> Other:
        try:
            return other_of(peer, self._ask(peer))
        except (OSError, ValueError) as error:
            return Other(peer.name, error=str(error) or type(error).__name__)

    def _do(self, act: Act) -> None:
        if act is Act.NOTHING:
            return
        if act is not Act.WAKE:
            print(f"MySQL: {act.value}", flush=True)
        if failure := execute(self._patient, STATEMENTS[act]):
            raise failure.error

    def run(self, status: str = REOPEN_STATUS, pause: Callable[[float], object] = PAUSE) -> NoReturn:
        """Look, for ever."""
        journal = Journal()
        while True:
            found: Decision | None = None
            try:
                found = self.look()
                why = str(found)
            except ServerError as error:
                why = f"MySQL does not answer, or does not enter the group: {error}"
            except LockError as error:
                why = str(error)
            code = found.why.name.lower() if found and found.why else ""
            place(status, status_data(why, code, utc_now()))
            journal.note(f"MySQL stays outside of its group: {why}" if why else "MySQL is in its group")
            pause(INTERVAL)


def joiner(socket: str, user: str, peers: Sequence[Peer], ca: str) -> Joiner:
    """For the server at a socket."""
    server = Server(unix_socket=socket, user=user, connect_timeout=TIMEOUT, read_timeout=TIMEOUT)
    patient = server.patient(ENTER_SECONDS)
    return Joiner(server, patient, peers, lambda peer: state_of_host(peer.address, peer.port, ca, PATIENCE))
