#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.mysql_settings."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_settings
version_added: 1.0.0
short_description: Brings a running MySQL server in step with its configuration
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - Compares the variables of a running server with what its configuration says, and changes at runtime those that
    differ, so that a server need not be restarted for them. Nothing is persisted in the data directory - the
    configuration file stays the one place where settings stand.
  - When one of the differences takes a restart, none is changed at runtime, and RV(restart_required) names those that
    wait for it. That is read from the server itself, so a restart that an interrupted run owed is still found.
  - What belongs to TLS takes effect with C(ALTER INSTANCE RELOAD TLS), which is executed when a variable of TLS differs
    from what connections get, or the certificate in the file C(ssl_cert) from the one that is served. Connections that
    exist go on. Where the server does not take a certificate, it goes on with the one that it had.
attributes:
  check_mode:
    description: Reports what it would change and changes nothing.
    support: full
  diff_mode:
    description: Shows the running and the wanted value of each variable that differs.
    support: full
extends_documentation_fragment:
  - foobar.webstack.mysql
options:
  variables:
    description:
      - System variables and the values that they are to have. Booleans stand for V(ON) and V(OFF), sizes may have a
        suffix V(K), V(M), V(G) or V(T).
    type: dict
    required: true
  config_file:
    description:
      - The configuration file that these variables stand in.
      - A restart is asked for only if the file is younger than the running server. A variable that differs although
        the server was started with the file, because the server adjusted it or another file overrides it, is warned
        about instead.
    type: path
    required: true
  applied_file:
    description:
      - A copy of the configuration file as it was when the server was last brought in step with it, if there is one.
      - An option that is no variable, and so cannot be asked for, takes a restart unless it stands there with the same
        value, or the server was started with the file.
    type: path
  group_replication:
    description:
      - Whether the plugin of group replication is loaded while the server runs, or unloaded. If not given, neither.
      - What else takes a restart of a group's member is set at runtime then; the server must be in no group.
    type: bool
seealso:
  - module: foobar.webstack.mysql_replica
"""

EXAMPLES = r"""
- name: Bring the server in step with its configuration
  foobar.webstack.mysql_settings:
    config_file: /etc/mysql/mysql.conf.d/webstack.cnf
    variables:
      max_connections: 300
      innodb_buffer_pool_size: 2G
      super_read_only: true
  register: settings

- name: Restart for what cannot change at runtime
  ansible.builtin.systemd_service:
    name: mysql
    state: restarted
  when: settings.restart_required | length > 0
"""

RETURN = r"""
restart_required:
  description: Variables that get their value only with a restart of the server.
  returned: success
  type: list
  elements: str
  sample: [bind_address]
statements:
  description: Statements executed, or that would be in check mode.
  returned: success
  type: list
  elements: str
  sample: ["SET GLOBAL `max_connections` = 300", "ALTER INSTANCE RELOAD TLS"]
