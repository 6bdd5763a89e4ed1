"""Filter foobar.webstack.haproxy_errors."""

from __future__ import annotations

DOCUMENTATION = r"""
name: haproxy_errors
version_added: 1.0.0
short_description: Mistakes in the variables of the role haproxy
author: The foobar.webstack maintainers
description:
  - Finds what HAProxy itself would accept silently or explain badly, such as two proxies on one port, a backend that is
    not defined, or a server whose certificate nobody would verify.
  - Types and required options are not looked at; the role's argument specification does that before.
positional: backends, listens, stats, quic, maps, peers
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
  quic:
    description: Whether the host's HAProxy can speak HTTP/3.
    type: bool
    default: true
  maps:
    description: The role's C(haproxy_maps).
    type: list
    elements: dict
  peers:
    description: The role's C(haproxy_peers).
    type: dict
seealso:
  - plugin: foobar.webstack.haproxy_sections
    plugin_type: filter
"""

EXAMPLES = r"""
errors: >-
  {{ [{'name': 'web', 'bind': [{'port': 80}], 'default_backend': 'wbe'}]
     | foobar.webstack.haproxy_errors(backends=[{'name': 'web'}], listens=[], stats={}) }}
# => ['haproxy_frontends: "web" uses the backend "wbe", which is not defined; use one of: web.']
"""

RETURN = r"""
_value:
  description: A sentence for each mistake, with the variable, the entry and the fix. Empty when there is none.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.haproxy.model import configuration
from ansible_collections.foobar.webstack.plugins.plugin_utils.records import RecordError
from ansible_collections.foobar.webstack.plugins.plugin_utils.validation.haproxy import errors, map_errors


def haproxy_errors(
    frontends: Sequence[Mapping[str, Any]],
    backends: Sequence[Mapping[str, Any]],
    listens: Sequence[Mapping[str, Any]],
    stats: Mapping[str, Any],
    quic: bool = True,
    maps: Sequence[Mapping[str, Any]] | None = None,
    peers: Mapping[str, Any] | None = None,
) -> list[str]:
    """All mistakes as sentences; AnsibleFilterError for data of another shape."""
    try:
        known = configuration(frontends, backends, listens, stats, peers)
        return [*errors(known, quic=quic), *map_errors(maps or ())]
    except RecordError as error:
        raise AnsibleFilterError(f"haproxy_errors: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"haproxy_errors": haproxy_errors}
