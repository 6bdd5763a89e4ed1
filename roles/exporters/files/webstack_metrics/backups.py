"""What the backups of this host are like, from the report that mysql-backup keeps. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from webstack_metrics.metrics import Sample

PARTS = ("backup", "archive", "verify", "repair", "turn")
"""What the report has a part for."""


def samples(status: Mapping[str, Any]) -> Iterator[Sample]:
    """Of each part that the report has."""
    for part in PARTS:
        entry = status.get(part)
        if isinstance(entry, Mapping):
            yield Sample("webstack_backup_ok", bool(entry.get("ok")), {"part": part})
            if isinstance(entry.get("last_success_epoch"), int):
                yield Sample(
                    "webstack_backup_last_success_timestamp_seconds", entry["last_success_epoch"], {"part": part}
                )
