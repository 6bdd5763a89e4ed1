"""To which release rollback.yml goes: the last that has served on every host, or the one that is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, reason
from ansible_collections.foobar.webstack.plugins.plugin_utils.releases.model import Code, Host, unasked

MOST_FILES = 5
"""So many files of migrations are named."""


@dataclass(frozen=True)
class Choice:
    """The release; none where it is refused, or where it serves already (then there is nothing to do)."""

    release: str = ""
    refusals: tuple[Reason, ...] = ()
    notes: tuple[Reason, ...] = ()

    def as_data(self) -> dict[str, Any]:
        return {
            "release": self.release,
            "refusals": [each.as_data() for each in self.refusals],
            "notes": [each.as_data() for each in self.notes],
        }


def begin(
    hosts: Mapping[str, Host], locks: Sequence[Reason] = (), *, goes_back: bool = False, asked: str = ""
) -> Choice:
    """Whether a deployment may begin; and where it goes back to, if it does."""
    if refusals := (*locks, *unasked(hosts)):
        return Choice(refusals=tuple(refusals))
    if goes_back:
        return choose(hosts, asked)
    return Choice(refusals=(reason(Code.FOR_ROLLBACK, release=asked),) if asked else ())


def choose(hosts: Mapping[str, Host], asked: str = "") -> Choice:
    """Which release is to serve on all of these hosts."""
    if asked:
        return _with_notes(hosts, asked, [], _refused(hosts, asked))
    serving = {host.serving for host in hosts.values()}
    if len(serving) > 1 or any(host.went_back_to or host.before for host in hosts.values()):
        return _resumed(hosts)
    release = _last_that_served(hosts)
    if not release:
        return Choice(refusals=(reason(Code.NOTHING_BEFORE, hosts=list(hosts)),))
    return _with_notes(hosts, release, [], None)


def differing(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Files of migrations that only one of two releases has, or that are not the same in both."""
    return sorted(path for path in {*one, *other} if one.get(path) != other.get(path))


def _last_that_served(hosts: Mapping[str, Host]) -> str:
    """Of the releases that have served on every host, and that nobody went back from, the one that did so last."""
    times: dict[str, list[float]] = {}
    for host in hosts.values():
        for one in host.releases:
            if one.whole and one.served and not one.withdrawn and one.release != host.serving:
                times.setdefault(one.release, []).append(one.served)
    everywhere = {name: max(found) for name, found in times.items() if len(found) == len(hosts)}
    return max(everywhere, key=lambda name: (everywhere[name], name), default="")


def _resumed(hosts: Mapping[str, Host]) -> Choice:
    """A verb was interrupted. Hosts that went back already show where to; those that went live know what was before.

    Otherwise nobody knows which one is meant.
    """
    there = {host.went_back_to for host in hosts.values() if host.went_back_to}
    before = {host.before for host in hosts.values() if host.before}
    if not there and before:
        live = {host.serving for host in hosts.values() if host.before}
        there = before | {host.serving for host in hosts.values() if not host.before and host.serving not in live}
    if len(there) != 1:
        found = [f"{host.name} {host.serving or 'none'}" for host in hosts.values()]
        return Choice(refusals=(reason(Code.MIXED, found=found),))
    (release,) = there
    rest = [host.name for host in hosts.values() if host.serving != release]
    resumes = [reason(Code.RESUMES, release=release, hosts=rest)] if rest else []
    return _with_notes(hosts, str(release), resumes, _refused(hosts, str(release)))


def _refused(hosts: Mapping[str, Host], release: str) -> Reason | None:
    missing = [host.name for host in hosts.values() if host.release(release) is None]
    if missing:
        known = sorted({one.release for host in hosts.values() for one in host.releases if one.whole and one.served})
        return reason(Code.UNKNOWN, release=release, hosts=missing, known=known)
    never = [host.name for host in hosts.values() if (found := host.release(release)) is not None and not found.served]
    return reason(Code.NEVER_SERVED, release=release, hosts=never) if never else None


def _with_notes(hosts: Mapping[str, Host], release: str, notes: Sequence[Reason], refusal: Reason | None) -> Choice:
    if refusal:
        return Choice(refusals=(refusal,))
    found = [*notes]
    for host in hosts.values():
        leaves, goes_to = host.release(host.serving), host.release(release)
        if host.serving == release or not leaves or not goes_to:
            continue
        if files := differing(leaves.migrations, goes_to.migrations):
            named = [*files[:MOST_FILES], *([f"and {len(files) - MOST_FILES} more"] if len(files) > MOST_FILES else [])]
            found.append(reason(Code.MIGRATIONS, release=release, serving=host.serving, files=named))
            break
    return Choice(release, notes=tuple(found))
