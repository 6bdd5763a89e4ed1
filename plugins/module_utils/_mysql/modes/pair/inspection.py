"""A source and its replica, as they are looked at before they exchange their roles."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import one_line
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.channel import Endpoint
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.switchover import Code, PairState
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.observation import CHANNEL, COMMIT_SECONDS
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, reason
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import Queries, Server, ServerError, text

LOCK_HOLDERS = (
    "SELECT t.PROCESSLIST_ID AS id, t.PROCESSLIST_USER AS user, t.PROCESSLIST_HOST AS host,"
    " t.PROCESSLIST_TIME AS seconds, LEFT(COALESCE(t.PROCESSLIST_INFO, '(open transaction)'), 80) AS doing"
    " FROM performance_schema.metadata_locks l JOIN performance_schema.threads t ON t.THREAD_ID = l.OWNER_THREAD_ID"
    " WHERE l.OBJECT_TYPE IN ('GLOBAL', 'COMMIT') AND l.LOCK_STATUS = 'GRANTED' AND t.PROCESSLIST_ID <> CONNECTION_ID()"
    " ORDER BY t.PROCESSLIST_TIME DESC LIMIT 5"
)
"""Who holds what keeps a server from becoming read-only."""

TRANSACTIONS = (
    "SELECT t.trx_mysql_thread_id AS id, TIMESTAMPDIFF(SECOND, t.trx_started, NOW()) AS seconds,"
    " t.trx_rows_modified AS changed, p.USER AS user, p.HOST AS host FROM information_schema.innodb_trx t"
    " JOIN performance_schema.processlist p ON p.ID = t.trx_mysql_thread_id"
    " WHERE t.trx_rows_modified > 0 AND TIMESTAMPDIFF(SECOND, t.trx_started, NOW()) > %s ORDER BY seconds DESC LIMIT 5"
)


FULL_DISK = (
    "SELECT DATA AS said FROM performance_schema.error_log WHERE LOGGED > NOW(6) - INTERVAL 11 MINUTE"
    " AND DATA LIKE 'Disk is full writing %' ORDER BY LOGGED DESC LIMIT 1"
)
"""What a server says every ten minutes while it waits for room (mysys/errors.cc, MY_WAIT_GIVE_USER_A_MESSAGE)."""

_UNWRITTEN = re.compile(r"Disk is full writing '([^']+)'")


def channel_of(candidate: Queries) -> Mapping[str, Any]:
    """The candidate's replication connection, a row of CHANNEL; empty where it has none."""
    rows = candidate.rows(CHANNEL)
    return rows[0] if rows else {}


def inspect(
    old: Queries,
    candidate: Queries,
    channel: Mapping[str, Any],
    *,
    refused: str,
    max_lag: int,
    lock_timeout: int,
    max_transaction: int,
) -> PairState:
    """Both servers as they are. `refused`: why the candidate refuses the replication account."""
    old.rows("SET SESSION time_zone = 'SYSTEM'")
    here, there = _variables(old), _variables(candidate)
    status = {row["Variable_name"].lower(): row["Value"] for row in old.rows("SHOW GLOBAL STATUS LIKE 'Rpl_semi%'")}
    executed = one_line(here["gtid_executed"])
    caught_up = bool(channel) and not int(candidate.value("WAIT_FOR_EXECUTED_GTID_SET(%s, %s)", [executed, max_lag]))
    # By now the candidate may have what came after, and even what the old source has not committed yet: that waits for
    # its acknowledgement (AFTER_SYNC).
    ahead = one_line(candidate.value("GTID_SUBTRACT(@@GLOBAL.gtid_executed, %s)", [executed]))
    if ahead:
        old.value("WAIT_FOR_EXECUTED_GTID_SET(%s, %s)", [ahead, COMMIT_SECONDS])
    errant = old.value("GTID_SUBTRACT(%s, @@GLOBAL.gtid_executed)", [ahead])
    return PairState(
        old_writable=here["read_only"] == "OFF",
        old_uuid=here["server_uuid"],
        old_replicates=bool(old.rows("SHOW REPLICA STATUS")),
        candidate_writable=there["read_only"] == "OFF",
        candidate_super_read_only=there["super_read_only"] == "ON",
        source_uuid=channel.get("source_uuid") or "",
        receiver=channel.get("receiver") == "ON",
        applier=channel.get("applier") == "ON",
        caught_up=caught_up,
        unwritten="" if caught_up else unwritten(candidate),
        errant=one_line(errant),
        semi_sync=here.get("rpl_semi_sync_source_enabled") == "ON",
        acknowledged=status.get("rpl_semi_sync_source_status") == "ON"
        and int(status.get("rpl_semi_sync_source_clients", 0)) > 0,
        refused=refused,
        blockers=(*lock_holders(old, longer_than=lock_timeout), *open_transactions(old, max_transaction)),
        versions=(here["version"], there["version"]),
    )


def unwritten(server: Queries) -> str:
    """The file for which a server waits because its disk is full, empty for none."""
    for row in server.rows(FULL_DISK):
        match = _UNWRITTEN.search(text(row["said"]))
        return match[1] if match else "a file"
    return ""


def lock_holders(server: Queries, *, longer_than: int = -1) -> list[Reason]:
    """Who keeps the server from becoming read-only, for more than so many seconds."""
    return [
        reason(
            Code.LOCK_HOLDER,
            id=row["id"],
            user=row["user"],
            host=row["host"],
            seconds=row["seconds"],
            statement=row["doing"],
        )
        for row in server.rows(LOCK_HOLDERS)
        if int(row["seconds"] or 0) > longer_than
    ]


def refusal_of(endpoint: Endpoint, timeout: float) -> str:
    """Why a server refuses the account of an endpoint, empty where it does not."""
    server = Server.remote(
        endpoint.host,
        endpoint.port,
        endpoint.user,
        endpoint.password,
        tls=endpoint.tls,
        ca=endpoint.ca,
        timeout=timeout,
    )
    try:
        server.rows("SELECT 1")
    except ServerError as error:
        return str(error)
    finally:
        server.close()
    return ""


def _variables(server: Queries) -> dict[str, str]:
    return {row["Variable_name"]: row["Value"] for row in server.rows("SHOW GLOBAL VARIABLES")}


def open_transactions(server: Queries, seconds: int) -> list[Reason]:
    """Those that have written and are open for longer."""
    return [
        reason(
            Code.OPEN_TRANSACTION,
            id=row["id"],
            user=row["user"],
            host=row["host"],
            seconds=row["seconds"],
            rows=row["changed"],
        )
        for row in server.rows(TRANSACTIONS, [seconds])
    ]
