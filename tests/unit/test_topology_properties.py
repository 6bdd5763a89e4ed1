"""What holds for every inventory, not only for those that somebody thought of."""

import copy
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.topology import databases, proxies
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import TopologyError
from hypothesis import given
from hypothesis import strategies as st

Inventory = dict[str, dict[str, Any]]

# Addresses in 10.0.0.0/8 and 2001:db8::/32, the latter written at full length.
IPV4 = st.integers(1, 2**24 - 1).map(lambda number: str(IPv4Address("10.0.0.0") + number))
IPV6 = st.integers(1, 2**24 - 1).map(lambda number: (IPv6Address("2001:db8::") + number).exploded)
TRUE_OR_FALSE = st.sampled_from([True, False, "true", "no"])


@st.composite
def inventories(draw: st.DrawFn, variables: st.SearchStrategy[dict[str, Any]] = st.just({})) -> Inventory:  # noqa: B008
    """Hosts with different names and addresses, in any order, each with `variables` of its own."""
    addresses = draw(st.lists(IPV4 | IPV6, min_size=1, max_size=8, unique=True))
    names = draw(st.permutations([f"host{number}" for number in range(len(addresses))]))
    key = st.sampled_from(["ansible_host", "webstack_address"])
    return {name: {draw(key): at} | draw(variables) for name, at in zip(names, addresses, strict=True)}


@st.composite
def backends(draw: st.DrawFn) -> Inventory:
    """Web servers of which at least one takes traffic."""
    variables = st.fixed_dictionaries(
        {},
        optional={
            "haproxy_weight": st.integers(0, 256) | st.integers(0, 256).map(str),
            "haproxy_backup": TRUE_OR_FALSE,
            "haproxy_maintenance": TRUE_OR_FALSE,
        },
    )
    hosts = draw(inventories(variables))
    serving = draw(st.sampled_from(list(hosts)))
    hosts[serving] |= {"haproxy_weight": 1, "haproxy_backup": False, "haproxy_maintenance": False}
    return hosts


@st.composite
def clusters(draw: st.DrawFn) -> Inventory:
    """Database hosts that make one cluster: replicas of the primary or of each other, in any inventory order."""
    hosts = draw(inventories())
    tree = draw(st.permutations(list(hosts)))
    for number, name in enumerate(tree):
        hosts[name]["mysql_role"] = "replica" if number else "primary"
        if number and draw(st.booleans()):
            hosts[name]["mysql_source"] = draw(st.sampled_from(tree[:number]))
        if draw(st.booleans()):
            # Below 10.0.0.0, so that none equals an id that comes from an address.
            hosts[name]["mysql_server_id"] = number + 1
        if draw(st.booleans()):
            hosts[name]["mysql_port"] = draw(st.integers(1, 65535))
    return hosts


def backend(hosts: list[str], hostvars: Inventory) -> list[dict[str, Any]]:
    return [server.as_data() for server in proxies.backend_servers(hosts, hostvars, name="web", port=80)]


def upstream(hosts: list[str], hostvars: Inventory, local: str | None) -> list[dict[str, Any]]:
    servers = proxies.upstream_servers(hosts, hostvars, name="app", port=8000, local=local)
    return [server.as_data() for server in servers]


def replication(hosts: list[str], hostvars: Inventory) -> dict[str, dict[str, Any]]:
    settled = databases.replication(databases.database_hosts(hosts, hostvars))
    return {name: host.as_data() for name, host in settled.items()}


def address_in(variables: dict[str, Any]) -> str:
    return variables.get("webstack_address") or variables["ansible_host"]


@given(backends())
def test_backend_has_every_host_once_in_order(hostvars: Inventory) -> None:
    """Catches a sorted, grouped or deduplicated list, and an address that is not the host's."""
    servers = backend(list(hostvars), hostvars)
    assert [server["name"] for server in servers] == list(hostvars)
    assert [ip_address(server["address"]) for server in servers] == [
        ip_address(address_in(variables)) for variables in hostvars.values()
    ]


@given(backends(), st.data())
def test_a_server_depends_on_its_own_host_alone(hostvars: Inventory, data: st.DataObject) -> None:
    """However the hosts are ordered and whoever stands beside it: adding a server changes no other's line."""
    every = {server["name"]: server for server in backend(list(hostvars), hostvars)}
    serving = {
        name
        for name, server in every.items()
        if server["weight"] and not server["backup"] and not server["maintenance"]
    }
    some = data.draw(st.lists(st.sampled_from(list(hostvars)), unique=True).filter(serving.intersection))
    assert backend(some, hostvars) == [every[name] for name in some]


