"""Filter foobar.webstack.haproxy_sections."""

from __future__ import annotations

DOCUMENTATION = r"""
name: haproxy_sections
version_added: 1.0.0
short_description: Sections of haproxy.cfg from the variables of the role haproxy
author: The foobar.webstack maintainers
description:
  - Turns frontends, backends, listens and statistics, as the role P(foobar.webstack.haproxy#role) has them, into the
    lines of their sections. The role's template uses it; what an option means is said in the role's manual.
  - The data is taken to be right; P(foobar.webstack.haproxy_errors#filter) says what is wrong with it.
positional: backends, listens, stats, retry_methods, default_alpn, ipv6, peers, host
options:
  _input:
    description: The role's C(haproxy_frontends).
    type: list
    elements: dict
    required: true
  backends:
    description: The role's C(haproxy_backends).
    type: list
    elements: dict
    required: true
  listens:
    description: The role's C(haproxy_listens).
    type: list
    elements: dict
    required: true
  stats:
    description: The role's C(haproxy_stats).
    type: dict
    required: true
  retry_methods:
    description: The role's C(haproxy_retry_methods).
    type: list
    elements: str
    required: true
  default_alpn:
    description: Whether this HAProxy offers protocols (ALPN) by itself, which it does from 2.8 on.
    type: bool
    default: true
  ipv6:
    description: Whether the host can listen on IPv6 addresses. A bind for V(*) then has a line for each family.
    type: bool
    default: true
  peers:
    description: The role's C(haproxy_peers).
    type: dict
  host:
    description: What the records of requests in the log call this host.
    type: str
    default: ""
seealso:
  - plugin: foobar.webstack.haproxy_errors
    plugin_type: filter
"""

EXAMPLES = r"""
sections: >-
  {{ [{'name': 'web', 'bind': [{'port': 80}], 'default_backend': 'web'}]
     | foobar.webstack.haproxy_sections(backends=[], listens=[], stats={}, retry_methods=['GET']) }}
# => stats: []
#    quic: false
#    proxies:
#      - head: frontend web
#        lines: [mode http, "log-format '...'", ..., default_backend web]
"""

RETURN = r"""
_value:
  description: The sections, their lines without indentation.
  type: dict
  contains:
    stats:
      description: Lines of the frontend C(stats); none without statistics.
      type: list
      elements: str
    quic:
      description: Whether any bind speaks HTTP/3.
      type: bool
    proxies:
      description: The other sections in their order, each with C(head) and C(lines).
      type: list
      elements: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.haproxy.model import configuration
from ansible_collections.foobar.webstack.plugins.plugin_utils.haproxy.sections import sections, stats_lines
from ansible_collections.foobar.webstack.plugins.plugin_utils.records import RecordError


def haproxy_sections(
    frontends: Sequence[Mapping[str, Any]],
    backends: Sequence[Mapping[str, Any]],
    listens: Sequence[Mapping[str, Any]],
    stats: Mapping[str, Any],
    retry_methods: Sequence[str],
    default_alpn: bool = True,
    ipv6: bool = True,
    peers: Mapping[str, Any] | None = None,
    host: str = "",
) -> dict[str, Any]:
    """The sections as plain data; AnsibleFilterError for data of another shape."""
    try:
        known = configuration(frontends, backends, listens, stats, peers)
    except RecordError as error:
        raise AnsibleFilterError(f"haproxy_sections: {error}") from error
    return {
        "stats": stats_lines(known, default_alpn, ipv6),
        "quic": known.uses_quic,
        "proxies": [
            {"head": head, "lines": lines}
            for head, lines in sections(known, list(retry_methods), default_alpn, ipv6, host)
        ],
    }


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"haproxy_sections": haproxy_sections}
