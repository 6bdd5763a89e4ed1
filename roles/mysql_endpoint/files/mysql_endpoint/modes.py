"""What is asked of a server in each mode: what the paths mean, and what runs beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.group import MemberState, View

from mysql_endpoint import state
from mysql_endpoint.state import State

PROVEN_SECONDS = 5.0
"""How old the last commit of a group's primary may be.

A heartbeat is committed every second, and a commit is what most members have agreed on. Of a primary that is silent the
others elect a successor when they have heard nothing for 5 s (the group's own failure detector), and not before: so one
that was frozen for so long, or is cut off, has no heartbeat that is young enough, whatever it believes itself. One that
leaves in order is replaced at once, and this does not show that: while its server takes to end, two may answer.
"""


@dataclass(frozen=True)
class Mode:
    """Each says why not, or nothing."""

    not_primary: Callable[[State], str]
    not_replica: Callable[[State, float], str]
    summary: Callable[[State], str]


def not_primary_of_group(found: State) -> str:
    """Why writes must not go to this member, empty if they may."""
    view = found.group
    if reason := _outside(view):
        return reason
    if view and view.primary != view.own:
        return "it is a secondary"
    if not found.writable:
        return "it is read-only"
    if found.heartbeat_age is None:
        return "it has not written a heartbeat yet"
    if found.heartbeat_age > PROVEN_SECONDS:
        return f"it has committed nothing for {found.heartbeat_age:.1f} s, more than {PROVEN_SECONDS:g}"
    return ""


def not_replica_of_group(found: State, max_lag: float) -> str:
    """Why this member is none to read from, empty if it is one."""
    view = found.group
    if reason := _outside(view):
        return reason
    if view and view.primary == view.own:
        return "it takes writes"
    if not (view and view.applier):
        return "it does not apply what it receives"
    if found.lag is None:
        return "it has no heartbeat of the primary yet"
    return "" if found.lag <= max_lag else f"it is {found.lag:.1f} s behind, more than {max_lag:g}"


def _outside(view: View | None) -> str:
    """Why the member is not in a group that can commit."""
    if view is None:
        return "group replication is not loaded"
    if view.state is not MemberState.ONLINE:
        return f"it is {view.state.value} in its group"
    if not view.majority:
        return f"it hears of {view.present} of {len(view.members)} members, which is no majority"
    return ""


def summary_of_group(found: State) -> str:
    """For the journal, when it changes."""
    view = found.group
    if reason := _outside(view):
        return f"MySQL: {reason}"
    role = "the primary" if view and view.primary == view.own else "a secondary"
    return f"MySQL is {role} of its group, {'writable' if found.writable else 'read-only'}"


MODES: Mapping[str, Mode] = {
    "pair": Mode(state.not_primary, state.not_replica, state.summary),
    "group": Mode(not_primary_of_group, not_replica_of_group, summary_of_group),
}
