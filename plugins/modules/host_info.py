#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.host_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
version_added: 1.0.0
short_description: Says how a host of the stack is
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - Looks at the units, packages and certificates of a host, at the release that its application serves, at what its
    MySQL server and its backups say of themselves, at what its HAProxy says of others, at the addresses that it holds,
    and at the updates that wait, in one call.
  - Asks nobody but the host itself. Whatever is not there, or does not answer, is returned as that and is not an error.
  - M(foobar.webstack.mysql_server_info) and M(foobar.webstack.haproxy_status) say more of one program.
extends_documentation_fragment: [foobar.webstack.info]
options:
  units:
    description: Units that are to run.
    type: list
    elements: str
    default: []
  packages:
    description: Packages whose versions are wanted.
    type: list
    elements: str
    default: []
  application:
    description: Name of the application that the host serves. Its processes and jobs are among the units then.
    type: str
    default: ""
  certificates:
    description: Folder with a folder for each certificate.
    type: path
    default: /etc/webstack/tls
  addresses:
    description: Addresses that the host may hold.
    type: list
    elements: str
    default: []
  backup_report:
    description: The file in which C(mysql-backup) says what it did last. Not read if not given.
    type: path
  endpoint:
    description: Address at which C(mysql-endpoint) answers C(GET /state) on this host. Not asked if not given.
    type: str
    default: ""
  endpoint_port:
    description: Its TCP port.
    type: int
    default: 3308
  endpoint_ca:
    description: File with the CA's certificates that it is verified with.
    type: path
    default: /etc/webstack/tls/ca.pem
  haproxy_socket:
    description: Socket of the host's HAProxy. Not asked if not given.
    type: path
  haproxy_configuration:
    description: Path of HAProxy's configuration.
    type: path
    default: /etc/haproxy/haproxy.cfg
  haproxy_certificates:
    description: Files of the servers' certificates on their hosts, by backend, to be named where one is the reason.
    type: dict
    default: {}
  patience:
    description: Seconds that each program has for an answer.
    type: float
    default: 5
seealso:
  - plugin: foobar.webstack.status_report
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Ask a web server how it is
  foobar.webstack.host_info:
    units: [nginx.service]
    packages: [nginx]
  register: host
"""

RETURN = r"""
time:
  description: Seconds since 1970 by the host's clock.
  returned: success
  type: float
units:
  description: >-
    Of each unit, by name, whether it is V(there) and whether it V(runs), and what systemd calls that (V(load),
    V(active), V(sub), V(result)).
  returned: success
  type: dict
failed_units:
  description: Every unit of the host that has failed.
  returned: success
  type: list
  elements: str
packages:
  description: The version of each package that is installed, by name.
  returned: success
  type: dict
  sample: {nginx: 1.26.3-3+deb13u1}
release:
  description: The release that the application serves. Empty where there is none.
  returned: success
  type: str
certificates:
  description: >-
    Of each certificate its name and file, the days that it has left, those of its whole life, and why they cannot be
    told.
  returned: success
  type: list
  elements: dict
  sample:
    - {name: nginx, path: /etc/webstack/tls/nginx/certificate.pem, days: 61.4, life_days: 397.0, error: ""}
addresses:
  description: Those of O(addresses) that the host holds.
  returned: success
  type: list
  elements: str
backup:
  description: What C(mysql-backup) did last, by part. Empty where nothing was.
  returned: success
  type: dict
mysql:
  description: What C(mysql-endpoint) says of the server, or V(error).
  returned: success
  type: dict
haproxy:
  description: The servers and sentences of M(foobar.webstack.haproxy_status), or V(error).
  returned: success
  type: dict
updates:
  description: >-
    Whether it is V(known) what waits, V(packages) that an upgrade would replace, those of them that are V(security)'s,
    and how many days ago the package lists were updated (V(age_days)).
  returned: success
  type: dict
reboot:
  description: Whether a package has asked for a reboot.
  returned: success
  type: bool
"""

import datetime
import json
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils import _x509
from ansible_collections.foobar.webstack.plugins.module_utils._firewall import interfaces
from ansible_collections.foobar.webstack.plugins.module_utils._haproxy import look
from ansible_collections.foobar.webstack.plugins.module_utils._host import certificates, services, software
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.peers import state_of_host
from ansible_collections.foobar.webstack.plugins.module_utils._release import companions
from ansible_collections.foobar.webstack.plugins.module_utils._release.layout import Layout

LONG = ("gtid_executed", "gtid_received", "heartbeat")
"""Of what the endpoint says, what is of no use without another server's."""


def backup(path: str | None) -> dict[str, Any]:
    """The report of the backups."""
    try:
        found = json.loads(Path(path).read_text()) if path else {}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        return {"error": f"{path}: {error}"}
    return found if isinstance(found, dict) else {"error": f"{path} is no report"}


def mysql(address: str, port: int, ca: str, patience: float) -> dict[str, Any]:
    """What the host's own endpoint says."""
    if not address:
        return {}
    try:
        state = state_of_host(address, port, ca, patience)
    except (OSError, ValueError) as error:
        return {"error": f"mysql-endpoint does not answer at port {port} ({error})"}
    return {name: value for name, value in state.items() if name not in LONG}


def haproxy(params: dict[str, Any]) -> dict[str, Any]:
    """What the host's HAProxy says of its servers."""
    if not params["haproxy_socket"]:
        return {}
    try:
        found = look.servers(
            params["haproxy_socket"],
            Path(params["haproxy_configuration"]),
            params["haproxy_certificates"],
            params["patience"],
        )
    except OSError as error:
        return {"error": str(error)}
    return {
        "servers": [server.data(reason) for server, reason in found],
        "sentences": [server.sentence(reason) for server, reason in found],
    }


def run(params: dict[str, Any]) -> dict[str, Any]:
    """Everything."""
    now = time.time()
    application = Layout(params["application"]) if params["application"] else None
    own = companions.running(companions.present(application).items()) if application else []
    return {
        "time": now,
        "units": services.units([*params["units"], *own]),
        "failed_units": services.failed(),
        "packages": software.versions(params["packages"]),
        "release": (application.serving() or "") if application else "",
        "certificates": certificates.read(
            Path(params["certificates"]), datetime.datetime.fromtimestamp(now, tz=_x509.UTC)
        ),
        "addresses": [address for address in params["addresses"] if interfaces.has(address)],
        "backup": backup(params["backup_report"]),
        "mysql": mysql(params["endpoint"], params["endpoint_port"], params["endpoint_ca"], params["patience"]),
        "haproxy": haproxy(params),
        "updates": software.updates(now),
        "reboot": software.REBOOT.exists(),
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "units": {"type": "list", "elements": "str", "default": []},
            "packages": {"type": "list", "elements": "str", "default": []},
            "application": {"type": "str", "default": ""},
            "certificates": {"type": "path", "default": "/etc/webstack/tls"},
            "addresses": {"type": "list", "elements": "str", "default": []},
            "backup_report": {"type": "path"},
            "endpoint": {"type": "str", "default": ""},
            "endpoint_port": {"type": "int", "default": 3308},
            "endpoint_ca": {"type": "path", "default": "/etc/webstack/tls/ca.pem"},
            "haproxy_socket": {"type": "path"},
            "haproxy_configuration": {"type": "path", "default": "/etc/haproxy/haproxy.cfg"},
            "haproxy_certificates": {"type": "dict", "default": {}},
            "patience": {"type": "float", "default": 5},
        },
        supports_check_mode=True,
    )
    module.exit_json(changed=False, **run(module.params))


if __name__ == "__main__":
    main()
