"""What a group has to be for one of its members to be upgraded. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from enum import Enum

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.group import MemberState, View
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, reason
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.upgrade import order
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.upgrade.order import Host, Limits, Mode, Plan


class Code(str, Enum):
    """Why no member is taken out."""

    NOT_ONLINE = "upgrade_group.not_online"
    NOT_SEEN = "upgrade_group.not_seen"


def unfit(hosts: Sequence[Host], primary: str) -> Iterator[Reason]:
    """Every member is ONLINE, as it says and as the primary sees it, but for one that was taken out for this.

    What is left when one more leaves has to be a majority of all, and is: an odd number of three or more.
    """
    views = {
        host.name: View.from_data(host.server["group"], host.server["server_uuid"])
        for host in hosts
        if host.server.get("group")
    }
    seen = views[primary].members if primary in views else ()
    present = {member.uuid for member in seen if member.state is MemberState.ONLINE}
    for host in hosts:
        if host.begun:
            continue
        state = views[host.name].state if host.name in views else MemberState.OFFLINE
        if state is not MemberState.ONLINE:
            yield reason(Code.NOT_ONLINE, host=host.name, state=state.value)
        elif host.server["server_uuid"] not in present:
            yield reason(Code.NOT_SEEN, host=host.name, primary=primary)


def leaves(primary: Host, others: Sequence[Host]) -> bool:
    """A group refuses to appoint a member that is newer than another one; when the older one leaves, it elects one.

    The versions that the others will have by then count.
    """
    return any(other.next != primary.running for other in others)


def decide(hosts: Sequence[Host], limits: Limits, done: Collection[str] = ()) -> Plan:
    """Which host is next."""
    return order.decide(hosts, Mode(unfit, leaves), limits, done)
