"""Whether a server that was the primary and has restarted takes writes again by itself, from what was seen. Pure.

It does when nobody can have taken its place and nobody is about to: everything that speaks against it is a condition of
its own, and one is enough. tests/unit/test_mysql_reopen.py tries every order of restarts, verbs and partitions, and
takes the conditions away to see that they are what keeps it safe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.epoch import Epoch


class Closed(str, Enum):
    """Why a server stays closed."""

    REPLICATES = "it replicates from another server"
    CLOSED_BY_HAND = "it took writes since its start, and somebody has ended that"
    NOT_RECORDED = "it is not recorded which server was the primary; run site.yml"
    NOT_THE_PRIMARY = "another server was made the primary (epoch {epoch})"
    VERB = "{lock} is under way"
    NO_ANSWER = "{host} cannot be asked: {error}"
    VERB_THERE = "{lock} is under way on {host}"
    TAKES_WRITES = "{host} takes writes"
    PROMOTED = "{host} was made the primary since (epoch {epoch})"
    NOT_FOLLOWING = "{host} does not receive from it"
    HAS_MORE = "{host} has transactions that it lacks: {beyond}"
    LACKS_ACKNOWLEDGER = "no replica would acknowledge its commits yet"


@dataclass(frozen=True)
class Own:
    """The server itself, which is read-only."""

    server_uuid: str
    replicates: bool = False
    was_open: bool = False
    """Whether it took writes since its start."""
    epoch: Epoch | None = None
    lock: str = ""
    """The verb that holds the lock of its host, in words."""
    acknowledgers: int = 0
    """Connected replicas that would acknowledge its commits."""


@dataclass(frozen=True)
class Other:
    """Another database host, as it answers for itself."""

    name: str
    error: str = ""
    """Why it does not answer."""
    writable: bool = False
    source_uuid: str = ""
    """Of the server that it receives from at this moment."""
    epoch: Epoch | None = None
    beyond: str = ""
    """Transactions that it has executed or received, and the server has not executed."""
    lock: str = ""


@dataclass(frozen=True)
class Observation:
    """What was seen while the lock of the server's own host was kept."""

    own: Own
    others: tuple[Other, ...] = ()


@dataclass(frozen=True)
class Reopen:
    """Nothing speaks against it."""


@dataclass(frozen=True)
class StayClosed:
    """It stays read-only."""

    why: Closed
    host: str = ""
    error: str = ""
    epoch: int = 0
    lock: str = ""
    beyond: str = ""

    def __str__(self) -> str:
        return self.why.value.format(
            host=self.host, error=self.error, epoch=self.epoch, lock=self.lock, beyond=self.beyond
        )


Condition = Callable[[Observation], Iterator[StayClosed]]


def _replicates(seen: Observation) -> Iterator[StayClosed]:
    if seen.own.replicates:
        yield StayClosed(Closed.REPLICATES)


def _closed_by_hand(seen: Observation) -> Iterator[StayClosed]:
    if seen.own.was_open:
        yield StayClosed(Closed.CLOSED_BY_HAND)


def _recorded(seen: Observation) -> Iterator[StayClosed]:
    if seen.own.epoch is None:
        yield StayClosed(Closed.NOT_RECORDED)
    elif seen.own.epoch.server_uuid != seen.own.server_uuid:
        yield StayClosed(Closed.NOT_THE_PRIMARY, epoch=seen.own.epoch.number)


def _verb(seen: Observation) -> Iterator[StayClosed]:
    if seen.own.lock:
        yield StayClosed(Closed.VERB, lock=seen.own.lock)


def _answers(seen: Observation) -> Iterator[StayClosed]:
    for other in seen.others:
        if other.error:
            yield StayClosed(Closed.NO_ANSWER, host=other.name, error=other.error)


def _verb_there(seen: Observation) -> Iterator[StayClosed]:
    for other in seen.others:
        if other.lock:
            yield StayClosed(Closed.VERB_THERE, host=other.name, lock=other.lock)


def _takes_writes(seen: Observation) -> Iterator[StayClosed]:
    for other in seen.others:
        if other.writable:
            yield StayClosed(Closed.TAKES_WRITES, host=other.name)


def _promoted(seen: Observation) -> Iterator[StayClosed]:
    own = seen.own.epoch
    for other in seen.others:
        there = other.epoch
        # One that is behind has an earlier epoch, or none yet.
        if there and own and (there.number > own.number or (there.number == own.number and there != own)):
            yield StayClosed(Closed.PROMOTED, host=other.name, epoch=there.number)


def _follows(seen: Observation) -> Iterator[StayClosed]:
    for other in seen.others:
        if other.source_uuid != seen.own.server_uuid:
            yield StayClosed(Closed.NOT_FOLLOWING, host=other.name)


def _has_more(seen: Observation) -> Iterator[StayClosed]:
    for other in seen.others:
        if other.beyond:
            yield StayClosed(Closed.HAS_MORE, host=other.name, beyond=other.beyond)


def _acknowledged(seen: Observation) -> Iterator[StayClosed]:
    if seen.others and not seen.own.acknowledgers:
        yield StayClosed(Closed.LACKS_ACKNOWLEDGER)


CONDITIONS: tuple[Condition, ...] = (
    _replicates,
    _closed_by_hand,
    _recorded,
    _verb,
    _answers,
    _verb_there,
    _takes_writes,
    _promoted,
    _has_more,
    _follows,
    _acknowledged,
)
"""What speaks against it, the most telling first."""


def decide(seen: Observation, conditions: Sequence[Condition] = CONDITIONS) -> Reopen | StayClosed:
    """Whether the server takes writes again."""
    for condition in conditions:
        for found in condition(seen):
            return found
    return Reopen()
