#!/usr/bin/python
# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Module foobar.webstack.mysql_fence."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_fence
version_added: 1.0.0
short_description: Makes sure that a lost MySQL server takes no more writes, or lets it come back
author: The foobar.webstack maintainers (!UNKNOWN)
description:
  - O(state=stopped) stops the MySQL server of the host that it runs on, killing it if it does not stop, and returns
    only when systemd says that it is stopped.
  - O(state=cut_off) drops all packets between the host that it runs on and the O(addresses), those of existing
    connections too. The rules are a table of their own, C(inet webstack_fence), which the unit C(webstack-fence) loads
    again after a reboot.
  - O(state=open) removes them.
attributes:
  check_mode:
    description: Says what it would do.
    support: full
  diff_mode:
    description: Shows the addresses or the state of the service.
    support: full
  platform:
    description: Systems that the module is written for.
    platforms: posix
    support: full
requirements:
  - systemd for O(state=stopped), else nftables
options:
  state:
    description: What is wanted.
    type: str
    choices: [stopped, cut_off, open]
    required: true
  addresses:
    description: Addresses of the server that is cut off. Required for O(state=cut_off).
    type: list
    elements: str
    default: []
  service:
    description: Unit of the server.
    type: str
    default: mysql
  patience:
    description: Seconds in which the server may stop by itself.
    type: int
    default: 5
seealso:
  - module: foobar.webstack.mysql_primary
"""

EXAMPLES = r"""
- name: Stop the old primary, which no other host can reach
  foobar.webstack.mysql_fence:
    state: stopped

- name: Cut it off where it cannot be stopped
  foobar.webstack.mysql_fence:
    state: cut_off
    addresses: [198.18.0.31]
"""

RETURN = r"""
service:
  description: The service's state by C(systemctl show), for O(state=stopped).
  returned: success
  type: dict
cut_off:
  description: The addresses that were cut off before, for O(state=cut_off) and O(state=open).
  returned: success
  type: list
  elements: str
"""

import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.fence import (
    RULES_FILE,
    TABLE,
    UNIT,
    UNIT_TEXT,
    addresses_in,
    is_stopped,
    rules,
)

RULES = Path(RULES_FILE)
SYSTEM_UNITS = Path("/etc/systemd/system")

POLL_SECONDS = 0.1
GIVE_UP_SECONDS = 20
"""For a process that was killed to be gone."""


def status(module: AnsibleModule) -> dict[str, str]:
    """The state of the service by systemctl show."""
    command = ["systemctl", "show", "--property=LoadState,ActiveState,SubState,MainPID", module.params["service"]]
    result, output, error = module.run_command(command)
    if result != 0:
        module.fail_json(msg=f"systemctl show {module.params['service']}: {error.strip()}.")
    return dict(line.split("=", 1) for line in output.splitlines() if "=" in line)


def stop(module: AnsibleModule) -> None:
    """Stop the server, and see that it is stopped."""
    service = module.params["service"]
    before = status(module)
    if is_stopped(before):
        module.exit_json(changed=False, service=before, diff={"before": {}, "after": {}})
    after = before
    if not module.check_mode:
        module.run_command(["systemctl", "stop", "--no-block", service])
        killed = False
        started = time.monotonic()
        while not is_stopped(after := status(module)):
            waited = time.monotonic() - started
            if waited > module.params["patience"] and not killed:
                # Its sessions may wait for an acknowledgement that never comes; what they wait for is not lost by this.
                module.run_command(["systemctl", "kill", "--signal=SIGKILL", service])
                killed = True
            if waited > module.params["patience"] + GIVE_UP_SECONDS:
                module.fail_json(msg=f"{service} does not stop: systemd says {after}. Power the host off.")
            time.sleep(POLL_SECONDS)
        # Else systemd would not start it after too many failures.
        module.run_command(["systemctl", "reset-failed", service])
    module.exit_json(
        changed=True,
        service=after,
        diff={"before": {service: before.get("ActiveState")}, "after": {service: "inactive"}},
    )


def cut_off(module: AnsibleModule) -> None:
    """Make the table that which is wanted."""
    nft = module.get_bin_path("nft")
    wanted = sorted(set(module.params["addresses"])) if module.params["state"] == "cut_off" else []
    if nft is None:
        if not wanted:
            module.exit_json(changed=False, cut_off=[], diff={"before": [], "after": []})
        module.fail_json(msg="nft is missing on this host, so nothing can be cut off here. Install nftables.")
    result, listing, _error = module.run_command([nft, "list", "table", *TABLE.split()])
    there = addresses_in(listing) if result == 0 else []
    kept = RULES.read_text() if RULES.exists() else rules([])
    changed = there != wanted or kept != rules(wanted)
    if changed and not module.check_mode:
        result, _output, error = module.run_command([nft, "-f", "-"], data=rules(wanted))
        if result != 0:
            module.fail_json(msg=f"nftables refuses to cut off {', '.join(wanted)}: {error.strip()}")
        keep(module, wanted)
    module.exit_json(changed=changed, cut_off=there, diff={"before": {"cut off": there}, "after": {"cut off": wanted}})


def keep(module: AnsibleModule, wanted: list[str]) -> None:
    """Have the host cut off the same after a reboot, too."""
    unit = SYSTEM_UNITS / UNIT

    def systemctl(*arguments: str) -> None:
        result, _output, error = module.run_command(["systemctl", *arguments])
        if result != 0:
            module.fail_json(msg=f"systemctl {' '.join(arguments)}: {error.strip()}")

    if wanted:
        RULES.write_text(rules(wanted))
        unit.write_text(UNIT_TEXT)
        # Which reads the unit anew, too: nobody can write meanwhile, so nothing is done twice.
        systemctl("enable", "--now", UNIT)
    elif unit.exists():
        systemctl("disable", "--now", UNIT)
        RULES.unlink(missing_ok=True)
        unit.unlink()
        systemctl("daemon-reload")


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["stopped", "cut_off", "open"], "required": True},
            "addresses": {"type": "list", "elements": "str", "default": []},
            "service": {"type": "str", "default": "mysql"},
            "patience": {"type": "int", "default": 5},
        },
        required_if=[("state", "cut_off", ("addresses",))],
        supports_check_mode=True,
    )
    if module.params["state"] == "stopped":
        stop(module)
    try:
        cut_off(module)
    except ValueError as error:
        module.fail_json(msg=f"addresses: {error}")


if __name__ == "__main__":
    main()
