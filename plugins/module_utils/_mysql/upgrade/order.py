"""Which database host is upgraded next, or why none is. Pure.

Whoever does not take writes comes first, one after the other; then another host takes the writes, and the old primary
is the last. What a host has to be for that differs between a pair and a group: `modes.<mode>.upgrade`.

It is asked again before each step, with what the hosts are then, so that a run that was interrupted goes on where it
was, and one host that is not well ends it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, reason
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.roles import Role
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.upgrade.path import Version, changes_series

HOUR = 3600


class Code(str, Enum):
    """Why no host is upgraded, and what is going to happen."""

    OF_HOST = "upgrade.of_host"
    NOT_ASKED = "upgrade.not_asked"
    NOT_ONE_PRIMARY = "upgrade.not_one_primary"
    SEVERAL_VERSIONS = "upgrade.several_versions"
    SEVERAL_BEGUN = "upgrade.several_begun"
    NO_BACKUP = "upgrade.no_backup"
    OLD_BACKUP = "upgrade.old_backup"
    NOT_VERIFIED = "upgrade.not_verified"

    UPGRADE = "upgrade.upgrade"
    GO_ON = "upgrade.go_on"
    RESTART = "upgrade.restart"
    ALONE = "upgrade.alone"
    SWITCHOVER = "upgrade.switchover"
    LEAVE = "upgrade.leave"


class Act(str, Enum):
    """What a step does."""

    UPGRADE = "upgrade"
    """The host is taken out, upgraded, and comes back."""
    SWITCHOVER = "switchover"
    """Another host takes its writes, and it goes on as a replica."""
    LEAVE = "leave"
    """It leaves the group, which elects another one."""


@dataclass(frozen=True)
class Host:
    """A database host, as it was found."""

    name: str
    role: str = ""
    """A value of Role; empty where the host was not asked."""
    server: Mapping[str, Any] = field(default_factory=dict)
    """What mysql_server_info returns of its server."""
    running: Version | None = None
    offered: Version | None = None
    """What it is to have; None where it has the newest that there is."""
    installed: str = ""
    candidate: str = ""
    """Versions of the package."""
    restart: bool = False
    """Whether it is upgraded already, but for the server that runs."""
    begun: bool = False
    """Whether it was taken out for an upgrade, and is not back."""
    refusals: tuple[Mapping[str, Any], ...] = ()
    """Why its server cannot be upgraded, reasons as data."""
    notes: tuple[Mapping[str, Any], ...] = ()
    backup: Mapping[str, Any] = field(default_factory=dict)
    """What `mysql-backup status` says there."""

    @property
    def waits(self) -> bool:
        return self.begun or self.restart or self.offered is not None or bool(self.refusals)

    @property
    def next(self) -> Version | None:
        """The version that it has in the end."""
        return self.offered or self.running


@dataclass(frozen=True)
class Step:
    act: Act
    host: str
    said: Reason
    candidate: str = ""
    """Who takes the writes."""
    irreversible: str = ""
    """The series from which there is no way back after this step."""
    alone: bool = False
    """Whether nobody takes the writes meanwhile."""

    def as_data(self) -> dict[str, Any]:
        return {
            "act": self.act.value,
            "host": self.host,
            "candidate": self.candidate,
            "irreversible": self.irreversible,
            "alone": self.alone,
            "said": self.said.as_data(),
        }


@dataclass(frozen=True)
class Plan:
    primary: str = ""
    steps: tuple[Step, ...] = ()
    """What is left to be done; the first is next."""
    refusals: tuple[Reason, ...] = ()
    notes: tuple[Reason, ...] = ()
    settle: bool = False
    """Whether commits on the primary are to wait for a replica again, as an interrupted run has left it."""
    relax: bool = False
    """Whether they must not wait while the next host is out, because nobody would acknowledge them."""

    def as_data(self) -> dict[str, Any]:
        return {
            "primary": self.primary,
            "steps": [step.as_data() for step in self.steps],
            "refusals": [each.as_data() for each in self.refusals],
            "notes": [each.as_data() for each in self.notes],
            "settle": self.settle,
            "relax": self.relax,
        }


@dataclass(frozen=True)
class Mode:
    """What differs."""

    unfit: Callable[[Sequence[Host], str], Iterator[Reason]]
    """Why the others could not do without one of them, from all hosts and the name of the primary."""
    leaves: Callable[[Host, Sequence[Host]], bool]
    """Whether the primary has to leave for another one to take the writes, as no switchover is possible."""


@dataclass(frozen=True)
class Limits:
    backup_hours: float = 26
    now: float = 0


def decide(hosts: Sequence[Host], mode: Mode, limits: Limits, done: Collection[str] = ()) -> Plan:
    """What is left to be done. `done` has the hosts that this run has upgraded."""
    hosts = [_as_done(host) if host.name in done else host for host in hosts]
    if silent := [host.name for host in hosts if not host.role]:
        return Plan(refusals=(reason(Code.NOT_ASKED, hosts=silent),))
    primaries = [host for host in hosts if host.role == Role.PRIMARY]
    if len(primaries) != 1:
        found = [f"{host.name}: {host.role}" for host in hosts]
        return Plan(refusals=(reason(Code.NOT_ONE_PRIMARY, found=found),))
    (primary,) = primaries
    plan = Plan(primary=primary.name, refusals=tuple(mode.unfit(hosts, primary.name)))
    if any(host.waits for host in hosts):
        steps = _steps(hosts, primary, mode)
        refusals = (*_own(hosts), *plan.refusals, *_versions(hosts), *(() if done else _backup(hosts, limits)))
        plan = replace(plan, steps=steps, refusals=refusals, notes=_notes(hosts))
    replicas = int(primary.server.get("semi_sync_replicas", 0))
    off = not primary.server.get("group") and not primary.server.get("semi_sync_source", True)
    replicate = any(host.role == Role.REPLICA and not host.begun for host in hosts)
    return replace(plan, settle=off and replicate, relax=rests_on_nobody(replicas))


def _as_done(host: Host) -> Host:
    """As this run has left it, where it was looked at before that."""
    return replace(host, running=host.next, offered=None, restart=False, begun=False, refusals=())


def rests_on_nobody(acknowledging: int) -> bool:
    """Whether nobody is left to acknowledge commits when one of so many replicas leaves."""
    return acknowledging - 1 < 1


def _steps(hosts: Sequence[Host], primary: Host, mode: Mode) -> tuple[Step, ...]:
    others = [host for host in hosts if host is not primary]
    # One that is out already comes first: nobody else is taken out meanwhile.
    first = sorted((host for host in others if host.waits), key=lambda host: not host.begun)
    steps = [_upgrade(host) for host in first]
    if not primary.waits:
        return tuple(steps)
    crossing = bool(primary.running and primary.offered and changes_series(primary.running, primary.offered))
    series = ".".join(map(str, primary.offered.series)) if crossing and primary.offered else ""
    if not others:
        alone = Step(
            Act.UPGRADE,
            primary.name,
            reason(Code.ALONE, host=primary.name, installed=primary.installed, candidate=primary.candidate),
            irreversible=series,
            alone=True,
        )
        return (*steps, alone)
    candidate = others[0].name
    leaves = mode.leaves(primary, others)
    said = (
        reason(Code.LEAVE, host=primary.name)
        if leaves
        else reason(Code.SWITCHOVER, host=primary.name, candidate=candidate)
    )
    act = Act.LEAVE if leaves else Act.SWITCHOVER
    return (*steps, Step(act, primary.name, said, "" if leaves else candidate, series), _upgrade(primary))


def _upgrade(host: Host) -> Step:
    if host.offered:
        said = reason(Code.UPGRADE, host=host.name, installed=host.installed, candidate=host.candidate)
    elif host.restart:
        said = reason(Code.RESTART, host=host.name, installed=host.installed)
    else:
        said = reason(Code.GO_ON, host=host.name)
    return Step(Act.UPGRADE, host.name, said)


def _own(hosts: Sequence[Host]) -> Iterator[Reason]:
    for host in hosts:
        for why in host.refusals:
            yield reason(Code.OF_HOST, host=host.name, why=why)


def _notes(hosts: Sequence[Host]) -> tuple[Reason, ...]:
    """What replicates is found on every host, and said once."""
    found: list[Reason] = []
    seen: list[Mapping[str, Any]] = []
    for host in hosts:
        for why in host.notes:
            if why not in seen:
                seen.append(why)
                found.append(reason(Code.OF_HOST, host=host.name, why=why))
    return tuple(found)


def _versions(hosts: Sequence[Host]) -> Iterator[Reason]:
    """A host that is left behind, or goes further, could not replicate with the others."""
    if len({host.next for host in hosts}) > 1:
        found = [f"{host.name}: {host.next}" for host in hosts]
        yield reason(Code.SEVERAL_VERSIONS, found=found)
    begun = [host.name for host in hosts if host.begun]
    if len(begun) > 1:
        yield reason(Code.SEVERAL_BEGUN, hosts=begun)


def _backup(hosts: Sequence[Host], limits: Limits) -> Iterator[Reason]:
    """The last backup was restored and checked, and is not too old."""
    made = {host.name: host.backup.get("backup") or {} for host in hosts}
    name = max(made, key=lambda one: float(made[one].get("last_success_epoch") or 0))
    last = made[name]
    at = float(last.get("last_success_epoch") or 0)
    if not at:
        yield reason(Code.NO_BACKUP)
        return
    hours = (limits.now - at) / HOUR
    if hours > limits.backup_hours:
        yield reason(Code.OLD_BACKUP, at=str(last.get("last_success")), hours=hours, most=limits.backup_hours)
        return
    tried = [host.backup.get("verify") or {} for host in hosts]
    snapshot = str(last.get("snapshot", ""))
    if not any(one.get("ok") and snapshot and one.get("base") == snapshot for one in tried):
        # Where the backup was made, its binary logs are, too.
        yield reason(Code.NOT_VERIFIED, snapshot=snapshot, at=str(last.get("last_success")), host=name)
