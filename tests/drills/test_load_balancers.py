"""Load balancers lost under reads and keyed writes: who has the address, and what a visitor notices.

For an inventory with virtual addresses, such as inventories/ha.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import docker
import pytest
import testinfra
from ansible_collections.foobar.webstack.tests.drills.addresses import shared, watch
from ansible_collections.foobar.webstack.tests.drills.load import Load, Record
from testinfra.host import Host

RELOADS = 100


@dataclass
class Balancers:
    """The load balancers of the lab, and the first virtual address."""

    lab: str
    names: list[str]
    address: str
    wait_until: Callable[[Callable[[], Any], str], Any]

    def on(self, name: str) -> Host:
        return testinfra.get_host(f"docker://{self.container(name)}")

    def container(self, name: str) -> str:
        return f"{self.lab}-{name}"

    def has(self, name: str) -> bool:
        found = self.on(name).run("ip -oneline -4 address show")
        return found.rc == 0 and f" {self.address}/" in found.stdout

    def active(self) -> str:
        """Who has the address, once one host alone has it."""

        def alone() -> str:
            holders = [name for name in self.names if self.has(name)]
            return holders[0] if len(holders) == 1 else ""

        return self.wait_until(alone, "one host to have the address")

    def other(self, name: str) -> str:
        return next(one for one in self.names if one != name)

    def mend(self) -> None:
        """Everything runs, and both could have the address."""
        with contextlib.closing(docker.from_env(timeout=600)) as engine:
            for name in self.names:
                engine.containers.get(self.container(name)).start()
        for name in self.names:
            self.on(name).run("systemctl kill --signal=CONT --kill-whom=all haproxy keepalived")
            self.on(name).run("nft delete table inet drill")
            self.wait_until(
                lambda name=name: self.on(name).run("systemctl start haproxy haproxy-watch keepalived").rc == 0,
                f"{name} to run",
            )
            self.wait_until(
                lambda name=name: self.on(name).run("grep -q 0 /run/haproxy-watch/health").rc == 0, f"{name} to be well"
            )
        self.active()


@pytest.fixture(scope="module")
def balancers(lab, inventory, wait_until) -> Balancers:
    names = inventory.groups["loadbalancers"]
    virtual = inventory.hostvars[names[0]].get("webstack_virtual_addresses")
    if not virtual:
        pytest.skip(f"{inventory.path} has no virtual addresses: inventories/ha has")
    return Balancers(lab, names, virtual[0], wait_until)


@pytest.fixture
def run(balancers, site, pair) -> Iterator[Callable[[str], Any]]:
    """A drill under load at the virtual address: ``with run("name") as (record, active): ...``.

    At its end every acknowledged write is there, and no two hosts had the address for longer than a second.
    """

    @contextlib.contextmanager
    def drill(name: str, *, shared_at_most: float = 1.0) -> Iterator[tuple[Record, str]]:
        balancers.mend()
        active = balancers.active()
        seen = watch({one: balancers.container(one) for one in balancers.names}, balancers.address)
        record = Record(name, Load(replace(site, address=balancers.address)), seen, balancers.wait_until)
        try:
            with record.load, record.watch:
                record.goes_on(20)
                yield record, active
                record.goes_on(20)
        finally:
            balancers.mend()
            record.note("seconds_on_two_hosts", shared(seen))
            record.write()
        assert pair.missing(record.load) == set()
        assert sorted(seen.samples) == sorted(balancers.names)
        assert shared(seen) <= shared_at_most

    return drill


def lost(balancers: Balancers, record: Record, active: str, act: Callable[[], Any], aim: float) -> None:
    """Do something to the active host, and note how long reads and writes had no answer until the other one serves."""
    other, since = balancers.other(active), record.mark()
    act()
    balancers.wait_until(lambda: balancers.has(other), f"{other} to have the address")
    record.goes_on(20)
    record.note("seconds_without_a_read", record.load.gap(since, time.monotonic(), "read"))
    record.note("seconds_without_a_write", record.load.gap(since, time.monotonic()))
    record.aim("seconds_without_a_read", aim)
    record.mark()


@pytest.mark.parametrize("turn", [1, 2])
def test_haproxy_killed(balancers, run, turn):
    """Each in turn: the second time the other one is the active one, since an address does not come back by itself."""
    with run(f"balancer-haproxy-killed-{turn}") as (record, active):
        lost(
            balancers,
            record,
            active,
            lambda: balancers.on(active).check_output("systemctl kill --signal=KILL --kill-whom=all haproxy"),
            0.5,
        )


def test_haproxy_hangs(balancers, run):
    with run("balancer-haproxy-hangs") as (record, active):
        stop = "systemctl kill --signal=STOP --kill-whom=all haproxy"
        lost(balancers, record, active, lambda: balancers.on(active).check_output(stop), 2.5)


@pytest.mark.parametrize("turn", [1, 2])
def test_host_off(balancers, run, turn):
    with run(f"balancer-off-{turn}") as (record, active):

        def off() -> None:
            with contextlib.closing(docker.from_env(timeout=600)) as engine:
                engine.containers.get(balancers.container(active)).kill()

        lost(balancers, record, active, off, 0.5)


def test_keepalived_stopped(balancers, run):
    """Gracefully: what fails is at most what was in flight on a connection to the host that had the address."""
    with run("balancer-stopped") as (record, active):
        lost(balancers, record, active, lambda: balancers.on(active).check_output("systemctl stop keepalived"), 0.1)
        failed = [moment for moment in record.load.moments if not moment.good]
    assert len(failed) <= 4, record.load.refused


def test_keepalived_killed(balancers, run):
    """Its address stays on the host until systemd has started it again."""
    with run("balancer-keepalived-killed") as (record, active):
        before = balancers.on(active).check_output("systemctl show --property=NRestarts --value keepalived")
        since = record.mark()
        balancers.on(active).check_output("systemctl kill --signal=KILL --kill-whom=all keepalived")
        balancers.wait_until(
            lambda: (
                balancers.on(active).check_output("systemctl show --property=NRestarts --value keepalived") != before
            ),
            "systemd to start keepalived again",
        )
        balancers.active()
        record.goes_on(20)
        record.note("seconds_without_a_read", record.load.gap(since, time.monotonic(), "read"))


def test_the_balancers_do_not_hear_each_other(balancers, run):
    """While they do not, both have the address: VRRP cannot know better. Healed, one gives it up."""
    chain = "chain in { type filter hook input priority -5; meta l4proto 112 drop; }"
    block = f"nft 'table inet drill {{ {chain} }}'"
    with run("balancer-partition", shared_at_most=float("inf")) as (record, active):
        other = balancers.other(active)
        balancers.on(other).check_output(block)
        balancers.wait_until(lambda: balancers.has(other), f"{other} to take the address, too")
        record.goes_on(20)
        healed = time.monotonic()
        record.mark()
        balancers.on(other).check_output("nft delete table inet drill")
        balancers.active()
        record.note("seconds_until_one_has_it", time.monotonic() - healed)
        record.aim("seconds_until_one_has_it", 1)
        record.goes_on(20)


def test_reloads(balancers, run):
    """Of the active one, under load: nothing fails, and no address moves."""
    with run("balancer-reloads") as (record, active):
        for _ in range(RELOADS):
            balancers.on(active).check_output("systemctl reload haproxy")
        assert balancers.has(active)
        record.goes_on(20)
    assert record.load.refused == []
