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
from ansible_collections.foobar.webstack.tests.drills.addresses import moved, shared, watch
from ansible_collections.foobar.webstack.tests.drills.load import WORKERS, Load, Record
from testinfra.host import Host

RELOADS = 100
MANY_FRAMES = 20_000
"""Within a second: what the load makes is some hundreds."""


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
def run(balancers, site, databases) -> Iterator[Callable[[str], Any]]:
    """A drill under load at the virtual address: ``with run("name") as (record, active): ...``.

    At its end every acknowledged write is there, and no two hosts had the address for longer than a second.
    """

    @contextlib.contextmanager
    def drill(name: str, *, shared_at_most: float = 1.0, patience: float = 60) -> Iterator[tuple[Record, str]]:
        balancers.mend()
        active = balancers.active()
        seen = watch({one: balancers.container(one) for one in balancers.names}, balancers.address)
        load = Load(replace(site, address=balancers.address, patience=patience))
        record = Record(name, load, seen, balancers.wait_until)
        try:
            with record.load, record.watch:
                record.goes_on(20)
                yield record, active
                record.goes_on(20)
        finally:
            balancers.mend()
            record.note("seconds_on_two_hosts", shared(seen))
            record.write()
        assert databases.missing(record.load) == set()
        assert sorted(seen.samples) == sorted(balancers.names)
        assert shared(seen) <= shared_at_most

    return drill


def lost(balancers: Balancers, record: Record, active: str, act: Callable[[], Any], aim: float) -> None:
    """Do something to the active host, and note how long reads and writes had no answer until the other one serves.

    Where the host said nothing, that is longer than the address was away: a client's lost SYN is repeated after 1 s.
    """
    other, since = balancers.other(active), record.mark()
    act()
    balancers.wait_until(lambda: balancers.has(other), f"{other} to have the address")
    record.goes_on(20)
    record.note("seconds_without_the_address", moved(record.watch, active, other))
    record.aim("seconds_without_the_address", 0.5)
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
    """Nobody tells a client whose request the hung process has: it waits as long as it has patience."""
    with run("balancer-haproxy-hangs", patience=1) as (record, active):
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
    """In order: nothing fails, not even what is in flight. Red where the addresses move at once, or SYNs get lost."""
    with run("balancer-stopped") as (record, active):
        lost(balancers, record, active, lambda: balancers.on(active).check_output("systemctl stop keepalived"), 0.1)
        told = balancers.on(active).check_output("journalctl --unit=keepalived --lines=50 --output=cat")
    assert "gets what begins now; connections that are still open here: 0" in told
    assert record.load.refused == []


def test_both_stopped(balancers, run):
    """One after the other, while HAProxy runs: the second one can pass on to nobody, and no frame goes in circles."""
    with run("balancer-both-stopped") as (record, active):
        other = balancers.other(active)
        balancers.on(active).check_output("systemctl stop keepalived")
        balancers.wait_until(lambda: balancers.has(other), f"{other} to have the address")
        record.goes_on(20)
        balancers.on(other).check_output("systemctl stop keepalived")
        told = balancers.on(other).check_output("journalctl --unit=keepalived --lines=50 --output=cat")
        frames = "cat /sys/class/net/eth0/statistics/rx_packets"
        before = int(balancers.on(other).check_output(frames))
        time.sleep(1)
        assert int(balancers.on(other).check_output(frames)) - before < MANY_FRAMES
        balancers.mend()
    assert "The addresses move at once: no other load balancer is ready" in told


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
    chain = "add chain inet drill incoming { type filter hook input priority -5; }"
    block = f"nft 'add table inet drill; {chain}; add rule inet drill incoming meta l4proto 112 drop'"
    with run("balancer-partition", shared_at_most=float("inf")) as (record, active):
        other = balancers.other(active)
        for name in balancers.names:
            balancers.on(name).check_output(block)
        balancers.wait_until(lambda: balancers.has(other), f"{other} to take the address, too")
        record.goes_on(20)
        assert balancers.has(active)
        healed = record.mark()
        for name in balancers.names:
            balancers.on(name).check_output("nft delete table inet drill")
        balancers.active()
        record.note("seconds_until_one_has_it", time.monotonic() - healed)
        record.aim("seconds_until_one_has_it", 1)
        record.goes_on(20)
    assert shared(record.watch) > 0


def test_reloads(balancers, run):
    """Of the active one, under load: nothing fails, and no address moves."""
    with run("balancer-reloads") as (record, active):
        for _ in range(RELOADS):
            balancers.on(active).check_output("systemctl reload haproxy")
        assert balancers.has(active)
        record.goes_on(20)
    assert record.load.refused == []


def test_the_mode_is_switched(balancers, run, inventory_copy, inventory):
    """On a running stack, there and back: what fails is at most what is in flight while an address moves.

    Each mode's second run changes nothing. Active-active, each address has its own load balancer; the other one takes
    it over, and gives it back.
    """
    first, *rest = inventory.hostvars[balancers.names[0]]["webstack_virtual_addresses"]
    second = first.rpartition(".")[0] + ".9"
    assert "." in first
    nothing = dict.fromkeys(inventory.hostvars, 0)

    def switch(name: str, **variables: object) -> None:
        with run(name) as (record, _active):
            inventory_copy.write("group_vars/all/zz.yml", variables)
            inventory_copy.converge("site.yml")
            record.goes_on(20)
            failed = [moment for moment in record.load.moments if not moment.good]
        assert len(failed) <= WORKERS, record.load.refused
        again = inventory_copy.play("site.yml")
        assert again.succeeded, again.output
        assert again.changed == nothing, again.output

    both = [first, second, *rest, *(address.rpartition(":")[0] + ":9" for address in rest)]
    switch("balancer-active-active", webstack_lb_mode="active_active", webstack_virtual_addresses=both)
    for name, address in zip(balancers.names, (first, second), strict=True):
        own = replace(balancers, address=address)
        own.wait_until(lambda own=own, name=name: own.active() == name, f"{name} to have {address}")
        balancers.on(name).check_output("systemctl stop haproxy")
        own.wait_until(lambda own=own, name=name: own.active() != name, f"the other one to have {address}")
        balancers.mend()
        own.wait_until(lambda own=own, name=name: own.active() == name, f"{name} to have {address} again")
    switch("balancer-active-passive")
    assert not any(replace(balancers, address=second).has(name) for name in balancers.names)
