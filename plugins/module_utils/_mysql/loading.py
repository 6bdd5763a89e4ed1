"""A dump into an empty database: what is there already, the load, and that replicas have it."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import os
import shutil
import subprocess
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.dump import pieces, rewrite
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import Queries, Server
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.statements import quoted

ACCOUNT = "webstack_import"
"""The account that loads. It may do everything in the one database and nothing elsewhere, whatever the dump says."""

ZSTD = b"\x28\xb5\x2f\xfd"
READERS: dict[bytes, Callable[[str], Any]] = {b"\x1f\x8b": gzip.open, b"\xfd7zXZ\x00": lzma.open, b"BZh": bz2.open}
UNREADABLE = (OSError, EOFError, lzma.LZMAError, zlib.error)
"""What a file that is cut off or is no archive raises."""


class LoadError(Exception):
    """The dump cannot be read or loaded; the message says why."""


@contextlib.contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """The text of a dump, which may be compressed. LoadError where nothing here unpacks it."""
    with open(path, "rb") as file:
        start = file.read(6)
    for signature, reader in READERS.items():
        if start.startswith(signature):
            with reader(path) as text:
                yield cast(BinaryIO, text)
            return
    if not start.startswith(ZSTD):
        with open(path, "rb") as plain:
            yield plain
        return
    if not shutil.which("zstd"):
        raise LoadError(f"{path} is compressed with zstd, which is not installed here")
    with subprocess.Popen(["zstd", "-dcq", path], stdout=subprocess.PIPE) as process:  # noqa: S603, S607
        yield cast(BinaryIO, process.stdout)
        if process.wait():
            raise OSError(f"zstd ended with status {process.returncode}")


@dataclass(frozen=True)
class Database:
    """A database before an import. Tables are those with data, not views."""

    exists: bool = False
    tables: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    """Views, routines and events."""
    filled: tuple[str, ...] = ()
    """Tables with rows."""
    sessions: int = 0
    """Connections of the application's accounts."""
    free: int = 0
    """Bytes on the disk of the data."""


def look(server: Queries, database: str, clients: Sequence[str]) -> Database:
    """What is there."""
    directory = str(server.value("@@GLOBAL.datadir"))
    disk = os.statvfs(directory)
    tables = _tables(server, database)
    others = _names(server, "TABLE_NAME", "VIEWS", "TABLE_SCHEMA", database)
    others += _names(server, "ROUTINE_NAME", "ROUTINES", "ROUTINE_SCHEMA", database)
    others += _names(server, "EVENT_NAME", "EVENTS", "EVENT_SCHEMA", database)
    filled = [name for name in tables if server.rows(f"SELECT 1 FROM {quoted(database, name)} LIMIT 1")]  # noqa: S608
    sessions = 0
    if clients:
        listed = ", ".join(["%s"] * len(clients))
        sessions = int(
            server.value(f"(SELECT COUNT(*) FROM performance_schema.processlist WHERE USER IN ({listed}))", clients)  # noqa: S608
        )
    return Database(
        exists=bool(_names(server, "SCHEMA_NAME", "SCHEMATA", "SCHEMA_NAME", database)),
        tables=tuple(tables),
        others=tuple(others),
        filled=tuple(filled),
        sessions=sessions,
        free=disk.f_bavail * disk.f_frsize,
    )


def _tables(server: Queries, database: str) -> list[str]:
    """Those with data, not views."""
    return _names(server, "TABLE_NAME", "TABLES", "TABLE_SCHEMA", database, " AND TABLE_TYPE = 'BASE TABLE'")


def _names(server: Queries, column: str, place: str, schema: str, database: str, further: str = "") -> list[str]:
    rows = server.rows(
        f"SELECT {column} AS name FROM information_schema.{place} WHERE {schema} = %s{further} ORDER BY {column}",  # noqa: S608
        [database],
    )
    return [str(row["name"]) for row in rows]


@dataclass(frozen=True)
class Load:
    """What is loaded, and how."""

    file: str
    database: str
    definer: tuple[str, str]
    innodb: bool
    socket: str

    @property
    def command(self) -> list[str]:
        """MySQL's client. In binary mode it takes no commands of its own, such as those that run programs."""
        return [
            "mysql",
            "--no-defaults",
            f"--socket={self.socket}",
            f"--user={ACCOUNT}",
            "--binary-mode",
            "--default-character-set=utf8mb4",
            "--max-allowed-packet=1G",
            self.database,
        ]


