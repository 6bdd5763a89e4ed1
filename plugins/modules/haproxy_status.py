#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.haproxy_status."""

from __future__ import annotations

DOCUMENTATION = r"""
module: haproxy_status
version_added: 1.0.0
short_description: Says of each server of HAProxy whether it is up, and else why not
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - Reads from HAProxy's socket what it thinks of each server, and says its reason in words.
  - Where the TLS handshake with a server fails, makes one itself, with the CA and the name of HAProxy's configuration,
    and says what is wrong with the certificate.
extends_documentation_fragment: [foobar.webstack.info]
options:
  socket:
    description: Path of HAProxy's socket.
    type: path
    default: /run/haproxy/admin.sock
  configuration:
    description: Path of HAProxy's configuration.
    type: path
    default: /etc/haproxy/haproxy.cfg
  timeout:
    description: Seconds for an answer of HAProxy, and of a server.
    type: float
    default: 5
  certificates:
    description: Files of the servers' certificates on their hosts, by backend, to be named where one is the reason.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Ask HAProxy how its servers are
  foobar.webstack.haproxy_status:
  register: haproxy
"""

RETURN = r"""
servers:
  description: Every server of every backend and listen, in the order of the configuration.
  returned: always
  type: list
  elements: dict
  contains:
    backend:
      description: Name of the backend or listen.
      type: str
    server:
      description: Name of the server.
      type: str
    address:
      description: Address and port.
      type: str
    up:
      description: Whether it gets requests, or would if it were its turn.
      type: bool
    state:
      description: HAProxy's state, such as C(UP), C(DOWN), C(MAINT), C(DRAIN) or C(no check).
      type: str
    seconds:
      description: For how many seconds it has been in it.
      type: int
    reason:
      description: Why it is in this state, in words. Empty for one that is up.
      type: str
    follows:
      description: The server whose check counts for this one, as C(mysql-write/db1). Empty for one that has its own.
      type: str
sentences:
  description: The same, a line for each server.
  returned: always
  type: list
  elements: str
  sample:
    - 'www/web1 198.18.0.21:443 is up (UP for 2 h 5 min)'
    - 'www/web2 198.18.0.22:443 is down (DOWN for 40 s): its certificate expired on 2026-11-20'
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils._haproxy import look


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "socket": {"type": "path", "default": "/run/haproxy/admin.sock"},
            "configuration": {"type": "path", "default": "/etc/haproxy/haproxy.cfg"},
            "timeout": {"type": "float", "default": 5},
            "certificates": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    parameters = module.params
    try:
        found = look.servers(
            parameters["socket"], Path(parameters["configuration"]), parameters["certificates"], parameters["timeout"]
        )
    except OSError as error:
        module.fail_json(
            msg=f"HAProxy cannot be asked at {parameters['socket']} ({error}); see systemctl status haproxy, and run "
            "the play again when it runs"
        )
    module.exit_json(
        servers=[server.data(reason) for server, reason in found],
        sentences=[server.sentence(reason) for server, reason in found],
    )


if __name__ == "__main__":
    main()
