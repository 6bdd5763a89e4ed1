"""Filter foobar.webstack.restore_errors."""

from __future__ import annotations

DOCUMENTATION = r"""
name: restore_errors
version_added: 1.0.0
short_description: Why a restore is not made as it is asked for
author: The foobar.webstack maintainers
description:
  - Checks where a restore goes. Whether the archive reaches the wanted time or transaction, C(mysql-backup restore
    --check) finds out.
positional: writable
options:
  _input:
    description: The variables of C(restore.yml) C(into), C(databases), C(tables) and C(confirm), without their prefix.
    type: dict
    required: true
  writable:
    description: The database hosts that take writes.
    type: list
    elements: str
    required: true
seealso:
  - plugin: foobar.webstack.backup_hosts
    plugin_type: filter
"""

EXAMPLES = r"""
errors: >-
  {{ {'into': 'primary', 'databases': 'guestbook,shop', 'tables': '', 'confirm': ''}
     | foobar.webstack.restore_errors(['db1']) }}
# => ['webstack_restore_into=primary takes one database at a time; name it in webstack_restore_databases.']
"""

RETURN = r"""
_value:
  description: A sentence for each reason, with the variable and what to write. Empty when there is none.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping, Sequence

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils import backups


def restore_errors(request: Mapping[str, str], writable: Sequence[str]) -> list[str]:
    """All reasons as sentences; AnsibleFilterError for data of another shape."""
    try:
        return backups.restore_errors(backups.Request(**request), writable)
    except TypeError as error:
        raise AnsibleFilterError(f"restore_errors: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """The filter of this file by its name."""
        return {"restore_errors": restore_errors}
