"""The text format of Prometheus. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Sample:
    """One value of a gauge."""

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


HELP = {
    "webstack_backup_ok": "Whether a part of the backups went well last.",
    "webstack_backup_last_success_timestamp_seconds": "When a part of the backups went well last.",
    "webstack_certificate_expiry_timestamp_seconds": "When an installed certificate expires.",
    "webstack_mysql_up": "Whether the MySQL server answers its endpoint.",
    "webstack_mysql_writable": "Whether the server takes writes.",
    "webstack_mysql_replicates": "Whether receiver and applier of a read-only server run.",
    "webstack_mysql_lag_seconds": "Age of the latest heartbeat that a replica has.",
    "webstack_mysql_semi_sync": "Whether the commits of a writable server wait for a replica.",
    "webstack_mysql_semi_sync_replicas": "Replicas that acknowledge the commits of a writable server.",
    "webstack_mysql_errant_transactions": "Transactions of a replica that its source does not have.",
    "webstack_mysql_heartbeat_age_seconds": "Age of the latest heartbeat that a writable server wrote itself.",
}
"""All that there are: what a gauge means, by its name."""


def text(samples: Iterable[Sample]) -> str:
    """All samples, those of one gauge together, in the order of HELP."""
    found: dict[str, list[str]] = {name: [] for name in HELP}
    for sample in samples:
        labels = ",".join(f'{key}="{_escaped(value)}"' for key, value in sample.labels.items())
        found[sample.name].append(f"{sample.name}{f'{{{labels}}}' if labels else ''} {sample.value:.15g}")
    lines = []
    for name, values in found.items():
        if values:
            lines += [f"# HELP {name} {HELP[name]}", f"# TYPE {name} gauge", *values]
    return "".join(f"{line}\n" for line in lines)


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
