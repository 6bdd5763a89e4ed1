"""Filter foobar.webstack.nginx_errors."""

from __future__ import annotations

DOCUMENTATION = r"""
name: nginx_errors
version_added: 1.0.0
short_description: Mistakes in the variables of the role nginx
author: The foobar.webstack maintainers
description:
  - Finds what nginx itself would accept silently or explain badly, such as a name that two sites answer for, an
    upstream that is not defined, or an alias through which clients could read other files.
  - Types and required options are not looked at; the role's argument specification does that before.
positional: upstreams, status
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
  status:
    description: The role's C(nginx_status).
    type: dict
    required: true
seealso:
  - plugin: foobar.webstack.nginx_servers
    plugin_type: filter
"""

EXAMPLES = r"""
errors: >-
  {{ [{'name': 'www', 'server_names': ['www.example.com'], 'proxy': [{'location': '/', 'upstream': 'ap'}]}]
     | foobar.webstack.nginx_errors(upstreams=[{'name': 'app', 'servers': servers}],
                                    status={'address': '127.0.0.1', 'port': 8081}) }}
# => ['nginx_sites: "www" passes / to the upstream "ap", which is not defined; use one of: app.']
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
from ansible_collections.foobar.webstack.plugins.plugin_utils.nginx.model import configuration
from ansible_collections.foobar.webstack.plugins.plugin_utils.records import RecordError
from ansible_collections.foobar.webstack.plugins.plugin_utils.validation.nginx import errors


def nginx_errors(
    sites: Sequence[Mapping[str, Any]], upstreams: Sequence[Mapping[str, Any]], status: Mapping[str, Any]
) -> list[str]:
    """All mistakes as sentences; AnsibleFilterError for data of another shape."""
    try:
        return errors(configuration(sites, upstreams), status)
    except RecordError as error:
        raise AnsibleFilterError(f"nginx_errors: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"nginx_errors": nginx_errors}
