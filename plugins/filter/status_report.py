"""Filter foobar.webstack.status_report."""

from __future__ import annotations

DOCUMENTATION = r"""
name: status_report
version_added: 1.0.0
short_description: Says how the whole stack is
author: The foobar.webstack maintainers
description:
  - Makes of what hosts have said of themselves (M(foobar.webstack.host_info)) a screen - a table of the hosts, one for
    each tier, and a sentence for whatever is wrong, with the command that helps.
  - A host that has not answered is shown as that, and is wrong.
  - Or says in words why one host or server is out, or makes a JSON document.
positional: stack, variables, format, explain
options:
  _input:
    description: The module's results by host, as registered.
    type: dict
    required: true
  stack:
    description: What the hosts are to each other.
    type: dict
    required: true
    suboptions:
      groups:
        description: The hosts of each group of the stack, in the order of the tiers.
        type: dict
        required: true
      web_backends:
        description: HAProxy's backends whose servers are the web servers.
        type: list
        elements: str
        default: []
      alternatives:
        description: HAProxy's proxies of whose servers one is enough.
        type: list
        elements: str
        default: []
      addresses:
        description: Virtual addresses.
        type: list
        elements: str
        default: []
      limits:
        description: >-
          From when on something is wrong - C(certificate_days), C(lag_seconds), C(backup_hours), C(verify_days).
        type: dict
        default: {}
  variables:
    description: Ansible's own variables of a host, C(hostvars[inventory_hostname]), for the commands.
    type: dict
    required: true
  format:
    description: What is made.
    type: str
    choices: [text, json]
    default: text
  explain:
    description: Name of a host, or of a server of HAProxy as C(www/web1), that alone is told of.
    type: str
    default: ""
seealso:
  - module: foobar.webstack.host_info
"""

EXAMPLES = r"""
report: >-
  {{ {'web1': registered} | foobar.webstack.status_report({'groups': {'webservers': ['web1']}},
                                                          hostvars[inventory_hostname], explain='web1') }}
"""

RETURN = r"""
_value:
  description: What to print.
  type: dict
  contains:
    text:
      description: The screen, or the document.
      type: str
    failure:
      description: A sentence where something is wrong. Empty else.
      type: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.sentences import Caller
from ansible_collections.foobar.webstack.plugins.plugin_utils.status.model import Stack, seen
from ansible_collections.foobar.webstack.plugins.plugin_utils.status.report import report


def status_report(
    results: Mapping[str, Mapping[str, Any]],
    stack: Mapping[str, Any],
    variables: Mapping[str, Any],
    format: str = "text",  # noqa: A002
    explain: str = "",
) -> dict[str, str]:
    """The report as plain data."""
    looked = seen(results, Stack.from_data(stack))
    return report(looked, Caller.of(variables), form=format, subject=explain).as_data()


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"status_report": status_report}
