"""Whether somebody has to do anything about a group that takes no writes, decided from what every host answers. Pure.

A group that has a majority elects its primary by itself, and nobody may interfere. What is left is a group in which no
member has a majority any more: it is begun anew by a member that provably has everything. Members that are lost have to
be known to be off, for they could be the majority that others still write to; and what they had is unknown, which has
to be accepted. Then it is recorded that the group was begun without them (`beginnings`), so that what only they had is
not taken for what gets its numbers next. `group_replication_force_members` is not needed: members that lose the
majority leave the group after `group_replication_unreachable_majority_timeout`, and beginning it anew is the same for
one and for all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.beginnings import (
    Beginning,
    Data,
    doubtful,
    fits,
    from_data,
    strays,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.group import PRESENT, View
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.outage import (
    complete,
    current,
    held,
    lacks,
    newest,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.case import Evidence, Request
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, reason
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.roles import Role


class Code(str, Enum):
    """Why nothing is done, what is in the way, and what was proven or accepted."""

    HAS_PRIMARY = "group.has_primary"
    ELECTS = "group.elects"

    UNKNOWN_HOST = "group.unknown_host"
    NOT_ASKED = "group.not_asked"
    DOWN = "group.down"
    NO_DATA_ANYWHERE = "group.no_data_anywhere"
    NOT_A_MEMBER = "group.not_a_member"
    MINORITY = "group.minority"
    NO_SUPERSET = "group.no_superset"
    FORKED = "group.forked"
    NOT_THE_NEWEST = "group.not_the_newest"
    CANDIDATE_LACKS = "group.candidate_lacks"
    CANDIDATE_UNKNOWN = "group.candidate_unknown"
    LOST_DATA_UNKNOWN = "group.lost_data_unknown"

    HAS_EVERYTHING = "group.has_everything"
    POWERED_OFF = "group.powered_off"
    ACCEPTED_UNKNOWN = "group.accepted_unknown"
    ACCEPTED_NEWER = "group.accepted_newer"
    STAYS_OUTSIDE = "group.stays_outside"
    BEGINS = "group.begins"
    BEGINS_WITHOUT = "group.begins_without"


ACCEPTED = frozenset({Code.ACCEPTED_UNKNOWN, Code.ACCEPTED_NEWER})
"""Notes of what is given up."""
APART = ACCEPTED | {Code.STAYS_OUTSIDE}
"""Notes of hosts that do not join by themselves, or may not."""


@dataclass(frozen=True)
class Verdict:
    """What is to be done; as data it has what the pair's has."""

    candidate: str = ""
    refusals: tuple[Reason, ...] = ()
    done: Reason | None = None
    notes: tuple[Reason, ...] = ()

    @property
    def records_loss(self) -> bool:
        """Whether the group is begun although others may have what its first member has not."""
        return any(note.code in ACCEPTED for note in self.notes)

    @property
    def next(self) -> Reason:
        """How things are afterwards."""
        if apart := [note.data["host"] for note in self.notes if note.code in APART]:
            return reason(Code.BEGINS_WITHOUT, candidate=self.candidate, hosts=apart)
        return reason(Code.BEGINS, candidate=self.candidate)

    def as_data(self) -> dict[str, Any]:
        return {
            "candidate": self.candidate,
            "old": "",
            "fence": "",
            "fence_on": [],
            "refusals": [refusal.as_data() for refusal in self.refusals],
            "drain": False,
            "done": [self.done.as_data()] if self.done else [],
            "notes": [note.as_data() for note in self.notes],
            "lost_seconds": 0.0,
            "wait_no_replica": None,
            "records_loss": self.records_loss,
            "next": [self.next.as_data()],
        }


@dataclass
class _Case:
    """Findings are collected, so that a refusal names all of them at once."""

    refusals: list[Reason] = field(default_factory=list)
    notes: list[Reason] = field(default_factory=list)

    def refuse(self, code: Code, **data: Any) -> None:
        self.refusals.append(reason(code, **data))

    def note(self, code: Code, **data: Any) -> None:
        self.notes.append(reason(code, **data))


def views(evidence: Mapping[str, Evidence], request: Request) -> dict[str, View]:
    """How each database host that answers sees the group."""
    found = {}
    for name in request.databases:
        server = evidence.get(name, {}).get("server") or {}
        if server.get("group"):
            found[name] = View.from_data(server["group"], server["server_uuid"])
    return found


