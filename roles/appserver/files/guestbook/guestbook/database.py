"""Sessions on the database that should answer: posts go to the primary, reads to the first in the list that is there.

A database that does not answer costs a worker one short timeout. The others are then asked before it, until a thread in
the background has seen it answer.

Which server is the primary may change behind its address. A write that meets one that takes no writes any more, or a
connection that was cut, is repeated on a new connection for a short while: that somebody moves the primary costs those
seconds, and no error. Whoever is gone for longer is not waited for.
"""

import importlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from types import ModuleType
from typing import Any, TypeVar

from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import URL, Engine, ExceptionContext
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from guestbook.settings import Settings
from guestbook.statsd import Statsd
from guestbook.tracing import watch_statements

log = logging.getLogger(__name__)
Result = TypeVar("Result")

# A statement that is rejected for what it says would be rejected by the next database too.
REJECTED = (DataError, IntegrityError, NotSupportedError, ProgrammingError)


# ER_OPTION_PREVENTS_STATEMENT (read_only, super_read_only) and ER_READ_ONLY_MODE: the connection leads to a server that
# is not the primary any more, or not yet.
READ_ONLY = frozenset({1290, 1836})

PAUSE = 0.1
"""Seconds between two attempts."""

AT_ONCE = 1.0
"""Seconds within which a first attempt has failed at once, and not by a timeout that nobody would wait for twice."""


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


def _takes_no_writes(error: BaseException | None) -> bool:
    return error is not None and bool(error.args) and error.args[0] in READ_ONLY


def _leave_wrong_server(context: ExceptionContext) -> None:
    """Have the pool replace this connection and those of its age: they lead to the same server."""
    if _takes_no_writes(context.original_exception):
        context.is_disconnect = True


@dataclass(eq=False)
class Server:
    """One database server: its connections and whether it is worth trying."""

    label: str
    engine: Engine
    retry_after: float
    gone_since: float | None = None
    """Moment (time.monotonic) at which it was found not to answer; None while it does."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def at(cls, url: URL, settings: Settings, read_timeout: int) -> "Server":
        plain, arguments = _connect_arguments(url, settings, read_timeout)
        engine = create_engine(
            plain,
            connect_args=arguments,
            pool_pre_ping=True,
            pool_recycle=600,
            future=True,
            # What somebody has written is no part of an error that is logged.
            hide_parameters=True,
        )
        event.listen(engine, "handle_error", _leave_wrong_server)
        watch_statements(engine)
        if engine.dialect.name == "mysql":
            event.listen(engine, "do_connect", mysql().connect)
            event.listen(engine, "connect", _note_name)
        return cls(f"{url.host or url.database}:{url.port or ''}".rstrip(":"), engine, settings.retry_after)

    @property
    def down(self) -> bool:
        return self.gone_since is not None

    @contextmanager
    def session(self) -> Iterator[tuple[Session, str]]:
        """A session and the name of the server that it reached."""
        with self.engine.connect() as connection, Session(connection, expire_on_commit=False, future=True) as session:
            yield session, str(connection.info.get("server", self.engine.dialect.name))

    def mark_down(self, reason: BaseException) -> None:
        with self._lock:
            if self.down:
                return
            self.gone_since = time.monotonic()
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
            self.gone_since = None
            log.warning("database %s answers again", self.label)
            return


class Database:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.statsd = Statsd(settings.statsd, settings.statsd_prefix)
        self.primary = Server.at(settings.write_url, settings, settings.write_timeout)
        self.readers = [
            self.primary if url == settings.write_url else Server.at(url, settings, settings.read_timeout)
            for url in settings.read_urls
        ]
        self._rejecting = False

    def write(self, work: Callable[[Session], Result]) -> tuple[Result, str]:
        """``work``'s result and the name of the database.

        The work may be done twice, when a connection broke before anybody knew whether it was committed; so it must
        notice what it has already done.
        """
        with self._measured("write"):
            return self._first([self.primary], work, self.settings.write_patience)

    def read(self, work: Callable[[Session], Result], *, fresh: bool = False) -> tuple[Result, str]:
        """``work``'s result and the name of the database.

        ``fresh`` asks the primary first, for somebody who has just written: a replica may be some milliseconds behind.
        """
        servers = dict.fromkeys([self.primary, *self.readers]) if fresh else self.readers
        with self._measured("read"):
            return self._first(list(servers), work, self.settings.read_patience)

    @contextmanager
    def _measured(self, kind: str) -> Iterator[None]:
        """Tell how long a visitor waits for databases, and when none could do it."""
        try:
            with self.statsd.measured("database.query", kind=kind):
                yield
        except DatabaseUnavailableError:
            self.statsd.count("database.errors", kind=kind)
            raise

    def check(self, work: Callable[[Session], Any]) -> dict[str, str | None]:
        """``work`` by a database that reads and by the one that writes; None where it could not be done."""

        def ask(servers: Sequence[Server]) -> str | None:
            try:
                return self._first(servers, work)[1]
            except DatabaseUnavailableError:
                return None
            except REJECTED as error:
                if not self._rejecting:
                    log.error("database %s has not what this release needs: %s", servers[0].label, error.orig)
                self._rejecting = True
                return None

        answered = {"read": ask(self.readers), "write": ask([self.primary])}
        self._rejecting = self._rejecting and not any(answered.values())
        return answered

    @property
    def degraded(self) -> bool:
        return any(server.down for server in [self.primary, *self.readers])

    @staticmethod
    def _first(servers: Sequence[Server], work: Callable[[Session], Result], patience: float = 0) -> tuple[Result, str]:
        """The result of the first that does it; tried again once at once, and then for as long as `patience` has it."""
        failure: Exception | None = None
        begun = time.monotonic()
        ordered = sorted(servers, key=lambda server: server.down)
        # Those who come when all have been gone for long wait no more: there would soon be no worker left for others.
        since = [server.gone_since for server in servers]
        until = (begun if None in since else max(filter(None, since))) + patience
        for attempt in count():
            # The last one is asked again, on a new connection: one that breaks says little of its server. Python can
            # even report the error of one TLS connection on the next that is read, here the fall-back's.
            for server in ordered[-1:] if attempt == 1 else ordered:
                try:
                    with server.session() as (session, name):
                        return work(session), name
                except REJECTED:
                    raise
                except (DBAPIError, PoolTimeoutError, OSError) as error:
                    failure = error
                    reason = getattr(error, "orig", None) or error
                    if not _takes_no_writes(reason):
                        server.mark_down(reason)
            pause, latest = (PAUSE, until) if attempt else (0, max(until, begun + AT_ONCE))
            if time.monotonic() + pause > latest:
                break
            time.sleep(pause)
        names = ", ".join(server.label for server in servers)
        raise DatabaseUnavailableError(f"{names}: {getattr(failure, 'orig', None) or failure}") from failure
