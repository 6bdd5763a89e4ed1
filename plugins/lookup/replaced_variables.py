# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Lookup foobar.webstack.replaced_variables."""

from __future__ import annotations

DOCUMENTATION = r"""
name: replaced_variables
version_added: 1.0.0
short_description: Variables that an inventory sets although the wiring does
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - Compares the variables in the files of a folder C(group_vars/all) beside a playbook with those of the host, as they
    are written and before any template in them is rendered.
  - Where a value is another one, something of a higher precedence has replaced it - C(group_vars/<group>),
    C(host_vars) or C(-e).
  - A value for all hosts of the inventory has a lower precedence, and so no effect. With O(ignored) those are looked
    for in the inventory's sources. An inventory that a plugin or a script makes is not looked at.
options:
  _terms:
    description: The folder with the files of the wiring. Their variables that begin with C(__) do not count.
    type: list
    elements: path
    required: true
  ignored:
    description: Whether to look for variables that the inventory sets for all hosts, instead of replaced ones.
    type: bool
    default: false
"""

EXAMPLES = r"""
# nginx_sites in the inventory's group_vars/webservers.yml
replaced: "{{ query('foobar.webstack.replaced_variables', playbook_dir ~ '/group_vars/all') }}"
# => [nginx_sites]

# haproxy_frontends in the inventory's group_vars/all.yml
ignored: "{{ query('foobar.webstack.replaced_variables', playbook_dir ~ '/group_vars/all', ignored=true) }}"
# => [{name: haproxy_frontends, file: my-inventory/group_vars/all.yml}]
"""

RETURN = r"""
_raw:
  description: >-
    Names of the variables; with O(ignored), dicts with C(name) and C(file), each variable once.
  type: list
  elements: raw
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible_collections.foobar.webstack.plugins.plugin_utils import wiring

GROUP_VARS = "group_vars"
NOT_SOURCES = (GROUP_VARS, "host_vars")


class LookupModule(LookupBase):
    """Ansible's entry point."""

    def run(self, terms: Sequence[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        """The names of the variables. `variables` are the host's, with their templates as they are written."""
        variables = variables or {}
        self.set_options(var_options=variables, direct=kwargs)
        wired = wiring.wired(data for folder in terms for _file, data in self._group_files(folder))
        if not self.get_option("ignored"):
            return wiring.replaced(wired, variables)
        found: dict[str, str] = {}
        for source in variables.get("ansible_inventory_sources") or ():
            for file, names in self._for_all(str(source)):
                found |= {name: file for name in wired if name in names and name not in found}
        return [{"name": name, "file": file} for name, file in found.items()]

    def _for_all(self, source: str) -> Iterator[tuple[str, set[str]]]:
        """Of an inventory's source, the files that give variables to all hosts, and their names."""
        if not os.path.exists(source):
            return
        is_folder = os.path.isdir(source)
        folder = os.path.realpath(source if is_folder else os.path.dirname(source))
        for file in sorted(_files(folder)) if is_folder else [os.path.realpath(source)]:
            yield file, self._in_source(file)
        for path, data in self._group_files(os.path.join(folder, GROUP_VARS, "all")):
            yield path, {str(name) for name in data or ()}

    def _group_files(self, path: str) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
        """The files of a group, whose folder or file without extension `path` is, as Ansible finds and reads them."""
        folder, group = os.path.split(os.path.realpath(path))
        for file in self._loader.find_vars_files(folder, group):
            name = file if isinstance(file, str) else os.fsdecode(file)
            data = self._loader.load_from_file(name, cache="all", unsafe=True, trusted_as_template=True)
            yield name, data if isinstance(data, Mapping) else None

    def _in_source(self, file: str) -> set[str]:
        if os.access(file, os.X_OK):
            return set()
        try:
            data = self._loader.load_from_file(file, cache="all", unsafe=True)
        except AnsibleError:
            data = None
        if isinstance(data, Mapping):
            return wiring.variables_of_all(data)
        with open(file, encoding="utf-8", errors="replace") as lines:
            return wiring.variables_of_all(None, lines.read())


def _files(folder: str) -> Iterator[str]:
    """What Ansible may take for sources in a folder of them."""
    for entry in os.scandir(folder):
        if not entry.name.startswith(".") and entry.name not in NOT_SOURCES and entry.is_file():
            yield entry.path
