#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.mysql_switchover."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_switchover
version_added: 1.0.0
short_description: Exchanges a MySQL source and its replica
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - Run on the server that takes writes, it makes the replica O(candidate_host) take them, and this server its replica.
  - First it looks at both and refuses if something would go wrong. Then it lets this server take no more writes, waits
    until the candidate has every transaction, turns the replication round, and lets the candidate take writes.
  - If a step fails, all is taken back, and this server takes writes again. At no time do both.
  - Transactions that are open at that moment are rolled back, with an error for the client that commits them.
attributes:
  check_mode:
    description: Looks at both servers, and says what it would do. Nothing is changed.
    support: full
  diff_mode:
    description: Shows which server takes writes.
    support: full
extends_documentation_fragment:
  - foobar.webstack.mysql
options:
  candidate_host:
    description: Address of the replica.
    type: str
    required: true
  candidate_port:
    description: Its TCP port.
    type: int
    default: 3306
  user:
    description:
      - Account on the replica with the privileges C(SYSTEM_VARIABLES_ADMIN), C(REPLICATION_SLAVE_ADMIN),
        C(CONNECTION_ADMIN), C(REPLICATION CLIENT) and C(RELOAD), and C(SELECT) on C(performance_schema).
    type: str
    required: true
  password:
    description: Its password.
    type: str
    required: true
  source_user:
    description: Account of the replication, with which this server will fetch.
    type: str
    required: true
  source_password:
    description: Its password.
    type: str
    required: true
  tls:
    description: Whether connections between the servers are encrypted.
    type: bool
    default: true
  ca:
    description: File, on both hosts, with the CA's certificates that the other server is verified with.
    type: path
  connect_retry:
    description: As of M(foobar.webstack.mysql_replica).
    type: int
    default: 5
  retry_count:
    description: As of M(foobar.webstack.mysql_replica).
    type: int
    default: 0
  heartbeat_period:
    description: As of M(foobar.webstack.mysql_replica).
    type: float
    default: 5.0
  lock_timeout:
    description: Seconds for commits that are under way to end, while others wait already.
    type: int
    default: 2
  max_lag:
    description: Seconds that the replica may be behind.
    type: int
    default: 2
  max_transaction:
    description: Seconds for which a transaction that has written may be open. One that is older is not rolled back.
    type: int
    default: 10
seealso:
  - module: foobar.webstack.mysql_server_info
"""

EXAMPLES = r"""
- name: Let 198.18.0.32 take the writes
  foobar.webstack.mysql_switchover:
    candidate_host: 198.18.0.32
    user: verbs
    password: "{{ verbs_password }}"
    source_user: replication
    source_password: "{{ replication_password }}"
    ca: /etc/webstack/tls/ca.pem
"""

RETURN = r"""
steps:
  description: What was done, in order, or in check mode what would be.
  returned: success
  type: list
  elements: str
seconds:
  description: When each of RV(steps) was done, counted from the beginning of the first.
  returned: success
  type: list
  elements: float
