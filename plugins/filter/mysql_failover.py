"""Filter foobar.webstack.mysql_failover."""

from __future__ import annotations

DOCUMENTATION = r"""
name: mysql_failover
version_added: 1.0.0
short_description: Whether a database host may take the place of another
author: The foobar.webstack maintainers
description:
  - Decides from what each host has answered (RV(foobar.webstack.mysql_server_info#module:role) and the rest) whether a
    replica may become the primary without its source's help, and how its source is to be fenced.
  - Every guard that does not hold is a refusal. P(foobar.webstack.reasons#filter) makes a sentence of it, which says
    what is missing, what could be lost, and what to add where that may be overridden.
positional: databases, application, everyone, candidate, powered_off, accepted_loss, accepted_errant, margin, recover,
  mode
options:
  _input:
    description:
      - What C(foobar.webstack.mysql_server_info) has returned, by host. What has no C(role), as of a host that could
        not be reached, is left out.
    type: dict
    required: true
  databases:
    description: Address of each database host, by name.
    type: dict
    required: true
  application:
    description: Hosts from which the application writes.
    type: list
    elements: str
    required: true
  everyone:
    description: All hosts that are asked whether they reach the old primary.
    type: list
    elements: str
    required: true
  candidate:
    description: Host that is to take over. If empty, the only replica.
    type: str
    default: ""
  powered_off:
    description: Host that the operator has seen to be powered off.
    type: str
    default: ""
  accepted_loss:
    description: Seconds of acknowledged writes that may be lost.
    type: float
    default: 0
  accepted_errant:
    description: GTID set of transactions that only the candidate has and that may stay.
    type: str
    default: ""
  margin:
    description: Seconds by which clocks may differ.
    type: float
    default: 1
  recover:
    description:
      - Whether to find out what is to be done at all, as C(recover.yml) does. A primary that has restarted is then a
        candidate, too, and what is to be done by another playbook is named.
    type: bool
    default: false
  mode:
    description:
      - V(pair) or V(group). A group elects its primary by itself, so that only one without a majority is begun anew, by
        a host that has all that is known; O(powered_off) may then name several hosts, with commas.
    type: str
    choices: [pair, group]
    default: pair
"""

EXAMPLES = r"""
verdict: >-
  {{ evidence | foobar.webstack.mysql_failover({'db1': '198.18.0.31', 'db2': '198.18.0.32'}, application=['web1'],
     everyone=['web1', 'lb1']) }}
"""

RETURN = r"""
_value:
  description: What is to be done.
  type: dict
  contains:
    candidate:
      description: Host that takes over.
      type: str
    old:
      description: Primary that is replaced. Empty where the candidate was it.
      type: str
    fence:
      description: V(stopped), V(cut_off) or V(confirmed).
      type: str
    fence_on:
      description: Hosts on which that is carried out.
      type: list
      elements: str
    refusals:
      description: Why nothing may be done, each a C(code) with C(data).
      type: list
      elements: dict
    drain:
      description:
        - Whether only the proof that nothing is lost is missing, and may be in what the candidate has received and not
          applied. Let it apply that (O(foobar.webstack.mysql_primary#module:reason=drain)), and decide again.
      type: bool
    done:
      description: Why nothing is to be done, in the same form. Empty where something is.
      type: list
      elements: dict
    notes:
      description: What was proven or accepted, in the same form.
      type: list
      elements: dict
    lost_seconds:
      description: Length of the window from which acknowledged writes may be lost.
      type: float
    wait_no_replica:
      description:
        - Whether writes are to wait although there is no replica now, because they are to wait for one for ever (a
          timeout of semi-synchronous replication of a day or more). Null where that stays as it is.
      type: bool
    records_loss:
      description:
        - In a group, whether it is begun although members may have what the candidate has not, for
          O(foobar.webstack.mysql_primary#module:records_loss).
      type: bool
    next:
      description: How things are when that is done, and what is left to do, in the form of the refusals.
      type: list
      elements: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.failover import (
    Verdict as VerdictOnGroup,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.failover import (
    decide as failover_in_group,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.recover import (
    decide as recovery_in_group,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.case import Request
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.failover import Verdict
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.failover import decide as failover
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.recover import decide as recovery

DECISIONS: dict[tuple[str, bool], Callable[[Mapping[str, Any], Request], Verdict | VerdictOnGroup]] = {
    ("pair", False): failover,
    ("pair", True): recovery,
    ("group", False): failover_in_group,
    ("group", True): recovery_in_group,
}
"""By the mode, and whether whatever brings the databases back is asked for."""


def mysql_failover(
    evidence: Mapping[str, Any],
    databases: Mapping[str, str],
    application: Sequence[str],
    everyone: Sequence[str],
    candidate: str = "",
    powered_off: str = "",
    accepted_loss: float = 0,
    accepted_errant: str = "",
    margin: float = 1,
    recover: bool = False,
    mode: str = "pair",
) -> dict[str, Any]:
    """The verdict as data; AnsibleFilterError where a value is not valid."""
    try:
        request = Request(
            databases=databases,
            application=application,
            everyone=everyone,
            candidate=candidate,
            powered_off=powered_off,
            accepted_loss=float(accepted_loss),
            accepted_errant=accepted_errant,
            margin=float(margin),
        )
        decide = DECISIONS[mode, recover]
        return decide({name: found for name, found in evidence.items() if "role" in found}, request).as_data()
    except ValueError as error:
        raise AnsibleFilterError(f"failover: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter of this file by its name."""
        return {"mysql_failover": mysql_failover}
