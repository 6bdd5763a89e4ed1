"""The repository, which restic keeps: bases and archived logs, each a snapshot whose tags say what is in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet

from mysql_backup.plan import ArchivedLog, Base, parse_gtids, superseded
from mysql_backup.programs import run
from mysql_backup.settings import Settings


class Repository:
    """What is stored, and how. Where it is, and its password, restic takes from the environment."""

    def __init__(self, settings: Settings) -> None:
        self._host = settings.host
        self._command = ["restic", "--quiet", "--retry-lock=15m", f"--cache-dir={settings.directory / 'cache'}"]
        self._command += settings.restic_options

    def restic(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> str:
        """Run restic and return what it prints. ProgramError where it fails."""
        return run(f"restic {arguments[0]}", [*self._command, *arguments], env)

    def store(self, path: Path, tags: Mapping[str, Any]) -> dict[str, Any]:
        """Back up a path and return restic's summary."""
        listed = [f"--tag={name}={value}" for name, value in tags.items()]
        printed = self.restic("backup", "--json", f"--host={self._host}", *listed, path)
        summary: dict[str, Any] = json.loads(printed.splitlines()[-1])
        return summary

    def contents(self) -> tuple[list[Base], list[ArchivedLog]]:
        """Every base, and every archived log that no later version of it replaces."""
        bases, logs = self.everything()
        replaced = superseded(logs)
        return bases, [log for log in logs if log.id not in replaced]

    def everything(self) -> tuple[list[Base], list[ArchivedLog]]:
        """Every base and archived log, oldest first."""
        bases, logs = [], []
        for snapshot in json.loads(self.restic("snapshots", "--json") or "[]"):
            tags = dict(tag.split("=", 1) for tag in snapshot.get("tags") or [] if "=" in tag)
            if tags.get("kind") == "base":
                bases.append(_base(snapshot, tags))
            elif tags.get("kind") == "binlog":
                logs.append(_log(snapshot, tags))
        return sorted(bases, key=lambda base: base.until), sorted(logs, key=lambda log: log.first)


def tag(gtids: GtidSet) -> str:
    """The set as a snapshot's tag, where a comma would separate two tags."""
    return str(gtids).replace(",", ";")


def stored_bytes(summary: Mapping[str, Any]) -> int:
    """How much a backup has added to the repository; older versions of restic do not count what they compress."""
    return int(summary.get("data_added_packed", summary.get("data_added", 0)))


def _common(snapshot: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, Any]:
    """What a base and an archived log both have."""
    return {
        "id": snapshot["id"],
        "host": snapshot["hostname"],
        "path": snapshot["paths"][0],
        "until": float(tags["until"]),
        "size": int(tags["size"]),
    }


def _base(snapshot: Mapping[str, Any], tags: Mapping[str, str]) -> Base:
    return Base(
        **_common(snapshot, tags),
        low=parse_gtids(tags["low"]),
        high=parse_gtids(tags["high"]),
        since=float(tags["since"]),
        version=tags["version"],
        options={name: value for name, value in tags.items() if name.startswith(("innodb_", "lower_"))},
    )


def _log(snapshot: Mapping[str, Any], tags: Mapping[str, str]) -> ArchivedLog:
    return ArchivedLog(
        **_common(snapshot, tags),
        gtids=parse_gtids(tags["gtids"]),
        executed=parse_gtids(tags["executed"]),
        first=int(tags["first"]),
        last=int(tags["last"]),
        stored=datetime.fromisoformat(snapshot["time"]).timestamp(),
    )
