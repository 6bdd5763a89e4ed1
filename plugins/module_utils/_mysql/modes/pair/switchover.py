"""Whether a source and its replica may exchange their roles, decided from what was found on both. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, reason
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.roles import Role
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import series


class Code(str, Enum):
    """Why the roles are not exchanged."""

    NOT_ONE_PRIMARY = "switchover.not_one_primary"
    NO_CANDIDATE = "switchover.no_candidate"
    UNKNOWN_CANDIDATE = "switchover.unknown_candidate"
    CANDIDATE_IS_NO_REPLICA = "switchover.candidate_is_no_replica"

    REFUSED = "switchover.refused"
    NO_ACCESS = "switchover.no_access"
    TAKES_NO_WRITES = "switchover.takes_no_writes"
    REPLICATES = "switchover.replicates"
    BOTH_TAKE_WRITES = "switchover.both_take_writes"
    NOT_ITS_REPLICA = "switchover.not_its_replica"
    ROOT_MAY_WRITE = "switchover.root_may_write"
    STOPPED = "switchover.stopped"
    BEHIND = "switchover.behind"
    DISK_FULL = "switchover.disk_full"
    ERRANT = "switchover.errant"
    NOT_ACKNOWLEDGING = "switchover.not_acknowledging"
    OLDER = "switchover.older"
    ACCOUNT_REFUSED = "switchover.account_refused"
    BLOCKED = "switchover.blocked"
    LOCK_HOLDER = "switchover.lock_holder"
    OPEN_TRANSACTION = "switchover.open_transaction"


@dataclass(frozen=True)
class Choice:
    """Which hosts exchange their roles, or why none do. Hosts go by their inventory names."""

    old: str = ""
    candidate: str = ""
    refusals: tuple[Reason, ...] = ()

    @property
    def done(self) -> bool:
        return bool(self.candidate) and self.candidate == self.old

    def as_data(self) -> dict[str, Any]:
        return {
            "old": self.old,
            "candidate": self.candidate,
            "done": self.done,
            "refusals": [refusal.as_data() for refusal in self.refusals],
        }


def decide(roles: Mapping[str, str], databases: Sequence[str], candidate: str) -> Choice:
    """Who exchanges roles with whom. `roles` has what each database host that was asked is."""
    found = [f"{name}: {role}" for name, role in roles.items()]
    writable = [name for name, role in roles.items() if role == Role.PRIMARY]
    refusals = []
    if len(writable) != 1:
        refusals.append(reason(Code.NOT_ONE_PRIMARY, hosts=writable, found=found))
    if not candidate:
        refusals.append(reason(Code.NO_CANDIDATE, databases=databases))
    elif candidate not in databases:
        refusals.append(reason(Code.UNKNOWN_CANDIDATE, host=candidate, databases=databases))
    elif candidate not in writable[:1] and roles.get(candidate) != Role.REPLICA:
        refusals.append(reason(Code.CANDIDATE_IS_NO_REPLICA, host=candidate, found=found))
    return Choice(old=writable[0] if writable else "", candidate=candidate, refusals=tuple(refusals))


@dataclass(frozen=True)
class PairState:
    """What was found on both servers before anything is changed."""

    old_writable: bool = True
    old_uuid: str = ""
    old_replicates: bool = False
    candidate_writable: bool = False
    candidate_super_read_only: bool = True
    source_uuid: str = ""
    """Of the server that the candidate replicates from; empty if from none."""
    receiver: bool = True
    applier: bool = True
    caught_up: bool = True
    unwritten: str = ""
    """A file that the candidate waits to write because its disk is full."""
    errant: str = ""
    semi_sync: bool = True
    """Whether the old source's commits are to wait for a replica."""
    acknowledged: bool = True
    """Whether they do."""
    refused: str = ""
    """Why the candidate refuses the replication account."""
    blockers: tuple[Reason, ...] = ()
    versions: tuple[str, str] = ("9.7.4", "9.7.4")


def obstacles(state: PairState, *, max_lag: float) -> list[Reason]:
    """Everything because of which the roles are not exchanged."""
    if not state.old_writable:
        return [reason(Code.TAKES_NO_WRITES)]
    if state.old_replicates:
        return [reason(Code.REPLICATES)]
    if state.candidate_writable:
        return [reason(Code.BOTH_TAKE_WRITES)]
    if state.source_uuid != state.old_uuid:
        return [reason(Code.NOT_ITS_REPLICA)]
    found = []
    if not state.candidate_super_read_only:
        found.append(reason(Code.ROOT_MAY_WRITE))
    stopped = [name for name, runs in (("receiver", state.receiver), ("applier", state.applier)) if not runs]
    if stopped:
        found.append(reason(Code.STOPPED, threads=stopped))
    elif state.unwritten:
        found.append(reason(Code.DISK_FULL, file=state.unwritten))
    elif not state.caught_up:
        found.append(reason(Code.BEHIND, seconds=max_lag))
    if state.errant:
        found.append(reason(Code.ERRANT, gtids=state.errant))
    # A full disk is the reason, too, and has been said.
    if state.semi_sync and not state.acknowledged and not state.unwritten:
        found.append(reason(Code.NOT_ACKNOWLEDGING))
    if series(state.versions[0]) > series(state.versions[1]):
        found.append(reason(Code.OLDER, candidate=state.versions[1], source=state.versions[0]))
    if state.refused:
        found.append(reason(Code.ACCOUNT_REFUSED, error=state.refused))
    if state.blockers:
        found.append(reason(Code.BLOCKED, blockers=state.blockers))
    return found
