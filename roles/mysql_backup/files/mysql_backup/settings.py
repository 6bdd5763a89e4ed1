"""The role's settings of this host, which it writes as JSON for everybody to read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

FILE = Path("/etc/mysql-backup/settings.json")


@dataclass(frozen=True)
class Settings:
    """Each as the role's variable of that name says, if there is one."""

    host: str
    user: str
    """User of the operating system that does the work."""
    mysql_user: str
    socket: str
    directory: Path
    scratch: Path
    keep: Mapping[str, int]
    patience: Mapping[str, float]
    """For how many seconds others may not have made a base, or archived a binlog, before a source does it itself."""
    verify_read: str
    restore_memory_mb: int
    start_timeout: float
    restic_options: tuple[str, ...]

    @classmethod
    def read(cls, file: Path = FILE) -> Settings:
        """From the file. Numbers may be strings, as Jinja makes them."""
        found = json.loads(file.read_text())
        return cls(
            **{each.name: found[each.name] for each in fields(cls) if each.type == "str"},
            directory=Path(found["directory"]),
            scratch=Path(found["scratch"]),
            keep={name: int(count) for name, count in found["keep"].items()},
            patience={kind: float(seconds) for kind, seconds in found["patience"].items()},
            restore_memory_mb=int(found["restore_memory_mb"]),
            start_timeout=float(found["start_timeout"]),
            restic_options=tuple(found["restic_options"]),
        )
