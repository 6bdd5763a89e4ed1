"""Filter foobar.webstack.further_sites."""

from __future__ import annotations

DOCUMENTATION = r"""
name: further_sites
version_added: 1.0.0
short_description: Sites of nginx beside the one of the stack
author: The foobar.webstack maintainers
description:
  - Completes each site with what it does not say itself - where it listens, the certificate, headers and the largest
    body are those of another site, and its locations go to an upstream.
positional: like, upstream
options:
  _input:
    description: The sites, as C(nginx_sites) of the role P(foobar.webstack.nginx#role) has them.
    type: list
    elements: dict
    required: true
  like:
    description: The site that the others take after.
    type: dict
    required: true
  upstream:
    description: Name of the upstream for entries of C(proxy) that name none.
    type: str
    required: true
"""

EXAMPLES = r"""
nginx_sites: >-
  {{ [shop] + [{'name': 'admin', 'server_names': ['admin.example.com'], 'proxy': [{'location': '/'}]}]
     | foobar.webstack.further_sites(shop, upstream='shop') }}
# => admin listens where shop does, with its certificate and headers, and passes / to the upstream shop
"""

RETURN = r"""
_value:
  description: The sites in their order, complete.
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils import additions


def further_sites(sites: Sequence[Mapping[str, Any]], like: Mapping[str, Any], upstream: str) -> list[dict[str, Any]]:
    """The sites, complete."""
    return additions.further_sites(sites, like, upstream)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"further_sites": further_sites}
