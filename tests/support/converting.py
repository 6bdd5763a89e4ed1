"""Three servers of which a pair or a group is made, and an application that writes all the time, as a model.

The servers know the statements of a conversion, and no others. Before and after each, the application writes wherever
what leads to the primary sends it, and what must never be is checked: two servers that commit, an acknowledged write
that is on one server alone, or that a server which takes writes has not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql import beginnings, epoch, group
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.conversion import convert, observe
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.group import MemberState
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair import inspection
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.observation import CHANNEL
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import ServerError
from group_views import GROUP, A, B, C

NAMES = {"db1": A, "db2": B, "db3": C}
APPLIER, RECOVERY = "group_replication_applier", "group_replication_recovery"

EXPEL = 8
"""Statements that a group takes to find out that a member is lost."""

QUESTIONS = {CHANNEL, group.MEMBERS, group.APPLIER, beginnings.SELECT, inspection.TRANSACTIONS, convert.CHANNELS}

Transaction = tuple[str, int]


class KilledError(Exception):
    """The playbook ends in the middle."""


def gtids(data: set[Transaction]) -> GtidSet:
    return GtidSet({(source, ""): [(n, n) for each, n in data if each == source] for source in {s for s, _ in data}})


@dataclass
class Fake:
    """A server, and the host's connection to it."""

    world: World
    name: str
    up: bool = True
    read_only: bool = True
    super_read_only: bool = True
    data: set[Transaction] = field(default_factory=set)
    """Committed."""
    relay: set[Transaction] = field(default_factory=set)
    """Received through the pair's channel; after a restart it is fetched again."""
    queue: set[Transaction] = field(default_factory=set)
    """Received in the group."""
    source: str = ""
    running: bool = False
    cut_off: bool = False
    """Whether it has yet to connect again."""
    known: bool = True
    """Whether it knows of whom it receives, which it learns when it is connected."""
    channels: set[str] = field(default_factory=set)
    """What is left of a group, or is in use."""
    plugin: bool = True
    state: MemberState = MemberState.OFFLINE
    bootstrap: bool = False
    semi_sync: bool = False
    broken: bool = False
    """Whether the connection is one to a server that was, which the next statement finds out."""

    @property
    def uuid(self) -> str:
        return NAMES[self.name]

    @property
    def source_uuid(self) -> str:
        return NAMES[self.source] if self.known else ""

    @property
    def inside(self) -> bool:
        return self.name in self.world.members and self.name not in self.world.lost

    @property
    def commits(self) -> bool:
        """Whether it takes writes that come to it."""
        world = self.world
        return self.up and not self.read_only and (not self.inside or (world.primary == self.name and world.majority))

    @property
    def served(self) -> bool:
        """Whether the application is sent here."""
        return self.commits and (self.world.mode == "pair" or self.inside)

    @property
    def epoch(self) -> tuple[int, str] | None:
        return max((self.world.epochs[each] for each in self.data if each in self.world.epochs), default=None)

    def fetches_from(self, other: Fake) -> bool:
        return self.up and other.up and self.running and self.source == other.name and not self.cut_off

    def value(self, expression: str, values: Sequence[Any] = ()) -> Any:
        return self.rows(f"SELECT {expression} AS value", values)[0]["value"]

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        world = self.world
        # Of the questions of one look, the first stands for all: between them nothing is done.
        lost = "" if statement in QUESTIONS else world.tick(self)
        if not self.up:
            raise ServerError(2003, "nobody answers")
        if self.broken:
            self.broken = False
            raise ServerError(2013, "the connection is lost")
        if lost == "before":
            raise ServerError(2013, "lost before")
        found = self.execute(statement, values)
        world.check()
        if lost == "after":
            raise ServerError(2013, "lost after")
        return found

    def execute(self, statement: str, values: Sequence[Any]) -> list[dict[str, Any]]:
        asked = self.answers()
        if statement in asked:
            return asked[statement]()
        if statement.startswith("SELECT "):
            return [{"value": self.expression(statement.removeprefix("SELECT ").removesuffix(" AS value"), values)}]
        match statement.split():
            case ["SET", "SESSION", *_]:
                pass
            case ["SET", "GLOBAL", "super_read_only", "=", "ON"]:
                self.read_only = self.super_read_only = True
            case ["SET", "GLOBAL", "super_read_only", "=", "OFF"]:
                self.super_read_only = False
            case ["SET", "GLOBAL", "read_only", "=", "OFF"]:
                self.read_only = self.super_read_only = False
            case ["SET", "GLOBAL", "rpl_semi_sync_source_enabled", *_]:
                self.semi_sync = values[0] == "ON"
            case ["SET", "GLOBAL", "group_replication_bootstrap_group", "=", value]:
                self.bootstrap = value == "ON"
            case ["INSERT", "INTO", "webstack.primary_epoch", *_]:
                assert not self.super_read_only, "a server that is read-only cannot write it down"
                number = self.epoch[0] + 1 if self.epoch else 1
                self.world.epochs[self.world.commit(self)] = (number, values[0])
            case ["STOP", "REPLICA", *_]:
                self.running = False
            case ["START", "REPLICA"]:
                assert self.source, "START REPLICA without a source is an error"
                self.running, self.cut_off = True, False
            case ["RESET", "REPLICA", "ALL", "FOR", "CHANNEL", channel]:
                self.reset(values[0] if values else channel.strip("'"))
            case ["CHANGE", "REPLICATION", "SOURCE", *_, "CHANNEL", "'group_replication_recovery'"]:
                assert self.plugin
                self.channels.add(RECOVERY)
            case ["CHANGE", "REPLICATION", "SOURCE", *_]:
                assert not self.running, "CHANGE REPLICATION SOURCE while it runs is an error"
                assert not self.channels, "it is not said for which channel"
                assert self.super_read_only, "a replica takes no writes"
                self.source, self.known = values[0], False
            case ["START", "GROUP_REPLICATION"]:
                self.start_group()
            case ["STOP", "GROUP_REPLICATION"]:
                self.world.leave(self)
            case _:
                raise AssertionError(f"unknown: {statement}")
        return []

    def answers(self) -> dict[str, Callable[[], list[dict[str, Any]]]]:
        """What is asked, and what comes back."""
        world = self.world
        source = world.hosts.get(self.source)
        clients = sum(other.fetches_from(self) for other in world.hosts.values())
        on = {True: "ON", False: "OFF"}
        running = on[source is not None and self.fetches_from(source)]
        return {
            observe.SERVER: lambda: [
                {
                    "server_uuid": self.uuid,
                    "version": "9.7.4",
                    "read_only": int(self.read_only),
                    "executed": str(gtids(self.data)),
                    "remains": len(self.channels),
                    "semi_sync": on[self.semi_sync],
                    "acknowledgers": clients,
                }
            ],
            CHANNEL: lambda: (
                [
                    {
                        "source_host": self.source,
                        "source_uuid": self.source_uuid,
                        "receiver": running,
                        "applier": on[self.running],
                        "received": str(gtids(self.relay)),
                    }
                ]
                if self.source
                else []
            ),
            group.MEMBERS: self.members,
            group.APPLIER: lambda: [{"received": str(gtids(self.queue)), "applier": "ON"}] if self.channels else [],
            beginnings.SELECT: list,
            epoch.SELECT: lambda: [dict(zip(("epoch", "server_uuid"), self.epoch, strict=True))] if self.epoch else [],
            inspection.LOCK_HOLDERS: list,
            inspection.TRANSACTIONS: list,
            convert.CHANNELS: lambda: [{"name": each} for each in [*self.channels, *([""] if self.source else [])]],
            convert.RUNS: lambda: [
                {"receiver": running, "applier": on[self.running], "uuid": self.source_uuid, "error": ""}
            ],
            convert.ACKNOWLEDGED: lambda: [
                {"Variable_name": "Rpl_semi_sync_source_status", "Value": on[self.semi_sync]},
                {"Variable_name": "Rpl_semi_sync_source_clients", "Value": str(clients)},
            ],
        }

    def members(self) -> list[dict[str, Any]]:
        if not self.plugin:
            return []
        if not self.inside:
            return [{"uuid": self.uuid, "host": "", "port": 0, "state": self.state.value, "role": "", "own": self.uuid}]
        world = self.world
        return [
            {
                "uuid": NAMES[each],
                "host": each,
                "port": 3306,
                "state": "UNREACHABLE" if each in world.lost else "ONLINE",
                "role": "PRIMARY" if each == world.primary else "SECONDARY",
                "own": self.uuid,
            }
            for each in world.members
        ]

    def expression(self, expression: str, values: Sequence[Any]) -> Any:
        match expression.partition("(")[0]:
            case "@@GLOBAL.gtid_executed":
                return str(gtids(self.data))
            case "@@GLOBAL.super_read_only":
                return int(self.super_read_only)
            case "WAIT_FOR_EXECUTED_GTID_SET":
                wanted = GtidSet.parse(values[0])
                for _ in range(2):
                    if not wanted <= gtids(self.data):
                        self.world.replicate()
                return int(not wanted <= gtids(self.data))
            case "GTID_SUBTRACT":
                return str(GtidSet.parse(values[0]) - gtids(self.data))
        raise AssertionError(f"unknown: {expression}")

    def reset(self, channel: str) -> None:
        if not channel:
            assert not self.running, "RESET REPLICA while it runs is an error"
            self.source, self.relay = "", set()
            return
        assert not self.inside, "RESET REPLICA of a group's channel while it is in use is an error"
        self.channels.discard(channel)
        if channel == APPLIER:
            self.queue = set()

    def start_group(self) -> None:
        world = self.world
        assert self.plugin
        assert not self.source, "a member has no other channel"
        if self.inside:
            raise ServerError(3093, "it runs already")
        self.read_only = self.super_read_only = True
        if self.bootstrap:
            assert not world.members, "there would be two groups"
            world.members, world.primary = [self.name], self.name
            self.data |= self.queue
            self.read_only = self.super_read_only = False
        else:
            giver = world.hosts[world.primary] if world.primary and world.majority else None
            if giver is None or not self.data | self.queue <= giver.data:
                raise ServerError(3092, "it is not a member that the group takes")
            world.members.append(self.name)
            self.data = set(giver.data)
        self.channels |= {APPLIER, RECOVERY}
        self.state = MemberState.ONLINE

    def restart(self) -> None:
        """As its configuration says."""
        self.up = self.read_only = self.super_read_only = True
        self.semi_sync = self.bootstrap = False
        self.broken = True
        self.state = MemberState.OFFLINE
        self.relay = set()
        self.running = bool(self.source)


