"""Whether a database host may take the place of another, decided from what every host has said. Pure.

`decide` takes what was found on each host and what the operator asks for, and returns what is to be done, or every
reason why nothing may be. The guards are those of the collection's DESIGN for emergencies:

- a majority of the other hosts cannot reach the old primary either,
- it is stopped, or can be cut off, or the operator has confirmed that it is powered off,
- the candidate has applied, or can apply, all that it has received, and has no transactions of its own, and
- every write that a client was told is done is on the candidate. The heartbeat proves that up to a moment,
  and every application host has to have lost the old primary before it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.heartbeat import Heartbeat, latest

FOR_EVER_MS = 86_400_000
"""A semi-synchronous timeout of a day or more says that writes are to wait for a replica, however long that takes."""

ANSWER_SECONDS = 300
"""For the operator to read a refusal and run the playbook again."""

Evidence = Mapping[str, Any]
"""What the module mysql_server_info has said on a host."""


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


@dataclass(frozen=True)
class Verdict:
    """What is to be done."""

    candidate: str = ""
    old: str = ""
    """The primary that is gone; empty where the candidate itself was it."""
    fence: Literal["", "stopped", "cut_off", "confirmed"] = ""
    fence_on: tuple[str, ...] = ()
    """Where it is carried out."""
    refusals: tuple[str, ...] = ()
    drain: bool = False
    """Whether nothing stands against it but a proof that may be in what the candidate has received and not applied."""
    done: str = ""
    """Why there is nothing to do."""
    notes: tuple[str, ...] = ()
    """What was proven, and what was not and accepted."""
    lost_seconds: float = 0.0
    """Of the window from which writes may be lost."""

    def as_data(self) -> dict[str, Any]:
        return {
            "candidate": self.candidate,
            "old": self.old,
            "fence": self.fence,
            "fence_on": list(self.fence_on),
            "refusals": list(self.refusals),
            "drain": self.drain,
            "done": self.done,
            "notes": list(self.notes),
            "lost_seconds": self.lost_seconds,
        }


@dataclass
class _Case:
    """Findings are collected, so that a refusal names all of them at once."""

    refusals: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lost: float = 0.0


def decide(evidence: Mapping[str, Evidence], request: Request) -> Verdict:
    """What to do, or why not. `evidence` has no entry for a host that could not be asked."""
    for name in (request.candidate, request.powered_off):
        if name and name not in request.databases:
            return _refuse(f"{name} is not one of the database hosts {', '.join(request.databases)}")
    roles = {name: evidence[name]["role"] for name in request.databases if name in evidence}
    writable = [name for name, role in roles.items() if role == "primary"]
    if len(writable) > 1:
        return _refuse(
            f"{' and '.join(writable)} take writes at the same time. Stop MySQL on the one whose latest writes"
            " matter less, then run playbooks/rejoin.yml: it saves what only that one has"
        )
    half = [name for name in writable if (evidence[name].get("server") or {}).get("channel")]
    candidate = request.candidate or next(iter(half), "") or _only_replica(roles)
    if candidate in half:
        return Verdict(
            candidate=candidate, notes=(f"{candidate} takes writes already, and now its promotion is ended",)
        )
    if candidate in writable:
        return Verdict(candidate=candidate, done=f"{candidate} takes writes already; nothing was done")
    if not candidate:
        if writable:
            return Verdict(
                candidate=writable[0], done=f"{writable[0]} takes writes, and there is nothing to fail over to"
            )
        found = ", ".join(f"{name}: {roles.get(name, 'not reached')}" for name in request.databases)
        return _refuse(f"Which host is to take over cannot be told ({found}); name it with -e webstack_primary=<name>")
    if candidate not in evidence:
        return _refuse(f"{candidate} cannot be asked, so nothing is known about what it has")
    if roles[candidate] == "replica":
        return _promotion(evidence, request, candidate)
    if roles[candidate] == "read_only":
        return _reinstatement(evidence, request, candidate)
    state = {"down": "its MySQL does not answer; start it (it comes up read-only) and run this again"}
    return _refuse(f"{candidate}: {state.get(roles[candidate], 'it has no data')}")


def _refuse(*reasons: str) -> Verdict:
    return Verdict(refusals=reasons)


def _only_replica(roles: Mapping[str, str]) -> str:
    replicas = [name for name, role in roles.items() if role == "replica"]
    return replicas[0] if len(replicas) == 1 else ""


def _promotion(evidence: Mapping[str, Evidence], request: Request, candidate: str) -> Verdict:
    """A replica takes the place of its source."""
    channel = evidence[candidate]["server"]["channel"]
    old = next((name for name, host in request.databases.items() if host == channel["source_host"]), "")
    if not old:
        return _refuse(
            f"{candidate} replicates from {channel['source_host']}, which is the address of no database host of the"
            " inventory"
        )
    writing = [name for name in request.databases if name != old and name in evidence and is_primary(evidence[name])]
    if writing:
        if request.candidate:
            return _refuse(f"{writing[0]} takes writes, so {candidate} must not")
        return Verdict(candidate=writing[0], done=f"{writing[0]} takes writes already; nothing was done")
    if request.powered_off and request.powered_off != old:
        return _refuse(
            f"webstack_confirm_powered_off is {request.powered_off}, but the primary to be replaced is {old}"
        )
    case = _Case()
    _majority(case, evidence, request, old)
    fence, fence_on = _fence(case, evidence, request, candidate, old)
    if channel["error"] and not applied(channel, evidence[candidate]["server"]["gtid_executed"]):
        case.refusals.append(
            f"{candidate} cannot apply what it has received ({channel['error']}). Without that it lacks"
            " writes; repair it first"
        )
    _behind_others(case, evidence, request, candidate, old)
    heartbeat = latest_heartbeat(evidence[candidate]["server"])
    _errant(case, evidence[candidate]["server"], heartbeat, request, candidate, old)
    other = len(case.refusals)
    _lossless(case, evidence, request, candidate, old, heartbeat)
    return Verdict(
        candidate=candidate,
        old=old,
        fence=fence,
        fence_on=fence_on,
        refusals=tuple(case.refusals),
        drain=not other
        and len(case.refusals) > 0
        and not applied(channel, evidence[candidate]["server"]["gtid_executed"]),
        notes=tuple(case.notes),
        lost_seconds=case.lost,
    )


def is_primary(said: Evidence) -> bool:
    """Whether a host has said that it takes writes."""
    return bool(said["role"] == "primary")


def applied(channel: Mapping[str, Any], executed: str) -> bool:
    """Whether the relay log is fully applied."""
    return waiting(channel, executed) == 0


def waiting(channel: Mapping[str, Any], executed: str) -> int:
    """How many transactions were received and not applied."""
    return (GtidSet.parse(channel["received"]) - GtidSet.parse(executed)).count


def _majority(case: _Case, evidence: Mapping[str, Evidence], request: Request, old: str) -> None:
    """Most of all other hosts, and most of those that the firewall would let through, must not reach it."""
    others = [name for name in dict.fromkeys([*request.everyone, *request.databases]) if name != old]
    with_a_way = [name for name in others if name in request.application or name in request.databases]
    for everybody, which in ((others, "other hosts"), (with_a_way, "hosts that speak with databases")):
        # Of a host that is off, nobody who is off as well has to say anything.
        voters = [name for name in everybody if request.powered_off != old or name in evidence]
        lost = [name for name in voters if name in evidence and not evidence[name]["reached"].get(old)]
        if len(lost) * 2 <= len(voters):
            reaching = [name for name in voters if name in evidence and name not in lost]
            silent = [name for name in voters if name not in evidence]
            role = evidence[old]["role"] if old in evidence else ""
            case.refusals.append(
                f"{old}: only {len(lost)} of {len(voters)} {which} cannot reach its MySQL, which is no majority"
                f" ({', '.join(reaching) or 'none'} can"
                f"{', and nothing is known of ' + ', '.join(silent) if silent else ''})."
                + (
                    f" It has restarted and takes no writes: make it writable again with -e webstack_primary={old}"
                    if role == "read_only"
                    else f" If {old} is powered off, add -e webstack_confirm_powered_off={old}"
                    if silent and old not in evidence
                    else " Use playbooks/switchover.yml if it works"
                )
            )
            return
    case.notes.append(f"no majority reaches {old}")


def _fence(
    case: _Case, evidence: Mapping[str, Evidence], request: Request, candidate: str, old: str
) -> tuple[Literal["", "stopped", "cut_off", "confirmed"], tuple[str, ...]]:
    """How it is made sure that the old primary takes no write any more."""
    if old in evidence:
        return "stopped", (old,)
    if request.powered_off == old:
        case.notes.append(f"{old} is powered off, as you confirmed")
        return "confirmed", ()
    hosts = tuple(
        dict.fromkeys([*(name for name in request.databases if name != old), *request.application, candidate])
    )
    missing = [name for name in hosts if name in request.application and name not in evidence and name != old]
    if missing:
        case.refusals.append(
            f"{old} cannot be asked whether its MySQL is stopped, and {', '.join(missing)} cannot be told to cut it"
            f" off. If {old} is powered off, add -e webstack_confirm_powered_off={old}"
        )
        return "", ()
    return "cut_off", tuple(name for name in hosts if name in evidence)


def latest_heartbeat(server: Mapping[str, Any]) -> Heartbeat | None:
    """The source's last heartbeat that the candidate has, or else the freshest of another server."""
    others = [
        Heartbeat.from_data(each) for each in server["heartbeats"] if each["server_uuid"] != server["server_uuid"]
    ]
    return latest(others, [server["channel"]["source_uuid"]])


