"""What the server said last, shared by all requests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NoReturn

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import ServerError

from mysql_endpoint.journal import Journal
from mysql_endpoint.modes import MODES, Mode
from mysql_endpoint.state import State

MAX_AGE = 0.1
"""Seconds for which requests share an answer of the server."""

TIMEOUT = 1.0
"""Seconds that the server has to answer."""


class StateCache:
    """Queries the server in a thread of its own when a request wants to know.

    A request waits no longer than TIMEOUT, even where a query hangs.
    """

    def __init__(self, read: Callable[[], State], mode: Mode = MODES["pair"]) -> None:
        self._read, self._mode = read, mode
        self._changed = threading.Condition()
        self._wanted = False
        self._queried = float("-inf")
        self._result: State | ServerError = ServerError(0, "MySQL was not queried yet")

    def get(self) -> State:
        """The state, at most MAX_AGE old. Raises ServerError."""
        oldest = time.monotonic() - MAX_AGE
        with self._changed:
            if self._queried < oldest:
                self._wanted = True
                self._changed.notify_all()
                if not self._changed.wait_for(lambda: self._queried >= oldest, TIMEOUT):
                    raise ServerError(0, f"MySQL has not answered within {TIMEOUT:g} s")
            if isinstance(self._result, ServerError):
                raise self._result
            return self._result

    def run(self) -> NoReturn:
        """Query whenever somebody waits, for ever."""
        journal = Journal()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted)
                self._wanted = False
            # Its age counts from before the query.
            queried = time.monotonic()
            try:
                result: State | ServerError = self._read()
            except ServerError as error:
                result = error
            with self._changed:
                self._queried, self._result = queried, result
                self._changed.notify_all()
            journal.note(
                self._mode.summary(result) if isinstance(result, State) else f"MySQL does not answer: {result}"
            )
