# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""What HAProxy thinks of its servers, with a handshake of our own where one with a server fails."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ansible_collections.foobar.webstack.plugins.module_utils._haproxy import probe, runtime, status


def servers(
    socket: str, configuration: Path, certificates: Mapping[str, str], timeout: float
) -> list[tuple[status.Server, str]]:
    """Each server with why it is not up, in words. `certificates`: the file of a server's own one, by backend.

    Raises OSError where HAProxy does not answer.
    """
    listed = status.servers(runtime.statistics(socket, timeout))
    verified = status.verified(configuration.read_text())
    found = []
    for server in listed:
        target = verified.get((server.backend, server.name))
        reason = server.reason
        if server.handshake_failed and target:
            reason = probe.handshake(server.address, target.name, target.ca_file, timeout) or reason
        found.append((server, status.with_file(reason, certificates.get(server.backend, ""))))
    return found