def errant(server: Mapping[str, Any], heartbeat: Heartbeat) -> GtidSet:
    """What the candidate has and its source never had: neither by the heartbeat nor committed on the source itself."""
    executed = GtidSet.parse(server["gtid_executed"])
    return executed.without(heartbeat.server_uuid) - GtidSet.parse(heartbeat.gtid_executed)


def held(server: Mapping[str, Any]) -> GtidSet:
    """What a server has executed or received."""
    received = server["channel"]["received"] if server["channel"] else ""
    return GtidSet.parse(f"{server['gtid_executed']},{received}")


def _behind_others(case: _Case, evidence: Mapping[str, Evidence], request: Request, candidate: str, old: str) -> None:
    """Of several replicas, one acknowledges: the one that has everything takes over."""
    here = held(evidence[candidate]["server"])
    for name in request.databases:
        if name in (candidate, old) or name not in evidence or not evidence[name]["server"]:
            continue
        if missing := held(evidence[name]["server"]) - here:
            case.refusals.append(
                f"{name} has {missing.count} transactions that {candidate} has not: {missing}. Let {name} take over:"
                f" -e webstack_primary={name}"
            )


def _errant(
    case: _Case,
    server: Mapping[str, Any],
    heartbeat: Heartbeat | None,
    request: Request,
    candidate: str,
    old: str,
) -> None:
    if heartbeat is None:
        if GtidSet.parse(server["gtid_executed"]).without(server["channel"]["source_uuid"]):
            case.refusals.append(
                f"{candidate} has no heartbeat of {old}, so nothing tells whether it has transactions of its own"
            )
        return
    own = errant(server, heartbeat)
    if not own:
        return
    if own <= GtidSet.parse(request.accepted_errant):
        case.notes.append(f"{candidate} has {own.count} transactions of its own, which you accepted: {own}")
        return
    case.refusals.append(
        f"{candidate} has {own.count} transactions that {old} never had: {own}. Look at them (mysqlbinlog"
        f" --include-gtids) on {candidate}; if they are to stay, add -e webstack_accept_errant={own}"
    )


