"""Alerts arrive for what a drill can break, are silent while the stack is worked on, and are needed by nobody.

How long each took is printed as a table, and kept in build/drills/alerts.json.
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from ansible_collections.foobar.webstack.tests.drills.load import RESULTS
from monitoring_host import asked

ALWAYS = {"Watchdog", "NodeClockNotSynchronising", "NodeSystemSaturation", "NodeCPUHighUsage", "SecurityUpdatesPending"}
"""The first is there for ever; the others tell of the engine's machine, whose clock and processors all hosts share."""


class Alarms:
    """What Prometheus has called firing, asked of its own series."""

    def __init__(self, host: Any) -> None:
        self._host = host

    def _series(self, path: str, **parameters: str) -> list[dict[str, Any]]:
        return asked(self._host, f"{path}?" + "&".join(f"{name}={quote(value)}" for name, value in parameters.items()))[
            "result"
        ]

    def firing(self) -> set[tuple[str, str]]:
        """Alert and host (empty where it is of no host) of all that fire now."""
        return self._named(self._series("query", query='ALERTS{alertstate="firing"}'))

    def since(self, began: float) -> set[tuple[str, str]]:
        """The same, of all that have fired since."""
        seconds = int(time.time() - began) + 1
        return self._named(self._series("query", query=f'max_over_time(ALERTS{{alertstate="firing"}}[{seconds}s])'))

    def first(self, name: str, began: float) -> float:
        """When an alert first fired since, to the second (time.time())."""
        query = f'ALERTS{{alertstate="firing",alertname="{name}"}}'
        found = self._series("query_range", query=query, start=f"{began}", end=f"{time.time()}", step="1")
        return min(float(series["values"][0][0]) for series in found)

    def _named(self, series: list[dict[str, Any]]) -> set[tuple[str, str]]:
        labels = [one["metric"] for one in series]
        return {(one["alertname"], one.get("instance", "")) for one in labels}


@pytest.fixture
def alarms(on, inventory) -> Alarms:
    return Alarms(on(inventory.groups["monitoring"][0]))


@pytest.fixture
def silent(alarms, wait_until, whole) -> None:
    """The drill begins when nothing fires."""
    wait_until(lambda: not quiet(alarms.firing()), "nothing to fire")


def quiet(found: set[tuple[str, str]]) -> set[tuple[str, str]]:
    return {(name, host) for name, host in found if name not in ALWAYS}


@pytest.mark.parametrize("playbook", ["site.yml", "switchover.yml"])
def test_work_that_is_planned_brings_no_alert(alarms, silent, databases, play, playbook):
    """Red where a reload, a restart or a change of the primary looks like a fault."""
    began = time.time()
    there = databases.primary
    options = {"switchover.yml": ["-e", f"webstack_primary={databases.replica}"]}
    done = play(playbook, *options.get(playbook, []))
    assert done.succeeded, done.output
    if playbook == "switchover.yml":
        assert play(playbook, "-e", f"webstack_primary={there}").succeeded
    assert quiet(alarms.since(began)) == set()


def test_the_monitoring_is_lost(on, inventory, drill, wait_until):
    """All of it on every monitoring host: nobody who visits or writes notices. Red where something waits for it."""
    units = " ".join(
        [
            "prometheus prometheus-alertmanager prometheus-blackbox-exporter",
            "webstack-journal-tls systemd-journal-remote.socket systemd-journal-remote.service",
        ]
    )
    with drill("monitoring-lost") as run, contextlib.ExitStack() as back:
        began = run.mark()
        for name in inventory.groups["monitoring"]:
            back.callback(on(name).check_output, f"systemctl start {units}")
            on(name).check_output(f"systemctl kill --signal=KILL {units}; systemctl stop {units}")
        run.goes_on(100)
        run.note("write_gap_seconds", run.load.gap(began, time.monotonic()))
        assert run.load.refused == []


def test_each_fault_has_its_alert(on, inventory, databases, alarms, silent, site, wait_until):
    """Faults, each with the alerts that it has to bring. Red where a rule asks for what is not there, or another host.

    What each rule decides is tested with promtool; here is seen that the numbers are there on real hosts, and when.
    """
    table: list[tuple[str, str, float]] = []
    hosts = inventory.groups
    balancer, web, name_server = hosts["loadbalancers"][0], hosts["webservers"][0], hosts["dns"][0]

    @contextlib.contextmanager
    def fault(what: str, name: str, broken: str, mended: str) -> Iterator[Callable[..., None]]:
        began = time.time()
        on(name).check_output(broken)
        try:
            yield lambda *alerts: expect(what, began, *alerts)
        finally:
            on(name).check_output(mended)

    def expect(what: str, began: float, *alerts: str) -> None:
        missing = set(alerts)

        def arrived() -> bool:
            missing.difference_update({name for name, _ in alarms.since(began)})
            return not missing

        wait_until(arrived, f"{', '.join(alerts)} to fire after: {what}")
        table.extend((what, name, alarms.first(name, began) - began) for name in alerts)

    def stopped(unit: str, name: str) -> contextlib.AbstractContextManager[Callable[..., None]]:
        return fault(f"{unit} stopped on {name}", name, f"systemctl stop {unit}", f"systemctl start {unit}")

    # Those of one block are there at the same time, and none hides another.
    replica, primary = databases.replica, databases.primary
    failing = "systemd-run --no-block --unit=webstack-drill false", "systemctl reset-failed webstack-drill"
    with (
        stopped("nginx", web) as nginx,
        stopped("knot", name_server) as knot,
        stopped("mysql", replica) as mysql,
        stopped("mysql-endpoint", primary) as endpoint,
        stopped("webstack-metrics.timer", web) as timer,
        fault(f"a unit fails on {name_server}", name_server, *failing) as unit,
    ):
        nginx("WebServerDown", "OneWebServerLeft")
        mysql("MySQLDown", "ReplicaMissing")
        knot("NameServerDown")
        endpoint("MySQLEndpointDown")
        unit("NodeSystemdServiceFailed")
        timer("MetricsOld")
    wait_until(lambda: not databases.broken() and not quiet(alarms.firing()), "the first faults to be over")

    # Nobody but the server itself opens it again: a pair's primary that was stopped in order does so by itself.
    with (
        stopped("mysql", databases.primary) as mysql,
        stopped("prometheus-node-exporter", web) as exporter,
        contextlib.ExitStack() as webs,
    ):
        every = [webs.enter_context(stopped("nginx", name)) for name in hosts["webservers"]]
        for _ in range(200):
            site.get("/")
        mysql("MySQLDown", "WritableServers")
        exporter("HostDown")
        every[-1]("NoWebServer", "SiteDown", "SiteErrorsFast")
    with stopped("haproxy", balancer) as haproxy:
        haproxy("TargetDown")

    lines = [f"  {seconds:5.0f} s  {alert:26} {what}" for what, alert, seconds in sorted(table, key=lambda row: row[2])]
    print("\n" + "\n".join(lines))
    RESULTS.mkdir(parents=True, exist_ok=True)
    rows = [{"fault": what, "alert": alert, "seconds": seconds} for what, alert, seconds in table]
    (RESULTS / "alerts.json").write_text(json.dumps(rows, indent=2) + "\n")
    wait_until(lambda: not databases.broken(), "the databases to be whole")
