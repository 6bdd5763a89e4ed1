"""What is in a binary log, read from what mysqlbinlog prints."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mysql_backup.plan import Transaction, parse_gtids

DATA_DEFINITION = re.compile(r"\s*(?:/\*.*?\*/\s*)*(ALTER|CREATE|DROP|RENAME|TRUNCATE)\b", re.IGNORECASE | re.DOTALL)

_AT = re.compile(r"# at ([0-9]+)\n?")
_GTID_EVENT = re.compile(r"#.*\tGTID\t.*\boriginal_committed_timestamp=([0-9]+)\b.*\btransaction_length=([0-9]+)")
_USE = re.compile(r"use `(.+)`/\*!\*/;?\s*$")
_GTID_NEXT = re.compile(r"SET @@SESSION\.GTID_NEXT= '([^']+)'")


@dataclass(frozen=True)
class Scan:
    """What is in a binary log. `end`: where its last complete transaction ends, in bytes."""

    transactions: tuple[Transaction, ...]
    end: int
    statements: Mapping[str, str] = field(default_factory=dict)
    """Statements that define data, by GTID, each with the default database of its session."""


def scan(lines: Iterable[str], size: int, file: str = "") -> Scan:
    """Read the output of ``mysqlbinlog --base64-output=DECODE-ROWS`` for a file of `size` bytes.

    A transaction counts when all of it is there.
    """
    found: list[Transaction] = []
    statements: dict[str, str] = {}
    place = end = committed = length = 0
    pending = complete = False
    default = ""
    for line in lines:
        if match := _AT.match(line):
            place = int(match[1])
        elif match := _USE.match(line):
            default = f"  (in {match[1]})"
        elif match := _GTID_EVENT.match(line):
            committed, length, pending = int(match[1]), int(match[2]), True
            complete = place + length <= size
            if complete:
                end = place + length
        elif pending and (match := _GTID_NEXT.match(line)):
            pending = False
            if complete:
                # In the form in which sets write it, for a source with a tag too.
                found.append(Transaction(str(parse_gtids(match[1])), committed, file))
        elif found and complete and not pending and DATA_DEFINITION.match(line) and found[-1].gtid not in statements:
            statements[found[-1].gtid] = line.strip() + default
    return Scan(tuple(found), end, statements)


def scan_file(file: Path) -> Scan:
    """Read a binary log, whose end may be missing."""
    argv = ["mysqlbinlog", "--no-defaults", "--base64-output=DECODE-ROWS", str(file)]
    size = file.stat().st_size
    with subprocess.Popen(  # noqa: S603
        argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace"
    ) as reader:
        return scan(reader.stdout or (), size, str(file))
