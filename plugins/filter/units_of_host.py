"""Filter foobar.webstack.units_of_host."""

from __future__ import annotations

DOCUMENTATION = r"""
name: units_of_host
version_added: 1.0.0
short_description: Which processes or jobs of an application run on a host
author: The foobar.webstack maintainers
description:
  - Makes of C(appserver_processes) or C(appserver_jobs) of the role P(foobar.webstack.appserver#role) the list that
    M(foobar.webstack.app_release) takes, without those that another host runs.
positional: variable, is_first
options:
  _input:
    description: The entries by name.
    type: dict
    required: true
  variable:
    description: Which variable it is.
    type: str
    choices: [appserver_processes, appserver_jobs]
    required: true
  is_first:
    description: Whether the host runs what only one host has to run (C(hosts=first)).
    type: bool
    required: true
seealso:
  - plugin: foobar.webstack.appserver_errors
    plugin_type: filter
"""

EXAMPLES = r"""
jobs: >-
  {{ {'cleanup': {'command': ['manage.py', 'clearsessions'], 'schedule': 'daily'}}
     | foobar.webstack.units_of_host('appserver_jobs', true) }}
# => [{'name': 'cleanup', 'command': ['manage.py', 'clearsessions'], 'schedule': 'daily'}]
"""

RETURN = r"""
_value:
  description: The entries, each with its C(name).
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.validation import appserver


def units_of_host(entries: Mapping[str, Any], variable: str, is_first: bool) -> list[dict[str, Any]]:
    """The entries for this host; AnsibleFilterError with a sentence for each that is wrong."""
    if variable not in appserver.KINDS or not isinstance(entries, Mapping):
        raise AnsibleFilterError(f"units_of_host: give the dict of one of {', '.join(appserver.KINDS)}, and its name")
    if found := appserver.errors({variable: entries}):
        raise AnsibleFilterError(f"{'; '.join(found)}.")
    default = appserver.KINDS[variable]["hosts"]["default"]
    return appserver.units_of_host(entries, is_first=is_first, default=default)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"units_of_host": units_of_host}
