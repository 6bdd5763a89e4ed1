"""Why one host, or one server of HAProxy, is out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import reason
from ansible_collections.foobar.webstack.plugins.plugin_utils.status.judge import APPLICATION, DATABASES
from ansible_collections.foobar.webstack.plugins.plugin_utils.status.judge import Code as Wrong
from ansible_collections.foobar.webstack.plugins.plugin_utils.status.model import Finding, Seen, span

# haproxy_status: what answered the check with a status works, but for what is behind it.
_STATUS = re.compile(r"answered the check with status \d")
_VIEWS = {Wrong.SERVER_DOWN, Wrong.PUT_ASIDE}


class Code(str, Enum):
    """What is to be said of a host or server."""

    UP = "explanation.up"
    DOWN = "explanation.down"
    NOT_WANTED = "explanation.not_wanted"
    BEHIND = "explanation.behind"
    WELL = "explanation.well"
    UNKNOWN = "explanation.unknown"
    LEFT_OUT = "explanation.left_out"


def is_about(subject: str, server: Mapping[str, Any]) -> bool:
    """Whether the subject, a host's name or `backend/server`, is this server."""
    return subject in (server["server"], f"{server['backend']}/{server['server']}")


def known(seen: Seen) -> list[str]:
    """What can be asked for: hosts, and servers that are no hosts."""
    hosts = dict.fromkeys(name for names in seen.stack.groups.values() for name in names)
    others = {
        f"{server['backend']}/{server['server']}": None
        for _host, server in seen.views()
        if server["server"] not in hosts and not server["follows"]
    }
    return [*hosts, *others]


def explain(subject: str, seen: Seen, found: Sequence[Finding]) -> list[Finding]:
    """Whoever sends it requests, then what is wrong with it, then what of that is behind it."""
    views = [(host.name, server) for host, server in seen.views() if is_about(subject, server)]
    name = subject.rpartition("/")[2]
    if not views and subject not in seen.hosts:
        return [_unknown(subject, seen)]
    said = [*_views(views, seen)]
    own = [each for each in found if name in each.hosts and each.reason.code not in _VIEWS]
    said += own
    if not any(each.wrong for each in own) and any(_STATUS.search(server["reason"]) for _by, server in views):
        behind = [each for each in found if each.wrong and each not in own and _is_behind(each, seen)]
        if behind:
            said += [Finding(reason(Code.BEHIND, subject=subject), (name,)), *behind]
    if not any(each.wrong for each in said):
        said.append(Finding(reason(Code.WELL, subject=subject), (name,), wrong=False))
    return said


def _unknown(subject: str, seen: Seen) -> Finding:
    if subject in seen.left_out():
        return Finding(reason(Code.LEFT_OUT, subject=subject), (subject,))
    return Finding(reason(Code.UNKNOWN, subject=subject, known=known(seen)), (subject,))


def _views(views: Sequence[tuple[str, Mapping[str, Any]]], seen: Seen) -> Iterator[Finding]:
    """What each HAProxy says."""
    for by, server in views:
        if server["follows"]:
            continue
        name, since = f"{server['backend']}/{server['server']}", span(server["seconds"])
        about, state, why = (server["server"], by), server["state"], server["reason"]
        if server["up"]:
            yield Finding(reason(Code.UP, by=by, server=name, since=since), about, wrong=False)
        elif server["backend"] in seen.stack.alternatives:
            others = _others(by, server, seen)
            said = reason(Code.NOT_WANTED, by=by, server=name, since=since, why=why, others=others)
            yield Finding(said, about, wrong=not others)
        else:
            down = state.startswith("DOWN")
            said = reason(Code.DOWN, by=by, server=name, state=state, since=since, why=why)
            yield Finding(said, about, wrong=down)


def _others(by: str, server: Mapping[str, Any], seen: Seen) -> list[str]:
    """The servers that this HAProxy uses in its place."""
    return [each["server"] for each in seen.hosts[by].servers if each["backend"] == server["backend"] and each["up"]]


def _is_behind(finding: Finding, seen: Seen) -> bool:
    """Whether it is about a host of the tiers behind the web servers, and not about who looks at them."""
    behind = {*seen.stack.groups.get(APPLICATION, ()), *seen.stack.groups.get(DATABASES, ())}
    return finding.reason.code not in _VIEWS and bool(behind & set(finding.hosts))
