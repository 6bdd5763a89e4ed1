"""Replication settings of good inventories, and the sentence each bad one is refused with."""

from ipaddress import IPv4Address, ip_address
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology import databases
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import TopologyError, shown

from inventories import Inventory, database_servers, inventory, replication

DERIVED = 3849593115
"""The server_id of 2001:db8::32, from then on."""


def test_replication() -> None:
    assert replication(database_servers(db3={"mysql_source": "db2", "mysql_port": "3307", "mysql_server_id": "7"})) == {
        "db1": {
            "name": "db1",
            "role": "primary",
            "address": "198.18.0.1",
            "port": 3306,
            "server_id": 3323068417,
            "report_host": "198.18.0.1",
            "read_only": False,
            "source": None,
            "replicas": [{"name": "db2", "host": "198.18.0.2", "port": 3306}],
        },
        "db2": {
            "name": "db2",
            "role": "replica",
            "address": "198.18.0.2",
            "port": 3306,
            "server_id": 3323068418,
            "report_host": "198.18.0.2",
            "read_only": True,
            "source": {"name": "db1", "host": "198.18.0.1", "port": 3306},
            "replicas": [{"name": "db3", "host": "198.18.0.3", "port": 3307}],
        },
        "db3": {
            "name": "db3",
            "role": "replica",
            "address": "198.18.0.3",
            "port": 3307,
            "server_id": 7,
            "report_host": "198.18.0.3",
            "read_only": True,
            "source": {"name": "db2", "host": "198.18.0.2", "port": 3306},
            "replicas": [],
        },
    }


def test_primary_may_stand_anywhere_and_alone() -> None:
    settings = replication(database_servers(), ["db3", "db2", "db1"])
    assert list(settings) == ["db3", "db2", "db1"]
    assert [replica["name"] for replica in settings["db1"]["replicas"]] == ["db3", "db2"]
    assert replication(database_servers(), ["db1"])["db1"]["replicas"] == []


def test_server_id_is_the_ipv4_address_as_an_integer() -> None:
    """Both ends of what is possible; catches a signed or byte-swapped conversion."""
    hostvars = database_servers(db1={"ansible_host": "1.0.0.0"}, db2={"ansible_host": "255.255.255.254"})
    ids = {name: settings["server_id"] for name, settings in replication(hostvars, ["db1", "db2"]).items()}
    assert ids == {"db1": 2**24, "db2": 2**32 - 2}


def test_ipv6_database_with_its_own_server_id() -> None:
    settings = replication(database_servers(db2={"ansible_host": "2001:DB8::32", "mysql_server_id": 2**32 - 1}))
    assert settings["db2"]["server_id"] == 2**32 - 1
    assert settings["db2"]["report_host"] == settings["db2"]["address"] == "2001:db8::32"


def test_server_id_of_an_ipv6_address_follows_from_it_alone() -> None:
    """Any spelling, on any day and whatever the other hosts are. Red for hash(), which differs from run to run."""
    first = replication(database_servers(db2={"ansible_host": "2001:DB8::32"}))
    other = replication(database_servers(db2={"ansible_host": "2001:db8:0:0::32"}), ["db2", "db1"])
    assert first["db2"]["server_id"] == other["db2"]["server_id"] == DERIVED


def test_a_long_chain_of_replicas() -> None:
    """Catches recursion, which would end at Python's limit of a thousand or so."""
    names = [f"db{number}" for number in range(5000)]
    hostvars: Inventory = {
        name: {
            "ansible_host": str(IPv4Address(0x0A000001) + number),
            "mysql_role": "replica",
            "mysql_source": f"db{number - 1}",
        }
        for number, name in enumerate(names)
    }
    hostvars["db0"] = {"ansible_host": "10.0.0.1", "mysql_role": "primary"}
    assert [len(settings["replicas"]) for settings in replication(hostvars).values()] == [1] * 4999 + [0]


PRIMARY_OR_REPLICA = (
    "write mysql_role=primary on the one host that takes the writes and mysql_role=replica on every other"
)
NAME_ANOTHER = "name another database host, or leave it out to replicate from the primary db1"

