"""What the service beside a server does about its membership by itself, from what was seen. Pure.

It joins a group that there is, and leaves one that has expelled it, to join again. It never begins a group alone: only
where every member answers for itself, none is in a group, and this one has all that any of them has, as after a power
cut. Of several that have everything, all members name the same one. Whatever else there is stays for `recover.yml`.

A server without which the group was begun anew joins by itself where it has nothing that may be something else there
(`beginnings`); otherwise it stays outside, whatever the numbers of its transactions say.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.beginnings import (
    Beginnings,
    Data,
    doubtful,
    strays,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.group import PRESENT, MemberState
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.outage import complete, current, newest


class Act(str, Enum):
    """What is done."""

    NOTHING = "nothing"
    WAKE = "wake"
    """Let the group decide at once on members that it does not hear of."""
    LEAVE = "leave"
    JOIN = "join"
    BOOTSTRAP = "bootstrap"


class Why(str, Enum):
    """Why nothing is done although the server is in no group."""

    NO_PLUGIN = "group replication is not loaded; run site.yml"
    VERB = "{lock} is under way"
    NEW = "it has no data yet; run site.yml"
    REPLICATES = "it replicates from another server outside of a group"
    DIVERGED = "it has transactions that the group has not ({gtids}); run rejoin.yml"
    ANEW = (
        "the group was begun anew without it, and what it has ({gtids}) may be something else there under the same"
        " numbers; run rejoin.yml -e webstack_rejoin=<this host>"
    )
    STRAY = (
        "it was in a group that was begun without the others, and what it has may be something else there under the"
        " same numbers; run rejoin.yml -e webstack_rejoin=<this host>"
    )
    FORKED = "groups were begun beside each other, each without the other's members; run recover.yml"
    NO_ANSWER = "{host} cannot be asked: {error}"
    VERB_THERE = "{lock} is under way on {host}"
    LEAVING = "{host} is {state} and has no majority"
    NO_SUPERSET = "no member has all that the others have; run recover.yml"
    OTHER_BEGINS = "{host} has everything, and begins the group"


@dataclass(frozen=True)
class Own:
    """The server itself."""

    server_uuid: str
    state: MemberState | None
    """None without the plugin."""
    majority: bool = False
    suspects: bool = False
    """Whether it does not hear of a member of its group."""
    held: GtidSet = field(default_factory=GtidSet)
    """Executed or received."""
    beginnings: Beginnings = ()
    replicates: bool = False
    """Whether it is a replica of a server outside of a group."""
    lock: str = ""
    """The verb that holds the lock of its host, in words."""


@dataclass(frozen=True)
class Other:
    """Another database host, as it answers for itself."""

    name: str
    error: str = ""
    """Why it does not answer."""
    server_uuid: str = ""
    state: MemberState | None = None
    majority: bool = False
    held: GtidSet = field(default_factory=GtidSet)
    beginnings: Beginnings = ()
    lock: str = ""

    @property
    def serves(self) -> bool:
        """Whether it is in a group that can be joined."""
        return self.state is MemberState.ONLINE and self.majority


@dataclass(frozen=True)
class Decision:
    act: Act
    why: Why | None = None
    host: str = ""
    error: str = ""
    state: str = ""
    lock: str = ""
    gtids: str = ""

    def __str__(self) -> str:
        if self.why is None:
            return ""
        return self.why.value.format(
            host=self.host, error=self.error, state=self.state, lock=self.lock, gtids=self.gtids
        )


def decide(own: Own, others: tuple[Other, ...] | None = None) -> Decision:
    """What to do. With None for the others, whether they need to be asked: then it says JOIN."""
    if own.state is None:
        return Decision(Act.NOTHING, Why.NO_PLUGIN)
    if own.lock:
        return Decision(Act.NOTHING, Why.VERB, lock=own.lock)
    if own.state in PRESENT:
        return Decision(Act.WAKE if own.suspects and own.majority else Act.NOTHING)
    if own.state is not MemberState.OFFLINE:
        return Decision(Act.LEAVE)
    if own.replicates:
        return Decision(Act.NOTHING, Why.REPLICATES)
    if not own.held:
        return Decision(Act.NOTHING, Why.NEW)
    if others is None:
        return Decision(Act.JOIN)
    serving = [other for other in others if other.serves and not other.error]
    if serving:
        # What it has and one of them has not is no transaction of the group: that one may be behind, so all are asked.
        if outside := _apart(own, tuple(each for other in serving for each in other.beginnings)):
            return outside
        beyond = own.held
        for other in serving:
            beyond = beyond - other.held
        return Decision(Act.NOTHING, Why.DIVERGED, gtids=str(beyond)) if beyond else Decision(Act.JOIN)
    return _outage(own, others)


def _apart(own: Own, there: Beginnings) -> Decision | None:
    """Why the server has to stay outside of a group in which these beginnings are known."""
    if strays(own.beginnings, there):
        return Decision(Act.NOTHING, Why.STRAY)
    if doubt := doubtful(Data(own.held, own.beginnings), there):
        return Decision(Act.NOTHING, Why.ANEW, gtids=str(doubt))
    return None


def _outage(own: Own, others: tuple[Other, ...]) -> Decision:
    """No member is in a group that can commit."""
    for other in others:
        if other.error:
            return Decision(Act.NOTHING, Why.NO_ANSWER, host=other.name, error=other.error)
        if other.lock:
            return Decision(Act.NOTHING, Why.VERB_THERE, host=other.name, lock=other.lock)
        if other.state is not MemberState.OFFLINE:
            state = other.state.value if other.state else "without group replication"
            return Decision(Act.NOTHING, Why.LEAVING, host=other.name, state=state)
    members = {other.server_uuid: Data(other.held, other.beginnings) for other in others}
    members[own.server_uuid] = Data(own.held, own.beginnings)
    if not newest(members):
        return Decision(Act.NOTHING, Why.FORKED)
    if outside := _apart(own, tuple(row for data in members.values() for row in data.beginnings)):
        return outside
    first = next(iter(complete(current(members))), "")
    if not first:
        return Decision(Act.NOTHING, Why.NO_SUPERSET)
    if first != own.server_uuid:
        name = next(other.name for other in others if other.server_uuid == first)
        return Decision(Act.NOTHING, Why.OTHER_BEGINS, host=name)
    return Decision(Act.BOOTSTRAP)