@given(inventories(), st.data())
def test_upstream_puts_the_local_server_first(hostvars: Inventory, data: st.DataObject) -> None:
    """One server that is no backup, the local one; the others follow in the order of the hosts, none lost."""
    local = data.draw(st.sampled_from(list(hostvars)))
    servers = upstream(list(hostvars), hostvars, local)
    assert [server["name"] for server in servers] == [local, *(name for name in hostvars if name != local)]
    assert [server["backup"] for server in servers] == [False] + [True] * (len(hostvars) - 1)


@given(inventories())
def test_upstream_elsewhere_treats_all_alike(hostvars: Inventory) -> None:
    """On a host without an application server nobody is a backup, and nobody changes place."""
    elsewhere = "Elsewhere"
    servers = upstream(list(hostvars), hostvars | {elsewhere: {}}, elsewhere)
    assert [(server["name"], server["backup"]) for server in servers] == [(name, False) for name in hostvars]


@given(clusters())
def test_replication_has_one_writable_source_and_loses_nobody(hostvars: Inventory) -> None:
    settled = replication(list(hostvars), hostvars)
    assert list(settled) == list(hostvars)
    [primary] = [name for name, variables in hostvars.items() if variables["mysql_role"] == "primary"]
    assert [name for name, host in settled.items() if not host["read_only"]] == [primary]
    assert [name for name, host in settled.items() if host["source"] is None] == [primary]


@given(clusters())
def test_every_chain_of_replicas_ends_at_the_primary(hostvars: Inventory) -> None:
    settled = replication(list(hostvars), hostvars)
    for name in settled:
        hops = 0
        while settled[name]["source"] is not None:
            name = settled[name]["source"]["name"]
            hops += 1
            assert hops < len(settled)
        assert settled[name]["role"] == "primary"


@given(clusters())
def test_replicas_are_the_sources_seen_from_the_other_end(hostvars: Inventory) -> None:
    """Each replica is listed by its source and by nobody else, and both name the other's address and port."""
    settled = replication(list(hostvars), hostvars)

    def endpoint(name: str) -> dict[str, Any]:
        return {"name": name, "host": settled[name]["address"], "port": settled[name]["port"]}

    for name, host in settled.items():
        followers = [other for other in settled if (settled[other]["source"] or {}).get("name") == name]
        assert host["replicas"] == [endpoint(other) for other in followers]
        if host["source"] is not None:
            assert host["source"] == endpoint(host["source"]["name"])


@given(clusters())
def test_server_ids_differ_and_come_from_the_address(hostvars: Inventory) -> None:
    settled = replication(list(hostvars), hostvars)
    assert len({host["server_id"] for host in settled.values()}) == len(settled)
    for name, variables in hostvars.items():
        if "mysql_server_id" not in variables:
            address = ip_address(address_in(variables))
            assert settled[name]["server_id"] in databases.SERVER_IDS
            assert address.version == 6 or settled[name]["server_id"] == int(address)


@given(clusters())
def test_same_input_same_output_and_the_input_is_left_alone(hostvars: Inventory) -> None:
    """Catches state between calls, and functions that write into the inventory."""
    before = copy.deepcopy(hostvars)
    names = list(hostvars)
    first, second = (
        (backend(names, hostvars), upstream(names, hostvars, names[-1]), replication(names, hostvars)) for again in "12"
    )
    assert first == second
    assert hostvars == before
    assert names == list(before)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.text(max_size=3), SCALARS, max_size=2)
VARIABLES = [
    "ansible_host",
    "webstack_address",
    "haproxy_weight",
    "haproxy_backup",
    "haproxy_maintenance",
    "mysql_role",
    "mysql_port",
    "mysql_source",
    "mysql_server_id",
]


@given(clusters(), st.sampled_from(VARIABLES), VALUES, st.data())
def test_any_value_is_used_or_refused_by_name(
    hostvars: Inventory, variable: str, value: Any, data: st.DataObject
) -> None:
    """Whatever stands in a variable, there is no other exception, and a refusal names the host and the variable."""
    name = data.draw(st.sampled_from(list(hostvars)))
    hostvars[name][variable] = value
    for function in (backend, replication):
        try:
            function(list(hostvars), hostvars)
        except TopologyError as error:
            message = str(error)
            assert name in message
            assert variable in message
