"""Filter foobar.webstack.play_hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
name: play_hosts
version_added: 1.0.0
short_description: What a play's hosts are, refused where there are none
author: The foobar.webstack maintainers
description:
  - Gives the groups that a play is for, to be written as its C(hosts).
  - A play that matches no hosts is skipped, and the run ends well. So a forgotten C(-i) or a file that cannot be read
    would pass for success. This filter refuses an inventory without hosts, and one in which a required group has none.
    With C(--limit) too, where no play on C(localhost) could say it.
  - Refused as well are a C(--limit) that leaves no host of the table's groups, and, with O(tags), a tag in C(--tags)
    or C(--skip-tags) that no task has. They would be skipped in the same way.
  - C(hosts) is rendered without the variables of the inventory and of C(group_vars). A play that gives O(table) names
    its file in C(vars_files).
  - With C(--syntax-check) nothing is refused, because that looks at playbooks and not at an inventory.
positional: table, names, base, tags, beside
options:
  _input:
    description: Hosts of every group by its name, that is Ansible's C(groups).
    type: dict
    required: true
  table:
    description: >-
      The table of groups, see P(foobar.webstack.inventory_errors#filter). Without it the play is for all hosts of the
      inventory.
    type: dict
  names:
    description: The group, or list of groups. Without it, those of the table that have hosts.
    type: raw
  base:
    description: Without O(names), only groups whose hosts get the base roles.
    type: bool
    default: false
  beside:
    description: >-
      An optional group. The play is for all groups of the table that have hosts where this one has, else for no host.
    type: str
  tags:
    description: >-
      The tags that the playbook has; an empty list where it is done as a whole or not at all. Without it, tags are not
      looked at.
    type: list
    elements: str
seealso:
  - plugin: foobar.webstack.inventory_errors
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Web
  hosts: "{{ groups | foobar.webstack.play_hosts(__webstack_groups, 'webservers') }}"
  vars_files: [group_vars/all/groups.yml]
"""

RETURN = r"""
_value:
  description: Names of groups.
  type: list
  elements: str
  sample: [webservers]
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible import context
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.groups import (
    GroupError,
    any_hosts,
    groups_beside,
    refuse_foreign_limit,
    refuse_unknown_tags,
    stack_groups,
    table_of,
    tier_groups,
)


def play_hosts(
    groups: Mapping[str, Sequence[str]],
    table: Mapping[str, Any] | None = None,
    names: str | Sequence[str] | None = None,
    base: bool = False,
    tags: Sequence[str] | None = None,
    beside: str | None = None,
) -> list[str]:
    """The groups of a play; AnsibleFilterError where it would match no host of the inventory."""
    try:
        if table is None:
            return any_hosts(groups)
        known = table_of(table)
        if beside is not None:
            found = groups_beside(beside, known, groups)
        elif names is None:
            found = stack_groups(known, groups, base=base)
        else:
            found = tier_groups([names] if isinstance(names, str) else names, known, groups)
        if tags is not None:
            refuse_unknown_tags(context.CLIARGS.get("tags") or (), context.CLIARGS.get("skip_tags") or (), tags)
        refuse_foreign_limit(context.CLIARGS.get("subset") or "", known, groups)
        return found
    except GroupError as error:
        if context.CLIARGS.get("syntax"):
            return ["all"]
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"play_hosts": play_hosts}