"""

import os
import ssl
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils._mysql import plugin
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.execution import execute
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import (
    LOGIN_OPTIONS,
    Server,
    ServerError,
    unsupported,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.variables import (
    Difference,
    assignment,
    differences,
    options,
    tls_differences,
    waits_for_restart,
)

LOCK_SECONDS = 30
"""How long read-only may wait for transactions that are open."""

VARIABLE_IS_READ_ONLY = 1238

RELOAD_TLS = "ALTER INSTANCE RELOAD TLS"


def started_with(server: Server, config_file: str) -> bool:
    """Whether the running server has read the configuration file as it is now."""
    if not os.path.exists(config_file):
        return True
    uptime = int(server.rows("SHOW GLOBAL STATUS LIKE 'Uptime'")[0]["Value"])
    # Uptime is cut off to whole seconds, so the server is up to a second older than it says.
    return os.stat(config_file).st_mtime < time.time() - uptime - 1


def options_in(file: str | None) -> dict[str, str]:
    """The options in a configuration file, none where it does not exist."""
    if not file or not os.path.exists(file):
        return {}
    with open(file, encoding="utf-8") as lines:
        return options(lines.read())


def known(found: list[Difference], config_file: str, applied_file: str | None) -> set[str]:
    """Options without a variable that have been in force before, by the copy of the file that was."""
    now, before = options_in(config_file), options_in(applied_file)
    return {one.name for one in found if one.is_option and one.name in before and before[one.name] == now.get(one.name)}


def set_at_runtime(server: Server, difference: Difference) -> bool:
    """Change a variable; False where only a restart does."""
    statement, value = assignment(difference)
    try:
        server.rows(statement, [value])
    except ServerError as error:
        if error.number == VARIABLE_IS_READ_ONLY:
            return False
        raise ServerError(0, f"{difference.name} = {difference.wanted}: {error}") from error
    return True


def stale_tls(server: Server, wanted: dict[str, Any]) -> list[Difference]:
    """What of TLS is not what connections get: settings, or the certificate after a reload that did not happen."""
    status = server.rows("SHOW GLOBAL STATUS LIKE 'Current_tls_%'")
    found = tls_differences(wanted, {row["Variable_name"].lower(): row["Value"] for row in status})
    file = wanted.get("ssl_cert")
    if found or not file:
        return found
    try:
        with open(file, encoding="ascii") as lines:
            certificate = ssl.PEM_cert_to_DER_cert(first_certificate(lines.read()))
    except (OSError, ValueError) as error:
        raise ServerError(0, f"ssl_cert = {file}: {error}") from error
    if server.served_certificate() != certificate:
        found = [Difference("ssl_cert", "another certificate", str(file))]
    return found


def first_certificate(text: str) -> str:
    """The leaf of a chain."""
    start, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    if start not in text or end not in text:
        raise ValueError("it holds no certificate")
    return start + text.split(start, 1)[1].split(end, 1)[0] + end


def reload_tls(server: Server, wanted: dict[str, Any]) -> None:
    """Let new connections have what the variables and files say. Where these are no good, the server says so."""
    try:
        server.rows(RELOAD_TLS)
    except ServerError as error:
        files = ", ".join(str(wanted[name]) for name in ("ssl_cert", "ssl_key", "ssl_ca") if wanted.get(name))
        raise ServerError(
            0,
            f"it does not take the certificate, key and CA{f' ({files})' if files else ''}, and goes on with those that"
            f" it had: {error}. See that the key belongs to the certificate, and that the group mysql may read it; the"
            " playbook rotate_certificates makes the stack's own anew",
        ) from error


def change_plugin(server: Server, running: dict[str, str], module: AnsibleModule) -> list[str]:
    """Load group replication, or unload it; the statements."""
    wanted = module.params["group_replication"]
    if wanted is None:
        return []
    statements = plugin.change(
        load=wanted,
        loaded=plugin.PLUGIN in server.plugins(),
        components=[str(row["urn"]) for row in server.rows(plugin.COMPONENTS)],
        read_only=running["super_read_only"] == "ON",
    )
    if not module.check_mode and (failure := execute(server, statements)):
        raise ServerError(0, f"{failure.statement}: {failure.error}") from failure.error
    return [str(statement) for statement in statements]


def run(module: AnsibleModule) -> None:
    """Compare, change, report."""
    wanted = module.params["variables"]
    server = Server.local(module.params["login_unix_socket"], module.params["login_user"], 2 * LOCK_SECONDS)
    running = server.variables()
    reason = unsupported(running["version"], running["version_comment"])
    if reason:
        module.fail_json(msg=f"{reason}.")

    loading = change_plugin(server, running, module)
    if loading and not module.check_mode:
        running = server.variables()
    found = differences(wanted, running)
    in_force = started_with(server, module.params["config_file"])
    settled = known(found, module.params["config_file"], module.params["applied_file"])
    found = [one for one in found if not one.is_option or not (in_force or one.name in settled)]
    stale: list[Difference] = []
    # Of a plugin that is loaded while the server runs, no configuration file is read.
    group_stopped = bool(module.params["group_replication"])
    waiting = [difference for difference in found if waits_for_restart(difference, group_stopped=group_stopped)]
    statements = loading
    if not waiting or in_force:
        server.rows(f"SET SESSION lock_wait_timeout = {LOCK_SECONDS}")
        for difference in found:
            if difference in waiting:
                continue
            if not module.check_mode and not set_at_runtime(server, difference):
                waiting.append(difference)
                continue
            statement, value = assignment(difference)
            statements.append(statement % repr(value))
        stale = stale_tls(server, wanted)
        if stale:
            statements.append(RELOAD_TLS)
            if not module.check_mode:
                reload_tls(server, wanted)
            stale = [difference for difference in stale if difference.name not in [d.name for d in found]]
    if in_force:
        missing = [difference.name for difference in waiting if difference.running is None]
        if missing:
            module.fail_json(
                msg=f"The server was started with {module.params['config_file']}, but has no {', '.join(missing)}: the"
                " plugin that brings it is not loaded. See the server's error log."
            )
        for difference in waiting:
            module.warn(
                f"{difference.name} is {difference.running!r}, although the server was started after "
                f"{module.params['config_file']} had said {difference.wanted!r}: the server adjusted it (see its error"
                " log), or another file or SET PERSIST overrides it (see performance_schema.variables_info)."
            )
        found = [difference for difference in found if difference not in waiting]
        waiting = []
    after = running if module.check_mode else server.variables()
    if not module.check_mode:
        # A value that the server rounds to the one that it had is no change.
        found = [d for d in found if d in waiting or after.get(d.name) != d.running]
    found += stale
    module.exit_json(
        changed=bool(found or loading),
        restart_required=[difference.name for difference in waiting],
        statements=statements,
        diff={
            "before": {difference.name: difference.running for difference in found},
            "after": {difference.name: difference.wanted for difference in found},
        },
    )


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "variables": {"type": "dict", "required": True},
            "config_file": {"type": "path", "required": True},
            "applied_file": {"type": "path"},
            "group_replication": {"type": "bool"},
            **LOGIN_OPTIONS,
        },
        supports_check_mode=True,
    )
    try:
        run(module)
    except ServerError as error:
        module.fail_json(msg=f"The MySQL server at {module.params['login_unix_socket']}: {error}")


if __name__ == "__main__":
    main()
