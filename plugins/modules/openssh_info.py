#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.openssh_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: openssh_info
version_added: 1.0.0
short_description: Says what the installed OpenSSH supports, and how Ansible is connected
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - Returns the version, the algorithms and the host keys of the OpenSSH on the host.
  - Returns from where, as whom and by which method the SSH session was opened in which this very task runs. That also
    works after C(sudo).
  - Needs nothing on the host. What is not there, such as an SSH server or a session, is returned as empty.
extends_documentation_fragment: [foobar.webstack.info]
options:
  gather_subset:
    description:
      - What to return.
      - V(software) is RV(version), RV(algorithms) and RV(host_keys).
      - V(controller) is RV(controller), for which sshd's configuration is not read.
      - V(login) is RV(login), for which it is.
    type: list
    elements: str
    choices: [software, controller, login]
    default: [software, controller, login]
"""

EXAMPLES = r"""
- name: Ask from where Ansible is connected
  foobar.webstack.openssh_info:
    gather_subset: [controller]
  register: ssh

- name: Ask what OpenSSH supports
  foobar.webstack.openssh_info:
    gather_subset: [software]
  register: openssh
"""

RETURN = r"""
version:
  description: Version of OpenSSH, such as V(10.0). Empty where it is not installed.
  returned: with V(software) in O(gather_subset)
  type: str
  sample: "10.0"
algorithms:
  description: Lists of the algorithms that it supports, by kind - C(HostKeyAlgorithms), C(kex), C(cipher) and C(mac).
  returned: with V(software) in O(gather_subset)
  type: dict
host_keys:
  description: Types of the host's keys.
  returned: with V(software) in O(gather_subset)
  type: list
  elements: str
  sample: [ecdsa, ed25519, rsa]
controller:
  description: Address from which Ansible is connected. Empty if that is not by SSH.
  returned: with V(controller) in O(gather_subset)
  type: str
  sample: 198.51.100.7
login:
  description: How Ansible has logged in. Empty if that is not by SSH, or without an SSH server.
  returned: with V(login) in O(gather_subset)
  type: dict
  contains:
    user:
      description: User who has logged in.
      type: str
    keys:
      description: Number of keys with which the user may log in; V(-1) if they are not kept in files.
      type: int
    method:
      description:
        - Method by which the user has logged in, such as V(publickey) or V(password), by sshd's log.
        - Empty where it is not in the log, and where sshd accepts keys only.
      type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils._process import RefusedError
from ansible_collections.foobar.webstack.plugins.module_utils._ssh import server, session

SUBSETS = ["software", "controller", "login"]


def gather(subsets: list[str]) -> dict[str, Any]:
    """What is asked for."""
    found: dict[str, Any] = server.software() if "software" in subsets else {}
    present = session.current()
    if "controller" in subsets:
        found["controller"] = present.controller if present else ""
    if "login" in subsets:
        found["login"] = session.login(present)
    return found


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "gather_subset": {"type": "list", "elements": "str", "choices": SUBSETS, "default": SUBSETS},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(changed=False, **gather(module.params["gather_subset"]))
    except RefusedError as refusal:
        module.fail_json(msg=str(refusal))


if __name__ == "__main__":
    main()
