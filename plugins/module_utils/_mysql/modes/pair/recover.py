"""What brings the databases back, decided from what every host has answered: one verb for whatever there is. Pure.

It decides nothing of its own about data: who may take writes is up to `failover`, with all of its guards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from enum import Enum

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.epoch import Epoch
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair import failover
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.case import Evidence, Request
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.failover import Verdict
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, reason
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.roles import Role


class Code(str, Enum):
    """What there is."""

    WHOLE = "recover.whole"
    MISSING = "recover.missing"
    NOT_A_REPLICA = "recover.not_a_replica"
    FRESH = "recover.fresh"


def decide(evidence: Mapping[str, Evidence], request: Request) -> Verdict:
    """What to do, or what is to be run instead. `evidence` has no entry for a host that could not be asked."""
    roles = {name: Role(evidence[name]["role"]) for name in request.databases if name in evidence}
    writable = [name for name, role in roles.items() if role is Role.PRIMARY]
    if request.candidate or len(writable) > 1:
        return failover.decide(evidence, request)
    if writable and not (evidence[writable[0]].get("server") or {}).get("channel"):
        missing = tuple(_missing(roles, request, writable[0]))
        if missing:
            return Verdict(refusals=missing)
        return Verdict(candidate=writable[0], done=reason(Code.WHOLE, host=writable[0]))
    verdicts = [
        failover.decide(evidence, replace(request, candidate=name)) for name in _candidates(evidence, roles, request)
    ]
    verdicts.append(failover.decide(evidence, request))
    return next((each for each in verdicts if not each.refusals or each.drain), _most_telling(verdicts, roles))


def _missing(roles: Mapping[str, Role], request: Request, primary: str) -> Iterator[Reason]:
    for name in request.databases:
        role = roles.get(name)
        if role is None:
            yield reason(Code.MISSING, host=name, primary=primary)
        elif role is Role.FRESH:
            yield reason(Code.FRESH, host=name, primary=primary)
        elif role not in (Role.PRIMARY, Role.REPLICA):
            yield reason(Code.NOT_A_REPLICA, host=name, primary=primary)


def _candidates(evidence: Mapping[str, Evidence], roles: Mapping[str, Role], request: Request) -> list[str]:
    """Servers that were the primary and are read-only now, the one that was made it last before the others."""
    read_only = [name for name, role in roles.items() if role is Role.READ_ONLY]
    servers = {name: evidence[name]["server"] for name in request.databases if (evidence.get(name) or {}).get("server")}
    epochs = [Epoch.from_data(server["epoch"]) for server in servers.values() if server.get("epoch")]
    last = max(epochs, key=lambda each: each.number, default=None)
    named = [name for name in read_only if last and servers[name]["server_uuid"] == last.server_uuid]
    return named or (read_only if len(read_only) == 1 else [])


def _most_telling(verdicts: list[Verdict], roles: Mapping[str, Role]) -> Verdict:
    """Of several that refuse: with a replica there, why that one does not take over."""
    return verdicts[-1] if Role.REPLICA in roles.values() else verdicts[0]
