#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.mysql_replica."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_replica
version_added: 1.0.0
short_description: Makes a MySQL server a running replica, or checks that it is not one
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - Compares how the server replicates with how it is to replicate, and executes what makes up the difference and
    nothing else. A replica that runs as wanted is not touched, and one that is stopped is started. Where source,
    account or timing differ, they are changed, and only the thread that has to be is stopped for that.
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
      - In check mode it is not an error that a server is not installed yet, or that the source does not know an account
        yet, because an earlier task would have taken care of that.
    support: full
  diff_mode:
    description: Shows the settings that change, and what happens to the data. Passwords are hidden.
    support: full
extends_documentation_fragment:
  - foobar.webstack.mysql
  - foobar.webstack.mysql.channel
requirements:
  - for C(CLONE), the plugin C(mysql_clone.so) on both servers, and one release series
  - for C(CLONE) from an IPv6 address, which it does not take, a C(/etc/hosts) that can be written; the source has a
    name there while the copy is made
options:
  state:
    description:
      - V(running) for a replica of O(source_host) whose receiver and applier run.
      - V(absent) for a server that does not replicate from another one.
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
reasons:
  description: Why the server does not replicate as wanted, each a C(code) with C(data). C(msg) says it in words.
  returned: failure
  type: list
  elements: dict
warning_reasons:
  description: What is warned about, in the same form.
  returned: always
  type: list
  elements: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.limits import source_password_error
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.channel import CHANNEL_OPTIONS, Endpoint
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.convergence import Convergence
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.plan import Intent
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import ReasonError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import (
    LOGIN_OPTIONS,
    NoServerError,
    Server,
    ServerError,
)


def intent(params: dict[str, Any], *, rehearsal: bool) -> Intent:
    """What the options allow."""
    return Intent(
        provision=params["provision"],
        reprovision=params["reprovision"],
        donor_account=(params["clone_user"], params["clone_password"]) if params["clone_user"] else None,
        rehearsal=rehearsal,
    )


def run(module: AnsibleModule, convergence: Convergence) -> dict[str, Any]:
    """Converge, and say what was done."""
    done = convergence.converge()
    statements = [str(statement) for statement in done.statements] if module.check_mode else convergence.executed
    channel = convergence.channel()
    return {
        "changed": bool(statements),
        "reachable": True,
        "writable": convergence.writable,
        "statements": statements,
        "replica": {"source": str(channel.endpoint), "receiver": channel.receiver, "applier": channel.applier}
        if channel
        else {},
        "diff": {"before": dict(done.before), "after": dict(done.after)},
    }


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
        "provision": {"type": "str", "choices": ["clone", "none"], "default": "clone"},
        "clone_user": {"type": "str"},
        "clone_password": {"type": "str", "no_log": True},
        "reprovision": {"type": "bool", "default": False},
        "allow_reset": {"type": "bool", "default": False},
        "timeout": {"type": "int", "default": 60},
        "clone_timeout": {"type": "int", "default": 3600},
        "service": {"type": "str", "default": "mysql"},
        **CHANNEL_OPTIONS,
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
    params = module.params
    # Before anything is changed: the statement would be refused after the accounts have it.
    if error := source_password_error(params["source_password"] or ""):
        module.fail_json(msg=f"{error[0].upper()}{error[1:]}.", reasons=[], statements=[], warning_reasons=[])

    def control(verb: str) -> str:
        status, _output, error = module.run_command(["systemctl", verb, params["service"]])
        return "" if status == 0 else f"{params['service']}: {error.strip()}"

    convergence = Convergence(
        server=Server.local(params["login_unix_socket"], params["login_user"], params["timeout"]),
        wanted=Endpoint.of(params, source="source_", tls="source_") if params["state"] == "running" else None,
        intent=intent(params, rehearsal=module.check_mode),
        control=control,
        timeout=params["timeout"],
        clone_timeout=params["clone_timeout"],
        allow_reset=params["allow_reset"],
    )
    done: dict[str, Any] = {}
    failure: dict[str, Any] = {}
    try:
        done = run(module, convergence)
    except ReasonError as error:
        failure = error.as_result()
    except ServerError as error:
        if module.check_mode and isinstance(error, NoServerError):
            done = {"reachable": False, "writable": False, "replica": {}, "msg": str(error)}
        else:
            failure = {"msg": f"The MySQL server at {params['login_unix_socket']}: {error}."}
    executed = convergence.executed
    warnings = [warning.as_data() for warning in convergence.warnings]
    if failure:
        module.fail_json(**failure, changed=bool(executed), statements=executed, warning_reasons=warnings)
    module.exit_json(**{"changed": False, "statements": [], **done}, warning_reasons=warnings)


if __name__ == "__main__":
    main()
