"""Filter foobar.webstack.import_errors."""

from __future__ import annotations

DOCUMENTATION = r"""
name: import_errors
version_added: 1.0.0
short_description: Why a dump is not imported as it is asked for
author: The foobar.webstack maintainers
description:
  - Looks at what is in the dump, what is in the database already, and whether there is room for it.
options:
  _input:
    description:
      - What is asked for (C(path), C(database), C(databases), C(replace), C(to_innodb)).
      - What the modules mysql_dump_info (C(dump), C(unreadable)) and mysql_import (C(looked), by host) return.
      - The hosts that take writes (C(primaries)), and all of them (C(hosts)).
    type: dict
    required: true
seealso:
  - module: foobar.webstack.mysql_dump_info
  - module: foobar.webstack.mysql_import
  - plugin: foobar.webstack.import_notes
    plugin_type: filter
"""

EXAMPLES = r"""
errors: >-
  {{ {'path': '', 'database': 'shop', 'databases': ['shop']} | foobar.webstack.import_errors }}
# => ['webstack_import is not set; name the dump, -e webstack_import=/path/on/this/machine/dump.sql.gz.']
"""

RETURN = r"""
_value:
  description: A sentence for each reason, with what to write. Empty when there is none.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils import imports


def import_errors(request: Mapping[str, Any]) -> list[str]:
    """All reasons as sentences; AnsibleFilterError for data of another shape."""
    try:
        return imports.import_errors(imports.Request(**request))
    except (KeyError, TypeError) as error:
        raise AnsibleFilterError(f"import_errors: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """The filter of this file by its name."""
        return {"import_errors": import_errors}
