"""Filter foobar.webstack.nginx_servers."""

from __future__ import annotations

DOCUMENTATION = r"""
name: nginx_servers
version_added: 1.0.0
short_description: Servers and upstreams of nginx.conf from the variables of the role nginx
author: The foobar.webstack maintainers
description:
  - Works out what the role's template writes down - which socket has which default server, which headers a location
    sends, how an upstream's server is described. What an option means is said in the role's manual.
  - The data is taken to be right; P(foobar.webstack.nginx_errors#filter) says what is wrong with it.
positional: upstreams, http2_directive, ipv6, read_timeout, next_upstream_timeout, retry_on_timeout
options:
  _input:
    description: The role's C(nginx_sites).
    type: list
    elements: dict
    required: true
  upstreams:
    description: The role's C(nginx_upstreams).
    type: list
    elements: dict
    required: true
  http2_directive:
    description: Whether this nginx has the directive C(http2), which it has from 1.25.1 on.
    type: bool
    default: true
  ipv6:
    description: Whether the host can listen on IPv6 addresses. What listens on V(*) then does so on each family.
    type: bool
    default: true
  read_timeout:
    description: The role's C(nginx_proxy_read_timeout).
    type: str
    default: 60s
  next_upstream_timeout:
    description: The role's C(nginx_proxy_next_upstream_timeout).
    type: str
    default: 10s
  retry_on_timeout:
    description: The role's C(nginx_proxy_retry_on_timeout).
    type: bool
    default: false
seealso:
  - plugin: foobar.webstack.nginx_errors
    plugin_type: filter
"""

EXAMPLES = r"""
servers: "{{ [{'name': 'www', 'server_names': ['www.example.com']}] | foobar.webstack.nginx_servers(upstreams=[]) }}"
# => sites: [{name: www, listens: ['*:80', '[::]:80'], ...}]
#    unknown: [{listens: ['*:80 default_server', '[::]:80 default_server'], tls: null}]
#    upstreams: []
#    next_upstream_timeout: 10s
"""

RETURN = r"""
_value:
  description: What the template writes down.
  type: dict
  contains:
    sites:
      description: The sites with all defaults, C(listens), and the headers of each location.
      type: list
      elements: dict
    unknown:
      description: Servers that answer for names that no site has, each with C(listens) and C(tls).
      type: list
      elements: dict
    upstreams:
      description: The upstreams with all defaults, each server as C(name) and C(server).
      type: list
      elements: dict
    next_upstream_timeout:
      description: Age after which a request is not passed to another server any more.
      type: str
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.nginx.model import configuration
from ansible_collections.foobar.webstack.plugins.plugin_utils.nginx.servers import (
    Retries,
    site_data,
    unknown_names,
    upstream_data,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.records import RecordError


def nginx_servers(
    sites: Sequence[Mapping[str, Any]],
    upstreams: Sequence[Mapping[str, Any]],
    http2_directive: bool = True,
    ipv6: bool = True,
    read_timeout: str = "60s",
    next_upstream_timeout: str = "10s",
    retry_on_timeout: bool = False,
) -> dict[str, Any]:
    """Servers and upstreams as plain data; AnsibleFilterError for data of another shape."""
    try:
        known = configuration(sites, upstreams).in_families(ipv6=ipv6)
    except RecordError as error:
        raise AnsibleFilterError(f"nginx_servers: {error}") from error
    retries = Retries(next_upstream_timeout, read_timeout, retry_on_timeout)
    return {
        "sites": site_data(known, http2_directive=http2_directive, retries=retries),
        "unknown": unknown_names(known),
        "upstreams": upstream_data(known),
        "next_upstream_timeout": retries.within(read_timeout),
    }


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"nginx_servers": nginx_servers}
