"""What hosts have said, and what the stack is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason

_BEFORE_THE_REASON = re.compile(
    r"^(Task failed: )?(Data could not be sent to remote host .*? over ssh: |Failed to connect to the host via ssh: )?"
)


@dataclass(frozen=True)
class Host:
    """A host that was asked. Without facts, `error` is why there are none."""

    name: str
    groups: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    unreachable: bool = False

    @property
    def answered(self) -> bool:
        return bool(self.facts)

    @property
    def mysql(self) -> Mapping[str, Any]:
        """What its MySQL endpoint says. Empty where that has not answered."""
        said: Mapping[str, Any] = self.facts.get("mysql") or {}
        return {} if said.get("error") else said

    @property
    def servers(self) -> list[Mapping[str, Any]]:
        """The servers of its HAProxy."""
        return list(self.facts.get("haproxy", {}).get("servers", []))

    def has_address(self, address: str) -> bool:
        return address in self.facts.get("addresses", [])


@dataclass(frozen=True)
class Limits:
    """From when on something is wrong."""

    certificate_days: float = 20
    lag_seconds: float = 30
    backup_hours: float = 26
    verify_days: float = 8


@dataclass(frozen=True)
class Stack:
    """The hosts of each group, in the order of the tiers, and what of HAProxy's proxies has to be known."""

    groups: Mapping[str, tuple[str, ...]]
    web_backends: tuple[str, ...] = ()
    """Their servers are web servers."""
    alternatives: tuple[str, ...] = ()
    """Of their servers one is enough: the others are not what is looked for, such as a replica where writes go."""
    addresses: tuple[str, ...] = ()
    """Virtual ones."""
    limits: Limits = Limits()

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Stack:
        """Of plain data, as playbooks have it."""
        return cls(
            groups={name: tuple(hosts) for name, hosts in data["groups"].items()},
            web_backends=tuple(data.get("web_backends", ())),
            alternatives=tuple(data.get("alternatives", ())),
            addresses=tuple(data.get("addresses", ())),
            limits=Limits(**{name: float(value) for name, value in data.get("limits", {}).items()}),
        )


@dataclass(frozen=True)
class Seen:
    """The hosts that were asked, by name."""

    hosts: Mapping[str, Host]
    stack: Stack

    def of(self, group: str) -> list[Host]:
        """The hosts of a group that were asked."""
        return [self.hosts[name] for name in self.stack.groups.get(group, ()) if name in self.hosts]

    def answered(self, group: str) -> list[Host]:
        return [host for host in self.of(group) if host.answered]

    def asked_all(self, group: str) -> bool:
        """Whether no host of it was left out."""
        return all(name in self.hosts for name in self.stack.groups.get(group, ()))

    def left_out(self) -> list[str]:
        """The hosts that were not asked."""
        names = dict.fromkeys(name for hosts in self.stack.groups.values() for name in hosts)
        return [name for name in names if name not in self.hosts]

    def views(self) -> Iterator[tuple[Host, Mapping[str, Any]]]:
        """Each server of each HAProxy."""
        for host in self.hosts.values():
            for server in host.servers:
                yield host, server


@dataclass(frozen=True)
class Finding:
    """What is wrong, or where it is not `wrong`, what is to be done some time, and which hosts it is about."""

    reason: Reason
    hosts: tuple[str, ...]
    wrong: bool = True


def seen(results: Mapping[str, Mapping[str, Any]], stack: Stack) -> Seen:
    """Of the module's results, by host."""
    hosts = {}
    for name, result in results.items():
        groups = tuple(group for group, names in stack.groups.items() if name in names)
        if "units" in result and not result.get("unreachable"):
            hosts[name] = Host(name, groups, result)
        else:
            hosts[name] = Host(name, groups, error=_error(result), unreachable=bool(result.get("unreachable")))
    return Seen(hosts, stack)


def _error(result: Mapping[str, Any]) -> str:
    """One line of what Ansible says, without that it could not do its task."""
    text = _BEFORE_THE_REASON.sub("", " ".join(str(result.get("msg") or "nothing was said").split())).rstrip(".")
    return text if len(text) <= 200 else f"{text[:199]}…"


def span(seconds: float) -> str:
    """A time as people say it, in its largest unit."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
