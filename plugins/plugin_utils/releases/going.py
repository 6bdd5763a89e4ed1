"""Whether a release may go live on hosts, one after the other, and how that has ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, reason
from ansible_collections.foobar.webstack.plugins.plugin_utils.releases.model import Code, error_of

Result = Mapping[str, Any]
"""What a task has registered on a host, or of an item."""


@dataclass(frozen=True)
class Ready:
    """Which hosts go live, in order; nothing where it is refused, or nothing is to be done."""

    hosts: tuple[str, ...] = ()
    refusals: tuple[Reason, ...] = ()
    said: tuple[Reason, ...] = ()

    def as_data(self) -> dict[str, Any]:
        return {
            "hosts": list(self.hosts),
            "refusals": [each.as_data() for each in self.refusals],
            "said": [each.as_data() for each in self.said],
        }


@dataclass(frozen=True)
class Ended:
    """How it has ended. `failures` is empty where it went well."""

    failures: tuple[Reason, ...] = ()
    said: tuple[Reason, ...] = ()

    def as_data(self) -> dict[str, Any]:
        return {
            "failures": [each.as_data() for each in self.failures],
            "said": [each.as_data() for each in self.said],
        }


def ready(staged: Mapping[str, Result]) -> Ready:
    """Every host has to have answered on trial before the first one goes live. `staged`: of app_release, by host."""
    refusals = tuple(
        reason(Code.NOT_READY, host=name, error=error_of(result))
        for name, result in staged.items()
        if not _is_ready(result)
    )
    if refusals:
        return Ready(refusals=refusals)
    hosts = tuple(name for name, result in staged.items() if result["staged"])
    if not hosts:
        releases = sorted({str(result["release"]) for result in staged.values()})
        return Ready(said=(reason(Code.DONE, releases=releases, hosts=list(staged)),))
    said = [
        reason(Code.RESTARTS, release=release, hosts=names)
        if release == previous
        else reason(Code.GOES_LIVE, release=release, previous=previous, hosts=names)
        for (release, previous), names in _groups(staged, hosts).items()
    ]
    return Ready(hosts, said=tuple(said))


def ended(
    hosts: Sequence[str],
    staged: Mapping[str, Result],
    live: Sequence[Result],
    back: Sequence[Result] = (),
    *,
    goes_back: bool = False,
) -> Ended:
    """`live` and `back`: the results of app_switch, an item a host, in order. A dry run has skipped all of them."""
    failed = [result for result in live if "release" not in result and not result.get("skipped")]
    if not failed:
        return Ended(said=tuple(_went(hosts, staged, live, goes_back)))
    reasons = [reason(Code.FAILED, host=str(result["item"]), error=error_of(result)) for result in failed]
    returned: dict[str, list[str]] = {}
    for result in back:
        if "release" not in result:
            reasons.append(reason(Code.NOT_RETURNED, host=str(result["item"]), error=error_of(result)))
        elif result.get("changed"):
            returned.setdefault(str(result["release"]), []).append(str(result["item"]))
    reasons += [reason(Code.RETURNED, release=release, hosts=names) for release, names in returned.items()]
    accounted = {name for names in returned.values() for name in names} | {str(one["item"]) for one in failed}
    first = [str(one["item"]) for one in live if "release" in one and str(one["item"]) not in accounted]
    if first and not any("release" not in result for result in back):
        reasons.append(reason(Code.FIRST, hosts=first))
    return Ended(tuple(reasons))


def _is_ready(result: Result) -> bool:
    # A failure has no `previous`.
    return "previous" in result and not result.get("unreachable")


def _went(
    hosts: Sequence[str], staged: Mapping[str, Result], live: Sequence[Result], goes_back: bool
) -> Iterator[Reason]:
    longest = round(max((float(result.get("seconds", 0)) for result in live), default=0), 1)
    for (release, previous), names in _groups(staged, hosts).items():
        if release == previous:
            yield reason(Code.RESTARTED, release=release, hosts=names, seconds=longest)
        else:
            yield reason(Code.WENT_LIVE, release=release, previous=previous, hosts=names, seconds=longest)
    if goes_back and hosts:
        yield reason(Code.STAYS_IN_INVENTORY, release=str(staged[hosts[0]]["release"]))


def _groups(staged: Mapping[str, Result], hosts: Sequence[str]) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for name in hosts:
        result = staged[name]
        found.setdefault((str(result["release"]), str(result["previous"]) or "none"), []).append(name)
    return found
