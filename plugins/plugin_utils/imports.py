"""Whether a dump may be imported as it is asked for, and what becomes of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SPACE = 3
"""How many times the dump's text has to be free on each database host: the data, the binary log, and some of both."""

SHOWN = 5
"""How many names a sentence lists."""


@dataclass(frozen=True)
class Request:
    """What is asked of playbooks/import.yml, and what was found."""

    path: str
    database: str
    databases: Sequence[str]
    """That the stack has."""
    replace: str = ""
    to_innodb: bool = False
    unreadable: str = ""
    dump: Mapping[str, Any] = field(default_factory=dict)
    """As the module mysql_dump_info returns it."""
    primaries: Sequence[str] = ()
    looked: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By host, as the module mysql_import returns it. Hosts that do not answer are left out."""
    hosts: Sequence[str] = ()


def import_errors(request: Request) -> list[str]:
    """Why it is not done, each as a sentence with what to write instead."""
    if not request.path:
        return ["webstack_import is not set; name the dump, -e webstack_import=/path/on/this/machine/dump.sql.gz."]
    if request.unreadable:
        return [f"webstack_import: {request.unreadable}; name a dump of mysqldump, plain or packed (gz, xz, bz2, zst)."]
    if request.database not in request.databases:
        return [
            f"webstack_import_database: {request.database} is no database of this stack; it has"
            f" {', '.join(request.databases)} (webstack_databases adds others)."
        ]
    return [*_dump_errors(request), *_place_errors(request)]


def _dump_errors(request: Request) -> Iterator[str]:
    dump, name = request.dump, request.path
    if not dump["tables"]:
        yield f"{name} creates no table, so it is no dump of mysqldump (or one made with --no-create-info)."
        return
    if dump["cut_off"]:
        yield f'{name} is cut off: its last line is not mysqldump\'s "-- Dump completed". Copy or make it again.'
    others = [other for other in dump["databases"] if other != request.database]
    if others:
        one = others[0] if len(others) == 1 else "<one of them>"
        yield (
            f"{name} is of the database{'' if len(others) == 1 else 's'} {_listed(others)}, and changes to it."
            f" Make it without --databases and --all-databases: mysqldump {one} > dump.sql."
        )
    if dump["drops_databases"]:
        yield f"{name} drops a database. Make it without --add-drop-database."
    if dump["engines"] and not request.to_innodb:
        engines, tables = ", ".join(sorted(set(dump["engines"].values()))), _listed(list(dump["engines"]))
        yield (
            f"{name} has tables of the engine {engines} ({tables}), which no replica and no backup would get. Execute"
            " ALTER TABLE ... ENGINE=InnoDB where the dump was made and make it again, or add -e"
            " webstack_import_to_innodb=true, which creates them with InnoDB here."
        )
    if dump["collations"]:
        yield (
            f"{name} is of MariaDB and uses {_listed(dump['collations'])}, which MySQL has not. Replace it, by"
            " utf8mb4_0900_ai_ci say: sed -E 's/(utf8mb4_)?uca1400_[a-z_]+/utf8mb4_0900_ai_ci/g'."
        )


def _place_errors(request: Request) -> Iterator[str]:
    if len(request.primaries) != 1:
        yield (
            f"exactly one database host has to take writes, and {' and '.join(request.primaries) or 'none'}"
            f" {'do' if len(request.primaries) > 1 else 'does'}. Run playbooks/database.yml first."
        )
        return
    primary = request.primaries[0]
    there = request.looked.get(primary, {})
    if not there.get("exists"):
        yield f"{primary}: there is no database {request.database} yet. Run playbooks/database.yml first."
        return
    yield from _replace_errors(request, primary, there)
    needed = SPACE * int(request.dump["bytes"])
    for host in request.hosts:
        if host not in request.looked:
            yield f"{host}: its MySQL cannot be asked, and would have to receive the data. Start it first."
        elif (free := int(request.looked[host]["free"])) < needed:
            yield (
                f"{host}: {free >> 20} MiB are free on the disk of MySQL's data, and the import takes about"
                f" {needed >> 20} MiB (data and binary log). Make room first."
            )


def _replace_errors(request: Request, primary: str, there: Mapping[str, Any]) -> Iterator[str]:
    everything = [*there["tables"], *there["others"]]
    if not everything or request.replace == request.database:
        return
    filled = f", with rows in {_listed(there['filled'])}" if there["filled"] else ", all without rows"
    live = f". The application is connected to it ({there['sessions']} connections)" if there["sessions"] else ""
    held = _listed(everything) + (filled if there["tables"] else "")
    yield (
        f"{primary}: the database {request.database} is not empty: it has {held}{live}. An import is for the time"
        " before the application runs: playbooks/database.yml, the import, then playbooks/site.yml. To save what is"
        f" there to a file on {primary} and drop it all, add -e webstack_import_replace={request.database}."
    )


def import_notes(request: Request) -> list[str]:
    """What is done with the dump besides loading it."""
    dump = request.dump
    notes = []
    if dump["gtid_purged"] or dump["unlogged"]:
        notes.append(
            "its SET GTID_PURGED and SQL_LOG_BIN, which would keep it from the replicas, are left out (mysqldump"
            " --set-gtid-purged=OFF writes none)"
        )
    if dump["definers"]:
        who = _listed(dump["definers"])
        notes.append(f"views, triggers and routines of {who} (DEFINER) are executed as the migration's account here")
    if dump["engines"]:
        notes.append(f"{_listed(list(dump['engines']))} become InnoDB")
    if request.replace and any(there["tables"] or there["others"] for there in request.looked.values()):
        notes.append(f"what is in {request.database} is saved to a file and dropped first")
    return notes


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
