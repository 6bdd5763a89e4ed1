"""What makes a server a member of its group, decided from what was observed. Pure: no connection, no Ansible.

`plan` says which steps are to be taken, or why none may be, or whose turn it is: a server that may not begin the group
waits for the one that may. Data that stands in the way is refused here, in one place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.beginnings import Beginnings, doubtful, strays
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.group import MemberState
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.outage import lacks
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.state import Account, Local, Peer
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, reason
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import series

REFUSED_ACCESS = frozenset({1045, 1130, 2003, 3118})
"""What a host answers that knows no accounts yet, or on which nothing listens yet."""


class Code(str, Enum):
    """Why a server is not made a member of its group, or does not become one."""

    NO_PLUGIN = "membership.no_plugin"
    DIVERGED = "membership.diverged"
    ANEW = "membership.anew"
    STRAY = "membership.stray"
    BEGUN_WITHOUT = "membership.begun_without"
    HAS_DATA = "membership.has_data"
    NOT_PROVISIONED = "membership.not_provisioned"
    OTHER_SERIES = "membership.other_series"
    NO_CLONE_PLUGIN = "membership.no_clone_plugin"
    OTHER_HAS_MORE = "membership.other_has_more"
    NOT_ASKED = "membership.not_asked"
    NO_GROUP = "membership.no_group"
    STATEMENT = "membership.statement"
    NOT_ONLINE = "membership.not_online"


class Step(str, Enum):
    """What is done, in this order."""

    LEAVE = "STOP GROUP_REPLICATION"
    FOLLOW_NOBODY = "STOP REPLICA; RESET REPLICA ALL"
    CLONE = "CLONE"
    ACCOUNT = "CHANGE REPLICATION SOURCE FOR CHANNEL 'group_replication_recovery'"
    ELECTOR = "INSTALL COMPONENT"
    JOIN = "START GROUP_REPLICATION"
    RECORD = "INSERT INTO webstack.group_beginnings"
    BOOTSTRAP = "START GROUP_REPLICATION, which begins the group"


@dataclass(frozen=True)
class Intent:
    """What the caller allows, and knows."""

    account: Account
    first: bool = False
    """Whether this server may begin the group."""
    clone: bool = True
    """Whether a new member's data may be copied."""
    reprovision: bool = False
    """Whether data that stands in the way may be thrown away."""
    rehearsal: bool = False
    """Whether earlier tasks, such as the configuration, may only have pretended: check mode."""


@dataclass(frozen=True)
class Plan:
    """What to do, or why nothing is done."""

    steps: tuple[Step, ...] = ()
    donor: Peer | None = None
    """From which the data is copied."""
    refusal: Reason | None = None
    waits: bool = False
    """Whether the refusal may be gone in a moment, because another host is at work."""


def plan(local: Local, peers: Sequence[Peer], intent: Intent) -> Plan:
    """What makes the server a member."""
    if local.view is None:
        return Plan(steps=(Step.JOIN,)) if intent.rehearsal else Plan(refusal=reason(Code.NO_PLUGIN))
    own: tuple[Step, ...] = () if local.account == intent.account else (Step.ACCOUNT,)
    if not local.elector:
        own = (*own, Step.ELECTOR)
    if local.in_group:
        return Plan(steps=own)
    leave = (Step.LEAVE,) if local.view.state is MemberState.ERROR else ()
    serving = [peer for peer in peers if peer.serves]
    if serving:
        return _join(local, serving, intent, before=leave, own=own)
    return _begin(local, peers, intent, before=leave, own=own)


def _join(
    local: Local, serving: Sequence[Peer], intent: Intent, *, before: tuple[Step, ...], own: tuple[Step, ...]
) -> Plan:
    """There is a group: the server has part of its data, or gets it, or is left alone."""
    group = GtidSet()
    for peer in serving:
        group = group | peer.held
    beyond = local.held - group
    # A secondary, if there is one: the copy is work that the primary need not do.
    donor = next((peer for peer in serving if not peer.primary), serving[0])
    there = tuple(each for peer in serving for each in peer.beginnings)
    apart = _apart(local, there)
    fits = not beyond and not apart and any(peer.purged <= local.executed for peer in serving)
    reset = (Step.FOLLOW_NOBODY,) if local.replicates else ()
    if fits and not (local.new and intent.clone):
        return Plan(steps=(*before, *reset, *own, Step.JOIN))
    if local.new and not intent.clone:
        return Plan(refusal=reason(Code.NOT_PROVISIONED, gtids=_brief(beyond | doubtful(local.data, there))))
    if not local.new and not intent.reprovision:
        if apart:
            return Plan(refusal=apart)
        if beyond:
            return Plan(refusal=reason(Code.DIVERGED, gtids=_brief(beyond)))
        return Plan(refusal=reason(Code.HAS_DATA, schemas=local.schemas))
    if series(donor.version) != series(local.version):
        return Plan(refusal=reason(Code.OTHER_SERIES, version=local.version, donor=donor.name, theirs=donor.version))
    if not local.clone_plugin and not intent.rehearsal:
        return Plan(refusal=reason(Code.NO_CLONE_PLUGIN))
    return Plan(steps=(*before, *reset, Step.CLONE, Step.ACCOUNT, Step.ELECTOR, Step.JOIN), donor=donor)


def _begin(
    local: Local, peers: Sequence[Peer], intent: Intent, *, before: tuple[Step, ...], own: tuple[Step, ...]
) -> Plan:
    """There is none: one server may begin it, the others wait for it."""
    if not intent.first:
        if intent.rehearsal:
            return Plan(steps=(*before, *own, Step.JOIN))
        return Plan(refusal=reason(Code.NO_GROUP), waits=True)
    known = {peer.name: peer for peer in peers if not peer.error}
    # A server without data loses none: which host has it was decided from what all of them are.
    silent = [peer for peer in peers if peer.error and peer.number not in REFUSED_ACCESS and not local.new]
    if silent and not intent.rehearsal:
        error = silent[0].error
        return Plan(refusal=reason(Code.NOT_ASKED, host=silent[0].name, error=error), waits=True)
    for peer in known.values():
        if strays(peer.beginnings, local.beginnings):
            return Plan(refusal=reason(Code.BEGUN_WITHOUT, host=peer.name))
    more = lacks({"": local.held, **{name: peer.held for name, peer in known.items() if peer.has_data}}, "")
    if more:
        host, gtids = next(iter(more.items()))
        return Plan(refusal=reason(Code.OTHER_HAS_MORE, host=host, count=gtids.count, gtids=_brief(gtids)))
    # Where it is not known what another one has, that may be something else under the numbers that are given next.
    record = (Step.RECORD,) if not local.new and any(peer.error for peer in peers) else ()
    return Plan(steps=(*before, *own, *record, Step.BOOTSTRAP))


def _apart(local: Local, there: Beginnings) -> Reason | None:
    """Why the server has to stay outside of a group in which these beginnings are known."""
    if strays(local.beginnings, there):
        return reason(Code.STRAY)
    if doubt := doubtful(local.data, there):
        return reason(Code.ANEW, gtids=_brief(doubt))
    return None


def _brief(gtids: GtidSet) -> str:
    text = str(gtids)
    return text if len(text) <= 200 else f"{text[:200]}..."
