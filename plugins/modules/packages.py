#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.packages. The action of this name has ansible.builtin.apt install what this finds missing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: packages
version_added: 1.0.0
short_description: Install Debian packages, in spite of what else goes on with apt
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - Installs the packages that are missing, without recommended ones. Where none is missing, neither the package lists
    nor a lock are needed, so neither a broken apt source nor an update under way is in the way.
  - Waits while somebody else uses apt, such as cloud-init or unattended-upgrades at a first boot, and says who it is
    when that takes too long.
  - Package lists older than a day, or than a source, are updated. Sources that cannot be read are an error only if a
    package is missing without them, and are named then.
  - On request keeps needrestart and unattended-upgrades from restarting a service.
attributes:
  check_mode:
    description: Says what would be installed. Whether apt can is not looked at.
    support: full
  diff_mode:
    description: Shows the packages and the files.
    support: full
options:
  name:
    description: Packages.
    type: list
    elements: str
    required: true
  lock_timeout:
    description: Seconds to wait while somebody else uses apt.
    type: int
    default: 300
  policy_rc_d:
    description: As of M(ansible.builtin.apt), V(101) keeps the packages from starting their services.
    type: int
  restart_by_hand:
    description:
      - What no automatic update restarts.
      - needrestart still names the units when one needs a restart.
      - C(/etc/needrestart/conf.d/webstack-*.conf) and C(/etc/apt/apt.conf.d/52webstack-*), named after the first unit.
    type: dict
    suboptions:
      units:
        description: Units of systemd that needrestart does not restart by itself.
        type: list
        elements: str
        required: true
      packages:
        description:
          - Packages that unattended-upgrades does not upgrade, because doing so restarts a unit.
          - Patterns of Python, which match from the beginning of a name.
        type: list
        elements: str
        default: []
seealso:
  - module: ansible.builtin.apt
"""

EXAMPLES = r"""
- name: Install HAProxy, and start it later
  foobar.webstack.packages:
    name: [haproxy]
    policy_rc_d: 101
    restart_by_hand:
      units: [haproxy]
      packages: [haproxy$]
"""

RETURN = r"""
missing:
  description: Packages that were missing.
  returned: always
  type: list
  elements: str
complaints:
  description: What apt said of sources that it could not read.
  returned: when packages were missing
  type: list
  elements: str
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils._packages import apt
from ansible_collections.foobar.webstack.plugins.module_utils._packages.updates import drop_ins


def read(path: str) -> str:
    """What a file has; nothing where there is none."""
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as file:
        return file.read()


def write(module: AnsibleModule, path: str, text: str) -> None:
    """Place a file."""
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    staged = os.path.join(module.tmpdir, os.path.basename(path))
    with open(staged, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(staged, 0o644)
    module.atomic_move(staged, path)


def keep_running(module: AnsibleModule, units: list[str], packages: list[str]) -> list[dict[str, Any]]:
    """Place the drop-ins, and return what changes."""
    changes = []
    for path, text in drop_ins(units, packages).items():
        before = read(path)
        if before != text:
            changes.append({"before": before, "after": text, "before_header": path, "after_header": path})
            if not module.check_mode:
                write(module, path, text)
    return changes


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "list", "elements": "str", "required": True},
            "lock_timeout": {"type": "int", "default": 300},
            "policy_rc_d": {"type": "int"},
            "restart_by_hand": {
                "type": "dict",
                "options": {
                    "units": {"type": "list", "elements": "str", "required": True},
                    "packages": {"type": "list", "elements": "str", "default": []},
                },
            },
        },
        supports_check_mode=True,
    )
    names = [name.strip() for name in module.params["name"]]
    kept = module.params["restart_by_hand"]
    changes = keep_running(module, kept["units"], kept["packages"]) if kept else []
    found: dict[str, Any] = {"changed": bool(changes), "diff": changes, "missing": apt.missing(names)}
    if found["missing"] and not module.check_mode:
        seconds = module.params["lock_timeout"]
        held = apt.wait(seconds)
        if held:
            # One that installs holds several.
            people = "; ".join({found.process: str(found) for found in reversed(held)}.values())
            module.fail_json(
                msg=f"apt is busy, after waiting for {seconds} seconds: {people}. Run this again when it has ended.",
                **found,
            )
        found["complaints"] = apt.update_lists() if apt.lists_are_old() else []
    module.exit_json(**found)


if __name__ == "__main__":
    main()
