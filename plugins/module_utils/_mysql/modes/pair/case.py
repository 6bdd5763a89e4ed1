"""A failover that is asked for: the evidence, the request, and what was found so far. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, reason
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.roles import Role

Evidence = Mapping[str, Any]
"""What the module mysql_server_info has returned for a host."""


class Code(str, Enum):
    """Why a host may not take over, and what was proven or accepted."""

    UNKNOWN_HOST = "failover.unknown_host"
    TWO_PRIMARIES = "failover.two_primaries"
    NO_CANDIDATE = "failover.no_candidate"
    CANDIDATE_NOT_REACHED = "failover.candidate_not_reached"
    CANDIDATE_DOWN = "failover.candidate_down"
    CANDIDATE_FRESH = "failover.candidate_fresh"
    UNKNOWN_SOURCE = "failover.unknown_source"
    OTHER_TAKES_WRITES = "failover.other_takes_writes"
    OTHER_POWERED_OFF = "failover.other_powered_off"
    NO_MAJORITY = "failover.no_majority"
    NO_MAJORITY_OF_CLIENTS = "failover.no_majority_of_clients"
    RESTARTED = "failover.restarted"
    RESTARTED_BEHIND = "failover.restarted_behind"
    PERHAPS_OFF = "failover.perhaps_off"
    PERHAPS_WORKS = "failover.perhaps_works"
    NO_FENCE = "failover.no_fence"
    CANNOT_APPLY = "failover.cannot_apply"
    OTHER_HAS_MORE = "failover.other_has_more"
    NO_HEARTBEAT = "failover.no_heartbeat"
    ERRANT = "failover.errant"

    NOT_PROVEN = "failover.not_proven"
    NOT_PROVEN_AND_GROWING = "failover.not_proven_and_growing"
    NOTHING_PROVEN = "failover.nothing_proven"
    NO_CONFIRMED_HEARTBEAT = "failover.no_confirmed_heartbeat"
    RELAY_LOG_GONE = "failover.relay_log_gone"
    REPLICA_NOT_ASKED = "failover.replica_not_asked"
    CLOCKS_NOT_COMPARED = "failover.clocks_not_compared"
    CLOCKS_DIFFER = "failover.clocks_differ"
    NO_APPLICATION = "failover.no_application"
    HOST_NOT_ASKED = "failover.host_not_asked"
    HAPROXY_UNKNOWN = "failover.haproxy_unknown"
    HAPROXY_HAS_IT = "failover.haproxy_has_it"
    CLOCK_NOT_COMPARED = "failover.clock_not_compared"
    CLOCK_DIFFERS = "failover.clock_differs"
    WRITTEN_AFTER_PROOF = "failover.written_after_proof"
    UNAPPLIED = "failover.unapplied"

    OTHER_IS_PRIMARY = "failover.other_is_primary"
    REPLICA_HAS_MORE = "failover.replica_has_more"
    OTHER_NOT_REACHED = "failover.other_not_reached"
    OTHER_DATA_UNKNOWN = "failover.other_data_unknown"

    ALREADY_PRIMARY = "failover.already_primary"
    NO_REPLICA = "failover.no_replica"

    PROMOTION_IS_FINISHED = "failover.promotion_is_finished"
    MAJORITY_LOST_IT = "failover.majority_lost_it"
    POWERED_OFF = "failover.powered_off"
    ACCEPTED_ERRANT = "failover.accepted_errant"
    NOTHING_LOST = "failover.nothing_lost"
    HAS_EVERYTHING = "failover.has_everything"
    ACCEPTED_LOSS = "failover.accepted_loss"
    ACCEPTED_ANY_LOSS = "failover.accepted_any_loss"
    ACCEPTED_UNKNOWN = "failover.accepted_unknown"

    WITHOUT_REPLICA = "failover.without_replica"
    TAKES_WRITES = "failover.takes_writes"


@dataclass(frozen=True)
class Request:
    """What there is and what is asked for. Hosts go by their inventory names."""

    databases: Mapping[str, str]
    """Address by name."""
    application: Sequence[str] = ()
    """Hosts from which the application writes."""
    everyone: Sequence[str] = ()
    """All hosts of the stack, the database hosts too."""
    candidate: str = ""
    """webstack_primary."""
    powered_off: str = ""
    """webstack_confirm_powered_off."""
    accepted_loss: float = 0.0
    """webstack_accept_loss_seconds."""
    accepted_errant: str = ""
    """webstack_accept_errant, a GTID set."""
    margin: float = 1.0
    """Seconds by which clocks may differ."""


@dataclass
class Case:
    """Findings are collected, so that a refusal names all of them at once."""

    evidence: Mapping[str, Evidence]
    """By host. Hosts that could not be asked are missing."""
    request: Request
    candidate: str
    old: str = ""
    """The primary that is gone."""
    refusals: list[Reason] = field(default_factory=list)
    notes: list[Reason] = field(default_factory=list)
    lost: float = 0.0

    def refuse(self, code: Code, **data: Any) -> None:
        self.refusals.append(reason(code, **data))

    def note(self, code: Code, **data: Any) -> None:
        self.notes.append(reason(code, **data))

    @property
    def server(self) -> Mapping[str, Any]:
        """The candidate's server."""
        server: Mapping[str, Any] = self.evidence[self.candidate]["server"]
        return server

    def role(self, name: str) -> Role | None:
        """What a database host is, None where it was not reached."""
        return Role(self.evidence[name]["role"]) if name in self.evidence else None
