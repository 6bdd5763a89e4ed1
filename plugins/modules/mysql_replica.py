#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.mysql_replica."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_replica
version_added: 1.0.0
short_description: Makes a MySQL server a running replica, or sees that it is none
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - Compares how the server replicates with how it is to replicate, and executes what makes up the difference and
    nothing else. A replica that runs as wanted is not touched, one that stands still is started, one whose source,
    account or timing differs is changed with only the thread stopped that must be.
  - Replication is by GTID with automatic positions. The server is set C(super_read_only) before anything else.
  - A server that has no channel yet and no databases of its own is provisioned with C(CLONE), which copies the source's
    data while the source goes on working, and restarts the server. One whose transactions are all on the source
    continues where it is.
  - Data is never replaced unasked. A server that has transactions which the source has not, or lacks some that the
    source no longer has in its binary logs, is left as it is, with an error that says why and what the choices are.
  - The source is asked first, with the account that the replica will use. A wrong password or a source that cannot be
    reached therefore leaves a replica that runs with other settings running.
  - Returns when receiver and applier run. If they do not, the error says what MySQL's error means and what to do.
attributes:
  check_mode:
    description:
      - Asks both servers, and reports what it would execute. Nothing is changed.
      - What an earlier task would have put right, such as a server that is not installed yet or an account that the
        source does not know yet, is no error in check mode.
    support: full
  diff_mode:
    description: Shows the settings that change, and what happens to the data. Passwords are hidden.
    support: full
extends_documentation_fragment:
  - foobar.webstack.mysql
requirements:
  - for C(CLONE), the plugin C(mysql_clone.so) on both servers, one release series, and a source with an IPv4 address
options:
  state:
    description:
      - V(running) for a replica of O(source_host) whose receiver and applier run.
      - V(absent) for a server that replicates from nobody.
    type: str
    choices: [running, absent]
    default: running
  source_host:
    description: Address of the source. Required for O(state=running).
    type: str
  source_port:
    description: TCP port of the source.
    type: int
    default: 3306
  source_user:
    description: Account on the source with the privilege C(REPLICATION SLAVE). Required for O(state=running).
    type: str
  source_password:
    description: Its password. Required for O(state=running).
    type: str
  source_tls:
    description: Whether the connection to the source is encrypted. It is authenticated with O(source_ca).
    type: bool
    default: true
  source_ca:
    description:
      - File on the host with the certificates of the CAs that may have signed the source's certificate, PEM.
      - With it the source's certificate is verified, by replication with the address in O(source_host), which has to
        be among its subjectAltNames, and by C(CLONE), which compares no name. This module asks the source in the same
        way. Without it anybody could be the source.
    type: path
  connect_retry:
    description: Seconds between attempts to connect. MySQL's own default of 60 leaves a replica behind for that long.
    type: int
    default: 5
  retry_count:
    description: Attempts before the replica gives up, V(0) for never. MySQL's own default is 10.
    type: int
    default: 0
  heartbeat_period:
    description:
      - Seconds without data after which the source says that it is there. Keep it below the server's
        C(replica_net_timeout).
    type: float
    default: 5.0
  provision:
    description:
      - What becomes of a server that has no channel and no databases yet.
      - V(clone) copies the source's data.
      - V(none) replays the source's binary logs, for a source whose logs are complete or a server that was restored
        from a backup of it. Refused where they are not complete.
    type: str
    choices: [clone, none]
    default: clone
  clone_user:
    description:
      - Account on the source with the privilege C(BACKUP_ADMIN), for C(CLONE). That of O(source_user) if not given.
    type: str
  clone_password:
    description: Its password.
    type: str
  reprovision:
    description:
      - Whether data that stands in the way may be thrown away and replaced by the source's. It does not make a replica
        that fits be provisioned again.
    type: bool
    default: false
  allow_reset:
    description: Whether O(state=absent) may remove a channel. If not, one that exists is an error.
    type: bool
    default: false
  timeout:
    description: Seconds in which the replica must run, and in which a server that restarts must answer.
    type: int
    default: 60
  clone_timeout:
    description: Seconds that copying the data may take.
    type: int
    default: 3600
  service:
    description: Unit that is started after C(CLONE) where nothing starts the server again by itself.
    type: str
    default: mysql
