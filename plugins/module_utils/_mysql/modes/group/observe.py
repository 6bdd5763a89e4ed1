"""What a server and the other database hosts are, for the plan of a membership."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.foobar.webstack.plugins.module_utils._mysql import beginnings, group
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet, one_line
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.membership import ELECTOR
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.outage import held
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.state import Account, Local, Peer
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.schemas import NOT_OWN
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import (
    Queries,
    Server,
    ServerError,
    text,
    unsupported,
)

RECOVERY_CHANNEL = "group_replication_recovery"

SCHEMAS = f"SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA WHERE SCHEMA_NAME {NOT_OWN} ORDER BY name"  # noqa: S608
CHANNELS = (
    "SELECT COUNT(*) AS channels FROM performance_schema.replication_connection_configuration WHERE CHANNEL_NAME = ''"
)
STORED = "SELECT User_name AS user, User_password AS password FROM mysql.slave_master_info WHERE Channel_name = %s"


def has_elector(server: Server, folder: str) -> bool:
    """Whether the server has the component ELECTOR, or its package has none in the `folder` of its plugins."""
    if not (Path(folder) / f"{ELECTOR}.so").exists():
        return True
    return bool(server.rows("SELECT component_id FROM mysql.component WHERE component_urn = %s", [f"file://{ELECTOR}"]))


def observe(server: Server) -> Local:
    """What the server is."""
    variables = server.variables()
    if problem := unsupported(variables["version"], variables["version_comment"]):
        raise ServerError(0, problem)
    stored = server.rows(STORED, [RECOVERY_CHANNEL])
    return Local(
        version=variables["version"],
        server_uuid=variables["server_uuid"],
        view=group.read(server),
        executed=GtidSet.parse(variables["gtid_executed"]),
        schemas=tuple(row["name"] for row in server.rows(SCHEMAS)),
        super_read_only=variables["super_read_only"] == "ON",
        clone_plugin="clone" in server.plugins(),
        replicates=bool(int(server.rows(CHANNELS)[0]["channels"])),
        account=Account(text(stored[0]["user"]), text(stored[0]["password"])) if stored else None,
        elector=has_elector(server, variables["plugin_dir"]),
        beginnings=beginnings.read(server),
    )


def observe_peer(peer: Peer, server: Queries) -> Peer:
    """The same host with what its server answers, or why that does not."""
    try:
        (variables,) = server.rows(
            "SELECT @@GLOBAL.server_uuid AS uuid, @@GLOBAL.version AS version, @@GLOBAL.gtid_executed AS executed,"
            " @@GLOBAL.gtid_purged AS purged"
        )
        view = group.read(server)
        databases = server.rows(SCHEMAS)
        begun = beginnings.read(server)
    except ServerError as error:
        return Peer(peer.name, peer.host, peer.port, number=error.number, error=str(error))
    return Peer(
        name=peer.name,
        host=peer.host,
        port=peer.port,
        server_uuid=variables["uuid"],
        version=variables["version"],
        state=view.state if view else None,
        majority=bool(view and view.majority),
        primary=bool(view and view.leads),
        held=held(one_line(variables["executed"]), view.received if view else ""),
        purged=GtidSet.parse(one_line(variables["purged"])),
        has_data=bool(databases),
        beginnings=begun,
    )
