"""What the environment says."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError


class SettingsError(Exception):
    """The environment cannot be used as it is."""


def _url(variable: str, text: str) -> URL:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # The URL itself holds a password: name the variable only.
        raise SettingsError(
            f"{variable} is not a database URL; write one like "
            "mysql+pymysql://user:password@address:3306/name?ssl_ca=/path/to/ca.pem"
        ) from None
    if "ssl_ca" in url.query:
        try:
            Path(url.query["ssl_ca"]).open().close()
        except OSError as error:
            raise SettingsError(
                f"{variable}: {url.query['ssl_ca']} (ssl_ca) cannot be read: {error.strerror}"
            ) from None
    return url


def _statsd(environment: Mapping[str, str]) -> tuple[str, int] | None:
    """Where numbers go, by the variables that statsd's clients know."""
    host, port = environment.get("STATSD_HOST"), environment.get("STATSD_PORT") or "8125"
    if host and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise SettingsError(f"STATSD_PORT is {port!r}; write a port, such as 8125")
    return (host, int(port)) if host else None


@dataclass(frozen=True)
class Settings:
    """Where the database is and what this application server is called.

    ``read_urls`` stand in the order of preference: the nearest replica first, the primary last. An address may be one
    behind which the servers change, such as HAProxy's.

    All times in seconds. A commit waits for a replica for 10 s (MySQL's rpl_semi_sync_source_timeout) before it goes on
    without, and must not be given up in that very moment. With what may come before it (``write_patience``, a
    connection) a write takes less than the 30 s after which a proxy or gunicorn gives up.
    """

    write_url: URL
    read_urls: tuple[URL, ...]
    server_name: str
    migrate_url: URL
    statsd: tuple[str, int] | None = None
    statsd_prefix: str = "guestbook"
    connect_timeout: int = 2
    read_timeout: int = 2
    write_timeout: int = 13
    retry_after: float = 2.0
    read_patience: float = 2.0
    write_patience: float = 5.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """What ``environment``, by default the process's own, says. Raises SettingsError."""
        environment = os.environ if environment is None else environment
        if not environment.get("DATABASE_WRITE_URL"):
            raise SettingsError("DATABASE_WRITE_URL is not set; it is the SQLAlchemy URL of the primary")
        write = _url("DATABASE_WRITE_URL", environment["DATABASE_WRITE_URL"])
        reads = tuple(_url("DATABASE_READ_URLS", text) for text in environment.get("DATABASE_READ_URLS", "").split())
        migrate = environment.get("DATABASE_MIGRATE_URL")
        return cls(
            write_url=write,
            read_urls=reads or (write,),
            server_name=environment.get("APP_SERVER_NAME") or socket.gethostname(),
            migrate_url=_url("DATABASE_MIGRATE_URL", migrate) if migrate else write,
            statsd=_statsd(environment),
            statsd_prefix=environment.get("STATSD_PREFIX") or cls.statsd_prefix,
        )