seealso:
  - module: foobar.webstack.mysql_settings
"""

EXAMPLES = r"""
- name: Replicate from 198.18.0.31, cloning its data if this server is new
  foobar.webstack.mysql_replica:
    source_host: 198.18.0.31
    source_user: replication
    source_password: "{{ replication_password }}"

- name: Throw away the data of a replica that has diverged
  foobar.webstack.mysql_replica:
    source_host: 198.18.0.31
    source_user: replication
    source_password: "{{ replication_password }}"
    reprovision: true

- name: Fail if this server is a replica
  foobar.webstack.mysql_replica:
    state: absent
"""

RETURN = r"""
statements:
  description: Statements executed, or that would be in check mode. Passwords are hidden.
  returned: always
  type: list
  elements: str
  sample: [START REPLICA]
reachable:
  description: Whether the server answered. One that does not is an error, except in check mode.
  returned: success
  type: bool
writable:
  description: Whether the server took writes when the module looked. False where it did not answer.
  returned: success
  type: bool
replica:
  description: How the server replicates now. Empty for a server that does not.
  returned: success
  type: dict
  contains:
    source:
      description: Address and port of the source.
      type: str
      sample: "198.18.0.31:3306"
    receiver:
      description: V(Yes), V(No) or V(Connecting).
      type: str
    applier:
      description: V(Yes) or V(No).
      type: str
"""

import re
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.errors import explain
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.replication import (
    COMMIT_SECONDS,
    READ_ONLY,
    Channel,
    Endpoint,
    Intent,
    Local,
    Plan,
    Source,
    Step,
    Unreachable,
    plan,
    plan_absent,
    waiting_is_over,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.schemas import NOT_OWN
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import (
    LOGIN_OPTIONS,
    NoServerError,
    Server,
    ServerError,
    unsupported,
)

NOT_SUPERVISED = 3707
"""CLONE has copied the data, but nothing starts the server again."""

CONNECTION_LOST = frozenset({2003, 2006, 2013})

POLL_SECONDS = 0.2


def observe_channel(server: Server, known_password: str) -> Channel | None:
    """The server's replication connection. Its password is taken as known where the server keeps none to compare."""
    statuses = server.rows("SHOW REPLICA STATUS")
    others = [row["Channel_Name"] for row in statuses if row["Channel_Name"]]
    if others:
        raise ServerError(
            0, f"it has replication channels with names ({', '.join(others)}), and this module knows none"
        )
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
        applier_error=applier_error(server, int(status["Last_SQL_Errno"]), status["Last_SQL_Error"]),
    )


def applier_error(server: Server, number: int, error: str) -> tuple[int, str]:
    """What a worker said, where the coordinator only says that one failed."""
    if number:
        workers = server.rows(
            "SELECT LAST_ERROR_NUMBER, LAST_ERROR_MESSAGE FROM performance_schema.replication_applier_status_by_worker"
            " WHERE CHANNEL_NAME = '' AND LAST_ERROR_NUMBER <> 0 ORDER BY LAST_ERROR_TIMESTAMP LIMIT 1"
        )
        for worker in workers:
            return int(worker["LAST_ERROR_NUMBER"]), worker["LAST_ERROR_MESSAGE"]
    return number, error


def text(value: str | bytes) -> str:
    """A column that MySQL keeps as bytes."""
    return value.decode() if isinstance(value, bytes) else value


def observe(server: Server, known_password: str) -> Local:
    """What the server is."""
    variables = server.variables()
    reason = unsupported(variables["version"], variables["version_comment"])
    if reason:
        raise ServerError(0, reason)
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


def observe_source(endpoint: Endpoint, server: Server, local: Local, timeout: int) -> Source | Unreachable:
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
    )


