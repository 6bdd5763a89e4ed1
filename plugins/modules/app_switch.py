#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.app_switch."""

from __future__ import annotations

DOCUMENTATION = r"""
module: app_switch
version_added: 1.0.0
short_description: Lets a release serve that was tried, takes that back, or makes it final
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - The second half of a deployment, after M(foobar.webstack.app_release) with C(until=tried) has gone well on every
    host. It is run on one host after the other.
  - What goes live is exactly what was tried on this host, by renames and one restart, through which the listening
    socket stays open. When it does not answer then, what served before is restored, and the module fails with the last
    lines of the journal.
attributes:
  check_mode:
    description: Does nothing.
    support: full
  diff_mode:
    description: What differs is shown by M(foobar.webstack.app_release).
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
  state:
    description:
      - With V(live), what was tried serves.
      - With V(returned), what served before serves again, with the very settings that it had, and the release that took
        its place counts as one that has not served. Where nothing went live since the last deployment that was made
        final, nothing is done.
      - With V(final), what serves is what stays. Releases beyond O(keep) are removed.
    type: str
    choices: [live, returned, final]
    required: true
  keep:
    description: Number of releases to keep, with the one that serves.
    type: int
    default: 5
  lock:
    description: What M(foobar.webstack.app_lock) has returned on this host.
    type: str
    default: ""
seealso:
  - module: foobar.webstack.app_release
  - module: foobar.webstack.app_lock
"""

EXAMPLES = r"""
- name: Let it serve, on one host after the other
  foobar.webstack.app_switch:
    name: shop
    state: live
  throttle: 1

- name: Make it final
  foobar.webstack.app_switch:
    name: shop
    state: final
"""

RETURN = r"""
release:
  description: Id of the release that serves now.
  returned: success
  type: str
seconds:
  description: How long it took, until the release has answered.
  returned: success
  type: float
"""

import os
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils._release.apply import give_back, go_live, make_final
from ansible_collections.foobar.webstack.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.foobar.webstack.plugins.module_utils._release.layout import Layout


def run(module: AnsibleModule) -> tuple[str, bool]:
    """The release that serves, and whether something was changed."""
    at, token = Layout(module.params["name"]), module.params["lock"]
    if module.check_mode:
        return at.serving() or "", False
    if module.params["state"] == "live":
        return go_live(at, module.run_command, token), True
    if module.params["state"] == "returned":
        return give_back(at, module.run_command, token)
    removed = make_final(at, module.params["keep"], token)
    return at.serving() or "", bool(removed)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["live", "returned", "final"], "required": True},
            "keep": {"type": "int", "default": 5},
            "lock": {"type": "str", "default": "", "no_log": False},
        },
        supports_check_mode=True,
    )
    os.umask(0o022)
    began = time.monotonic()
    try:
        release, changed = run(module)
    except ReleaseError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, release=release, seconds=round(time.monotonic() - began, 2))


if __name__ == "__main__":
    main()