@dataclass
class World:
    """The servers, what leads to them, and what the application knows."""

    mode: str = "pair"
    members: list[str] = field(default_factory=list)
    """Of the group, those that are lost and not expelled among them."""
    lost: set[str] = field(default_factory=set)
    expelled: int = 0
    """When they are expelled."""
    primary: str = ""
    acknowledged: set[Transaction] = field(default_factory=set)
    numbers: dict[str, int] = field(default_factory=dict)
    """Given so far, by UUID."""
    epochs: dict[Transaction, tuple[int, str]] = field(default_factory=dict)
    faults: dict[int, tuple[str, str]] = field(default_factory=dict)
    """What goes wrong at which statement, and of which host: `kill`, `before`, `after`, `crash`, `restart`, `sent`."""
    count: int = -1
    now: float = 0.0
    quiet: bool = False
    """Whether nobody writes."""
    alone: bool = False
    """Whether a service has begun a group of one, whose acknowledged writes are on one server."""
    hosts: dict[str, Fake] = field(default_factory=dict)

    @classmethod
    def new(cls, mode: str) -> World:
        world = cls()
        world.hosts = {name: Fake(world, name) for name in NAMES}
        first = world.hosts["db1"]
        first.read_only = first.super_read_only = False
        first.semi_sync = True
        for each in list(world.hosts.values())[1:]:
            each.source, each.running = "db1", True
        world.epochs[world.commit(first)] = (1, A)
        world.replicate()
        if mode == "group":
            world.mode = mode
            for each in world.hosts.values():
                each.source, each.running, each.semi_sync = "", False, False
                each.bootstrap = each is first
                each.start_group()
        return world

    @property
    def majority(self) -> bool:
        return 2 * len(self.lost) < len(self.members)

    def commit(self, host: Fake) -> Transaction:
        """A transaction, in its own binary log."""
        source = GROUP if host.inside else host.uuid
        self.numbers[source] = self.numbers.get(source, 0) + 1
        made = (source, self.numbers[source])
        host.data.add(made)
        if host.inside:
            for each in self.members:
                if each != host.name and each not in self.lost:
                    self.hosts[each].queue.add(made)
        return made

    def replicate(self) -> None:
        """What was received is applied, and what is there is received."""
        for each in self.hosts.values():
            if not each.up:
                continue
            if each.inside:
                each.data |= each.queue
            each.data |= each.relay if each.running else set()
            source = self.hosts.get(each.source)
            if source and each.fetches_from(source):
                each.relay |= source.data
                each.known = True
            each.cut_off = False

    def write(self) -> None:
        """The application writes, and is told so or waits."""
        for host in self.hosts.values():
            if self.quiet or not host.served:
                continue
            made = self.commit(host)
            if host.semi_sync:
                followers = [each for each in self.hosts.values() if each.fetches_from(host)]
                if not followers:
                    return
                followers[0].relay.add(made)
            if self.alone:
                self.acknowledged.add(made)
                continue
            holders = [each for each in self.hosts.values() if made in each.data | each.relay | each.queue]
            assert len(holders) > 1, f"{host.name} alone has {made}, which was acknowledged"
            self.acknowledged.add(made)

    def tick(self, host: Fake) -> str:
        """Before a statement on a server; what is lost of it."""
        self.count += 1
        if self.count >= self.expelled:
            self.expel()
        self.write()
        self.check()
        fault, name = self.faults.get(self.count, ("", ""))
        match fault:
            case "kill":
                raise KilledError
            case "crash" | "restart" | "sent":
                self.crash(self.hosts[name], sent=fault == "sent")
                if fault == "restart":
                    self.hosts[name].restart()
            case "before" | "after":
                return fault
        if self.count % 2 and not self.quiet:
            self.replicate()
        return ""

    def crash(self, host: Fake, *, sent: bool = False) -> None:
        """mysqld is gone. `sent`: with a transaction that the others have received and it has not committed."""
        if sent and host.commits and host.inside and len(self.members) > 1:
            host.data.discard(self.commit(host))
        inside = host.inside
        host.up, host.read_only, host.state, host.running = False, True, MemberState.OFFLINE, False
        if not inside:
            return
        self.lost.add(host.name)
        self.expelled = self.count + EXPEL

    def expel(self) -> None:
        if self.lost and self.majority:
            self.members = [each for each in self.members if each not in self.lost]
            self.lost = set()
            self.elect()

    def elect(self) -> None:
        left = self.members
        if self.primary in left:
            return
        self.primary = left[0] if left else ""
        if left:
            elected = self.hosts[self.primary]
            elected.data |= elected.queue
            elected.read_only = elected.super_read_only = False

    def leave(self, host: Fake) -> None:
        """In order. Whoever fetches from it is cut off, and connects again after a while."""
        host.read_only = host.super_read_only = True
        host.state = MemberState.OFFLINE
        if host.inside:
            for each in self.hosts.values():
                each.cut_off = each.cut_off or each.source == host.name
            self.members.remove(host.name)
            self.elect()

    def settle(self) -> None:
        """Members without a majority leave the group, and those that are lost are expelled."""
        self.expel()
        if self.members and not self.majority:
            for host in self.hosts.values():
                if host.inside:
                    host.state, host.read_only, host.super_read_only = MemberState.ERROR, True, True
            self.members, self.lost, self.primary = [], set(), ""

    def sleep(self, seconds: float) -> None:
        self.now += 100 * seconds
        self.settle()
        self.replicate()

    def heal(self) -> None:
        """All hosts are on again, and nothing more goes wrong."""
        self.faults = {}
        self.settle()
        for host in self.hosts.values():
            if not host.up:
                host.restart()
            host.broken = False
        for _ in range(3):
            self.replicate()

    def check(self) -> None:
        # By the mode of a pair a primary that was frozen, or is cut off, is the primary still.
        assert self.mode == "group" or len(self.members) < 2, f"{self.members} elect, and it is not known"
        committing = [each.name for each in self.hosts.values() if each.commits]
        assert len(committing) < 2, f"{committing} take writes"
        for name in committing:
            assert self.acknowledged <= self.hosts[name].data, f"{name} lacks what was acknowledged"
