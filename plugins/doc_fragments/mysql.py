# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""What the modules for MySQL have in common."""

from __future__ import annotations


class ModuleDocFragment:
    """How a module reaches the server."""

    DOCUMENTATION = r"""
attributes:
  action_group:
    description: The module takes C(module_defaults) of C(group/foobar.webstack.mysql).
    support: full
    membership: [foobar.webstack.mysql]
  platform:
    description: Systems that the module is written for.
    platforms: posix
    support: full
requirements:
  - PyMySQL on the host (Debian and Ubuntu package C(python3-pymysql))
  - MySQL 8.4 or later
options:
  login_unix_socket:
    description: Socket of the server.
    type: path
    default: /run/mysqld/mysqld.sock
  login_user:
    description: Account, one that the server knows by the socket (C(auth_socket)).
    type: str
    default: root
"""

    CHANNEL = r"""
options:
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
"""
