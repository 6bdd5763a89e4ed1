"""The statements that make databases what is listed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.statements import quoted


class DatabaseError(Exception):
    """A database that cannot be made; the message says what to write instead."""


@dataclass(frozen=True)
class Database:
    """A database, with what its tables get that say nothing else."""

    name: str
    charset: str
    collation: str


def plan(wanted: Iterable[Database], existing: Mapping[str, Database], charset_of: Mapping[str, str]) -> list[str]:
    """The statements that make the existing databases the wanted ones. Tables that are there keep what they have.

    `charset_of` is each collation's character set, as the server knows them.
    """
    steps = []
    for database in wanted:
        _check(database, charset_of)
        there = existing.get(database.name)
        if there != database:
            steps.append(
                f"{'ALTER' if there else 'CREATE'} DATABASE {quoted(database.name)}"
                f" CHARACTER SET {database.charset} COLLATE {database.collation}"
            )
    return steps


def _check(database: Database, charset_of: Mapping[str, str]) -> None:
    if database.charset not in charset_of.values():
        known = ", ".join(sorted({name for name in charset_of.values() if name.startswith(("utf8", "latin", "ascii"))}))
        raise DatabaseError(
            f"database {database.name}: the server has no character set {database.charset}; give one such as {known}"
        )
    if charset_of.get(database.collation) != database.charset:
        other = charset_of.get(database.collation)
        of = f"is of {other}" if other else "is not known to the server"
        fitting = sorted(name for name, charset in charset_of.items() if charset == database.charset)
        raise DatabaseError(
            f"database {database.name}: the collation {database.collation} {of}; give one of {database.charset}, such"
            f" as {', '.join(fitting[:3])}"
        )
