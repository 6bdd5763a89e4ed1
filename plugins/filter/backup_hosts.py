"""Filter foobar.webstack.backup_hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
name: backup_hosts
version_added: 1.0.0
short_description: Which database host makes a backup or a restore, or repairs a repository
author: The foobar.webstack maintainers
description:
  - Chooses from what each host's C(mysql-backup state) has printed. A replica whose replication runs comes first, then
    a server that takes writes.
options:
  _input:
    description: Results of the command, one a host. Those of hosts that did not answer are ignored.
    type: list
    elements: dict
    required: true
seealso:
  - plugin: foobar.webstack.restore_errors
    plugin_type: filter
"""

EXAMPLES = r"""
hosts: >-
  {{ [{'stdout': '{"host": "db1", "rank": 1, "writable": true}'},
      {'stdout': '{"host": "db2", "rank": 0, "writable": false}'}]
     | foobar.webstack.backup_hosts }}
# => {'backup': 'db2', 'restore': 'db2', 'repair': ['db2', 'db1'], 'writable': ['db1'], 'errors': []}
"""

RETURN = r"""
_value:
  description: Names of hosts, empty where there is none.
  type: dict
  contains:
    backup:
      description: The host that is backed up.
      type: str
    restore:
      description: The host on which a restore is made.
      type: str
    repair:
      description: The hosts that repair repositories, one for each.
      type: list
      elements: str
    writable:
      description: The hosts whose servers take writes.
      type: list
      elements: str
    errors:
      description: What the hosts without an answer say.
      type: list
      elements: str
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils import backups


def backup_hosts(answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The hosts by what they are for; AnsibleFilterError for an answer of another program."""
    try:
        found = asdict(backups.backup_hosts(answers))
    except (KeyError, ValueError) as error:
        raise AnsibleFilterError(
            f"backup_hosts: mysql-backup state has another answer than expected: {error}"
        ) from error
    return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"backup_hosts": backup_hosts}