BAD_DATABASES: list[tuple[Any, list[Any] | None, str]] = [
    ({}, None, "databases: the group has no hosts; add at least one to it in the inventory"),
    (
        database_servers(db1={"mysql_role": "replica"}),
        None,
        "databases: no host (db1, db2 and db3) has mysql_role=primary; set it on the one that takes the writes",
    ),
    (
        database_servers(db3={"mysql_role": "primary"}),
        None,
        "databases: db1 and db3 both have mysql_role=primary; "
        "keep it on one of them and give the other mysql_role=replica",
    ),
    (
        database_servers(db2={"mysql_role": "primary"}, db3={"mysql_role": "primary"}),
        None,
        "databases: db1, db2 and db3 all have mysql_role=primary; "
        "keep it on one of them and give the others mysql_role=replica",
    ),
    (database_servers(db2={"mysql_role": ...}), None, f"db2: mysql_role is not set; {PRIMARY_OR_REPLICA}"),
    (database_servers(db2={"mysql_role": None}), None, f"db2: mysql_role is not set; {PRIMARY_OR_REPLICA}"),
    *(
        (database_servers(db2={"mysql_role": role}), None, f"db2: mysql_role is {role!r}; write primary or replica")
        for role in ("master", "slave", "source", "Primary", "", True, ["replica"])
    ),
    (
        database_servers(),
        ["db2", "db3"],
        "databases: no host (db2 and db3) has mysql_role=primary; set it on the one that takes the writes",
    ),
    (
        database_servers(),
        ["db1", "db9"],
        "databases: db9 is not a host of the inventory; correct the name or add the host",
    ),
    (
        database_servers(),
        ["db1", "db2", "db2"],
        "databases: db2 is listed twice; list every host once (in Jinja: hosts | unique)",
    ),
    (
        database_servers(db3={"ansible_host": "198.18.0.2"}),
        None,
        "databases: db2 and db3 both have the address 198.18.0.2; give each its own webstack_address",
    ),
    (
        database_servers(db2={"mysql_server_id": 7}, db3={"mysql_server_id": 7}),
        None,
        "databases: db2 and db3 both have the server_id 7; set another mysql_server_id on one of them",
    ),
    (
        database_servers(db3={"mysql_server_id": int(ip_address("198.18.0.1"))}),
        None,
        "databases: db1 and db3 both have the server_id 3323068417; set another mysql_server_id on one of them",
    ),
    (
        database_servers(db2={"ansible_host": "2001:db8::32"}, db3={"mysql_server_id": DERIVED}),
        None,
        f"databases: db2 and db3 both have the server_id {DERIVED}; set another mysql_server_id on one of them",
    ),
    *(
        (
            database_servers(db2={"mysql_server_id": number}),
            None,
            f"db2: mysql_server_id is {shown(number)}; write a whole number from 1 to 4294967295",
        )
        for number in (0, -1, 2**32, "two", False, None, 1.0)
    ),
    *(
        (
            database_servers(db2={"mysql_port": port}),
            None,
            f"db2: mysql_port is {shown(port)}; write a whole number from 1 to 65535",
        )
        for port in (0, 65536, "mysql", None)
    ),
    (
        database_servers(db2={"mysql_source": "db9"}),
        None,
        f"db2: mysql_source is 'db9', not one of the database hosts; {NAME_ANOTHER}",
    ),
    (
        database_servers(db2={"mysql_source": "198.18.0.1"}),
        None,
        f"db2: mysql_source is '198.18.0.1', not one of the database hosts; {NAME_ANOTHER}",
    ),
    (
        database_servers(db2={"mysql_source": "db2"}),
        None,
        f"db2: mysql_source is 'db2', the host itself; {NAME_ANOTHER}",
    ),
    (
        database_servers(db2={"mysql_source": ["db1"]}),
        None,
        "db2: mysql_source is ['db1']; write the inventory name of the host to replicate from",
    ),
    (
        database_servers(db1={"mysql_source": "db2"}),
        None,
        "db1: mysql_source is 'db2' and mysql_role is primary; remove mysql_source, which only a replica has",
    ),
    (
        database_servers(db2={"mysql_source": "db3"}, db3={"mysql_source": "db2"}),
        None,
        "databases: mysql_source forms a cycle (db2 -> db3 -> db2); "
        "leave mysql_source out on one of them to replicate from the primary db1",
    ),
]