def load(server: Server, wanted: Load) -> None:
    """Load the dump. LoadError where that fails, and then nothing of it is left in the database."""
    prepare_account(server, wanted.database)
    try:
        _stream(wanted)
    except LoadError:
        clear(server, wanted.database)
        raise
    finally:
        server.rows(f"DROP USER IF EXISTS {ACCOUNT}@localhost")


def prepare_account(server: Queries, database: str) -> None:
    """Make the account that loads: it comes in through the socket, as root of the operating system."""
    place = quoted(database).replace("_", r"\_")
    server.rows(f"DROP USER IF EXISTS {ACCOUNT}@localhost")
    server.rows(f"CREATE USER {ACCOUNT}@localhost IDENTIFIED WITH auth_socket AS 'root'")
    server.rows(f"GRANT ALL ON {place}.* TO {ACCOUNT}@localhost")
    # For views, triggers and routines that are executed as another account.
    server.rows(f"GRANT SET_ANY_DEFINER, ALLOW_NONEXISTENT_DEFINER ON *.* TO {ACCOUNT}@localhost")


def _stream(wanted: Load) -> None:
    broken = ""
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(  # noqa: S603
            wanted.command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said
        ) as client:
            try:
                with opened(wanted.file) as source:
                    _copy(source, cast(BinaryIO, client.stdin), wanted)
            except BrokenPipeError:
                # The client has ended; what it said is the reason.
                pass
            except UNREADABLE as error:
                broken = f"the dump cannot be read to its end: {error}"
                client.kill()
            # What it has not taken is not written any more.
            with contextlib.suppress(BrokenPipeError):
                cast(BinaryIO, client.stdin).close()
        if broken:
            raise LoadError(broken)
        if client.returncode:
            said.seek(0)
            raise LoadError(said.read(2000).decode(errors="replace").strip() or f"mysql ended with {client.returncode}")


def _copy(source: BinaryIO, sink: BinaryIO, wanted: Load) -> None:
    for piece in rewrite(pieces(source), definer=wanted.definer, innodb=wanted.innodb):
        sink.write(piece)
    sink.close()


def clear(server: Queries, database: str) -> None:
    """Make a database empty, as it was made: accounts keep their privileges in it."""
    row = server.rows(
        "SELECT DEFAULT_CHARACTER_SET_NAME AS charset, DEFAULT_COLLATION_NAME AS collation"
        " FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s",
        [database],
    )[0]
    server.rows(f"DROP DATABASE {quoted(database)}")
    server.rows(f"CREATE DATABASE {quoted(database)} CHARACTER SET {row['charset']} COLLATE {row['collation']}")


def save(socket: str, database: str, folder: str) -> str:
    """Dump a database that is replaced into a file that only root reads. Returns its name."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    file = os.path.join(folder, f"{database}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.sql")
    argv = ["mysqldump", "--no-defaults", f"--socket={socket}", "--user=root", "--single-transaction"]
    argv += [
        "--set-gtid-purged=OFF",
        "--hex-blob",
        "--routines",
        "--events",
        "--triggers",
        "--no-tablespaces",
        database,
    ]
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as output:
        done = subprocess.run(argv, stdout=output, stderr=subprocess.PIPE, check=False)  # noqa: S603
    if done.returncode:
        os.unlink(file)
        raise LoadError(f"what is there could not be saved: {done.stderr.decode(errors='replace').strip()}")
    return file


def rows_of(server: Queries, database: str) -> dict[str, int]:
    """Rows of each table."""
    return {
        name: int(server.value(f"(SELECT COUNT(*) FROM {quoted(database, name)})"))  # noqa: S608
        for name in _tables(server, database)
    }


def wait_for(server: Queries, executed: str, seconds: int) -> bool:
    """Whether the server has executed these transactions, or does in time."""
    return not int(server.value("WAIT_FOR_EXECUTED_GTID_SET(%s, %s)", [executed, seconds]))
