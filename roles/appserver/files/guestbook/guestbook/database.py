"""Sessions on the database that should answer: posts go to the primary, reads to the first in the list that is there.

A database that does not answer costs a worker one short timeout. The others are then asked before it, until a thread in
the background has seen it answer.
"""

import importlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TypeVar

from sqlalchemy import URL, Engine, create_engine, event, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from guestbook.settings import Settings

log = logging.getLogger(__name__)
Result = TypeVar("Result")

# A statement that is rejected for what it says would be rejected by the next database too.
REJECTED = (DataError, IntegrityError, NotSupportedError, ProgrammingError)


class DatabaseUnavailableError(Exception):
    """No database answered that could have done it."""


def _connect_arguments(url: URL, settings: Settings, read_timeout: int) -> tuple[URL, dict[str, Any]]:
    if url.get_dialect().name != "mysql":
        return url, {}
    arguments: dict[str, Any] = {
        "charset": "utf8mb4",
        "connect_timeout": settings.connect_timeout,
        "read_timeout": read_timeout,
        "write_timeout": read_timeout,
    }
    # ?ssl_ca=/path verifies the server's certificate and the name or address in it: so do the dialect and PyMySQL then.
    # ?ssl=true encrypts without asking for the certificate, and would override that.
    if url.query.get("ssl") == "true" and "ssl_ca" not in url.query:
        arguments["ssl"] = {"check_hostname": False, "verify_mode": False}
    return url.difference_update_query(["ssl"]), arguments


def mysql() -> ModuleType:
    """What needs PyMySQL, which somebody who uses another database does not have."""
    return importlib.import_module("guestbook.mysql")


def _note_name(connection: Any, record: Any) -> None:
    """Ask a new connection which server it reached, once."""
    cursor = connection.cursor()
    try:
        cursor.execute("SELECT @@hostname")
        record.info["server"] = cursor.fetchone()[0]
    finally:
        cursor.close()


@dataclass(eq=False)
class Server:
    """One database server: its connections and whether it is worth trying."""

    label: str
    engine: Engine
    retry_after: float
    _down: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def at(cls, url: URL, settings: Settings, read_timeout: int) -> "Server":
        plain, arguments = _connect_arguments(url, settings, read_timeout)
        engine = create_engine(plain, connect_args=arguments, pool_pre_ping=True, pool_recycle=600)
        if engine.dialect.name == "mysql":
            event.listen(engine, "do_connect", mysql().connect)
            event.listen(engine, "connect", _note_name)
        return cls(f"{url.host or url.database}:{url.port or ''}".rstrip(":"), engine, settings.retry_after)

    @property
    def down(self) -> bool:
        return self._down.is_set()

    @contextmanager
    def session(self) -> Iterator[tuple[Session, str]]:
        """A session and the name of the server that it reached."""
        with self.engine.connect() as connection, Session(connection, expire_on_commit=False) as session:
            yield session, str(connection.info.get("server", self.engine.dialect.name))

    def mark_down(self, reason: BaseException) -> None:
        with self._lock:
            if self.down:
                return
            self._down.set()
        why = mysql().reason(reason) if self.engine.dialect.name == "mysql" else reason
        log.warning("database %s does not answer, asked last until it does: %s", self.label, why)
        threading.Thread(target=self._watch, name=f"watch {self.label}", daemon=True).start()

    def _watch(self) -> None:
        pause = threading.Event()
        while not pause.wait(self.retry_after):
            try:
                with self.engine.connect() as connection:
                    connection.execute(text("SELECT 1"))
            except (DBAPIError, PoolTimeoutError, OSError):
                continue
            self._down.clear()
            log.warning("database %s answers again", self.label)
            return


class Database:
    def __init__(self, settings: Settings) -> None:
        self.primary = Server.at(settings.write_url, settings, settings.write_timeout)
        self.readers = [
            self.primary if url == settings.write_url else Server.at(url, settings, settings.read_timeout)
            for url in settings.read_urls
        ]

    def write(self, work: Callable[[Session], Result]) -> tuple[Result, str]:
        """``work``'s result and the name of the database.

        The work may be done twice, when a connection broke before anybody knew whether it was committed; so it must
        notice what it has already done.
        """
        return self._first([self.primary], work)

    def read(self, work: Callable[[Session], Result], *, fresh: bool = False) -> tuple[Result, str]:
        """``work``'s result and the name of the database.

        ``fresh`` asks the primary first, for somebody who has just written: a replica may be some milliseconds behind.
        """
        servers = dict.fromkeys([self.primary, *self.readers]) if fresh else self.readers
        return self._first(list(servers), work)

    def check(self) -> dict[str, str | None]:
        """A round trip to a database that reads and to the one that writes; None where there was none."""

        def ask(servers: Sequence[Server]) -> str | None:
            try:
                return self._first(servers, lambda session: session.execute(text("SELECT 1")))[1]
            except DatabaseUnavailableError:
                return None

        return {"read": ask(self.readers), "write": ask([self.primary])}

    @property
    def degraded(self) -> bool:
        return any(server.down for server in [self.primary, *self.readers])

    @staticmethod
    def _first(servers: Sequence[Server], work: Callable[[Session], Result]) -> tuple[Result, str]:
        ordered = sorted(servers, key=lambda server: server.down)
        # The last one is asked again, on a new connection: one that breaks says little of its server. Python can even
        # report the error of one TLS connection on the next that is read, here the fall-back's.
        for server in ordered + ordered[-1:]:
            try:
                with server.session() as (session, name):
                    return work(session), name
            except REJECTED:
                raise
            except (DBAPIError, PoolTimeoutError, OSError) as error:
                server.mark_down(getattr(error, "orig", None) or error)
        raise DatabaseUnavailableError(", ".join(server.label for server in servers))
