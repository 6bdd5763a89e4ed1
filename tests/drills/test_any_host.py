"""Every host loses power, each in turn and then all at once: what a visitor notices, and that all comes back by itself.

For an inventory of which any one host may be lost, such as inventories/ha.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import docker
import pytest
import testinfra
from ansible_collections.foobar.webstack.tests.drills.haproxy import states
from ansible_collections.foobar.webstack.tests.drills.load import Load, Record, Watch

HOST_LOST = 10.0
"""Seconds without writes that are aimed at."""


@pytest.fixture(scope="module")
def hosts(inventory, group) -> list[str]:
    """All of them: the database hosts last, since each of these losses may move the primary."""
    if not inventory.hostvars[inventory.groups["loadbalancers"][0]].get("webstack_virtual_addresses"):
        pytest.skip(f"{inventory.path} has no virtual addresses: inventories/ha has")
    return sorted(inventory.hostvars, key=lambda name: name in group.names)


@pytest.fixture(scope="module")
def home() -> None:
    """The primary stays where the losses have left it."""


@pytest.fixture
def missing(inventory, group) -> Callable[[], list[str]]:
    """What keeps the stack from being whole, as the HAProxy of each host sees it."""

    def look() -> list[str]:
        found = group.broken()
        for name in {*inventory.groups["loadbalancers"], *inventory.groups["appservers"]}:
            host = testinfra.get_host(f"docker://{group.container(name)}")
            try:
                servers = states(host)
            except AssertionError:
                return [*found, f"HAProxy on {name} does not answer"]
            # Of the databases, one alone takes writes, and what is written to is not read from.
            found += [
                f"{name} has {server} down"
                for (proxy, server), state in servers.items()
                if state == "DOWN" and not proxy.startswith("mysql-")
            ]
        return found

    return look


@pytest.fixture
def losing(inventory, group, site, missing, wait_until) -> Iterator[Callable[[str], Any]]:
    """A drill at the virtual address: ``with losing("name") as run: ...``. At its end nothing is missing."""

    @contextlib.contextmanager
    def drill(name: str) -> Iterator[Record]:
        address = inventory.hostvars[inventory.groups["loadbalancers"][0]]["webstack_virtual_addresses"][0]
        watch = Watch.application(map(group.container, group.application), group.addresses)
        record = Record(name, Load(replace(site, address=address)), watch, wait_until)
        try:
            with record.load, record.watch:
                record.goes_on(20)
                yield record
                record.goes_on(20)
        finally:
            record.write()
        assert group.missing(record.load) == set()
        assert watch.overlaps() == []
        group.same()

    wait_until(lambda: not missing(), "the stack to be whole")
    return drill


def failed(record: Record, since: float, kind: str) -> int:
    return sum(moment.at >= since and moment.kind == kind and not moment.good for moment in record.load.moments)


def test_each_host_loses_power(hosts, group, losing, missing, wait_until, play):
    """One after the other, back by itself each time. In the end there is nothing for site.yml to do."""
    with losing("any-host") as run:
        for name in hosts:
            run.goes_on(20)
            killed = run.mark()
            with group.without_power(name):
                run.goes_on(60)
                now = time.monotonic()
                run.note(f"{name} write_gap_seconds", run.load.gap(killed, now))
                run.aim(f"{name} write_gap_seconds", HOST_LOST)
                run.note(f"{name} read_gap_seconds", run.load.gap(killed, now, "read"))
                run.note(f"{name} failed_reads", failed(run, killed, "read"))
            wait_until(lambda: not missing(), "the stack to be whole by itself")
            run.note(f"{name} whole_again_seconds", time.monotonic() - killed)
    done = play("site.yml")
    assert done.succeeded, done.output
    assert set(done.changed.values()) == {0}, done.output


def test_all_hosts_lose_power(hosts, group, losing, missing, wait_until):
    """At once, and are switched on again: pages and writes come back, and nothing that was acknowledged is lost.

    The containers' files outlive them, so this says nothing of what a disk had not written yet.
    """
    with losing("all-hosts") as run:
        off = run.mark()
        with contextlib.closing(docker.from_env(timeout=600)) as engine:
            containers = [engine.containers.get(group.container(name)) for name in hosts]
            for container in containers:
                container.kill()
            on = run.mark()
            for container in containers:
                container.start()
        run.note("write_gap_seconds_since_on", run.back_after(on))
        run.note("write_gap_seconds", run.load.gap(off, time.monotonic()))
        wait_until(lambda: not missing(), "the stack to be whole by itself")
        run.note("whole_again_seconds", time.monotonic() - on)