gap_seconds:
  description: For how long no server took writes.
  returned: success
  type: float
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import one_line
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.replication import (
    COMMIT_SECONDS,
    Endpoint,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.switchover import (
    BLOCKERS,
    Exchange,
    ExchangeError,
    Sight,
    obstacles,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.observation import CHANNEL
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import LOGIN_OPTIONS, Server, ServerError

PATIENCE = 10
"""Seconds for an answer; longer than what a statement is told to wait."""

TRANSACTIONS = (
    "SELECT t.trx_mysql_thread_id AS id, TIMESTAMPDIFF(SECOND, t.trx_started, NOW()) AS seconds,"
    " t.trx_rows_modified AS changed, p.USER AS user, p.HOST AS host FROM information_schema.innodb_trx t"
    " JOIN performance_schema.processlist p ON p.ID = t.trx_mysql_thread_id"
    " WHERE t.trx_rows_modified > 0 AND TIMESTAMPDIFF(SECOND, t.trx_started, NOW()) > %s ORDER BY seconds DESC LIMIT 5"
)


def look(params: dict[str, Any], old: Server, candidate: Server, forward: Endpoint) -> tuple[Sight, dict[str, Any]]:
    """Both servers as they are, and the candidate's channel."""
    old.rows("SET SESSION time_zone = 'SYSTEM'")
    here, there = old.variables(), candidate.variables()
    channels = candidate.rows(CHANNEL)
    status = {row["Variable_name"].lower(): row["Value"] for row in old.rows("SHOW GLOBAL STATUS LIKE 'Rpl_semi%'")}
    executed = one_line(here["gtid_executed"])
    channel = channels[0] if channels else {}
    caught_up = bool(channel) and not int(
        candidate.value("WAIT_FOR_EXECUTED_GTID_SET(%s, %s)", [executed, params["max_lag"]])
    )
    # By now the candidate may have what came after, and even what the old source has not committed yet: that waits for
    # its acknowledgement (AFTER_SYNC).
    ahead = one_line(candidate.value("GTID_SUBTRACT(@@GLOBAL.gtid_executed, %s)", [executed]))
    if ahead:
        old.value("WAIT_FOR_EXECUTED_GTID_SET(%s, %s)", [ahead, COMMIT_SECONDS])
    errant = old.value("GTID_SUBTRACT(%s, @@GLOBAL.gtid_executed)", [ahead])
    refused = ""
    fetching = Server.remote(
        forward.host, forward.port, forward.user, forward.password, tls=forward.tls, ca=forward.ca, timeout=PATIENCE
    )
    try:
        fetching.rows("SELECT 1")
    except ServerError as error:
        refused = str(error)
    finally:
        fetching.close()
    blockers = [
        f"connection {row['id']} ({row['user']}@{row['host']}, for {row['seconds']} s: {row['doing']})"
        for row in old.rows(BLOCKERS)
        if int(row["seconds"] or 0) > params["lock_timeout"]
    ]
    blockers += [
        f"connection {row['id']} ({row['user']}@{row['host']}) has changed {row['changed']} rows in a transaction"
        f" that is open for {row['seconds']} s"
        for row in old.rows(TRANSACTIONS, [params["max_transaction"]])
    ]
    sight = Sight(
        old_writable=here["read_only"] == "OFF",
        old_uuid=here["server_uuid"],
        old_replicates=bool(old.rows("SHOW REPLICA STATUS")),
        candidate_writable=there["read_only"] == "OFF",
        candidate_super_read_only=there["super_read_only"] == "ON",
        source_uuid=channel.get("source_uuid") or "",
        receiver=channel.get("receiver") == "ON",
        applier=channel.get("applier") == "ON",
        caught_up=caught_up,
        errant=one_line(errant),
        semi_sync=here.get("rpl_semi_sync_source_enabled") == "ON",
        acknowledged=status.get("rpl_semi_sync_source_status") == "ON"
        and int(status.get("rpl_semi_sync_source_clients", 0)) > 0,
        replicas=int(status.get("rpl_semi_sync_source_clients", 0)),
        refused=refused,
        blockers=tuple(blockers),
        versions=(here["version"], there["version"]),
    )
    return sight, channel


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "candidate_host": {"type": "str", "required": True},
            "candidate_port": {"type": "int", "default": 3306},
            "user": {"type": "str", "required": True},
            "password": {"type": "str", "required": True, "no_log": True},
            "source_user": {"type": "str", "required": True},
            "source_password": {"type": "str", "required": True, "no_log": True},
            "tls": {"type": "bool", "default": True},
            "ca": {"type": "path"},
            "connect_retry": {"type": "int", "default": 5},
            "retry_count": {"type": "int", "default": 0},
            "heartbeat_period": {"type": "float", "default": 5.0},
            "lock_timeout": {"type": "int", "default": 2},
            "max_lag": {"type": "int", "default": 2},
            "max_transaction": {"type": "int", "default": 10},
            **LOGIN_OPTIONS,
        },
        supports_check_mode=True,
    )
    params = module.params
    ca = (params["ca"] or "") if params["tls"] else ""
    old = Server.local(params["login_unix_socket"], params["login_user"], PATIENCE)
    host, port = params["candidate_host"], params["candidate_port"]
    candidate = Server.remote(
        host, port, params["user"], params["password"], tls=params["tls"], ca=ca, timeout=PATIENCE
    )

    def endpoint(host: str, port: int) -> Endpoint:
        return Endpoint(
            host=host,
            port=port,
            user=params["source_user"],
            password=params["source_password"],
            tls=params["tls"],
            ca=ca,
            verify=bool(ca),
            connect_retry=params["connect_retry"],
            retry_count=params["retry_count"],
            heartbeat_period=params["heartbeat_period"],
        )

    forward = endpoint(host, port)
    try:
        try:
            candidate.rows("SELECT 1")
        except ServerError as error:
            module.fail_json(
                msg=f"Nothing was changed: the candidate {forward} does not let {params['user']} in: {error}."
            )
        sight, channel = look(params, old, candidate, forward)
        found = obstacles(sight, max_lag=params["max_lag"])
        if found:
            module.fail_json(msg=f"Nothing was changed: {'; '.join(found)}.")
        exchange = Exchange(
            old,
            candidate,
            back=endpoint(channel["source_host"], int(channel["source_port"])),
            forward=forward,
            lock_seconds=params["lock_timeout"],
            semi_sync=sight.semi_sync,
        )
        if not module.check_mode:
            exchange.run()
    except (ServerError, ExchangeError) as error:
        module.fail_json(msg=f"The roles were not exchanged. {error}.")
    if exchange.warning:
        module.warn(exchange.warning)
    module.exit_json(
        changed=True,
        steps=exchange.plan() if module.check_mode else exchange.done,
        seconds=exchange.seconds,
        gap_seconds=round(exchange.gap, 3),
        diff={
            "before": {"takes writes": "this server", "replica": str(forward)},
            "after": {"takes writes": str(forward), "replica": "this server"},
        },
    )


if __name__ == "__main__":
    main()
