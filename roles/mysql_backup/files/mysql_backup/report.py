"""The commands list, state and status: what there is and how it is."""

from __future__ import annotations

import json
from dataclasses import asdict

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import union

from mysql_backup.host import Host
from mysql_backup.plan import clock


def show_state(host: Host) -> None:
    """What this host's server is, and whether it is its turn."""
    server = host.server()
    mine, why = host.turn("base", server)
    found = {"host": host.name, "rank": server.rank, "turn": mine, "why": why, "repository": host.repository.identity}
    print(json.dumps(asdict(server) | found))


def show_status(host: Host) -> None:
    """When what succeeded last."""
    print(json.dumps(host.status(), indent=2))


def show_list(host: Host) -> None:
    """What the repository holds."""
    bases, logs = host.repository.contents()
    listed = [
        {"id": b.id[:8], "host": b.host, "at": clock(b.until), "bytes": b.size, "high": str(b.high)} for b in bases
    ]
    archived = {
        "binary_logs": len(logs),
        "gtids": str(union(log.gtids for log in logs)),
        "until": clock(max(log.end for log in logs)) if logs else "",
    }
    print(json.dumps({"bases": listed, "archive": archived}, indent=2))
