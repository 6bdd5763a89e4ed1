"""Filter foobar.webstack.dns_octodns."""

from __future__ import annotations

DOCUMENTATION = r"""
name: dns_octodns
version_added: 1.0.0
short_description: A zone as octoDNS reads it
author: The foobar.webstack maintainers
description:
  - Takes a zone of the filter P(foobar.webstack.dns_zones#filter) and gives what the YamlProvider of octoDNS has in the
    zone's file.
  - SOA and the zone's own NS are left out. They are the provider's.
options:
  _input:
    description: The zone.
    type: dict
    required: true
seealso:
  - plugin: foobar.webstack.dns_zones
    plugin_type: filter
"""

EXAMPLES = r"""
content: "{{ zones | first | foobar.webstack.dns_octodns | to_nice_yaml(indent=2, sort_keys=false) }}"
"""

RETURN = r"""
_value:
  description: By the name below the zone, which for the zone itself is empty, a list of record sets.
  type: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.dns_records import Record, octodns


def dns_octodns(zone: Mapping[str, Any]) -> dict[str, Any]:
    """The record sets; AnsibleFilterError for what is not a zone."""
    try:
        return octodns(zone["name"], [Record.of(record) for record in zone["records"]])
    except (KeyError, TypeError, ValueError) as error:
        raise AnsibleFilterError(f"dns_octodns: this is not a zone of the filter dns_zones: {error!r}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"dns_octodns": dns_octodns}
