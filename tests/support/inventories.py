"""Small inventories as plain data, and what the topology makes of them."""

from collections.abc import Mapping
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.topology import databases, proxies

Inventory = dict[str, dict[str, Any]]


def inventory(*names: str, **changes: Mapping[str, Any]) -> Inventory:
    """Hosts at 198.18.0.1, .2 and so on, with the variables of `changes` added; a value of ... removes the variable."""
    hosts: Inventory = {name: {"ansible_host": f"198.18.0.{number}"} for number, name in enumerate(names, 1)}
    for name, variables in changes.items():
        hosts[name] = {key: value for key, value in (hosts[name] | variables).items() if value is not ...}
    return hosts


def webservers(**changes: Mapping[str, Any]) -> Inventory:
    return inventory("web1", "web2", **changes)


def database_servers(**changes: Mapping[str, Any]) -> Inventory:
    """db1 is the primary, db2 and db3 its replicas."""
    roles: Inventory = {
        "db1": {"mysql_role": "primary"},
        "db2": {"mysql_role": "replica"},
        "db3": {"mysql_role": "replica"},
    }
    return inventory("db1", "db2", "db3", **{name: roles[name] | changes.get(name, {}) for name in roles})


def backend(hostvars: Any, hosts: Any = None, **options: Any) -> list[dict[str, Any]]:
    options = {"name": "web", "port": 80} | options
    hosts = list(hostvars) if hosts is None else hosts
    return [server.as_data() for server in proxies.backend_servers(hosts, hostvars, **options)]


def upstream(hostvars: Any, hosts: Any = None, **options: Any) -> list[dict[str, Any]]:
    options = {"name": "app", "port": 8000} | options
    hosts = list(hostvars) if hosts is None else hosts
    return [server.as_data() for server in proxies.upstream_servers(hosts, hostvars, **options)]


def replication(hostvars: Any, hosts: Any = None) -> dict[str, dict[str, Any]]:
    hosts = databases.database_hosts(list(hostvars) if hosts is None else hosts, hostvars)
    return {name: settings.as_data() for name, settings in databases.replication(hosts).items()}
