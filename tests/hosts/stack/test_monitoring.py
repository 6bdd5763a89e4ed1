"""What the monitoring of a whole stack knows."""

import json
import re
from pathlib import Path

from monitoring_host import asked
from patience import until
from testinfra.host import Host

testinfra_hosts = ["ansible://monitoring"]

ROOT = Path(__file__).resolve().parents[3]
METRIC = re.compile(
    r"\b(?:(?:app|haproxy|nginx|node|apt|probe|prometheus|alertmanager|process|mysql|webstack)_\w+|webstack(?::\w+)+|ALERTS\w*)"
)
LATER = {
    # Of workers that had to be killed, and of classes that tell it.
    "app_gunicorn_log_critical_total",
    # Of virtual addresses, alerts and MySQL's state, which not every site has at every time; semi-sync is the pair's.
    "ALERTS_FOR_STATE",
    "apt_upgrades_pending",
    "webstack:virtual_address:expected",
    "webstack:site_errors:ratio_rate5m",
    "webstack_mysql_lag_seconds",
    "webstack_mysql_errant_transactions",
    "webstack_mysql_semi_sync",
    "webstack_mysql_semi_sync_replicas",
    "webstack_backup_ok",
    "webstack_backup_last_success_timestamp_seconds",
}
"""Metrics that there may be none of yet."""


def wanted() -> set[str]:
    """Whatever the pages and the dashboards ask for."""
    texts = [file.read_text() for file in (ROOT / "roles/monitoring/files/pages").rglob("*.*")]
    for file in (ROOT / "docs/grafana").glob("*.json"):
        panels = json.loads(file.read_text())["panels"]
        texts += [target["expr"] for panel in panels for target in panel["targets"]]
    return {name for text in texts for name in METRIC.findall(text)}


def missing(host: Host) -> list[str]:
    return sorted(wanted() - LATER - set(asked(host, "label/__name__/values")))


def test_what_pages_and_dashboards_ask_for_is_there(host: Host) -> None:
    """Red for a metric that a program does not have under this name: the page would have a dash for ever."""
    until(lambda: not missing(host), f"a value of each of {missing(host)}")


def test_each_application_server_tells_how_busy_it_is(host: Host, inventory) -> None:
    """Red where one has no receiver, or sends elsewhere; requests are those of the load balancers' checks at least."""

    def telling() -> set[str]:
        found = asked(host, "query?query=rate(app_gunicorn_request_duration_seconds_count[1m])>0")["result"]
        return {entry["metric"]["instance"] for entry in found}

    until(lambda: telling() == set(inventory.groups["appservers"]), "requests of each application server")


def test_every_host_of_the_inventory_is_on_the_pages(host: Host, inventory) -> None:
    shown = {entry["metric"]["instance"] for entry in asked(host, "query?query=webstack:host:info")["result"]}
    assert shown == set(inventory.hostvars)
