"""What a pair has to be for one of its servers to be upgraded. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from enum import Enum

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.observation import unapplied
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, reason
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.roles import Role
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.statements import Statement
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.upgrade import order
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.upgrade.order import Host, Limits, Mode, Plan

MAX_BEHIND = 1000
"""Transactions that a replica may have received and not applied: what it applies in about a second."""

LEAVE = (Statement("STOP REPLICA"),)
"""From then on nobody reads there, because the endpoint says so. It follows again when it is started."""


class Code(str, Enum):
    """Why no server of a pair is taken out."""

    NOT_A_REPLICA = "upgrade_pair.not_a_replica"
    STOPPED = "upgrade_pair.stopped"
    BEHIND = "upgrade_pair.behind"
    NOT_ACKNOWLEDGING = "upgrade_pair.not_acknowledging"


def unfit(hosts: Sequence[Host], primary: str) -> Iterator[Reason]:
    """Whatever is not as it has to be, but for a replica that was taken out for this."""
    for host in hosts:
        if host.name == primary:
            if host.server.get("semi_sync_source") and not host.server.get("semi_sync_active"):
                yield reason(Code.NOT_ACKNOWLEDGING, host=host.name)
            continue
        if host.begun:
            continue
        channel = host.server.get("channel")
        if host.role != Role.REPLICA or not channel:
            yield reason(Code.NOT_A_REPLICA, host=host.name, role=host.role)
        elif not (channel["receiver"] and channel["applier"]):
            yield reason(Code.STOPPED, host=host.name, error=channel["error"] or "no error")
        elif (count := unapplied(channel, host.server["gtid_executed"])) > MAX_BEHIND:
            yield reason(Code.BEHIND, host=host.name, count=count)


def leaves(_primary: Host, _others: Sequence[Host]) -> bool:
    """A newer replica of an older source takes the writes by a switchover."""
    return False


def decide(hosts: Sequence[Host], limits: Limits, done: Collection[str] = ()) -> Plan:
    """Which host is next."""
    return order.decide(hosts, Mode(unfit, leaves), limits, done)
