"""Writes the heartbeat while the server takes writes."""

from __future__ import annotations

import threading
import time
from typing import NoReturn

from ansible_collections.foobar.webstack.plugins.module_utils._mysql import heartbeat
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import one_line
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.schemas import READ_ONLY
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import Server, ServerError

from mysql_endpoint.journal import Journal
from mysql_endpoint.proof import Proof, read_semi_sync
from mysql_endpoint.state import SERVER, utc_now

INTERVAL = 1.0
"""Seconds between two heartbeats."""

POLL = 0.25
"""Seconds between two checks whether the server has become writable."""


class HeartbeatWriter:
    """Has its own connection and thread, because its commits wait for a replica like all others.

    Nothing else waits for them.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._proof: Proof | None = None

    def write(self) -> bool:
        """Write one heartbeat; False on a server that is read-only."""
        server = self._server
        (variables,) = server.rows(SERVER)
        if variables["read_only"] or variables["super_read_only"]:
            # When it is the source again, its own row holds what is proven.
            self._proof = None
            return False
        if self._proof is None:
            self._proof = self._last_proof(variables["server_uuid"])
        before = read_semi_sync(server)
        gtid_executed = one_line(server.value("@@GLOBAL.gtid_executed"))
        row = self._proof.row(variables, before, utc_now(), gtid_executed)
        try:
            server.rows(heartbeat.WRITE, row.values())
        except ServerError as error:
            if error.number in READ_ONLY:
                return False
            raise
        self._proof = self._proof.after(row.written, before, read_semi_sync(server))
        return True

    def _last_proof(self, server_uuid: str) -> Proof:
        """What the server's own row proves, after a restart of this service."""
        own = next((row for row in heartbeat.read(self._server) if row.server_uuid == server_uuid), None)
        return Proof(own.confirmed, own.timeout_ms) if own and own.confirmed else Proof()

    def run(self) -> NoReturn:
        """Write, for ever."""
        journal = Journal("no heartbeat")
        pause = threading.Event()
        while True:
            started = time.monotonic()
            try:
                written = self.write()
                journal.note("heartbeat" if written else "no heartbeat")
            except ServerError as error:
                # It may have been written. It does not count as confirmed.
                written = False
                journal.note(f"no heartbeat: {error}")
            pause.wait(max(0.0, started + (INTERVAL if written else POLL) - time.monotonic()))
