"""Mistakes in the variables of the role mysql_backup that a type cannot say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

SCRATCH_LENGTH = 80
"""A socket's path has at most 107 characters, and the program adds a folder and a name."""
SHORTEST_INTERVAL = 10

_PATH = re.compile(r"/[A-Za-z0-9/_.-]+")


@dataclass(frozen=True)
class Variables:
    """Those of the role's variables that are looked at, without the prefix."""

    password: str
    repository: str
    store: Mapping[str, Any]
    directory: str
    scratch: str
    archive_seconds: int
    keep: Mapping[str, Any]


def errors(variables: Variables) -> list[str]:
    """All mistakes, each as a sentence that names the variable and the fix."""
    return list(_errors(variables))


def _errors(variables: Variables) -> Iterator[str]:
    if not variables.password:
        yield "mysql_backup_password is empty; set the password that encrypts the repository."
    if variables.store:
        missing = [name for name in ("host", "address") if not variables.store.get(name)]
        if missing:
            yield f"mysql_backup_store has no {' and no '.join(missing)}; set both host and address, or leave it empty."
    elif not re.match(r"/|[a-z0-9]+:", variables.repository):
        yield (
            f'mysql_backup_repository: "{variables.repository}" is not a valid repository; use an absolute path, or'
            " what restic takes, such as sftp:user@host:/path or s3:https://host/bucket."
        )
    for name, path in (("directory", variables.directory), ("scratch", variables.scratch)):
        if not _PATH.fullmatch(path):
            yield (
                f'mysql_backup_{name}: "{path}" is not a valid folder; use an absolute path of letters, digits, "_",'
                ' "-" and ".".'
            )
    if len(variables.scratch) > SCRATCH_LENGTH:
        yield (
            f"mysql_backup_scratch has {len(variables.scratch)} characters; use a path of at most {SCRATCH_LENGTH},"
            " because the path of a socket is limited."
        )
    if variables.archive_seconds < SHORTEST_INTERVAL:
        yield f"mysql_backup_archive_seconds is {variables.archive_seconds}; use {SHORTEST_INTERVAL} or more."
    if not any(int(count) > 0 for count in variables.keep.values()):
        yield "mysql_backup_keep keeps no backup; set at least one of its counts, such as last, to 1 or more."
