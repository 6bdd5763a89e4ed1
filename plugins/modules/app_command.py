#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.app_command."""

from __future__ import annotations

DOCUMENTATION = r"""
module: app_command
version_added: 1.0.0
short_description: Runs a command of an application, once
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - Runs a command in the release that serves, as the application's user, with its environment, its secrets and its
    confinement, and gives what it printed.
  - There is no terminal and nothing to read from, so a command that asks questions fails or takes its defaults.
  - Fails when the command ends with another status than 0.
  - Without O(command), it only says which release serves.
attributes:
  check_mode:
    description: Says which release serves and runs nothing.
    support: full
  diff_mode:
    description: Nothing is known about what a command would change.
    support: none
  platform:
    description: Systems that the module is written for.
    platforms: posix
    support: full
requirements:
  - systemd
options:
  name:
    description: Name of the application.
    type: str
    required: true
  command:
    description:
      - The command and its arguments. It is found as the application would find it, in the release's virtual
        environment first. A first word that ends in C(.py) is a file of the release, run by its Python.
    type: list
    elements: str
    default: []
  secrets:
    description: Environment variables for this command alone. Their values are not shown.
    type: dict
    default: {}
  application_secrets:
    description: The application's own secrets. They are there anyway; with this, what is printed does not show them.
    type: dict
    default: {}
  timeout:
    description: Seconds after which the command is ended.
    type: int
    default: 3600
seealso:
  - module: foobar.webstack.app_release
"""

EXAMPLES = r"""
- name: Make the first account
  foobar.webstack.app_command:
    name: shop
    command: [manage.py, createsuperuser, --no-input]
    secrets:
      DJANGO_SUPERUSER_USERNAME: ada
      DJANGO_SUPERUSER_EMAIL: ada@example.com
      DJANGO_SUPERUSER_PASSWORD: "{{ vault_password_of_ada }}"
"""

RETURN = r"""
release:
  description: Id of the release that serves, empty where none does.
  returned: always
  type: str
  sample: 3f2a9c41b07d
rc:
  description: Status of the command.
  returned: when a command was run
  type: int
stdout:
  description: What it printed, on both channels; of very much, the last MiB.
  returned: when a command was run
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils._release import command
from ansible_collections.foobar.webstack.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.foobar.webstack.plugins.module_utils._release.layout import Layout
from ansible_collections.foobar.webstack.plugins.module_utils._release.systemd import JOURNAL_LINES, Systemd


def run(module: AnsibleModule) -> None:
    """Run it, or look."""
    at, words, secrets = Layout(module.params["name"]), module.params["command"], module.params["secrets"]
    if not words or module.check_mode:
        module.exit_json(changed=bool(words), release=command.serving(at))
    module.no_log_values |= command.hidden(at, module.params["application_secrets"], secrets)
    release, ended = command.run(at, Systemd(module.run_command), words, secrets, module.params["timeout"])
    result = {"release": release, "rc": ended.status, "stdout": ended.output.rstrip("\n")}
    if ended.problem:
        message = (
            f"the command {' '.join(words)!r} {ended.problem}, in release {release} of {at.name}. "
            f"The last lines of its output:\n{ended.last_lines(JOURNAL_LINES)}"
        )
        module.fail_json(msg=message, **result)
    module.exit_json(changed=True, **result)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "command": {"type": "list", "elements": "str", "default": []},
            "secrets": {"type": "dict", "default": {}, "no_log": True},
            "application_secrets": {"type": "dict", "default": {}, "no_log": True},
            "timeout": {"type": "int", "default": 3600},
        },
        supports_check_mode=True,
    )
    try:
        run(module)
    except ReleaseError as error:
        module.fail_json(msg=f"{error}.")


if __name__ == "__main__":
    main()
