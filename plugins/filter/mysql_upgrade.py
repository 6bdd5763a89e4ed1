"""Filter foobar.webstack.mysql_upgrade."""

from __future__ import annotations

DOCUMENTATION = r"""
name: mysql_upgrade
version_added: 1.0.0
short_description: Which database host's MySQL is upgraded next
author: The foobar.webstack maintainers
description:
  - Decides from what the database hosts are, and from what they are offered, in which order MySQL is upgraded. Replicas
    or secondaries come first, then another host takes the writes, and the old primary is the last.
  - Refuses what MySQL does not support, databases that are not well, and an upgrade without a backup.
positional: looked, mode, backup_hours, done
options:
  _input:
    description: What M(foobar.webstack.mysql_server_info) has returned of each database host, by name in their order.
      Of a host that was not reached, C(role) is missing.
    type: dict
    required: true
  looked:
    description: What M(foobar.webstack.mysql_upgrade_info) has returned, by name.
    type: dict
    required: true
  mode:
    description: How the databases replicate (V(mysql_replication_mode) of the stack).
    type: str
    choices: [pair, group]
    default: pair
  backup_hours:
    description: How old the last backup may be.
    type: float
    default: 26
  done:
    description: Hosts that this run has upgraded.
    type: list
    elements: str
"""

EXAMPLES = r"""
plan: "{{ {'db1': info1, 'db2': info2} | foobar.webstack.mysql_upgrade({'db1': look1, 'db2': look2}, mode='pair') }}"
"""

RETURN = r"""
_value:
  description: What is to be done.
  type: dict
  contains:
    primary:
      description: Host that takes the writes.
      type: str
    steps:
      description:
        - What is left, in order. C(act) is V(upgrade), V(switchover) or V(leave) of C(host), C(candidate) takes the
          writes, C(irreversible) is the series from which there is no way back afterwards, C(alone) says that nobody
          takes the writes meanwhile, and C(said) is a reason for P(foobar.webstack.reasons#filter).
      type: list
      elements: dict
    refusals:
      description: Why nothing may be done, each a C(code) with C(data).
      type: list
      elements: dict
    notes:
      description: What somebody should know, in the same form.
      type: list
      elements: dict
    settle:
      description: Whether commits are to wait for a replica again, which an interrupted run has left undone.
      type: bool
    relax:
      description: Whether commits must not wait while the next host is out.
      type: bool
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.upgrade import (
    decide as decide_in_group,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.upgrade import decide
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.upgrade.order import Host, Limits, Plan
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.upgrade.path import Version

MODES: dict[str, Callable[..., Plan]] = {"pair": decide, "group": decide_in_group}


def host_of(name: str, answer: Mapping[str, Any], look: Mapping[str, Any]) -> Host:
    """A host from what the two modules have returned."""
    server = answer.get("server") or {}
    return Host(
        name=name,
        # One that could not be looked at is not known, whatever its server has said.
        role=str(answer.get("role") or "") if "names" in look else "",
        server=server,
        running=Version.parse(str(server.get("version") or look.get("running") or "")),
        offered=Version.parse(str(look.get("offered") or "")) if look.get("names") else None,
        installed=str(look.get("installed") or ""),
        candidate=str(look.get("candidate") or ""),
        restart=bool(look.get("restart") or (look.get("names") and not look.get("offered"))),
        begun=bool(look.get("begun")),
        refusals=tuple(look.get("reasons") or ()),
        notes=tuple(look.get("notes") or ()),
        backup=look.get("backup") or {},
    )


def mysql_upgrade(
    answers: Mapping[str, Any],
    looked: Mapping[str, Any],
    mode: str = "pair",
    backup_hours: float = 26,
    done: Sequence[str] | None = None,
) -> dict[str, Any]:
    """The plan as data."""
    hosts = [host_of(name, answer, looked.get(name) or {}) for name, answer in answers.items()]
    now = max((float(look.get("time") or 0) for look in looked.values()), default=0.0)
    return MODES[mode](hosts, Limits(float(backup_hours), now), done or ()).as_data()


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"mysql_upgrade": mysql_upgrade}
