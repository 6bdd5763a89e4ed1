"""Whether the candidate of a failover is proven to have every write that was acknowledged to a client. Pure.

The heartbeat proves that up to a moment, and every application host has to have lost the old primary before it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.heartbeat import Heartbeat, latest
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.case import Case, Code
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.observation import unapplied
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, reason

ANSWER_SECONDS = 300
"""For the operator to read a refusal and run the playbook again."""


def latest_heartbeat(server: Mapping[str, Any]) -> Heartbeat | None:
    """The source's last heartbeat that the candidate has, or else the freshest of another server."""
    others = [
        Heartbeat.from_data(each) for each in server["heartbeats"] if each["server_uuid"] != server["server_uuid"]
    ]
    return latest(others, [server["channel"]["source_uuid"]])


def prove(case: Case, heartbeat: Heartbeat | None) -> None:
    """Note the proof, or what was accepted for want of it, or refuse."""
    until = heartbeat.proven_until.timestamp() if heartbeat and heartbeat.proven_until else None
    gaps = _gaps(case, until)
    apart = _clocks_apart(case)
    window = -math.inf
    for name in case.request.application:
        since, gap = _lost_since(case, name)
        if gap:
            gaps.append(gap)
        elif since is not None and until is not None:
            window = max(window, since + case.request.margin - until)
    if gaps and until is not None:
        # Nothing tells when writes ended, but that it was before now.
        now = case.evidence[case.candidate]["time"] + case.request.margin + abs(apart or 0.0)
        window = max(window, now - until, 1.0)
    case.lost = round(max(window, 0.0), 1)
    if not gaps and window <= 0:
        case.note(Code.NOTHING_LOST, old=case.old, candidate=case.candidate, seconds=-window)
        return
    _weigh(case, gaps, proven=until is not None)


def _weigh(case: Case, gaps: list[Reason], *, proven: bool) -> None:
    """Refuse what is not proven, or note that it was accepted."""
    open_ended = bool(gaps)
    causes = gaps or [reason(Code.WRITTEN_AFTER_PROOF, old=case.old)]
    if behind := unapplied(case.server["channel"], case.server["gtid_executed"]):
        causes = [*causes, reason(Code.UNAPPLIED, candidate=case.candidate, count=behind)]
    limit = math.ceil(case.lost) if proven else math.inf
    accepted = case.request.accepted_loss >= limit
    if not proven:
        if accepted:
            case.note(Code.ACCEPTED_ANY_LOSS, causes=causes)
        else:
            case.refuse(Code.NOTHING_PROVEN, candidate=case.candidate, causes=causes)
    elif accepted:
        case.note(Code.ACCEPTED_LOSS, seconds=case.lost, causes=causes)
    elif open_ended:
        # What is not known grows until the next run, and until the old primary is fenced.
        enough = int(limit) + ANSWER_SECONDS
        case.refuse(
            Code.NOT_PROVEN_AND_GROWING, candidate=case.candidate, causes=causes, seconds=case.lost, enough=enough
        )
    else:
        case.refuse(Code.NOT_PROVEN, candidate=case.candidate, causes=causes, seconds=case.lost, enough=int(limit))


def _gaps(case: Case, until: float | None) -> list[Reason]:
    """What is not known, but for the application hosts."""
    gaps = []
    candidate, old, request = case.candidate, case.old, case.request
    if until is None:
        gaps.append(reason(Code.NO_CONFIRMED_HEARTBEAT, candidate=candidate, old=old))
    if not case.server["channel"]["received"]:
        # relay_log_recovery: a replica that restarts fetches anew what it had not applied, and there is nobody to ask.
        gaps.append(reason(Code.RELAY_LOG_GONE, candidate=candidate))
    gaps += [
        reason(Code.REPLICA_NOT_ASKED, host=name)
        for name in request.databases
        if name not in (candidate, old) and not case.evidence.get(name, {}).get("server")
    ]
    apart = _clocks_apart(case)
    if apart is None:
        gaps.append(reason(Code.CLOCKS_NOT_COMPARED, old=old, candidate=candidate))
    elif abs(apart) > request.margin:
        gaps.append(
            reason(Code.CLOCKS_DIFFER, old=old, candidate=candidate, seconds=abs(apart), margin=request.margin),
        )
    if not request.application:
        gaps.append(reason(Code.NO_APPLICATION))
    return gaps


def _clocks_apart(case: Case) -> float | None:
    """Seconds that the candidate's clock is ahead of the old primary's; None if nothing tells."""
    if case.old in case.evidence:
        direct = case.evidence[case.old]["clocks"].get(case.candidate)
        if direct:
            return float(-(abs(direct["ahead"]) + direct["error"]))
    # The time that the last transaction took to arrive is part of it: never too small, but for a clock that is behind.
    ahead: float | None = case.server["channel"]["clock_ahead"]
    return ahead


def _lost_since(case: Case, name: str) -> tuple[float | None, Reason | None]:
    """Since when, by the candidate's clock, an application host has not written to the old primary, or why unknown."""
    candidate, old = case.candidate, case.old
    if name not in case.evidence:
        return None, reason(Code.HOST_NOT_ASKED, host=name, old=old)
    found = case.evidence[name]["seen"].get(old)
    if not found or found["since"] is None:
        return None, reason(Code.HAPROXY_UNKNOWN, host=name, old=old)
    if found["up"]:
        return None, reason(Code.HAPROXY_HAS_IT, host=name, old=old)
    if name == candidate:
        return found["since"], None
    clock = case.evidence[name]["clocks"].get(candidate)
    if not clock:
        return None, reason(Code.CLOCK_NOT_COMPARED, host=name, candidate=candidate)
    apart = abs(clock["ahead"]) + clock["error"]
    if apart > case.request.margin:
        return None, reason(Code.CLOCK_DIFFERS, host=name, candidate=candidate, seconds=apart)
    return found["since"] - clock["ahead"] + clock["error"], None