def _lossless(
    case: _Case,
    evidence: Mapping[str, Evidence],
    request: Request,
    candidate: str,
    old: str,
    heartbeat: Heartbeat | None,
) -> None:
    """Every application host has to have lost the old primary before what the heartbeat proves ends."""
    here = evidence[candidate]
    proven = heartbeat and heartbeat.proven_until
    until = proven.timestamp() if proven else None
    unknown, window = [], -math.inf
    if until is None:
        unknown.append(f"{candidate} has no heartbeat of {old} that a replica acknowledged")
    if not here["server"]["channel"]["received"]:
        # relay_log_recovery: a replica that restarts fetches anew what it had not applied, and there is nobody to ask.
        unknown.append(f"{candidate} has restarted since, and what it had received and not applied is gone")
    unknown += [
        f"{name} cannot be asked what it has"
        for name in request.databases
        if name not in (candidate, old) and not evidence.get(name, {}).get("server")
    ]
    apart = clocks_apart(evidence, candidate, old)
    if apart is None:
        unknown.append(f"the clock of {old} was never compared with that of {candidate}")
    elif abs(apart) > request.margin:
        unknown.append(
            f"the clocks of {old} and {candidate} differ by {abs(apart):.1f} s, more than {request.margin:g} s"
        )
    if not request.application:
        unknown.append("there is no application host to say when it lost the primary")
    for name in request.application:
        since, reason = lost_since(evidence, name, candidate, old, request.margin)
        if since is None:
            unknown.append(reason)
        elif until is not None:
            window = max(window, since + request.margin - until)
    if unknown and until is not None:
        # Nothing tells when writes ended, but that it was before now.
        window = max(window, here["time"] + request.margin + abs(apart or 0.0) - until, 1.0)
    case.lost = round(max(window, 0.0), 1)
    if not unknown and window <= 0:
        case.notes.append(
            f"no acknowledged write is lost: every application host had lost {old} {-window:.1f} s before the moment up"
            f" to which {candidate} is proven to have everything"
        )
        return
    reason = "; ".join(unknown) or f"application hosts may have written to {old} after the last proof"
    behind = waiting(here["server"]["channel"], here["server"]["gtid_executed"])
    if behind:
        reason += f"; of what {candidate} has received, {behind} transactions are not applied, and may prove more"
    amount = (
        f"acknowledged writes of up to {case.lost:.1f} s may be lost"
        if until is not None
        else "how much cannot be told"
    )
    limit = math.ceil(case.lost) if until is not None else math.inf
    if request.accepted_loss >= limit:
        case.notes.append(f"{amount}, which you accepted ({reason})")
        return
    # What is not known grows until the next run, and until the old primary is fenced.
    enough = f"{limit + (ANSWER_SECONDS if unknown else 0)}" if until is not None else "inf"
    case.refusals.append(
        f"It is not proven that {candidate} has every acknowledged write: {reason}. {amount[0].upper()}{amount[1:]}"
        f"{', and more with every second' if unknown and until is not None else ''}. To accept that, add"
        f" -e webstack_accept_loss_seconds={enough}"
    )


