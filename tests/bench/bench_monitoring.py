"""What being watched costs each host of a running lab: processor and memory of exporters, metrics and scrapes.

    python tests/bench/bench_monitoring.py [inventories/lab]

Prints for each host the share of one processor and the memory in MB, beside what is aimed at, and writes
build/bench/monitoring.json. The exporters answer the monitoring hosts meanwhile, as always; HAProxy, which serves
visitors with the same processes, is asked for its metrics so often that the difference is to be seen.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import testinfra

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from visitors import Inventory

ROOT = Path(__file__).resolve().parents[2]
SECONDS, SCRAPES = 60, 50
HAPROXY_INTERVAL, METRICS_INTERVAL = 5.0, 15.0
"""Seconds between two scrapes of HAProxy, and between two runs of webstack-metrics (playbooks' and roles' defaults)."""
MOST_SHARE, MOST_MEMORY = 2.0, 60.0
"""Per cent of a processor, and MB: what is aimed at."""
UNITS = (
    "prometheus-node-exporter.service",
    "prometheus-mysqld-exporter.service",
    "prometheus-nginx-exporter.service",
    "webstack-statsd.service",
)
TIMED = "webstack-metrics.service"
"""Runs now and then: what the last run took counts."""

# Once each, or all at once: a question costs a host more than what is measured.
USED = """
import subprocess, sys
names = ["CPUUsageNSec", "MemoryCurrent"]
shown = ["systemctl", "show", "--property=" + ",".join(names)]
for unit in sys.argv[1:]:
    said = dict(line.split("=", 1) for line in subprocess.check_output([*shown, unit], text=True).splitlines())
    print(unit, *(said[name] if said.get(name, "").isdigit() else "-" for name in names))
"""
ASK = """
import sys, urllib.request
for _ in range(int(sys.argv[2])):
    urllib.request.urlopen(sys.argv[1]).read()
"""


def used(host: Any, *units: str) -> dict[str, tuple[float, float]]:
    """Seconds of a processor and MB of each unit that runs, or has run."""
    found = {}
    for line in host.check_output("python3 -c %s " + " ".join(["%s"] * len(units)), USED, *units).splitlines():
        unit, spent, memory = line.split()
        if spent.isdigit():
            found[unit] = int(spent) / 1e9, int(memory) / 1e6 if memory.isdigit() and len(memory) < 16 else 0.0
    return found


def cost(inventory: Inventory, name: str) -> dict[str, Any]:
    """Per cent of a processor by what takes it, and MB."""
    host = testinfra.get_host(f"ansible://{name}", ansible_inventory=inventory.path)
    before, began = used(host, *UNITS), time.monotonic()
    # Measured is a span, not the end of something.
    time.sleep(SECONDS)
    after, seconds = used(host, *UNITS, TIMED), time.monotonic() - began
    share = {unit: (after[unit][0] - before[unit][0]) / seconds * 100 for unit in before if unit in after}
    if TIMED in after:
        share[TIMED] = after[TIMED][0] / METRICS_INTERVAL * 100
    if any(name in inventory.groups[group] for group in ("loadbalancers", "appservers")):
        share["haproxy, scrapes"] = _scrape(inventory, host, name) / HAPROXY_INTERVAL * 100
    share = {what: round(value, 3) for what, value in share.items() if value}
    return {"share": share, "memory": round(sum(memory for _, memory in after.values()), 1)}


def _scrape(inventory: Inventory, host: Any, name: str) -> float:
    """Seconds of a processor for HAProxy's answer to one question for its metrics, less what it does meanwhile."""
    url = f"http://{inventory.address(name)}:8405/metrics"
    asker = testinfra.get_host(f"ansible://{inventory.groups['monitoring'][0]}", ansible_inventory=inventory.path)
    spent = []
    for count in (0, SCRAPES):
        before, began = used(host, "haproxy.service"), time.monotonic()
        asker.check_output("python3 -c %s %s %s", ASK, url, str(count))
        after = used(host, "haproxy.service")
        spent.append((after["haproxy.service"][0] - before["haproxy.service"][0], time.monotonic() - began))
    (idle, idle_time), (busy, busy_time) = spent
    return max(0.0, busy - idle / idle_time * busy_time) / SCRAPES


def main() -> None:
    inventory = Inventory.read(sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "inventories/lab"))
    found = {name: cost(inventory, name) for name in inventory.hostvars}
    print(f"{'host':8} {'% of a core':>11} {'MB':>6}  of which")
    for name, one in found.items():
        parts = ", ".join(f"{what.removesuffix('.service')} {share:.2f}" for what, share in one["share"].items())
        print(f"{name:8} {sum(one['share'].values()):11.2f} {one['memory']:6.1f}  {parts}")
    print(f"{'aim':8} {MOST_SHARE:11.2f} {MOST_MEMORY:6.1f}")
    folder = ROOT / "build/bench"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "monitoring.json").write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
