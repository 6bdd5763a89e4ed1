"""The command backup: copy the server's data into the repository, and remove what is no longer to be kept."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from mysql_backup.errors import BackupError
from mysql_backup.host import Host, check_space
from mysql_backup.plan import MICROSECONDS, parse_gtids
from mysql_backup.repository import stored_bytes, tag

LAG_SECONDS = 7 * 86400
"""By how much a replica may be behind and still be backed up without a hole."""

_VARIABLES = ("innodb_data_file_path", "innodb_page_size", "lower_case_table_names")
"""Those without whose values a server does not start on the data."""


def backup(host: Host, *, now: bool) -> None:
    """Clone the server's data, store the clone, remove what is out of date. `now`: whether or not it is our turn.

    BackupError after that where the clone lacks rows: whoever made the tables has to know it, and the rest is stored.
    """
    host.note_others(*host.repository.contents())
    server = host.server()
    mine, why = host.turn("base", server)
    if not mine and not now:
        print(f"Nothing to do: {why}.")
        host.record("turn", ok=True, base=False, why=why)
        return
    started = time.time()
    size = int(host.mysql.value("(SELECT SUM(FILE_SIZE) FROM information_schema.INNODB_TABLESPACES)"))
    check_space(host.stage, size, "the copy of the data")
    tags = _clone(host) | {"version": server.version, "role": "replica" if server.channel else "primary"}
    stored = host.repository.store(host.stage / "clone", tags)
    retain(host)
    result = {
        "snapshot": stored["snapshot_id"][:8],
        "role": tags["role"],
        "gtid_low": str(parse_gtids(tags["low"])),
        "gtid_high": str(parse_gtids(tags["high"])),
        "bytes": tags["size"],
        "bytes_stored": stored_bytes(stored),
        "clone_seconds": round(float(tags["until"]) - float(tags["since"]), 1),
        "seconds": round(time.time() - started, 1),
    }
    refuse_copied_empty(host.copied_empty(), result["snapshot"])
    host.record("backup", ok=True, **result)
    print(json.dumps(result))


def refuse_copied_empty(empty: Sequence[str], snapshot: str) -> None:
    """BackupError where tables are in the backup without their rows."""
    if empty:
        raise BackupError(
            f"the backup {snapshot} was made, but has none of the rows of {', '.join(empty)}, because they are not"
            " InnoDB. On the primary, make them InnoDB (ALTER TABLE ... ENGINE=InnoDB) and back up again"
        )


def _clone(host: Host) -> dict[str, Any]:
    """Copy the data into the stage. Returns the tags that say what the copy holds."""
    clone = host.stage / "clone"
    values = host.mysql.query(f"SELECT JSON_ARRAY({', '.join(f'@@{name}' for name in _VARIABLES)})")[0]
    low, since = host.mysql.gtids(), time.time()
    host.mysql.query(f"CLONE LOCAL DATA DIRECTORY = '{clone}'")
    high, until = host.mysql.gtids(), time.time()
    return dict(zip(_VARIABLES, values, strict=True)) | {
        "kind": "base",
        "low": tag(low),
        "high": tag(high),
        "since": f"{since:.3f}",
        "until": f"{until:.3f}",
        "size": sum(file.stat().st_size for file in clone.rglob("*") if file.is_file()),
    }


def retain(host: Host) -> None:
    """Remove bases by the rules, and archived logs that no base needs any more."""
    restic = host.repository.restic
    restic("unlock")
    # Fails where the repository is damaged: the new base may share what is lost, and no older one is given up for it.
    restic("prune", "--dry-run")
    rules = [f"--keep-{name}={count}" for name, count in host.settings.keep.items() if count]
    restic("forget", "--tag=kind=base", "--group-by=", *rules)
    bases, logs = host.repository.contents()
    # What is that much older than the oldest base and not in it belongs to a history that a failover has ended.
    ended = (bases[0].since - LAG_SECONDS) * MICROSECONDS if bases else 0
    if expired := [log.id for log in logs if bases and (log.gtids <= bases[0].low or log.last < ended)]:
        restic("forget", *expired)
    restic("prune")