def clocks_apart(evidence: Mapping[str, Evidence], candidate: str, old: str) -> float | None:
    """Seconds that the candidate's clock is ahead of the old primary's; None if nothing tells."""
    if old in evidence:
        direct = evidence[old]["clocks"].get(candidate)
        if direct:
            return -(abs(float(direct["ahead"])) + float(direct["error"]))
    # What the last transaction took to come is part of it: never too good, but for a clock that is behind.
    ahead: float | None = evidence[candidate]["server"]["channel"]["clock_ahead"]
    return ahead


def lost_since(
    evidence: Mapping[str, Evidence], name: str, candidate: str, old: str, margin: float
) -> tuple[float | None, str]:
    """Since when, by the candidate's clock, an application host has not written to the old primary, or why unknown."""
    if name not in evidence:
        return None, f"{name} cannot be asked since when it has lost {old}"
    seen = evidence[name]["seen"].get(old)
    if not seen or seen["since"] is None:
        return None, f"the HAProxy of {name} says nothing about {old}"
    if seen["up"]:
        return None, f"the HAProxy of {name} still has {old} for a primary"
    if name == candidate:
        return seen["since"], ""
    clock = evidence[name]["clocks"].get(candidate)
    if not clock:
        return None, f"the clock of {name} could not be compared with that of {candidate}"
    if abs(clock["ahead"]) + clock["error"] > margin:
        return (
            None,
            f"the clocks of {name} and {candidate} differ by up to {abs(clock['ahead']) + clock['error']:.1f} s",
        )
    return seen["since"] - clock["ahead"] + clock["error"], ""


def _reinstatement(evidence: Mapping[str, Evidence], request: Request, candidate: str) -> Verdict:
    """A primary that has restarted takes writes again: it has all data, and nobody else writes."""
    case = _Case()
    own = GtidSet.parse(evidence[candidate]["server"]["gtid_executed"])
    for name in request.databases:
        if name == candidate:
            continue
        role = evidence[name]["role"] if name in evidence else "not reached"
        if role == "primary":
            case.refusals.append(
                f"{name} takes writes. To move them to {candidate}, run playbooks/rejoin.yml, then"
                f" playbooks/switchover.yml"
            )
        elif role in ("replica", "read_only"):
            server = evidence[name]["server"]
            there = [server["gtid_executed"], *([server["channel"]["received"]] if server["channel"] else [])]
            missing = [gtids for text in there if (gtids := GtidSet.parse(text) - own)]
            if missing:
                case.refusals.append(
                    f"{name} has {max(gtids.count for gtids in missing)} transactions that {candidate} has not:"
                    f" {missing[0]}. {candidate} would lose them; let {name} take over: -e webstack_primary={name}"
                )
        elif role in ("down", "not reached"):
            if request.powered_off != name and role != "down":
                case.refusals.append(
                    f"{name} cannot be asked whether it takes writes. If it is powered off, add"
                    f" -e webstack_confirm_powered_off={name}"
                )
            if request.accepted_loss == math.inf:
                case.notes.append(f"what {name} has is not known; you accepted that {candidate} may lack some of it")
            else:
                case.refusals.append(
                    f"{name} cannot be asked what it has, so {candidate} may lack writes. Start MySQL there and run"
                    f" this again; if {name} is lost, add -e webstack_accept_loss_seconds=inf"
                )
    if not case.refusals and not case.notes:
        case.notes.append(f"no acknowledged write is lost: {candidate} has all that the others have")
    return Verdict(candidate=candidate, refusals=tuple(case.refusals), notes=tuple(case.notes))
