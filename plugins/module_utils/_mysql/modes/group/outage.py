"""Who may begin the group anew when no member is in it any more, from what every member has. Pure.

Only a member that has all that any member has: with another one, acknowledged writes are lost, or a member that has
more can never come back. What counts is executed and received together (reference manual, "Restarting a Group"): the
group applies what is in the relay log of its first member before that takes writes. Sets are subtracted and never
counted: the largest number says nothing about those before it.

A server that a group was begun without, and that has what may be something else there, counts for nothing: neither may
it begin the group, nor does anybody have to have what it has (`current`).
"""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.beginnings import Beginning, Data, fits, strays
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet, union


def held(executed: str, received: str) -> GtidSet:
    """What a server has executed or received. GtidError where that cannot be read."""
    return GtidSet.parse(f"{executed},{received}")


def newest(members: Mapping[str, Data]) -> list[str]:
    """Who has the rows of all beginnings that any has. Nobody, where groups were begun beside each other."""
    rows = _rows(members)
    return [name for name, data in members.items() if not strays(rows, data.beginnings)]


def current(members: Mapping[str, Data]) -> dict[str, GtidSet]:
    """What each server has whose data counts; nothing where groups were begun beside each other."""
    rows = _rows(members)
    if not newest(members):
        return {}
    return {name: data.held for name, data in members.items() if fits(data, rows)}


def _rows(members: Mapping[str, Data]) -> tuple[Beginning, ...]:
    return tuple({each.id: each for data in members.values() for each in data.beginnings}.values())


def complete(sets: Mapping[str, GtidSet]) -> list[str]:
    """Who has all that any of them has, in a fixed order: every member that decides picks the first."""
    everything = union(sets.values())
    return sorted(name for name, own in sets.items() if everything <= own)


def lacks(sets: Mapping[str, GtidSet], name: str) -> dict[str, GtidSet]:
    """What others have and this one has not, by who has it."""
    return {other: beyond for other, there in sets.items() if (beyond := there - sets[name])}
