"""What a database host is while its mode changes, as its server is asked."""

from __future__ import annotations

from ansible_collections.foobar.webstack.plugins.module_utils._mysql import beginnings, group
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.conversion.state import Found
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet, one_line
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.observation import CHANNEL
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.schemas import NOT_OWN
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import Queries, ServerError

SERVER = (
    "SELECT @@GLOBAL.server_uuid AS server_uuid, @@GLOBAL.version AS version, @@GLOBAL.read_only AS read_only,"
    " @@GLOBAL.gtid_executed AS executed,"
    " (SELECT COUNT(*) FROM performance_schema.replication_connection_configuration"
    "  WHERE CHANNEL_NAME LIKE 'group_replication%') AS remains,"
    " (SELECT VARIABLE_VALUE FROM performance_schema.global_variables"
    "  WHERE VARIABLE_NAME = 'rpl_semi_sync_source_enabled') AS semi_sync,"
    " (SELECT VARIABLE_VALUE FROM performance_schema.global_status"
    "  WHERE VARIABLE_NAME = 'Rpl_semi_sync_source_clients') AS acknowledgers"
)

UNFIT = (
    "SELECT CONCAT(t.TABLE_SCHEMA, '.', t.TABLE_NAME) AS name FROM information_schema.TABLES t"  # noqa: S608
    f" WHERE t.TABLE_TYPE = 'BASE TABLE' AND t.TABLE_SCHEMA {NOT_OWN} AND (t.ENGINE <> 'InnoDB' OR NOT EXISTS"
    " (SELECT 1 FROM information_schema.STATISTICS s WHERE s.TABLE_SCHEMA = t.TABLE_SCHEMA"
    "  AND s.TABLE_NAME = t.TABLE_NAME AND s.NON_UNIQUE = 0 GROUP BY s.INDEX_NAME HAVING SUM(s.NULLABLE = 'YES') = 0))"
    " ORDER BY name LIMIT 20"
)
"""Tables that a group does not take writes for: not InnoDB, or without a primary key and what stands for one."""


def observe(name: str, server: Queries) -> Found:
    """What the server is, or why it does not answer."""
    try:
        (row,) = server.rows(SERVER)
        channels = server.rows(CHANNEL)
        view = group.read(server)
        begun = beginnings.read(server)
    except ServerError as error:
        return Found(name, error=str(error))
    channel = channels[0] if channels and channels[0]["source_host"] else None
    return Found(
        name=name,
        server_uuid=row["server_uuid"],
        version=row["version"],
        writable=not int(row["read_only"]),
        view=view,
        channel=channel is not None,
        source_uuid=(channel["source_uuid"] or "") if channel else "",
        running=channel is not None and channel["receiver"] == "ON" and channel["applier"] == "ON",
        remains=bool(int(row["remains"])),
        executed=GtidSet.parse(one_line(row["executed"])),
        received=GtidSet.parse(one_line(channel["received"] or "")) if channel else GtidSet(),
        semi_sync=row["semi_sync"] == "ON",
        acknowledgers=int(row["acknowledgers"] or 0),
        beginnings=begun,
    )


def unfit(server: Queries) -> list[str]:
    """Tables that a group does not take. Asked as root: nobody else sees all of them."""
    return [str(row["name"]) for row in server.rows(UNFIT)]