def decide(evidence: Mapping[str, Evidence], request: Request) -> Verdict:
    """What to do. `evidence` has no entry for a host that could not be asked."""
    if request.candidate and request.candidate not in request.databases:
        return _refuse(Code.UNKNOWN_HOST, host=request.candidate, databases=list(request.databases))
    seen = views(evidence, request)
    leading = [name for name, view in seen.items() if view.leads and evidence[name]["role"] == Role.PRIMARY]
    if leading:
        return Verdict(candidate=leading[0], done=reason(Code.HAS_PRIMARY, host=leading[0]))
    agreeing = [name for name, view in seen.items() if view.majority]
    if agreeing:
        return Verdict(candidate=agreeing[0], done=reason(Code.ELECTS, hosts=agreeing))
    return _begin_anew(evidence, request, seen)


def _begin_anew(evidence: Mapping[str, Evidence], request: Request, seen: Mapping[str, View]) -> Verdict:
    """No member has a majority."""
    case = _Case()
    off = [name.strip() for name in request.powered_off.split(",") if name.strip()]
    members: dict[str, Data] = {}
    for name in request.databases:
        server = evidence.get(name, {}).get("server") or {}
        if name in seen:
            if seen[name].state in PRESENT:
                case.refuse(Code.MINORITY, host=name)
            has = held(server["gtid_executed"], seen[name].received)
            members[name] = Data(has, from_data(server["beginnings"]))
        elif server:
            case.refuse(Code.NOT_A_MEMBER, host=name)
        elif evidence.get(name, {}).get("role") != Role.FRESH:
            _without(case, request, name, asked=name in evidence, off=name in off)
    if not members:
        case.refuse(Code.NO_DATA_ANYWHERE)
        return Verdict(refusals=tuple(case.refusals))
    candidate = _candidate(case, request, members)
    return Verdict(candidate=candidate, refusals=tuple(case.refusals), notes=tuple(case.notes))


def _without(case: _Case, request: Request, name: str, *, asked: bool, off: bool) -> None:
    """A member whose data is not known."""
    if not off:
        case.refuse(Code.DOWN if asked else Code.NOT_ASKED, host=name)
        return
    case.note(Code.POWERED_OFF, host=name)
    if request.accepted_loss == math.inf:
        case.note(Code.ACCEPTED_UNKNOWN, host=name)
    else:
        case.refuse(Code.LOST_DATA_UNKNOWN, host=name)


def _candidate(case: _Case, request: Request, members: Mapping[str, Data]) -> str:
    """Who begins the group: one that has all that is known, of those that the group was not begun anew without."""
    asked = request.candidate
    if asked and asked not in members:
        case.refuse(Code.CANDIDATE_UNKNOWN, host=asked)
        return asked
    if not asked and not newest(members):
        case.refuse(Code.FORKED, hosts=[name for name, data in members.items() if data.beginnings])
        return ""
    sets = _beside(case, request, members) if asked else current(members)
    for name, data in members.items():
        if name not in sets and not strays(data.beginnings, _rows(members, asked)):
            gtids = doubtful(data, _rows(members, asked))
            case.note(Code.STAYS_OUTSIDE, host=name, count=gtids.count, gtids=str(gtids))
    first = asked or next(iter(complete(sets)), "")
    if not first:
        missing = {name: lacks(sets, name) for name in sets}
        words = [f"{name} lacks {gtids} of {other}" for name, of in missing.items() for other, gtids in of.items()]
        case.refuse(Code.NO_SUPERSET, missing=words)
        return ""
    for other, gtids in lacks(sets, first).items():
        case.refuse(Code.CANDIDATE_LACKS, host=other, candidate=first, count=gtids.count, gtids=str(gtids))
    if not case.refusals and not case.notes:
        case.note(Code.HAS_EVERYTHING, candidate=first)
    return first


def _rows(members: Mapping[str, Data], asked: str) -> list[Beginning]:
    """The beginnings that count: those of the candidate that was named, or all."""
    return [each for name, data in members.items() if name == asked or not asked for each in data.beginnings]


def _beside(case: _Case, request: Request, members: Mapping[str, Data]) -> dict[str, GtidSet]:
    """What counts beside the data of a candidate that was named. What later groups have is given up only in words."""
    asked, rows = request.candidate, _rows(members, request.candidate)
    for name, data in members.items():
        if strays(data.beginnings, rows):
            if request.accepted_loss == math.inf:
                case.note(Code.ACCEPTED_NEWER, host=name, candidate=asked)
            else:
                case.refuse(Code.NOT_THE_NEWEST, host=name, candidate=asked)
    return {name: data.held for name, data in members.items() if fits(data, rows)}


def _refuse(code: Code, **data: Any) -> Verdict:
    return Verdict(refusals=(reason(code, **data),))