class Convergence:
    """One run of the module."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.timeout = module.params["timeout"]
        self.server = Server.local(module.params["login_unix_socket"], module.params["login_user"], self.timeout)
        self.executed: list[str] = []
        self.at_start = self.to_have = ""
        self.writable = False

    def run(self) -> None:
        """Execute what the plan says; again after CLONE, which makes another server of this one."""
        first = current = self.plan(cloned=False)
        for warning in first.warnings:
            self.module.warn(warning)
        if current.refusal:
            self.fail(current.refusal)
        if self.module.check_mode:
            self.leave(first, [str(step) for step in first.steps])
        while self.execute(current):
            current = self.plan(cloned=True)
            if current.refusal:
                self.fail(current.refusal)
        if self.module.params["state"] == "running":
            self.wait_until_running()
        self.leave(first, self.executed)

    def plan(self, *, cloned: bool) -> Plan:
        """What is to be done as things stand."""
        params = self.module.params
        local = observe(self.server, params["source_password"])
        self.writable = not local.read_only
        if params["state"] == "absent":
            return plan_absent(local, allow_reset=params["allow_reset"])
        intent = Intent(
            provision=params["provision"],
            reprovision=params["reprovision"] and not cloned,
            donor_account=(params["clone_user"], params["clone_password"]) if params["clone_user"] else None,
            cloned=cloned,
            rehearsal=self.module.check_mode,
        )
        wanted = self.endpoint()
        source = observe_source(wanted, self.server, local, self.timeout)
        if self.module.check_mode and isinstance(source, Unreachable) and local.channel:
            # Certificate or password may be what an earlier task would have changed on the source. Asked as the running
            # replication does, and no less safely, it still tells whether the data fits.
            existing = local.channel.endpoint
            if (existing.host, existing.port) == (wanted.host, wanted.port):
                source = observe_source(existing, self.server, local, self.timeout)
        self.at_start = local.gtid_executed
        self.to_have = source.gtid_executed if isinstance(source, Source) else ""
        return plan(wanted, local, source, intent)

    def endpoint(self) -> Endpoint:
        """The channel that the options describe."""
        params = self.module.params
        return Endpoint(
            host=params["source_host"],
            port=params["source_port"],
            user=params["source_user"],
            password=params["source_password"],
            tls=params["source_tls"],
            ca=(params["source_ca"] or "") if params["source_tls"] else "",
            verify=params["source_tls"] and bool(params["source_ca"]),
            connect_retry=params["connect_retry"],
            retry_count=params["retry_count"],
            heartbeat_period=params["heartbeat_period"],
        )

    def execute(self, todo: Plan) -> bool:
        """Execute the steps up to the first that clones; whether there was one."""
        for step in todo.steps:
            self.executed.append(str(step))
            if step.clones:
                self.clone(step)
                return True
            try:
                self.server.rows(step.statement, step.values)
            except ServerError as error:
                self.fail(f"{step}: {error}")
        return False

    def clone(self, step: Step) -> None:
        """Copy the data, and wait for the server to come back with it."""
        try:
            self.server.patient(self.module.params["clone_timeout"]).rows(step.statement, step.values)
        except ServerError as error:
            if error.number == NOT_SUPERVISED:
                self.service("restart")
            # The connection may break before the answer comes: the server shuts down to start with the new data.
            elif error.number not in CONNECTION_LOST:
                self.server.rows(READ_ONLY.statement)
                self.fail(f"the data could not be cloned from {self.endpoint()}: {explain(error.number, str(error))}")
        self.server.close()
        reason = self.clone_is_missing(self.timeout)
        if reason:
            # Nothing has started the server again; or something is at it still, and then this waits for that.
            self.service("start")
            reason = self.clone_is_missing(self.timeout)
        if reason:
            self.fail(f"the data was not cloned from {self.endpoint()}: {reason}. Run again to start anew")

    def clone_is_missing(self, seconds: float) -> str:
        """Why the server does not run with the cloned data within this time, empty when it does."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                (status,) = self.server.rows("SELECT STATE, ERROR_MESSAGE FROM performance_schema.clone_status")
                if status["STATE"] == "Completed":
                    return ""
                reason = f"CLONE is in the state {status['STATE']}: {status['ERROR_MESSAGE'] or 'no error was given'}"
            except ServerError as error:
                reason = str(error)
            if time.monotonic() > deadline:
                return reason
            time.sleep(POLL_SECONDS)

    def service(self, verb: str) -> None:
        """Start the server where nothing else does."""
        service = self.module.params["service"]
        status, _output, error = self.module.run_command(["systemctl", verb, service])
        if status != 0:
            self.fail(f"the service {service} does not {verb} after CLONE: {error.strip()}")

    def wait_until_running(self) -> None:
        """Return as soon as receiver and applier run; fail as soon as it is clear that they will not.

        An applier runs until it comes to what it cannot apply. So one that was started here has to apply something
        first, unless there is nothing left to apply, or what it is at takes longer than there is time.
        """
        deadline = time.monotonic() + self.timeout
        while True:
            proven = not self.executed or self.has_applied()
            channel = observe_channel(self.server, "")
            out_of_time = time.monotonic() > deadline
            if channel and channel.running:
                if proven or out_of_time:
                    return
            else:
                reason = waiting_is_over(channel, out_of_time=out_of_time)
                if reason:
                    self.fail(f"the replica does not run: {reason}")
            time.sleep(POLL_SECONDS)

    def has_applied(self) -> bool:
        """Whether the replica has all that the source had at the start, or more than it had itself."""
        executed = text(self.server.value("@@GLOBAL.gtid_executed"))
        missing = text(self.server.value("GTID_SUBTRACT(%s, %s)", [self.to_have, executed]))
        return not missing or executed != self.at_start

    def leave(self, done: Plan, statements: list[str]) -> None:
        """Report success."""
        channel = observe_channel(self.server, "")
        self.module.exit_json(
            changed=bool(statements),
            reachable=True,
            writable=self.writable,
            statements=statements,
            replica={
                "source": str(channel.endpoint),
                "receiver": channel.receiver,
                "applier": channel.applier,
            }
            if channel
            else {},
            diff={"before": dict(done.before), "after": dict(done.after)},
        )

    def fail(self, reason: str) -> None:
        """Report failure, and what had been executed by then."""
        sentence = re.sub(r"^\w", lambda first: first[0].upper(), reason)
        self.module.fail_json(msg=f"{sentence}.", statements=self.executed, changed=bool(self.executed))


