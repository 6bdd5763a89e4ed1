"""What the application hosts have answered, and why something is refused or noted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, reason
from ansible_collections.foobar.webstack.plugins.module_utils._release.verb_lock import LONG

ROLLBACK = "rollback.yml"


class Code(str, Enum):
    """What there is to say of a deployment."""

    UNREACHABLE = "release.unreachable"
    NOT_ASKED = "release.not_asked"
    LOCKED = "release.locked"
    LOCKED_LONG = "release.locked_long"
    NOT_READY = "release.not_ready"
    FOR_ROLLBACK = "release.for_rollback"
    UNKNOWN = "release.unknown"
    NEVER_SERVED = "release.never_served"
    NOTHING_BEFORE = "release.nothing_before"
    MIXED = "release.mixed"
    RESUMES = "release.resumes"
    MIGRATIONS = "release.migrations"
    STAYS_IN_INVENTORY = "release.stays_in_inventory"
    DONE = "release.done"
    GOES_LIVE = "release.goes_live"
    RESTARTS = "release.restarts"
    WENT_LIVE = "release.went_live"
    RESTARTED = "release.restarted"
    FAILED = "release.failed"
    RETURNED = "release.returned"
    NOT_RETURNED = "release.not_returned"
    FIRST = "release.first"


@dataclass(frozen=True)
class Release:
    """A release on a host. Times are seconds since 1970, and 0 for never."""

    release: str
    whole: bool = True
    served: float = 0
    until: float = 0
    withdrawn: float = 0
    migrations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Host:
    """An application host.

    `error`: why it could not be asked. `not_final`: what served before a deployment that has not come to its end, or
    None. `went_back_since`: when a rollback began whose lock was left there; 0 where none was.
    """

    name: str
    serving: str = ""
    releases: Sequence[Release] = ()
    not_final: str | None = None
    interrupted: Mapping[str, Any] | None = None
    holder: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    unreachable: bool = False
    went_back_since: float = 0

    @property
    def went_back_to(self) -> str:
        """Where a rollback that was interrupted has led to, or was about to; empty where none was."""
        if self.interrupted is not None:
            return str(self.interrupted.get("release") or "") if self.interrupted.get("goes_back") else ""
        left = [one for one in self.releases if one.withdrawn and one.release != self.serving]
        since = self.went_back_since
        back = any(one.release == self.not_final or (since and one.withdrawn >= since) for one in left)
        return self.serving if back else ""

    @property
    def before(self) -> str:
        """What served before a deployment that was interrupted; empty where none was."""
        if self.interrupted is not None:
            return self.not_final or str(self.interrupted.get("previous") or "")
        return self.not_final or ""

    def release(self, name: str) -> Release | None:
        return next((one for one in self.releases if one.release == name and one.whole), None)


def hosts_of(
    answers: Mapping[str, Mapping[str, Any]], locks: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Host]:
    """The hosts from the results of app_release_info and app_lock."""
    return {name: _host(name, answer, (locks or {}).get(name, {})) for name, answer in answers.items()}


def unasked(hosts: Mapping[str, Host]) -> Iterator[Reason]:
    """A reason for each host that is not known."""
    for host in hosts.values():
        if host.unreachable:
            yield reason(Code.UNREACHABLE, host=host.name, error=host.error)
        elif host.error:
            yield reason(Code.NOT_ASKED, host=host.name, error=host.error)


def locked(locks: Mapping[str, Mapping[str, Any]], application: str) -> Iterator[Reason]:
    """A reason for each verb that is at work on hosts, from the results of app_lock."""
    holders: dict[tuple[Any, ...], list[str]] = {}
    for name, lock in locks.items():
        if (holder := lock.get("holder") or {}).get("verb"):
            holders.setdefault((holder["verb"], holder["who"]), []).append(name)
    for (verb, who), names in holders.items():
        age = max(locks[name]["holder"]["seconds"] for name in names)
        if age >= LONG:
            yield reason(Code.LOCKED_LONG, verb=verb, who=who, hosts=names, age=span(age), name=application)
        else:
            yield reason(Code.LOCKED, verb=verb, who=who, hosts=names, age=span(age))


def span(seconds: float) -> str:
    """A time as people say it."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def error_of(result: Mapping[str, Any], otherwise: str = "it was not reached") -> str:
    """Why a task has failed, without the full stop of its end, to stand in a sentence."""
    return str(result.get("msg") or otherwise).strip().rstrip(".")


def _host(name: str, answer: Mapping[str, Any], lock: Mapping[str, Any]) -> Host:
    if "serving" not in answer:
        error = error_of(answer, "it was not asked")
        return Host(name, error=error, unreachable=bool(answer.get("unreachable")))
    replaced = lock.get("replaced") or {}
    return Host(
        name,
        serving=answer["serving"],
        releases=tuple(Release(**one) for one in answer["releases"]),
        not_final=answer["not_final"],
        interrupted=answer["interrupted"],
        holder=answer["holder"],
        went_back_since=replaced.get("since", 0) if replaced.get("verb") == ROLLBACK else 0,
    )
