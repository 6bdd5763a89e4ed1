# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Lookup foobar.webstack.generated_secrets."""

from __future__ import annotations

DOCUMENTATION = r"""
name: generated_secrets
version_added: 1.0.0
short_description: The passwords that the preflight has generated
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - Reads the files in which the preflight keeps generated passwords. A file that is encrypted with C(ansible-vault) is
    opened with the passwords that the run was given.
  - A file that is not there has none. One that is there and cannot be read is an error.
options:
  _terms:
    description: Paths of the files.
    type: list
    elements: path
    required: true
seealso:
  - module: foobar.webstack.vault_file
"""

EXAMPLES = r"""
mysql_password: "{{ lookup('foobar.webstack.generated_secrets', inventory_dir ~ '/.secrets.yml').mysql_application }}"
"""

RETURN = r"""
_list:
  description: The passwords of each file by name.
  type: list
  elements: dict
"""

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.foobar.webstack.plugins.plugin_utils.vault import VaultFileError, passwords


class LookupModule(LookupBase):
    """Ansible's entry point."""

    def run(self, terms: list[str], variables: Any = None, **kwargs: Any) -> list[dict[str, str]]:
        """Read each file."""
        self.set_options(var_options=variables, direct=kwargs)
        try:
            return [passwords(Path(term).expanduser()) for term in terms]
        except VaultFileError as error:
            raise AnsibleLookupError(f"webstack_secrets_file: {error}.") from error