def argument_spec() -> dict[str, Any]:
    """The options, as DOCUMENTATION has them."""
    return {
        "state": {"type": "str", "choices": ["running", "absent"], "default": "running"},
        "source_host": {"type": "str"},
        "source_port": {"type": "int", "default": 3306},
        "source_user": {"type": "str"},
        "source_password": {"type": "str", "no_log": True},
        "source_tls": {"type": "bool", "default": True},
        "source_ca": {"type": "path"},
        "connect_retry": {"type": "int", "default": 5},
        "retry_count": {"type": "int", "default": 0},
        "heartbeat_period": {"type": "float", "default": 5.0},
        "provision": {"type": "str", "choices": ["clone", "none"], "default": "clone"},
        "clone_user": {"type": "str"},
        "clone_password": {"type": "str", "no_log": True},
        "reprovision": {"type": "bool", "default": False},
        "allow_reset": {"type": "bool", "default": False},
        "timeout": {"type": "int", "default": 60},
        "clone_timeout": {"type": "int", "default": 3600},
        "service": {"type": "str", "default": "mysql"},
        **LOGIN_OPTIONS,
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=argument_spec(),
        required_if=[("state", "running", ("source_host", "source_user", "source_password"))],
        required_together=[("clone_user", "clone_password")],
        supports_check_mode=True,
    )
    convergence = Convergence(module)
    try:
        convergence.run()
    except ServerError as error:
        if module.check_mode and isinstance(error, NoServerError):
            module.exit_json(changed=False, reachable=False, writable=False, statements=[], replica={}, msg=str(error))
        convergence.fail(f"the MySQL server at {module.params['login_unix_socket']}: {error}")


if __name__ == "__main__":
    main()
