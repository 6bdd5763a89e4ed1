"""Which database host makes a backup or a restore, and whether a restore may be made as it is asked for. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

UNFIT = 2
"""Rank of a server of which no backup is made: a stopped replica, or one that is read-only without being a replica."""


@dataclass(frozen=True)
class Hosts:
    """Names of hosts, empty where there is none."""

    backup: str
    """Whose server is backed up."""
    restore: str
    """On which a restore is made. Any will do, the same preferred."""
    repair: tuple[str, ...]
    """On which a damaged repository is repaired: one for each repository, the one that makes its backups."""
    writable: tuple[str, ...]
    """All whose servers take writes."""
    errors: tuple[str, ...]
    """What hosts say that have no answer."""


def backup_hosts(answers: Iterable[Mapping[str, Any]]) -> Hosts:
    """From the results of the command `mysql-backup state`, in the order of the inventory."""
    servers, said = [], []
    for answer in answers:
        stdout = str(answer.get("stdout", ""))
        if stdout.startswith("{"):
            servers.append(json.loads(stdout))
        elif error := str(answer.get("stderr") or answer.get("msg") or "").strip():
            said.append(error)
    servers.sort(key=lambda server: int(server["rank"]))
    repositories: dict[str, str] = {}
    for server in servers:
        repositories.setdefault(server.get("repository", server["host"]), server["host"])
    return Hosts(
        backup=next((server["host"] for server in servers if server["rank"] != UNFIT), ""),
        restore=next((server["host"] for server in servers), ""),
        repair=tuple(repositories.values()),
        writable=tuple(server["host"] for server in servers if server["writable"]),
        errors=tuple(said),
    )


@dataclass(frozen=True)
class Request:
    """What is asked of playbooks/restore.yml: its variables without the prefix webstack_restore_."""

    into: str
    databases: str
    tables: str
    confirm: str


def restore_errors(request: Request, writable: Sequence[str]) -> list[str]:
    """Why it is not done, each as a sentence with the variable and what to write."""
    return list(_restore_errors(request, writable))


def _restore_errors(request: Request, writable: Sequence[str]) -> Iterator[str]:
    if request.into == "dump":
        return
    if request.into != "primary":
        yield f'webstack_restore_into: "{request.into}" is not valid; use dump or primary.'
        return
    if len(writable) != 1:
        yield (
            "webstack_restore_into=primary needs exactly one database host that takes writes, and"
            f" {' and '.join(writable) or 'none'} {'do' if len(writable) > 1 else 'does'}."
        )
        return
    if "," in request.databases:
        yield "webstack_restore_into=primary takes one database at a time; name it in webstack_restore_databases."
    elif request.confirm != request.databases:
        yield (
            f"This replaces {request.tables or 'all tables that the backup has'} of the database {request.databases} on"
            f" {writable[0]} while the application uses it. To go on, add -e"
            f" webstack_restore_confirm={request.databases}."
        )
