"""Filter foobar.webstack.import_notes."""

from __future__ import annotations

DOCUMENTATION = r"""
name: import_notes
version_added: 1.0.0
short_description: What is done with a dump besides loading it
author: The foobar.webstack maintainers
description:
  - Says what of the dump is left out or changed, and what is dropped for it.
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
  - plugin: foobar.webstack.import_errors
    plugin_type: filter
"""

EXAMPLES = r"""
notes: "{{ request | foobar.webstack.import_notes }}"
# => ['legacy become InnoDB']
"""

RETURN = r"""
_value:
  description: A part of a sentence for each.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils import imports


def import_notes(request: Mapping[str, Any]) -> list[str]:
    """All of it in words; AnsibleFilterError for data of another shape."""
    try:
        return imports.import_notes(imports.Request(**request))
    except (KeyError, TypeError) as error:
        raise AnsibleFilterError(f"import_notes: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """The filter of this file by its name."""
        return {"import_notes": import_notes}
