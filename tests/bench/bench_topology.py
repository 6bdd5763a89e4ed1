"""How long the topology takes for large inventories, and whether that grows with the hosts alone.

    python tests/bench/bench_topology.py

Prints the best of several runs per function in milliseconds, and how the time per host changes from the smallest
inventory to the largest: near 1.0 the function is linear, and a function that compares every host with every other
would be near 10. Plain Python: no Ansible and no hosts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / ".collections"))

from ansible_collections.foobar.webstack.plugins.plugin_utils.topology import addresses as model_addresses
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology import databases, flows, proxies

SIZES = (1_000, 2_000, 5_000, 10_000)
RUNS = 5

Inventory = dict[str, dict[str, Any]]


def inventory(size: int) -> Inventory:
    """Hosts that are web, application and database servers at once; each replicates from the one before it."""
    hosts: Inventory = {
        f"host{number}": {
            "ansible_host": str(IPv4Address("10.0.0.1") + number),
            "haproxy_weight": "100",
            "mysql_role": "replica",
            "mysql_source": f"host{number - 1}",
        }
        for number in range(size)
    }
    hosts["host0"] = {"ansible_host": "10.0.0.1", "mysql_role": "primary"}
    return hosts


def addresses(hosts: Inventory) -> object:
    return [str(model_addresses.address(name, hosts)) for name in hosts]


def backend(hosts: Inventory) -> object:
    return [server.as_data() for server in proxies.backend_servers(list(hosts), hosts, name="web", port=80)]


def upstream(hosts: Inventory) -> object:
    local = next(reversed(hosts))
    servers = proxies.upstream_servers(list(hosts), hosts, name="app", port=8000, local=local)
    return [server.as_data() for server in servers]


def replication(hosts: Inventory) -> object:
    settings = databases.replication(databases.database_hosts(list(hosts), hosts))
    return {name: host.as_data() for name, host in settings.items()}


def firewall(hosts: Inventory) -> object:
    """The rules of one host that everybody speaks to, and that speaks to everybody."""
    groups = {"webservers": list(hosts), "databases": list(hosts)}
    spoken = [
        {"name": "web", "to": "webservers", "from": "any", "ports": [443]},
        {"name": "mysql", "to": "databases", "from": ["webservers", "databases"], "ports": [3306]},
    ]
    return [rule.as_data() for rule in flows.host_rules(spoken, groups, hosts, "host0")]


def milliseconds(function: Callable[[Inventory], object], hosts: Inventory) -> float:
    """The best of RUNS runs: the least disturbed by whatever else the machine does."""
    taken = []
    for _run in range(RUNS):
        start = perf_counter()
        function(hosts)
        taken.append(perf_counter() - start)
    return min(taken) * 1000


def main() -> None:
    inventories = [inventory(size) for size in SIZES]
    print("milliseconds".ljust(14), *(f"{size:>8,}" for size in SIZES), "hosts", " time per host, largest / smallest")
    for function in (addresses, backend, upstream, replication, firewall):
        taken = [milliseconds(function, hosts) for hosts in inventories]
        growth = (taken[-1] / SIZES[-1]) / (taken[0] / SIZES[0])
        print(function.__name__.ljust(14), *(f"{time:8.1f}" for time in taken), " " * 5, f" {growth:.2f}")


if __name__ == "__main__":
    main()
