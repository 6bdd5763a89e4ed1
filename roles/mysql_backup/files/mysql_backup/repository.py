"""The repository, which restic keeps: bases and archived logs, each a snapshot whose tags say what is in it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet

from mysql_backup.damage import Damage, damage_of, sign
from mysql_backup.errors import DamagedError, ProgramError
from mysql_backup.plan import ArchivedLog, Base, parse_gtids, superseded
from mysql_backup.programs import attempt
from mysql_backup.settings import Settings

REPAIRED = "repaired"
"""restic's tag on what it has left of a damaged snapshot. Without the rest, no server starts on it."""


class Repository:
    """What is stored, and how. Where it is, and its password, restic takes from the environment."""

    def __init__(self, settings: Settings) -> None:
        self._host = settings.host
        self._command = ["restic", "--quiet", "--retry-lock=15m", f"--cache-dir={settings.directory / 'cache'}"]
        self._command += settings.restic_options

    @property
    def identity(self) -> str:
        """The same on hosts that share a repository, and nothing that tells where it is, which may hold a password."""
        place = os.environ.get("RESTIC_REPOSITORY", "")
        return hashlib.sha256(f"{self._host if place.startswith('/') else ''}{place}".encode()).hexdigest()[:16]

    def restic(self, *arguments: str | Path, env: Mapping[str, str] | None = None, folder: Path | None = None) -> str:
        """Run restic, in a folder, and return what it prints.

        ProgramError where it fails, DamagedError where that is because of what the repository holds.
        """
        name, done = f"restic {arguments[0]}", attempt([*self._command, *arguments], env, folder)
        if done.returncode and (what := sign(done.stderr)):
            raise DamagedError(name, done.returncode, done.stderr, what)
        if done.returncode:
            raise ProgramError(name, done.returncode, done.stderr)
        return done.stdout

    def check(self, *options: str) -> Damage:
        """Let restic check the repository. ProgramError where it cannot."""
        done = attempt([*self._command, "check", *options])
        said = done.stdout + done.stderr
        if done.returncode and not sign(said):
            raise ProgramError("restic check", done.returncode, said)
        return damage_of(said) if done.returncode else Damage()

    def store(self, path: Path, tags: Mapping[str, Any]) -> dict[str, Any]:
        """Back up a path and return restic's summary."""
        listed = [f"--tag={name}={value}" for name, value in tags.items()]
        printed = self.restic("backup", "--json", f"--host={self._host}", *listed, path)
        summary: dict[str, Any] = json.loads(printed.splitlines()[-1])
        return summary

    def snapshots(self) -> list[dict[str, Any]]:
        """Every snapshot, as restic describes it."""
        found: list[dict[str, Any]] = json.loads(self.restic("snapshots", "--json") or "[]")
        return found

    def contents(self) -> tuple[list[Base], list[ArchivedLog]]:
        """Every base, and every archived log that no later version of it replaces."""
        bases, logs = self.everything()
        replaced = superseded(logs)
        return bases, [log for log in logs if log.id not in replaced]

    def everything(self) -> tuple[list[Base], list[ArchivedLog]]:
        """Every base and archived log, oldest first."""
        bases, logs = [], []
        for snapshot in self.snapshots():
            names = snapshot.get("tags") or []
            tags = dict(tag.split("=", 1) for tag in names if "=" in tag)
            if REPAIRED in names:
                continue
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
