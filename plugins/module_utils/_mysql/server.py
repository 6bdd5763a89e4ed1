"""A MySQL server as a module talks to it: rows as dicts, errors as sentences."""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Sequence
from typing import Any, Protocol

try:
    import pymysql
    import pymysql.cursors
except ImportError:
    pymysql = None  # type: ignore[assignment]

MINIMUM = (8, 4)
"""The first series whose statements and tables all have the names used here."""

LOGIN_OPTIONS = {
    "login_unix_socket": {"type": "path", "default": "/run/mysqld/mysqld.sock"},
    "login_user": {"type": "str", "default": "root"},
}
"""What every module that speaks with the host's own server takes; documented in the fragment mysql."""

NOBODY_ANSWERS = frozenset({2002, 2003})

TLS_FAILED = 2026
"""The error of MySQL's own client, and of a replica's receiver, for a TLS handshake that fails."""


class ServerError(Exception):
    """What the server, or the way to it, refused; `number` is MySQL's, or 0."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(f"{message} (MySQL error {number})" if number else message)
        self.number = number


class NoServerError(ServerError):
    """Nobody answers, or there is nothing to ask with."""


class Queries(Protocol):
    """What is asked of a server. Tests have servers of their own."""

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]: ...
    def value(self, expression: str, values: Sequence[Any] = ()) -> Any: ...


class Server:
    """A connection, made with the first statement and again after it broke."""

    def __init__(self, **arguments: Any) -> None:
        self._arguments = arguments
        self._connection: Any = None

    @classmethod
    def local(cls, unix_socket: str, user: str, timeout: float) -> Server:
        """The server of this host, through its socket."""
        return cls(unix_socket=unix_socket, user=user, connect_timeout=timeout, read_timeout=timeout)

    @classmethod
    def remote(
        cls, host: str, port: int, user: str, password: str, *, tls: bool, ca: str = "", timeout: float
    ) -> Server:
        """Another host's server, with an account and a way that are the replication connection's own."""
        tls_arguments = {"ssl": tls_context(ca)} if tls else {"ssl_disabled": True}
        return cls(
            host=host,
            port=port,
            user=user,
            password=password,
            connect_timeout=timeout,
            read_timeout=timeout,
            **tls_arguments,
        )

    def patient(self, timeout: float) -> Server:
        """The same server for a statement that takes long."""
        return Server(**{**self._arguments, "read_timeout": timeout})

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Execute one statement and return its rows, if it has any."""
        if pymysql is None:
            raise NoServerError(0, "PyMySQL is missing on this host; install python3-pymysql")
        try:
            if self._connection is None:
                self._connection = pymysql.connect(charset="utf8mb4", autocommit=True, **self._arguments)
            with self._connection.cursor(pymysql.cursors.DictCursor) as cursor:
                cursor.execute(statement, tuple(values) or None)
                return list(cursor.fetchall())
        # ValueError: PyMySQL cannot read what it was sent, such as a packet that is cut short.
        except (pymysql.MySQLError, OSError, ValueError) as error:
            number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
            if not number or isinstance(error, (OSError, pymysql.OperationalError, pymysql.InterfaceError)):
                self.close()
            message = str(error.args[1]) if number and len(error.args) > 1 else str(error)
            if isinstance(getattr(error, "original_exception", None), ssl.SSLError):
                # PyMySQL says that it cannot connect.
                number = TLS_FAILED
            raise (NoServerError if number in NOBODY_ANSWERS else ServerError)(number, message) from error

    def value(self, expression: str, values: Sequence[Any] = ()) -> Any:
        """The value of an expression such as @@GLOBAL.server_id."""
        return self.rows(f"SELECT {expression} AS value", values)[0]["value"]

    def variables(self) -> dict[str, str]:
        """Every global variable."""
        return {row["Variable_name"]: row["Value"] for row in self.rows("SHOW GLOBAL VARIABLES")}

    def plugins(self) -> frozenset[str]:
        """Names of the plugins that are active."""
        return frozenset(row["Name"] for row in self.rows("SHOW PLUGINS") if row["Status"] == "ACTIVE")

    def served_certificate(self) -> bytes:
        """The certificate that the server shows a client now, DER."""
        # Through the socket, too: that the handshake is the one that clients of the network get is all that matters.
        # Not verified, because what is compared is the certificate itself.
        other = Server(**self._arguments, ssl=tls_context())
        try:
            other.rows("SELECT 1")
            # PyMySQL has no public way to ask.
            return other._connection._sock.getpeercert(binary_form=True) or b""
        finally:
            other.close()

    def wait(self, timeout: float) -> None:
        """Return as soon as the server answers; ServerError, with the last reason, if it does not in time."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                self.rows("SELECT 1")
            except ServerError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return

    def close(self) -> None:
        """Forget the connection; the next statement makes another."""
        if self._connection is not None:
            # Fails only where PyMySQL has closed it already.
            with contextlib.suppress(pymysql.MySQLError):
                self._connection.close()
            self._connection = None


def tls_context(ca: str = "") -> ssl.SSLContext:
    """As MySQL does it: encrypted, and authenticated by name or address where there is a CA."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not ca:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        context.load_verify_locations(ca)
    except OSError as error:
        raise ServerError(TLS_FAILED, f"the CA's certificate {ca} cannot be used: {error}") from error
    return context


def text(value: str | bytes) -> str:
    """A value that MySQL may keep as bytes."""
    return value.decode() if isinstance(value, bytes) else value


def series(version: str) -> tuple[int, int]:
    """(9, 7) of 9.7.4-2."""
    major, minor = version.split("-", 1)[0].split(".")[:2]
    return int(major), int(minor)


def unsupported(version: str, comment: str = "") -> str:
    """Why this server cannot be managed, empty where it can."""
    if "mariadb" in f"{version} {comment}".lower():
        return f"this server is MariaDB ({version}), which replicates in another way; install MySQL instead"
    if series(version) < MINIMUM:
        return f"this server is MySQL {version}; upgrade it to {MINIMUM[0]}.{MINIMUM[1]} or later"
    return ""
