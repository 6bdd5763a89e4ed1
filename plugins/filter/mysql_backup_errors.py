"""Filter foobar.webstack.mysql_backup_errors."""

from __future__ import annotations

DOCUMENTATION = r"""
name: mysql_backup_errors
version_added: 1.0.0
short_description: Mistakes in the variables of the role mysql_backup
author: The foobar.webstack maintainers
description:
  - Finds what a type cannot say, such as a store without an address or rules that keep no backup.
  - Types and required options are not looked at; the role's argument specification does that before.
options:
  _input:
    description:
      - The role's variables C(password), C(repository), C(store), C(directory), C(scratch), C(archive_seconds) and
        C(keep), without their prefix C(mysql_backup_).
    type: dict
    required: true
seealso:
  - plugin: foobar.webstack.haproxy_errors
    plugin_type: filter
"""

EXAMPLES = r"""
errors: >-
  {{ {'password': 'secret', 'repository': 'backups', 'store': {}, 'directory': '/var/lib/mysql-backup',
      'scratch': '/var/lib/mysql-backup/scratch', 'archive_seconds': 60, 'keep': {'last': 2}}
     | foobar.webstack.mysql_backup_errors }}
# => ['mysql_backup_repository: "backups" is not a valid repository; use an absolute path, or what restic takes, such as
#      sftp:user@host:/path or s3:https://host/bucket.']
"""

RETURN = r"""
_value:
  description: A sentence for each mistake, with the variable and the fix. Empty when there is none.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.validation.mysql_backup import Variables, errors


def mysql_backup_errors(variables: Mapping[str, Any]) -> list[str]:
    """All mistakes as sentences; AnsibleFilterError for data of another shape."""
    try:
        return errors(Variables(**variables))
    except TypeError as error:
        raise AnsibleFilterError(f"mysql_backup_errors: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"mysql_backup_errors": mysql_backup_errors}
