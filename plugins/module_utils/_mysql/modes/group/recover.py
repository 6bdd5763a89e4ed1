"""What brings the databases back, decided from what every host has answered: one verb for whatever there is. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group import failover
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.failover import Verdict
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.case import Evidence, Request
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, reason
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.roles import Role


class Code(str, Enum):
    """What there is."""

    WHOLE = "group_recover.whole"
    MISSING = "group_recover.missing"
    NOT_A_MEMBER = "group_recover.not_a_member"
    FRESH = "group_recover.fresh"


def decide(evidence: Mapping[str, Evidence], request: Request) -> Verdict:
    """What to do, or what is to be run instead. `evidence` has no entry for a host that could not be asked."""
    found = failover.decide(evidence, request)
    if found.done is None or found.done.code is not failover.Code.HAS_PRIMARY:
        return found
    missing = tuple(_missing(evidence, request, found.candidate))
    if missing:
        return Verdict(refusals=missing)
    return Verdict(candidate=found.candidate, done=reason(Code.WHOLE, host=found.candidate))


def _missing(evidence: Mapping[str, Evidence], request: Request, primary: str) -> Iterator[Reason]:
    for name in request.databases:
        role = Role(evidence[name]["role"]) if name in evidence else None
        if role is None or role is Role.DOWN:
            yield reason(Code.MISSING, host=name, primary=primary)
        elif role is Role.FRESH:
            yield reason(Code.FRESH, host=name, primary=primary)
        elif role not in (Role.PRIMARY, Role.REPLICA):
            yield reason(Code.NOT_A_MEMBER, host=name, primary=primary)
