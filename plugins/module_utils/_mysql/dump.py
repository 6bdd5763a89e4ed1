"""What is in a dump of mysqldump, and what of it a database of the stack is not given. Pure.

A dump is read and rewritten line by line, long lines in pieces, so that its size does not matter. Lines with data are
not looked at. Whatever is written without line ends inside of values, as mysqldump, phpMyAdmin and others do, is read
rightly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.statements import quoted

PIECE = 1 << 20
"""Bytes that are read of a line at a time. What is looked for stands at the beginning of one."""

INNODB = "innodb"

_DATA = (b"INSERT ", b"REPLACE ", b"(", b"insert ", b"replace ")
_NAME = rb"(?:`((?:[^`]|``)+)`|([^\s`;.(*]+))"
_DATABASE = re.compile(rb"\s*(?:CREATE\s+(?:DATABASE|SCHEMA)|USE)\b(?:\s|/\*![0-9]+|IF NOT EXISTS|\*/)*" + _NAME, re.I)
_DROP = re.compile(rb"\s*(?:/\*![0-9]+\s*)?DROP\s+(?:DATABASE|SCHEMA)\b", re.I)
_GTID_PURGED = re.compile(rb"\s*SET\s+@@GLOBAL\.GTID_PURGED\b", re.I)
_UNLOGGED = re.compile(rb"\s*SET\s+(?:@MYSQLDUMP_TEMP_LOG_BIN|@@SESSION\.SQL_LOG_BIN|SQL_LOG_BIN)\b", re.I)
_DEFINER = re.compile(rb"DEFINER\s*=\s*(`(?:[^`]|``)*`|'[^']*'|[^\s@*]+)@(`(?:[^`]|``)*`|'[^']*'|[^\s*]+)", re.I)
_TABLE = re.compile(rb"\s*CREATE\s+TABLE\s+(?:IF NOT EXISTS\s+)?(?:`(?:[^`]|``)+`\.)?" + _NAME, re.I)
_ENGINE = re.compile(rb"\b(ENGINE\s*=\s*)([A-Za-z_]+)", re.I)
_MARIADB = re.compile(rb"COLLATE[\s=]+(utf8mb4_uca1400_[a-z0-9_]+|uca1400_[a-z0-9_]+)", re.I)
_HEADER = re.compile(rb"-- (?:MySQL|MariaDB) dump ")
_FOOTER = b"-- Dump completed"


@dataclass(frozen=True)
class Dump:
    """What a dump holds."""

    bytes: int = 0
    """Of its text, whatever it is compressed to."""
    tables: tuple[str, ...] = ()
    databases: tuple[str, ...] = ()
    """That it creates or changes to."""
    drops_databases: bool = False
    gtid_purged: bool = False
    unlogged: bool = False
    """It switches the binary log off for itself, so that no replica would get it."""
    definers: tuple[str, ...] = ()
    engines: Mapping[str, str] = field(default_factory=dict)
    """Of tables that are not InnoDB, by the table."""
    collations: tuple[str, ...] = ()
    """That only MariaDB has."""
    cut_off: bool = False
    """It has mysqldump's first line and not its last one."""


def pieces(file: BinaryIO) -> Iterator[tuple[bool, bytes]]:
    """The lines of a dump, long ones in pieces, and of each whether it begins a line."""
    begins = True
    while piece := file.readline(PIECE):
        yield begins, piece
        begins = piece.endswith(b"\n")


def scan(read: Iterable[tuple[bool, bytes]]) -> Dump:
    """What is in a dump."""
    size, header, last, table = 0, False, b"", ""
    tables: dict[str, None] = {}
    databases: dict[str, None] = {}
    definers: dict[str, None] = {}
    collations: dict[str, None] = {}
    engines: dict[str, str] = {}
    drops = gtid_purged = unlogged = False
    for begins, line in read:
        size += len(line)
        if begins and not line.isspace():
            last = line
        if not begins or _is_data(line):
            continue
        header = header or bool(_HEADER.match(line))
        drops = drops or bool(_DROP.match(line))
        gtid_purged = gtid_purged or bool(_GTID_PURGED.match(line))
        unlogged = unlogged or bool(_UNLOGGED.match(line))
        if match := _DATABASE.match(line):
            databases[_text(match[1] or match[2])] = None
        if match := _TABLE.match(line):
            table = _text(match[1] or match[2])
            tables[table] = None
        if _has_options(line) and (match := _ENGINE.search(line)) and _text(match[2]).lower() != INNODB:
            engines[table] = _text(match[2])
        definers.update((f"{_plain(user)}@{_plain(host)}", None) for user, host in _DEFINER.findall(line))
        collations.update((_text(name), None) for name in _MARIADB.findall(line))
    return Dump(
        bytes=size,
        tables=tuple(tables),
        databases=tuple(databases),
        drops_databases=drops,
        gtid_purged=gtid_purged,
        unlogged=unlogged,
        definers=tuple(definers),
        engines=engines,
        collations=tuple(collations),
        cut_off=header and not last.startswith(_FOOTER),
    )


def rewrite(read: Iterable[tuple[bool, bytes]], *, definer: tuple[str, str], innodb: bool) -> Iterator[bytes]:
    """The dump as it is loaded.

    What concerns the server that it was made on (GTIDs, the binary log) is left out, and what it makes is executed as
    `definer`, user and host. `innodb`: tables are made with that engine, whatever it was.
    """
    new = "DEFINER={}@{}".format(*map(quoted, definer)).encode()
    in_purged = False
    for begins, line in read:
        if in_purged:
            in_purged = not line.rstrip().endswith(b";")
            continue
        if not begins or _is_data(line):
            yield line
            continue
        if _GTID_PURGED.match(line):
            in_purged = not line.rstrip().endswith(b";")
            continue
        if _UNLOGGED.match(line):
            continue
        if _DEFINER.search(line):
            line = _DEFINER.sub(lambda _match: new, line)
        if innodb and _has_options(line):
            line = _ENGINE.sub(rb"\1InnoDB", line)
        yield line


def _is_data(line: bytes) -> bool:
    return line.lstrip().startswith(_DATA)


def _has_options(line: bytes) -> bool:
    """Whether it is the end of a CREATE TABLE, or all of one."""
    return line.startswith(b")") or bool(_TABLE.match(line))


def _text(name: bytes) -> str:
    return name.decode(errors="replace").replace("``", "`")


def _plain(name: bytes) -> str:
    return _text(name).strip("`'")
