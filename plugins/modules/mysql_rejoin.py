#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.mysql_rejoin."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_rejoin
version_added: 1.0.0
short_description: Starts a replaced MySQL primary read-only, and saves what only it has
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - The first half of a return, before the server becomes a replica again (M(foobar.webstack.mysql_replica)).
  - Starts the server if it does not run. One that runs and takes writes is restarted, so that it is read-only as its
    configuration says; where that does not say so, nothing is done.
  - Compares its transactions with those of the server that has taken its place. What only this one has is written to a
    file, as C(mysqlbinlog) shows it, before anything can throw it away.
attributes:
  check_mode:
    description: Compares where the server runs, and says what it would do. Nothing is changed.
    support: full
  diff_mode:
    description: Nothing is shown.
    support: none
extends_documentation_fragment:
  - foobar.webstack.mysql
requirements:
  - mysqlbinlog, where there is something to save
options:
  gtid_executed:
    description: What the server has that is the primary now.
    type: str
    required: true
  directory:
    description: Where the file goes. It is made, for root alone.
    type: path
    default: /var/backups/webstack
  service:
    description: Unit of the server.
    type: str
    default: mysql
  timeout:
    description: Seconds in which the server must answer, its recovery after a crash included.
    type: int
    default: 120
seealso:
  - module: foobar.webstack.mysql_replica
"""

EXAMPLES = r"""
- name: Start the old primary and save what only it has
  foobar.webstack.mysql_rejoin:
    gtid_executed: "{{ primary.server.gtid_executed }}"
"""

RETURN = r"""
diverged:
  description: GTID set of the transactions that only this server has. Empty if it can be a replica as it is.
  returned: success
  type: str
transactions:
  description: How many these are.
  returned: success
  type: int
file:
  description: File on the host that they were saved to. Empty if there are none.
  returned: success
  type: str
incomplete:
  description: Which of them were not in the server's binary logs any more, and so are not in the file.
  returned: success
  type: str
"""

import os
import re
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet, one_line
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import (
    LOGIN_OPTIONS,
    NoServerError,
    Server,
    ServerError,
)

PATIENCE = 10
_NAME = re.compile(r"--super[-_]read[-_]only\b", re.IGNORECASE)
_TRUE = re.compile(r"--super[-_]read[-_]only(=(ON|1|TRUE))?", re.IGNORECASE)


class Return:
    """One run of the module."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.params = module.params
        self.server = Server.local(module.params["login_unix_socket"], module.params["login_user"], PATIENCE)
        self.changed = False

    def run(self) -> None:
        try:
            own = GtidSet.parse(self.params["gtid_executed"])
        except ValueError as error:
            self.module.fail_json(msg=f"gtid_executed: {error}")
        self.start()
        if self.module.check_mode and self.changed:
            self.leave(GtidSet(), msg="The server would be started; what it has can be said only then")
        variables = self.server.variables()
        diverged = GtidSet.parse(one_line(variables["gtid_executed"])) - own
        if not diverged:
            self.leave(diverged)
        file, lost = "", GtidSet()
        if not self.module.check_mode:
            lost = diverged & GtidSet.parse(one_line(variables["gtid_purged"]))
            file = self.save(diverged, variables["log_bin_basename"])
        self.changed = True
        self.leave(diverged, file, lost)

    def start(self) -> None:
        """Let the server run, and take no writes."""
        verb = "start"
        try:
            if int(self.server.value("@@GLOBAL.super_read_only")):
                return
            verb = "restart"
        except NoServerError:
            pass
        self.changed = True
        self.configured_read_only()
        if self.module.check_mode:
            return
        service = self.params["service"]
        if verb == "restart":
            # Commits that wait for an acknowledgement would keep it from ending, and from becoming read-only.
            self.systemctl("kill", "--signal=SIGKILL", service)
        self.server.close()
        self.systemctl("start", service)
        deadline = time.monotonic() + self.params["timeout"]
        while True:
            try:
                if int(self.server.value("@@GLOBAL.super_read_only")):
                    return
                reason = "it takes writes"
            except ServerError as error:
                reason = str(error)
            if time.monotonic() > deadline:
                self.module.fail_json(
                    msg=f"{service} was started and is not read-only within {self.params['timeout']} s: {reason}. See"
                    " its error log."
                )
            time.sleep(0.2)

    def systemctl(self, *arguments: str) -> None:
        status, _output, error = self.module.run_command(["systemctl", *arguments])
        if status != 0:
            self.module.fail_json(msg=f"systemctl {' '.join(arguments)}: {error.strip()}")

    def configured_read_only(self) -> None:
        """A server that came up writable could be written to before anybody knows."""
        _status, output, _error = self.module.run_command(["my_print_defaults", "mysqld"])
        said = [line for line in output.splitlines() if _NAME.match(line)]
        if not said or not _TRUE.fullmatch(said[-1]):
            self.module.fail_json(
                msg="The configuration of this server does not say super_read_only=ON, so that it would come up taking"
                " writes. Nothing was done. Write it into the [mysqld] section of"
                " /etc/mysql/mysql.conf.d/webstack.cnf and run this again."
            )

    def save(self, gtids: GtidSet, basename: str) -> str:
        """Write the transactions to a file. They are all flushed: the server does not commit any more."""
        directory = self.params["directory"]
        os.makedirs(directory, mode=0o700, exist_ok=True)
        file = os.path.join(directory, f"diverged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.sql")
        names = [os.path.basename(row["Log_name"]) for row in self.server.rows("SHOW BINARY LOGS")]
        logs = [os.path.join(os.path.dirname(basename), name) for name in names]
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.close(descriptor)
        command = ["mysqlbinlog", "--verbose", f"--include-gtids={gtids}", f"--result-file={file}", *logs]
        status, _output, error = self.module.run_command(command)
        if status != 0:
            self.module.fail_json(msg=f"The transactions {gtids} could not be saved, so nothing else is done: {error}")
        return file

    def leave(self, diverged: GtidSet, file: str = "", lost: GtidSet | None = None, msg: str = "") -> None:
        self.module.exit_json(
            changed=self.changed,
            diverged=str(diverged),
            transactions=diverged.count,
            file=file,
            incomplete=str(lost or GtidSet()),
            msg=msg,
        )


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "gtid_executed": {"type": "str", "required": True},
            "directory": {"type": "path", "default": "/var/backups/webstack"},
            "service": {"type": "str", "default": "mysql"},
            "timeout": {"type": "int", "default": 120},
            **LOGIN_OPTIONS,
        },
        supports_check_mode=True,
    )
    try:
        Return(module).run()
    except ServerError as error:
        module.fail_json(msg=f"The MySQL server at {module.params['login_unix_socket']}: {error}")


if __name__ == "__main__":
    main()
