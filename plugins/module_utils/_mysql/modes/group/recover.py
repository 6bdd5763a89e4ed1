"""What brings the databases back, decided from what every host has answered: one verb for whatever there is. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.beginnings import Data, fits, from_data
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.group import View
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group import failover
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.failover import Verdict
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.outage import held
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.case import Evidence, Request
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, reason
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.roles import Role


class Code(str, Enum):
    """What there is."""

    WHOLE = "group_recover.whole"
    MISSING = "group_recover.missing"
    NOT_A_MEMBER = "group_recover.not_a_member"
    BEGUN_WITHOUT = "group_recover.begun_without"
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
            apart = _apart(evidence[name].get("server") or {}, evidence[primary]["server"])
            yield reason(Code.BEGUN_WITHOUT if apart else Code.NOT_A_MEMBER, host=name, primary=primary)


def _apart(server: Evidence, primary: Evidence) -> bool:
    """Whether the group was begun anew without a server, and that may have something else under the same numbers."""
    if not server.get("group"):
        return False
    view = View.from_data(server["group"], server["server_uuid"])
    own = Data(held(server["gtid_executed"], view.received), from_data(server["beginnings"]))
    return not fits(own, from_data(primary["beginnings"]))
