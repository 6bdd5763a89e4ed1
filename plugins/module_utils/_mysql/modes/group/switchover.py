"""Whether another member may become the primary, decided from what was found. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.group import Member, MemberState, View
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair import switchover as pair
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.switchover import Choice
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, reason


class Code(str, Enum):
    """Why the primary is not changed."""

    NOT_THE_PRIMARY = "group_switchover.not_the_primary"
    NOT_A_MEMBER = "group_switchover.not_a_member"
    NOT_ONLINE = "group_switchover.not_online"
    SUSPECTS = "group_switchover.suspects"
    BEHIND = "group_switchover.behind"
    OPEN_TRANSACTION = "group_switchover.open_transaction"
    FAILED = "group_switchover.failed"


def decide(roles: Mapping[str, str], databases: Sequence[str], candidate: str) -> Choice:
    """Who takes the writes of whom: which host is what is the same question in every mode."""
    return pair.decide(roles, databases, candidate)


@dataclass(frozen=True)
class OpenTransaction:
    """One that has written and would be rolled back."""

    id: int
    user: str
    host: str
    seconds: int
    rows: int


@dataclass(frozen=True)
class Found:
    """What the primary says before anything is changed."""

    view: View | None
    queue: int = 0
    """Transactions that the candidate has yet to apply."""
    transactions: tuple[OpenTransaction, ...] = ()
    """Open for longer than may be rolled back."""


def candidate_of(view: View, host: str, port: int) -> Member | None:
    return next((member for member in view.members if (member.host, member.port) == (host, port)), None)


def obstacles(found: Found, host: str, port: int, *, max_queue: int) -> list[Reason]:
    """Everything because of which the primary stays."""
    view = found.view
    if view is None or not view.leads:
        return [reason(Code.NOT_THE_PRIMARY)]
    member = candidate_of(view, host, port)
    if member is None:
        return [reason(Code.NOT_A_MEMBER, candidate=host)]
    problems = []
    if member.state is not MemberState.ONLINE:
        problems.append(reason(Code.NOT_ONLINE, candidate=host, state=member.state.value))
    elif view.unreachable:
        problems.append(reason(Code.SUSPECTS, hosts=view.unreachable))
    if found.queue > max_queue:
        problems.append(reason(Code.BEHIND, count=found.queue))
    problems += [
        reason(Code.OPEN_TRANSACTION, id=each.id, user=each.user, host=each.host, seconds=each.seconds, rows=each.rows)
        for each in found.transactions
    ]
    return problems
