"""A server, its replication connection and its source, as they are asked for a plan."""

from __future__ import annotations

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.channel import Channel, Endpoint
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.state import Local, Source, Unreachable
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.observation import COMMIT_SECONDS
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.schemas import NOT_INNODB, NOT_OWN
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import (
    Server,
    ServerError,
    text,
    unsupported,
)


def observe(server: Server, known_password: str) -> Local:
    """What the server is. A password that it does not keep is taken as the known one."""
    variables = server.variables()
    if problem := unsupported(variables["version"], variables["version_comment"]):
        raise ServerError(0, problem)
    schemas = server.rows(
        f"SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA WHERE SCHEMA_NAME {NOT_OWN} ORDER BY name"  # noqa: S608
    )
    semisync = server.rows("SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_replica_status'")
    return Local(
        version=variables["version"],
        server_uuid=variables["server_uuid"],
        server_id=int(variables["server_id"]),
        gtid_mode=variables["gtid_mode"],
        gtid_executed=variables["gtid_executed"],
        read_only=variables["read_only"] == "ON",
        super_read_only=variables["super_read_only"] == "ON",
        schemas=tuple(row["name"] for row in schemas),
        clone_plugin="clone" in server.plugins(),
        semisync=variables.get("rpl_semi_sync_replica_enabled") == "ON",
        semisync_active=bool(semisync) and semisync[0]["Value"] == "ON",
        channel=observe_channel(server, known_password),
    )


def observe_source(endpoint: Endpoint, server: Server, local: Local, timeout: float) -> Source | Unreachable:
    """What the source is, asked by the way and the account of the replication. `local` must be older than this."""
    try:
        remote = Server.remote(
            endpoint.host,
            endpoint.port,
            endpoint.user,
            endpoint.password,
            tls=endpoint.tls,
            ca=endpoint.ca,
            timeout=timeout,
        )
        try:
            variables, plugins = remote.variables(), remote.plugins()
            executed = variables["gtid_executed"]
            not_innodb = tuple(str(row["name"]) for row in remote.rows(NOT_INNODB))
            # A commit that waits there for its acknowledgement is here already; it is no errant transaction.
            if ahead := text(server.value("GTID_SUBTRACT(%s, %s)", [local.gtid_executed, executed])):
                remote.value("WAIT_FOR_EXECUTED_GTID_SET(%s, %s)", [ahead, COMMIT_SECONDS])
                executed = text(remote.value("@@GLOBAL.gtid_executed"))
        finally:
            remote.close()
    except ServerError as error:
        return Unreachable(error.number, str(error))
    purged = variables["gtid_purged"]
    return Source(
        version=variables["version"],
        server_uuid=variables["server_uuid"],
        server_id=int(variables["server_id"]),
        gtid_mode=variables["gtid_mode"],
        gtid_executed=executed,
        read_only=variables["read_only"] == "ON",
        clone_plugin="clone" in plugins,
        semisync=variables.get("rpl_semi_sync_source_enabled") == "ON",
        errant=text(server.value("GTID_SUBTRACT(%s, %s)", [local.gtid_executed, executed])),
        purged=text(server.value("GTID_SUBTRACT(%s, %s)", [purged, local.gtid_executed])),
        not_innodb=not_innodb,
    )


def observe_channel(server: Server, known_password: str) -> Channel | None:
    """The server's replication connection, if it has one."""
    statuses = server.rows("SHOW REPLICA STATUS")
    if others := [row["Channel_Name"] for row in statuses if row["Channel_Name"]]:
        raise ServerError(0, f"named replication channels ({', '.join(others)}) are not supported")
    if not statuses or not statuses[0]["Source_Host"]:
        return None
    status = statuses[0]
    settings = server.rows(
        "SELECT HEARTBEAT_INTERVAL FROM performance_schema.replication_connection_configuration WHERE CHANNEL_NAME = ''"
    )
    stored = server.rows("SELECT User_password FROM mysql.slave_master_info WHERE Channel_name = ''")
    endpoint = Endpoint(
        host=status["Source_Host"],
        port=int(status["Source_Port"]),
        user=status["Source_User"],
        password=text(stored[0]["User_password"]) if stored else known_password,
        tls=status["Source_SSL_Allowed"] == "Yes",
        ca=status["Source_SSL_CA_File"],
        verify=status["Source_SSL_Verify_Server_Cert"] == "Yes",
        connect_retry=int(status["Connect_Retry"]),
        retry_count=int(status["Source_Retry_Count"]),
        heartbeat_period=float(settings[0]["HEARTBEAT_INTERVAL"]) if settings else 0.0,
        auto_position=bool(int(status["Auto_Position"])),
    )
    return Channel(
        endpoint=endpoint,
        receiver=status["Replica_IO_Running"],
        applier=status["Replica_SQL_Running"],
        receiver_error=(int(status["Last_IO_Errno"]), status["Last_IO_Error"]),
        applier_error=_applier_error(server, int(status["Last_SQL_Errno"]), status["Last_SQL_Error"]),
    )


def _applier_error(server: Server, number: int, error: str) -> tuple[int, str]:
    """What a worker said, where the coordinator only says that one failed."""
    if number:
        workers = server.rows(
            "SELECT LAST_ERROR_NUMBER, LAST_ERROR_MESSAGE FROM performance_schema.replication_applier_status_by_worker"
            " WHERE CHANNEL_NAME = '' AND LAST_ERROR_NUMBER <> 0 ORDER BY LAST_ERROR_TIMESTAMP LIMIT 1"
        )
        for worker in workers:
            return int(worker["LAST_ERROR_NUMBER"]), worker["LAST_ERROR_MESSAGE"]
    return number, error
