"""The command swap, on the source: put a dump's tables in the place of a database's tables."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.statements import quoted

from mysql_backup.errors import BackupError
from mysql_backup.host import Host
from mysql_backup.programs import Mysql, literal


def select(database: str, chosen: Sequence[str], restored: Mapping[str, Any]) -> dict[str, Any]:
    """What was restored, by table: of this database alone, and of it the chosen tables, or all where none is chosen."""
    tables = {
        name.removeprefix(f"{database}."): measured
        for name, measured in restored.items()
        if name.startswith(f"{database}.")
    }
    return {name: measured for name, measured in tables.items() if not chosen or name in chosen}


def swap(host: Host, database: str, file: Path, expected: Mapping[str, Mapping[str, Any]], *, check: bool) -> None:
    """Load a dump beside a database, compare, and exchange the tables in one statement.

    `expected`: rows and checksum of each table, as the restore has reported them.
    """
    mysql = Mysql(host.settings.socket, "root")
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    incoming, outgoing = f"{database}__restored", f"{database}__replaced_{stamp}"
    tables = list(expected)
    check_swap(mysql, database, tables, incoming)
    if check:
        return
    for name in (incoming, outgoing):
        mysql.query(f"CREATE DATABASE {quoted(name)}")
    try:
        mysql.load(file, incoming)
        for table in tables:
            loaded, wanted = mysql.measure(quoted(incoming, table)), expected[table]
            if loaded != wanted:
                raise BackupError(f"{table} was loaded as {loaded}, but restored as {wanted}")
        present = [table for table in tables if table in _tables(mysql, database)]
        saved = ""
        if present:
            folder = host.home / "replaced"
            folder.mkdir(mode=0o700, exist_ok=True)
            saved = str(folder / f"{database}-{stamp}.sql")
            mysql.dump(database, present, Path(saved))
        moves = [f"{quoted(database, table)} TO {quoted(outgoing, table)}" for table in present]
        moves += [f"{quoted(incoming, table)} TO {quoted(database, table)}" for table in tables]
        mysql.query(f"SET SESSION lock_wait_timeout = 30, foreign_key_checks = OFF; RENAME TABLE {', '.join(moves)}")
    except BackupError:
        mysql.query(f"DROP DATABASE {quoted(outgoing)}; DROP DATABASE {quoted(incoming)}")
        raise
    mysql.query(f"DROP DATABASE {quoted(incoming)}")
    if not present:
        mysql.query(f"DROP DATABASE {quoted(outgoing)}")
    print(json.dumps({"replaced": present, "restored": tables, "kept_in": outgoing if present else "", "saved": saved}))


def _tables(mysql: Mysql, database: str) -> list[str]:
    rows = mysql.query(
        "SELECT JSON_ARRAY(TABLE_NAME) FROM information_schema.TABLES"  # noqa: S608
        f" WHERE TABLE_SCHEMA = {literal(database)} AND TABLE_TYPE = 'BASE TABLE'"
    )
    return [row[0] for row in rows]


def check_swap(mysql: Mysql, database: str, tables: Sequence[str], incoming: str) -> None:
    """BackupError where the tables cannot be exchanged without loss."""
    if mysql.value("@@read_only OR @@super_read_only"):
        raise BackupError("this server is read-only; restore into the source, on its own host")
    if mysql.value(
        f"(SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {literal(incoming)})"  # noqa: S608
    ):
        raise BackupError(f"an interrupted restore left the database {incoming}; drop it and run this again")
    triggers = mysql.query(
        "SELECT JSON_ARRAY(EVENT_OBJECT_TABLE, TRIGGER_NAME) FROM information_schema.TRIGGERS"  # noqa: S608
        f" WHERE TRIGGER_SCHEMA = {literal(database)}"
    )
    if found := [f"{trigger} of {table}" for table, trigger in triggers if table in tables]:
        raise BackupError(
            f"tables with triggers cannot be exchanged ({', '.join(found)}); take the dump (webstack_restore_into=dump)"
        )
    keys = mysql.query(
        "SELECT JSON_ARRAY(CONSTRAINT_SCHEMA, TABLE_NAME, UNIQUE_CONSTRAINT_SCHEMA, REFERENCED_TABLE_NAME)"  # noqa: S608
        " FROM information_schema.REFERENTIAL_CONSTRAINTS"
        f" WHERE {literal(database)} IN (CONSTRAINT_SCHEMA, UNIQUE_CONSTRAINT_SCHEMA)"
    )
    for child_schema, child, parent_schema, parent in keys:
        ends = ((child_schema, child), (parent_schema, parent))
        if len({schema == database and table in tables for schema, table in ends}) == 2:
            raise BackupError(
                f"a foreign key ties {child_schema}.{child} to {parent_schema}.{parent}, and only one of them would be"
                " exchanged; restore both, or take the dump (webstack_restore_into=dump)"
            )
