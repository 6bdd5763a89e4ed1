#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.app_release_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: app_release_info
version_added: 1.0.0
short_description: Tells which releases of an application a host has, and which serves
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - Tells of each release when it has served, and whether somebody has gone back from it.
extends_documentation_fragment:
  - foobar.webstack.info
options:
  name:
    description: Name of the application.
    type: str
    required: true
  migrations:
    description: Shell patterns of names, in lower case, of files or folders of a release that change the database.
    type: list
    elements: str
    default: ["*migrat*", alembic]
seealso:
  - module: foobar.webstack.app_release
"""

EXAMPLES = r"""
- name: See which releases are there
  foobar.webstack.app_release_info:
    name: shop
"""

RETURN = r"""
serving:
  description: Id of the release that serves; empty where none does.
  returned: always
  type: str
  sample: 3f2a9c41b07d
releases:
  description: >-
    The releases, the one that served last first. Of each its C(release), whether it is C(whole), since when it
    C(served) and C(until) when, when it was C(withdrawn) (seconds since 1970, 0 for never), and its files of
    C(migrations), each with a digest.
  returned: always
  type: list
  elements: dict
interrupted:
  description: >-
    From which release (C(previous)) to which (C(release)) a run switched that was interrupted and that none has
    finished, and whether it went back (C(goes_back)). Null where none was.
  returned: always
  type: dict
not_final:
  description: Id of the release that served before a deployment that has not come to its end. Null where all have.
  returned: always
  type: str
holder:
  description: Who holds the lock of M(foobar.webstack.app_lock), since when; empty where nobody does.
  returned: always
  type: dict
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils._lock import LockError
from ansible_collections.foobar.webstack.plugins.module_utils._release import listing
from ansible_collections.foobar.webstack.plugins.module_utils._release.layout import Layout


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "migrations": {"type": "list", "elements": "str", "default": list(listing.MIGRATIONS)},
        },
        supports_check_mode=True,
    )
    try:
        found = listing.as_data(Layout(module.params["name"]), time.time(), module.params["migrations"])
    except LockError as error:
        module.fail_json(msg=f"{error}.")
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
