#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.mysql_upgrade_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_upgrade_info
version_added: 1.0.0
short_description: Says whether a newer MySQL is offered to a host, and what would be in its way
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - Updates the package lists, and looks what apt would do for the packages that the host's MySQL server comes from.
  - Downloads the new packages to a temporary folder, unpacks them there, and has their mysqld check the host's
    configuration (C(--validate-config)). The server that runs does not notice.
  - Asks the server for what a new version cannot start with or would lock somebody out with, such as accounts with a
    plugin that it lacks.
  - Refuses what MySQL does not support, which is everything but a newer release of the same LTS series and of the next
    one (RV(reasons)).
  - Installs nothing.
extends_documentation_fragment:
  - foobar.webstack.info
  - foobar.webstack.mysql
options:
  service:
    description: Unit of the server.
    type: str
    default: mysql
  lock_timeout:
    description: Seconds to wait while somebody else uses apt.
    type: int
    default: 300
  backup_program:
    description: Program whose command C(status) says when the last backup was made. Not asked where it does not exist.
    type: path
    default: /usr/local/sbin/mysql-backup
seealso:
  - module: foobar.webstack.mysql_server_info
  - module: foobar.webstack.mysql_drain
"""

EXAMPLES = r"""
- name: Look what MySQL is offered, and whether it would start
  foobar.webstack.mysql_upgrade_info:
  register: upgrade
"""

RETURN = r"""
running:
  description: Version of the server that runs, or that would run where it does not answer.
  returned: success
  type: str
offered:
  description: Version of the server that is offered. Empty where it has the newest.
  returned: success
  type: str
names:
  description: Packages of the server that are to be upgraded.
  returned: success
  type: list
  elements: str
packages:
  description: The same as apt takes them, each with the version that was looked at. Empty where nothing is installed.
  returned: success
  type: list
  elements: str
  sample: [mysql-server=9.7.4-2]
changes:
  description: All packages that would be installed, each with the version that there is and the new one.
  returned: success
  type: dict
installed:
  description: Version of the package that the server comes from.
  returned: success
  type: str
candidate:
  description: Version of the package mysql-server that is offered.
  returned: success
  type: str
restart:
  description: Whether the server that runs is older than its files.
  returned: success
  type: bool
begun:
  description: Whether the server was taken out for an upgrade (M(foobar.webstack.mysql_drain)) and is not back.
  returned: success
  type: bool
reasons:
  description: Why the server cannot be upgraded, each a C(code) with C(data).
  returned: success
  type: list
  elements: dict
notes:
  description: What somebody should know before it is, in the same form.
  returned: success
  type: list
  elements: dict
backup:
  description: What the host's backups last did, by part, as O(backup_program) says it.
  returned: success
  type: dict
complaints:
  description: What apt said of sources that it could not read.
  returned: success
  type: list
  elements: str
time:
  description: Seconds since 1970 by this host's clock.
  returned: success
  type: float
"""

import json
import os
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils import _process
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import LOGIN_OPTIONS, Server, ServerError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.upgrade import packages, preflight, service
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.upgrade.packages import Offer
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.upgrade.path import Version, refusal
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.upgrade.preflight import Found
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.upgrade.trial import unpacked
from ansible_collections.foobar.webstack.plugins.module_utils._packages import apt

PATIENCE = 60
"""Seconds for an answer: with many tables, that about them takes a while."""


def asked(server: Server) -> tuple[str, Found]:
    """Version of the server and what it says; nothing where it does not answer, which is for others to judge."""
    try:
        return str(server.value("@@GLOBAL.version")), preflight.read(server)
    except ServerError:
        return "", Found()
    finally:
        server.close()


def against(offer: Offer, found: Found, running: Version | None) -> tuple[str, list[Reason]]:
    """The version that is offered, and what is in its way: the first look at it that finds something is the last."""
    offered = Version.parse(offer.candidate)
    if not offer.changes or not running or not offered:
        return "", list(offer.refusals)
    why = list(offer.refusals)
    if not why and (wrong := refusal(running, offered)):
        why = [wrong]
    why += preflight.obstacles(found, running, offered)
    if why:
        return str(offered), why
    with unpacked(_process.run, offer.names, preflight.persisted_options(found.persisted)) as trial:
        why = list(trial.refusals) or list(preflight.missing_libraries(found, trial.has, offered))
        return trial.version or str(offered), why


def backup(program: str) -> dict[str, Any]:
    """What the host's backups last did."""
    said = _process.run(program, "status").stdout
    return json.loads(said) if said.startswith("{") else {}


def run(module: AnsibleModule) -> dict[str, Any]:
    """Look at everything."""
    params = module.params
    if held := apt.wait(params["lock_timeout"]):
        people = "; ".join({one.process: str(one) for one in reversed(held)}.values())
        module.fail_json(msg=f"apt is busy, after waiting for {params['lock_timeout']} seconds: {people}.")
    complaints = apt.update_lists()
    offer = packages.look(_process.run)
    version, found = asked(Server.local(params["login_unix_socket"], params["login_user"], PATIENCE))
    version = version or service.installed_version(_process.run)
    offered, why = against(offer, found, Version.parse(version))
    return {
        "running": version,
        "offered": offered,
        "names": list(offer.names),
        "packages": offer.packages,
        "changes": {name: list(versions) for name, versions in (offer.changes or {}).items()},
        "installed": offer.installed,
        "candidate": offer.candidate,
        "restart": service.runs_old_file(service.process(_process.run, params["service"])),
        "begun": service.is_out(),
        "reasons": [each.as_data() for each in why],
        "notes": [each.as_data() for each in preflight.notes(found)],
        "backup": backup(params["backup_program"]) if os.path.exists(params["backup_program"]) else {},
        "complaints": complaints,
        "time": time.time(),
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "service": {"type": "str", "default": "mysql"},
            "lock_timeout": {"type": "int", "default": 300},
            "backup_program": {"type": "path", "default": "/usr/local/sbin/mysql-backup"},
            **LOGIN_OPTIONS,
        },
        supports_check_mode=True,
    )
    module.exit_json(changed=False, **run(module))


if __name__ == "__main__":
    main()
