"""Whether a database host may take the place of another, decided from what every host has answered. Pure.

`decide` takes what was found on each host and what the operator asks for, and returns what is to be done, or every
reason why nothing may be. The guards are those of the collection's DESIGN for emergencies:

- a majority of the other hosts cannot reach the old primary either,
- it is stopped, or can be cut off, or the operator has confirmed that it is powered off,
- the candidate has applied, or can apply, all that it has received, and has no transactions of its own, and
- every write that was acknowledged to a client is on the candidate (`proof`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.heartbeat import Heartbeat
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.case import (
    Case,
    Code,
    Evidence,
    Request,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.proof import latest_heartbeat, prove
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.observation import unapplied
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, reason
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.roles import Role

FOR_EVER_MS = 86_400_000
"""A semi-synchronous timeout of a day or more says that writes are to wait for a replica, however long that takes."""


@dataclass(frozen=True)
class Verdict:
    """What is to be done."""

    candidate: str = ""
    old: str = ""
    """The primary that is gone; empty where the candidate itself was it."""
    fence: Literal["", "stopped", "cut_off", "confirmed"] = ""
    fence_on: tuple[str, ...] = ()
    """Where it is carried out."""
    refusals: tuple[Reason, ...] = ()
    drain: bool = False
    """Whether nothing stands against it but a proof that may be in what the candidate has received and not applied."""
    done: Reason | None = None
    """Why there is nothing to do."""
    notes: tuple[Reason, ...] = ()
    """What was proven, and what was not and accepted."""
    lost_seconds: float = 0.0
    """Of the window from which writes may be lost."""
    wait_no_replica: bool | None = None
    """Whether writes are to wait although there is no replica now; None where that stays as it is."""

    @property
    def next(self) -> Reason:
        """How things are when that is done, and what is left to do."""
        if self.old:
            return reason(Code.WITHOUT_REPLICA, candidate=self.candidate, old=self.old)
        return reason(Code.TAKES_WRITES, candidate=self.candidate)

    def as_data(self) -> dict[str, Any]:
        return {
            "candidate": self.candidate,
            "old": self.old,
            "fence": self.fence,
            "fence_on": list(self.fence_on),
            "refusals": [each.as_data() for each in self.refusals],
            "drain": self.drain,
            "done": [self.done.as_data()] if self.done else [],
            "notes": [each.as_data() for each in self.notes],
            "lost_seconds": self.lost_seconds,
            "wait_no_replica": self.wait_no_replica,
            "next": [self.next.as_data()],
        }


def decide(evidence: Mapping[str, Evidence], request: Request) -> Verdict:
    """What to do, or why not. `evidence` has no entry for a host that could not be asked."""
    for name in (request.candidate, request.powered_off):
        if name and name not in request.databases:
            return _refuse(Code.UNKNOWN_HOST, host=name, databases=list(request.databases))
    roles = {name: Role(evidence[name]["role"]) for name in request.databases if name in evidence}
    writable = [name for name, role in roles.items() if role is Role.PRIMARY]
    if len(writable) > 1:
        return _refuse(Code.TWO_PRIMARIES, hosts=writable)
    half = [name for name in writable if (evidence[name].get("server") or {}).get("channel")]
    candidate = request.candidate or next(iter(half), "") or _only_replica(roles)
    if candidate in half:
        return Verdict(candidate=candidate, notes=(reason(Code.PROMOTION_IS_FINISHED, host=candidate),))
    if candidate in writable:
        return Verdict(candidate=candidate, done=reason(Code.ALREADY_PRIMARY, host=candidate))
    if not candidate:
        if writable:
            return Verdict(candidate=writable[0], done=reason(Code.NO_REPLICA, host=writable[0]))
        found = [f"{name}: {roles.get(name, 'not reached')}" for name in request.databases]
        return _refuse(Code.NO_CANDIDATE, found=found)
    if candidate not in evidence:
        return _refuse(Code.CANDIDATE_NOT_REACHED, host=candidate)
    case = Case(evidence, request, candidate)
    if roles[candidate] is Role.REPLICA:
        return _promotion(case)
    if roles[candidate] is Role.READ_ONLY:
        return _reinstatement(case)
    down = roles[candidate] is Role.DOWN
    return _refuse(Code.CANDIDATE_DOWN if down else Code.CANDIDATE_FRESH, host=candidate)


def _refuse(code: Code, **data: Any) -> Verdict:
    return Verdict(refusals=(reason(code, **data),))


def _only_replica(roles: Mapping[str, Role]) -> str:
    replicas = [name for name, role in roles.items() if role is Role.REPLICA]
    return replicas[0] if len(replicas) == 1 else ""


def _promotion(case: Case) -> Verdict:
    """A replica takes the place of its source."""
    request, candidate, channel = case.request, case.candidate, case.server["channel"]
    case.old = old = next((name for name, host in request.databases.items() if host == channel["source_host"]), "")
    if not old:
        return _refuse(Code.UNKNOWN_SOURCE, host=candidate, source=channel["source_host"])
    writing = [name for name in request.databases if name != old and case.role(name) is Role.PRIMARY]
    if writing:
        if request.candidate:
            return _refuse(Code.OTHER_TAKES_WRITES, host=writing[0], candidate=candidate)
        return Verdict(candidate=writing[0], done=reason(Code.ALREADY_PRIMARY, host=writing[0]))
    if request.powered_off and request.powered_off != old:
        return _refuse(Code.OTHER_POWERED_OFF, host=request.powered_off, old=old)
    if case.role(old) is Role.READ_ONLY and not _old_lacks(case):
        return _refuse(Code.RESTARTED, old=old, candidate=candidate)
    _require_majority(case)
    lives = bool(case.refusals)
    fence, fence_on = _fence(case)
    behind = unapplied(channel, case.server["gtid_executed"])
    if channel["error"] and behind:
        case.refuse(Code.CANNOT_APPLY, host=candidate, error=channel["error"])
    _require_most_data(case)
    heartbeat = latest_heartbeat(case.server)
    _require_no_errant(case, heartbeat)
    others = len(case.refusals)
    # That a loss is accepted would not help against a primary that is alive.
    if not lives:
        prove(case, heartbeat)
    return Verdict(
        candidate=candidate,
        old=old,
        fence=fence,
        fence_on=fence_on,
        refusals=tuple(case.refusals),
        drain=not others and bool(case.refusals) and behind > 0,
        notes=tuple(case.notes),
        lost_seconds=case.lost,
        wait_no_replica=case.server.get("semi_sync_timeout_ms", 0) >= FOR_EVER_MS,
    )


def _require_majority(case: Case) -> None:
    """Most of all other hosts, and most of those that the firewall would let through, must not reach it."""
    request, evidence, old = case.request, case.evidence, case.old
    others = [name for name in dict.fromkeys([*request.everyone, *request.databases]) if name != old]
    clients = [name for name in others if name in request.application or name in request.databases]
    for hosts, code in ((others, Code.NO_MAJORITY), (clients, Code.NO_MAJORITY_OF_CLIENTS)):
        # A host that is off cannot be asked, and no answer is expected of those that are off with it.
        voters = [name for name in hosts if request.powered_off != old or name in evidence]
        lost = [name for name in voters if name in evidence and not evidence[name]["reached"].get(old)]
        if len(lost) * 2 > len(voters):
            continue
        silent = [name for name in voters if name not in evidence]
        if case.role(old) is Role.READ_ONLY:
            advice = reason(Code.RESTARTED_BEHIND, old=old, candidate=case.candidate, count=_old_lacks(case).count)
        elif silent and old not in evidence:
            advice = reason(Code.PERHAPS_OFF, old=old)
        else:
            advice = reason(Code.PERHAPS_WORKS)
        case.refuse(
            code,
            old=old,
            lost=len(lost),
            voters=len(voters),
            reaching=[name for name in voters if name in evidence and name not in lost],
            silent=silent,
            advice=advice,
        )
        return
    case.note(Code.MAJORITY_LOST_IT, old=old)


def _fence(case: Case) -> tuple[Literal["", "stopped", "cut_off", "confirmed"], tuple[str, ...]]:
    """How it is made sure that the old primary takes no write any more."""
    request, evidence, old = case.request, case.evidence, case.old
    if old in evidence:
        return "stopped", (old,)
    if request.powered_off == old:
        case.note(Code.POWERED_OFF, old=old)
        return "confirmed", ()
    databases = [name for name in request.databases if name != old]
    hosts = tuple(dict.fromkeys([*databases, *request.application, case.candidate]))
    missing = [name for name in hosts if name in request.application and name not in evidence and name != old]
    if missing:
        case.refuse(Code.NO_FENCE, old=old, hosts=missing)
        return "", ()
    return "cut_off", tuple(name for name in hosts if name in evidence)


def _held(server: Mapping[str, Any]) -> GtidSet:
    """What a server has executed or received."""
    received = server["channel"]["received"] if server["channel"] else ""
    return GtidSet.parse(f"{server['gtid_executed']},{received}")


def _old_lacks(case: Case) -> GtidSet:
    """What the candidate holds and the old primary, which answers, has not executed."""
    return _held(case.server) - GtidSet.parse(case.evidence[case.old]["server"]["gtid_executed"])


def _require_most_data(case: Case) -> None:
    """Of several replicas, one acknowledges: the one that has everything takes over."""
    here = _held(case.server)
    for name in case.request.databases:
        server = case.evidence.get(name, {}).get("server")
        if name in (case.candidate, case.old) or not server:
            continue
        if missing := _held(server) - here:
            case.refuse(
                Code.OTHER_HAS_MORE, host=name, count=missing.count, candidate=case.candidate, gtids=str(missing)
            )


def _require_no_errant(case: Case, heartbeat: Heartbeat | None) -> None:
    """The candidate has nothing that its source never had, neither by the heartbeat nor committed there itself."""
    executed = GtidSet.parse(case.server["gtid_executed"])
    if heartbeat is None:
        if executed.without(case.server["channel"]["source_uuid"]):
            case.refuse(Code.NO_HEARTBEAT, candidate=case.candidate, old=case.old)
        return
    own = executed.without(heartbeat.server_uuid) - GtidSet.parse(heartbeat.gtid_executed)
    if not own or _is_epoch(case, own):
        return
    if own <= GtidSet.parse(case.request.accepted_errant):
        case.note(Code.ACCEPTED_ERRANT, candidate=case.candidate, count=own.count, gtids=str(own))
    else:
        case.refuse(Code.ERRANT, candidate=case.candidate, count=own.count, old=case.old, gtids=str(own))


def _is_epoch(case: Case, own: GtidSet) -> bool:
    """Whether it is the record of a promotion that was interrupted before the candidate took writes."""
    uuid = case.server["server_uuid"]
    return (case.server.get("epoch") or {}).get("server_uuid") == uuid and own.count == 1 and not own.without(uuid)


def _reinstatement(case: Case) -> Verdict:
    """A primary that has restarted takes writes again: it has all data, and nobody else writes."""
    own = GtidSet.parse(case.server["gtid_executed"])
    for name in case.request.databases:
        if name == case.candidate:
            continue
        role = case.role(name)
        if role is Role.PRIMARY:
            case.refuse(Code.OTHER_IS_PRIMARY, host=name, candidate=case.candidate)
        elif role in (Role.REPLICA, Role.READ_ONLY):
            server = case.evidence[name]["server"]
            there = [server["gtid_executed"], *([server["channel"]["received"]] if server["channel"] else [])]
            missing = [gtids for text in there if (gtids := GtidSet.parse(text) - own)]
            if missing:
                count = max(gtids.count for gtids in missing)
                case.refuse(
                    Code.REPLICA_HAS_MORE, host=name, count=count, candidate=case.candidate, gtids=str(missing[0])
                )
        elif role is not Role.FRESH:
            _reinstate_without(case, name, down=role is Role.DOWN)
    if not case.refusals and not case.notes:
        case.note(Code.HAS_EVERYTHING, candidate=case.candidate)
    return Verdict(candidate=case.candidate, refusals=tuple(case.refusals), notes=tuple(case.notes))


def _reinstate_without(case: Case, name: str, *, down: bool) -> None:
    """Nothing is known of another database host."""
    if not down and case.request.powered_off != name:
        case.refuse(Code.OTHER_NOT_REACHED, host=name)
    if case.request.accepted_loss == math.inf:
        case.note(Code.ACCEPTED_UNKNOWN, host=name, candidate=case.candidate)
    else:
        case.refuse(Code.OTHER_DATA_UNKNOWN, host=name, candidate=case.candidate)