def test_no_database_hosts_at_all() -> None:
    """Catches a guard that only the reading of the inventory has."""
    with pytest.raises(TopologyError, match="databases: the group has no hosts"):
        databases.replication([])


@pytest.mark.parametrize(("hostvars", "hosts", "message"), BAD_DATABASES)
def test_bad_databases(hostvars: Any, hosts: list[Any] | None, message: str) -> None:
    """One bad inventory a row; the whole sentence is compared, because it is what the user gets."""
    with pytest.raises(TopologyError) as error:
        replication(hostvars, hosts)
    assert str(error.value) == message


def test_a_cycle_is_named_without_the_hosts_that_only_lead_into_it() -> None:
    hostvars = inventory("db1", "db2", "db3", "db4")
    sources = {"db2": "db3", "db3": "db4", "db4": "db3"}
    for name, variables in hostvars.items():
        variables |= {"mysql_role": "replica", "mysql_source": sources[name]} if name in sources else {}
    hostvars["db1"]["mysql_role"] = "primary"
    with pytest.raises(TopologyError, match=r"\(db3 -> db4 -> db3\)"):
        replication(hostvars)


def members(count: int, **changes: dict[str, Any]) -> dict[str, Any]:
    """The hosts of a group, as an inventory has them."""
    hosts = {
        f"db{n}": {"ansible_host": f"198.18.0.{n}", "mysql_role": "primary" if n == 1 else "replica"}
        for n in range(1, count + 1)
    }
    return {
        name: {**variables, "mysql_replication_mode": "group", **changes.get(name, {})}
        for name, variables in hosts.items()
    }


def grouped(count: int, **changes: dict[str, Any]) -> dict[str, Any]:
    hostvars = members(count, **changes)
    return replication(hostvars, list(hostvars))


def test_group() -> None:
    """Nobody replicates from a particular host, and everybody knows all the others."""
    settings = grouped(3, db2={"ansible_host": "2001:db8::2"})
    assert [(host["read_only"], host["source"], host["replicas"]) for host in settings.values()] == [
        (False, None, []),
        (True, None, []),
        (True, None, []),
    ]
    assert settings["db2"]["group"] == {
        "name": databases.GROUP_NAME,
        "local": "[2001:db8::2]:3306",
        "seeds": ["198.18.0.1:3306", "[2001:db8::2]:3306", "198.18.0.3:3306"],
        "others": [
            {"name": "db1", "host": "198.18.0.1", "port": 3306},
            {"name": "db3", "host": "198.18.0.3", "port": 3306},
        ],
    }
    assert "group" not in replication(database_servers())["db1"]


@pytest.mark.parametrize(
    ("count", "changes", "said"),
    [
        (1, {}, "mysql_replication_mode is group for db1; a group takes writes only while most"),
        (2, {}, "have 3 database hosts, or set mysql_replication_mode=pair"),
        (4, {}, "an even number outlives no more losses than one host fewer"),
        (11, {}, "MySQL takes at most 9 members"),
        (3, {"db3": {"mysql_replication_mode": "pair"}}, "db1 has mysql_replication_mode=group and db3 pair"),
        (
            3,
            {"db3": {"mysql_replication_mode": "galera"}},
            "db3: mysql_replication_mode is 'galera'; write pair or group",
        ),
        (3, {"db3": {"mysql_source": "db2"}}, "db3: mysql_source is 'db2', and in a group"),
    ],
)
def test_a_group_that_is_refused(count: int, changes: dict[str, Any], said: str) -> None:
    """Red for a group of two or four, which looks safer than one of one or three and is not."""
    with pytest.raises(TopologyError) as refused:
        grouped(count, **changes)
    assert said in str(refused.value)
