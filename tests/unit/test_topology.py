"""The topology as plain Python: what it makes of good inventories, and the sentence it refuses each bad one with."""

import ast
import sys
from collections.abc import Mapping
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.plugin_utils import topology
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology import TopologyError

Inventory = dict[str, dict[str, Any]]


def inventory(*names: str, **changes: Mapping[str, Any]) -> Inventory:
    """Hosts at 198.18.0.1, .2 and so on, with the variables of `changes` added; a value of ... removes the variable."""
    hosts: Inventory = {name: {"ansible_host": f"198.18.0.{number}"} for number, name in enumerate(names, 1)}
    for name, variables in changes.items():
        hosts[name] = {key: value for key, value in (hosts[name] | variables).items() if value is not ...}
    return hosts


def webservers(**changes: Mapping[str, Any]) -> Inventory:
    return inventory("web1", "web2", **changes)


def databases(**changes: Mapping[str, Any]) -> Inventory:
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
    return [server.as_data() for server in topology.backend_servers(hosts, hostvars, **options)]


def upstream(hostvars: Any, hosts: Any = None, **options: Any) -> list[dict[str, Any]]:
    options = {"name": "app", "port": 8000} | options
    hosts = list(hostvars) if hosts is None else hosts
    return [server.as_data() for server in topology.upstream_servers(hosts, hostvars, **options)]


def replication(hostvars: Any, hosts: Any = None) -> dict[str, dict[str, Any]]:
    hosts = topology.database_hosts(list(hostvars) if hosts is None else hosts, hostvars)
    return {name: settings.as_data() for name, settings in topology.replication(hosts).items()}


# --- addresses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "variables", "expected"),
    [
        ("web1", {"ansible_host": "198.18.0.21"}, "198.18.0.21"),
        ("web1", {"ansible_host": "203.0.113.5", "webstack_address": "198.18.0.21"}, "198.18.0.21"),
        ("web1", {"ansible_host": "web1.example.com", "webstack_address": "198.18.0.21"}, "198.18.0.21"),
        ("web1", {"ansible_host": "2001:DB8:0:0:0:0:0:21"}, "2001:db8::21"),
        ("web1", {"ansible_host": "127.0.0.1"}, "127.0.0.1"),
        ("198.18.0.21", {}, "198.18.0.21"),
        ("2001:db8::21", {}, "2001:db8::21"),
        ("198.18.0.21", {"ansible_host": "198.18.0.22"}, "198.18.0.22"),
    ],
)
def test_address(name: str, variables: dict[str, str], expected: str) -> None:
    """Catches a change of the order in which the variables count, and IPv6 that is not normalised."""
    assert str(topology.address(name, {name: variables})) == expected


USE = "set webstack_address to the bare IPv4 or IPv6 address at which the other hosts reach it"


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {},
            "web1: neither webstack_address nor ansible_host is set; "
            "set webstack_address to the IPv4 or IPv6 address at which the other hosts reach it",
        ),
        ({"ansible_host": "web1.example.com"}, f"web1: ansible_host is 'web1.example.com', not an IP address; {USE}"),
        (
            {"ansible_host": "x" * 500},
            f"web1: ansible_host is '{'x' * 37}...{'x' * 38}', not an IP address; {USE}",
        ),
        ({"ansible_host": "198.18.0.256"}, f"web1: ansible_host is '198.18.0.256', not an IP address; {USE}"),
        ({"ansible_host": "198.18.0.021"}, f"web1: ansible_host is '198.18.0.021', not an IP address; {USE}"),
        ({"ansible_host": "198.18.0.21/24"}, f"web1: ansible_host is '198.18.0.21/24', not an IP address; {USE}"),
        ({"ansible_host": "[2001:db8::21]"}, f"web1: ansible_host is '[2001:db8::21]', not an IP address; {USE}"),
        ({"webstack_address": 3323068437}, f"web1: webstack_address is 3323068437, not an IP address; {USE}"),
        ({"webstack_address": ["198.18.0.21"]}, f"web1: webstack_address is ['198.18.0.21'], not an IP address; {USE}"),
        (
            {"webstack_address": None, "ansible_host": "198.18.0.21"},
            f"web1: webstack_address is None, not an IP address; {USE}",
        ),
        (
            {"webstack_address": "", "ansible_host": "198.18.0.21"},
            f"web1: webstack_address is '', not an IP address; {USE}",
        ),
        ({"ansible_host": "0.0.0.0"}, f"web1: ansible_host is '0.0.0.0', the unspecified address; {USE}"),  # noqa: S104
        ({"ansible_host": "::"}, f"web1: ansible_host is '::', the unspecified address; {USE}"),
        ({"ansible_host": "224.0.0.18"}, f"web1: ansible_host is '224.0.0.18', a multicast address; {USE}"),
        ({"ansible_host": "ff02::12"}, f"web1: ansible_host is 'ff02::12', a multicast address; {USE}"),
        ({"ansible_host": "255.255.255.255"}, f"web1: ansible_host is '255.255.255.255', the broadcast address; {USE}"),
        (
            {"ansible_host": "fe80::21"},
            f"web1: ansible_host is 'fe80::21', an address that holds only on one network interface; {USE}",
        ),
        (
            {"ansible_host": "2001:db8::21%eth0"},
            f"web1: ansible_host is '2001:db8::21%eth0', an address that holds only on one network interface; {USE}",
        ),
        (
            {"ansible_host": "::ffff:198.18.0.21"},
            f"web1: ansible_host is '::ffff:198.18.0.21', an IPv4 address written as IPv6; {USE}",
        ),
    ],
)
def test_bad_address(variables: dict[str, Any], message: str) -> None:
    """One bad address a row; every function reads addresses in this one way."""
    hostvars = {"web1": variables | {"mysql_role": "primary"}}
    for refused in (
        lambda: topology.address("web1", hostvars),
        lambda: backend(hostvars),
        lambda: upstream(hostvars),
        lambda: replication(hostvars),
    ):
        with pytest.raises(TopologyError) as error:
            refused()
        assert str(error.value) == message


@pytest.mark.parametrize(
    ("name", "hostvars", "message"),
    [
        ("web9", webservers(), "address: web9 is not a host of the inventory; correct the name or add the host"),
        (None, webservers(), "address: None is not a host name; pass inventory names, which are strings"),
        (["web1"], webservers(), "address: ['web1'] is not a host name; pass inventory names, which are strings"),
        ("web1", ["web1"], "hostvars is ['web1']; pass Ansible's hostvars"),
        ("web1", {"web1": "198.18.0.21"}, "address: hostvars['web1'] is '198.18.0.21'; pass Ansible's hostvars"),
        (
            "0.0.0.0",  # noqa: S104
            {"0.0.0.0": {}},  # noqa: S104
            f"0.0.0.0: the inventory name is '0.0.0.0', the unspecified address; {USE}",
        ),
    ],
)
def test_bad_address_call(name: Any, hostvars: Any, message: str) -> None:
    with pytest.raises(TopologyError) as error:
        topology.address(name, hostvars)
    assert str(error.value) == message


# --- HAProxy backends ------------------------------------------------------------------------------------------------


def test_backend() -> None:
    assert backend(webservers()) == [
        {
            "name": "web1",
            "address": "198.18.0.1",
            "port": 80,
            "check": True,
            "weight": 100,
            "backup": False,
            "maintenance": False,
        },
        {
            "name": "web2",
            "address": "198.18.0.2",
            "port": 80,
            "check": True,
            "weight": 100,
            "backup": False,
            "maintenance": False,
        },
    ]


def test_backend_keeps_the_order_of_the_hosts() -> None:
    assert [server["name"] for server in backend(webservers(), ("web2", "web1"))] == ["web2", "web1"]


@pytest.mark.parametrize("true", [True, "true", "True", "yes", "on"])
@pytest.mark.parametrize("false", [False, "false", "no", "Off"])
def test_backend_reads_what_an_ini_inventory_holds(true: Any, false: Any) -> None:
    """Catches `bool("no")`, which is true, and numbers that stay strings."""
    hostvars = webservers(web2={"haproxy_weight": "256", "haproxy_backup": true, "haproxy_maintenance": false})
    server = backend(hostvars, port="8080", check=false)[1]
    assert server == {
        "name": "web2",
        "address": "198.18.0.2",
        "port": 8080,
        "check": False,
        "weight": 256,
        "backup": True,
        "maintenance": False,
    }
    assert {type(server["weight"]), type(server["port"])} == {int}


def test_backup_alone_takes_the_traffic_while_the_other_is_in_maintenance() -> None:
    """Catches a guard that counts only servers that are no backup: HAProxy uses the backup then."""
    hostvars = webservers(web1={"haproxy_maintenance": True}, web2={"haproxy_backup": True})
    assert [server["maintenance"] for server in backend(hostvars)] == [True, False]


def test_shared_variables_are_no_clash() -> None:
    """Only addresses must differ; catches a check that compares whole servers or ports."""
    assert len(backend(inventory("a", "b", "c"))) == 3


SIX, SEVEN = (
    {name: host | {"haproxy_maintenance": True} for name, host in inventory(*names).items()}
    for names in ("abcdef", "abcdefg")
)

BAD_BACKENDS: list[tuple[Any, dict[str, Any], str]] = [
    ({}, {}, "backend web: the group has no hosts; add at least one to it in the inventory"),
    (
        webservers(),
        {"hosts": ["web1", "web9"]},
        "backend web: web9 is not a host of the inventory; correct the name or add the host",
    ),
    (
        webservers(),
        {"hosts": ["web1", "web2", "web1"]},
        "backend web: web1 is listed twice; list every host once (in Jinja: hosts | unique)",
    ),
    (
        webservers(),
        {"hosts": "web1"},
        "backend web: hosts is 'web1'; pass a list of inventory names such as groups['webservers']",
    ),
    (
        webservers(),
        {"hosts": {"web1": 1}},
        "backend web: hosts is {'web1': 1}; pass a list of inventory names such as groups['webservers']",
    ),
    (
        webservers(),
        {"hosts": ["web1", 2]},
        "backend web: 2 is not a host name; pass inventory names, which are strings",
    ),
    ("web1", {"hosts": ["web1"]}, "hostvars is 'web1'; pass Ansible's hostvars"),
    ({"web1": None}, {}, "backend web: hostvars['web1'] is None; pass Ansible's hostvars"),
    (
        inventory("web 1"),
        {},
        "backend web: 'web 1' cannot name a server in HAProxy; "
        "rename the host in the inventory to letters, digits, '_', '-', '.' and ':' only",
    ),
    (
        webservers(web2={"ansible_host": "198.18.0.1"}),
        {},
        "backend web: web1 and web2 both have the address 198.18.0.1; give each its own webstack_address",
    ),
    (
        webservers(web1={"ansible_host": "2001:db8::1"}, web2={"ansible_host": "2001:db8:0::1"}),
        {},
        "backend web: web1 and web2 both have the address 2001:db8::1; give each its own webstack_address",
    ),
    *(
        (webservers(), {"port": port}, f"backend web: port is {port!r}; write a whole number from 1 to 65535")
        for port in (0, -1, 65536, "http", "80 ", "-1", "8e1", "\uff19", "9" * 40, 80.0, True, None, [80])
    ),
    *(
        (
            webservers(web2={"haproxy_weight": weight}),
            {},
            f"web2: haproxy_weight is {weight!r}; write a whole number from 0 to 256",
        )
        for weight in (257, -1, "257", "heavy", "", 1.5, True, None)
    ),
    *(
        (
            webservers(web1={variable: value}),
            {},
            f"web1: {variable} is {value!r}; write true or false",
        )
        for variable in ("haproxy_backup", "haproxy_maintenance")
        for value in ("maybe", "", 1, 0, None, [])
    ),
    (webservers(), {"check": "perhaps"}, "backend web: check is 'perhaps'; write true or false"),
    *(
        (
            webservers(),
            {"name": name},
            f"backend: name is {name!r}; write letters, digits, '_', '-' and '.' only",
        )
        for name in ("", "web servers", "web;", "web:80", "web\n", None, 1)
    ),
    (
        webservers(web1={"haproxy_backup": True}, web2={"haproxy_backup": True}),
        {},
        "backend web: haproxy_backup is true on every server (web1 and web2); "
        "a backup stands in for other servers, so set haproxy_backup=false on at least one",
    ),
    (
        webservers(web1={"haproxy_maintenance": True}, web2={"haproxy_weight": 0}),
        {},
        "backend web: no server would take traffic, each (web1 and web2) has haproxy_maintenance=true or "
        "haproxy_weight=0; set haproxy_maintenance=false and a weight above 0 on at least one",
    ),
    *(
        (
            hostvars,
            {},
            f"backend web: no server would take traffic, each (a, b, c, d, e and {last}) has "
            "haproxy_maintenance=true or haproxy_weight=0; "
            "set haproxy_maintenance=false and a weight above 0 on at least one",
        )
        for hostvars, last in ((SIX, "f"), (SEVEN, "2 more"))
    ),
]


@pytest.mark.parametrize(("hostvars", "options", "message"), BAD_BACKENDS)
def test_bad_backend(hostvars: Any, options: dict[str, Any], message: str) -> None:
    """One bad inventory or call a row; the whole sentence is compared, because it is what the user gets."""
    with pytest.raises(TopologyError) as error:
        backend(hostvars, **options)
    assert str(error.value) == message


# --- nginx upstreams -------------------------------------------------------------------------------------------------


def test_upstream_of_an_application_server_starts_with_itself() -> None:
    """Catches a local server that is listed where the inventory has it, or that is a backup too."""
    hostvars = inventory("app1", "app2", "app3")
    assert upstream(hostvars, local="app2") == [
        {"name": "app2", "address": "198.18.0.2", "port": 8000, "backup": False},
        {"name": "app1", "address": "198.18.0.1", "port": 8000, "backup": True},
        {"name": "app3", "address": "198.18.0.3", "port": 8000, "backup": True},
    ]


@pytest.mark.parametrize("local", ["web1", None])
def test_upstream_of_another_host_has_no_backups(local: str | None) -> None:
    """Catches backups without a first server: nginx refuses an upstream of backups only."""
    hostvars = inventory("app1", "app2", "web1")
    assert upstream(hostvars, ["app1", "app2"], local=local) == [
        {"name": "app1", "address": "198.18.0.1", "port": 8000, "backup": False},
        {"name": "app2", "address": "198.18.0.2", "port": 8000, "backup": False},
    ]


def test_upstream_ignores_the_load_balancers_variables() -> None:
    """A web server that HAProxy spares still runs its application server; its variables are not even read."""
    hostvars = webservers(web1={"haproxy_maintenance": True, "haproxy_backup": "nonsense"})
    assert [server["backup"] for server in upstream(hostvars)] == [False, False]


BAD_UPSTREAMS: list[tuple[Any, dict[str, Any], str]] = [
    ({}, {}, "upstream app: the group has no hosts; add at least one to it in the inventory"),
    (
        webservers(),
        {"hosts": ["web9"]},
        "upstream app: web9 is not a host of the inventory; correct the name or add the host",
    ),
    (
        webservers(),
        {"hosts": ["web1", "web1"]},
        "upstream app: web1 is listed twice; list every host once (in Jinja: hosts | unique)",
    ),
    (
        webservers(),
        {"hosts": 8000},
        "upstream app: hosts is 8000; pass a list of inventory names such as groups['webservers']",
    ),
    (
        webservers(web2={"webstack_address": "198.18.0.1"}),
        {},
        "upstream app: web1 and web2 both have the address 198.18.0.1; give each its own webstack_address",
    ),
    (webservers(), {"port": 65536}, "upstream app: port is 65536; write a whole number from 1 to 65535"),
    (webservers(), {"name": "a b"}, "upstream: name is 'a b'; write letters, digits, '_', '-' and '.' only"),
    *(
        (
            webservers(),
            {"local": local},
            f"upstream app: local is {local!r}, not a host of the inventory; pass inventory_hostname",
        )
        for local in ("web9", "", 1, ["web1"])
    ),
]


@pytest.mark.parametrize(("hostvars", "options", "message"), BAD_UPSTREAMS)
def test_bad_upstream(hostvars: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(TopologyError) as error:
        upstream(hostvars, **options)
    assert str(error.value) == message


# --- replication -----------------------------------------------------------------------------------------------------


def test_replication() -> None:
    assert replication(databases(db3={"mysql_source": "db2", "mysql_port": "3307", "mysql_server_id": "7"})) == {
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
    settings = replication(databases(), ["db3", "db2", "db1"])
    assert list(settings) == ["db3", "db2", "db1"]
    assert [replica["name"] for replica in settings["db1"]["replicas"]] == ["db3", "db2"]
    assert replication(databases(), ["db1"])["db1"]["replicas"] == []


def test_server_id_is_the_ipv4_address_as_an_integer() -> None:
    """Both ends of what is possible; catches a signed or byte-swapped conversion."""
    hostvars = databases(db1={"ansible_host": "1.0.0.0"}, db2={"ansible_host": "255.255.255.254"})
    ids = {name: settings["server_id"] for name, settings in replication(hostvars, ["db1", "db2"]).items()}
    assert ids == {"db1": 2**24, "db2": 2**32 - 2}


def test_ipv6_database_with_its_own_server_id() -> None:
    settings = replication(databases(db2={"ansible_host": "2001:DB8::32", "mysql_server_id": 2**32 - 1}))
    assert settings["db2"]["server_id"] == 2**32 - 1
    assert settings["db2"]["report_host"] == settings["db2"]["address"] == "2001:db8::32"


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
        databases(db1={"mysql_role": "replica"}),
        None,
        "databases: no host (db1, db2 and db3) has mysql_role=primary; set it on the one that takes the writes",
    ),
    (
        databases(db3={"mysql_role": "primary"}),
        None,
        "databases: db1 and db3 both have mysql_role=primary; "
        "keep it on one of them and give the other mysql_role=replica",
    ),
    (
        databases(db2={"mysql_role": "primary"}, db3={"mysql_role": "primary"}),
        None,
        "databases: db1, db2 and db3 all have mysql_role=primary; "
        "keep it on one of them and give the others mysql_role=replica",
    ),
    (databases(db2={"mysql_role": ...}), None, f"db2: mysql_role is not set; {PRIMARY_OR_REPLICA}"),
    (databases(db2={"mysql_role": None}), None, f"db2: mysql_role is not set; {PRIMARY_OR_REPLICA}"),
    *(
        (databases(db2={"mysql_role": role}), None, f"db2: mysql_role is {role!r}; write primary or replica")
        for role in ("master", "slave", "source", "Primary", "", True, ["replica"])
    ),
    (
        databases(),
        ["db2", "db3"],
        "databases: no host (db2 and db3) has mysql_role=primary; set it on the one that takes the writes",
    ),
    (
        databases(),
        ["db1", "db9"],
        "databases: db9 is not a host of the inventory; correct the name or add the host",
    ),
    (
        databases(),
        ["db1", "db2", "db2"],
        "databases: db2 is listed twice; list every host once (in Jinja: hosts | unique)",
    ),
    (
        databases(db3={"ansible_host": "198.18.0.2"}),
        None,
        "databases: db2 and db3 both have the address 198.18.0.2; give each its own webstack_address",
    ),
    (
        databases(db2={"mysql_server_id": 7}, db3={"mysql_server_id": 7}),
        None,
        "databases: db2 and db3 both have the server_id 7; set another mysql_server_id on one of them",
    ),
    (
        databases(db3={"mysql_server_id": int(ip_address("198.18.0.1"))}),
        None,
        "databases: db1 and db3 both have the server_id 3323068417; set another mysql_server_id on one of them",
    ),
    (
        databases(db2={"ansible_host": "2001:db8::32"}),
        None,
        "db2: mysql_server_id is not set and the IPv6 address 2001:db8::32 does not fit into one; "
        "write a number from 1 to 4294967295 that no other database host has",
    ),
    *(
        (
            databases(db2={"mysql_server_id": number}),
            None,
            f"db2: mysql_server_id is {number!r}; write a whole number from 1 to 4294967295",
        )
        for number in (0, -1, 2**32, "two", False, None, 1.0)
    ),
    *(
        (
            databases(db2={"mysql_port": port}),
            None,
            f"db2: mysql_port is {port!r}; write a whole number from 1 to 65535",
        )
        for port in (0, 65536, "mysql", None)
    ),
    (
        databases(db2={"mysql_source": "db9"}),
        None,
        f"db2: mysql_source is 'db9', not one of the database hosts; {NAME_ANOTHER}",
    ),
    (
        databases(db2={"mysql_source": "198.18.0.1"}),
        None,
        f"db2: mysql_source is '198.18.0.1', not one of the database hosts; {NAME_ANOTHER}",
    ),
    (databases(db2={"mysql_source": "db2"}), None, f"db2: mysql_source is 'db2', the host itself; {NAME_ANOTHER}"),
    (
        databases(db2={"mysql_source": ["db1"]}),
        None,
        "db2: mysql_source is ['db1']; write the inventory name of the host to replicate from",
    ),
    (
        databases(db1={"mysql_source": "db2"}),
        None,
        "db1: mysql_source is 'db2' and mysql_role is primary; remove mysql_source, a primary replicates from nobody",
    ),
    (
        databases(db2={"mysql_source": "db3"}, db3={"mysql_source": "db2"}),
        None,
        "databases: mysql_source leads round in a circle (db2 -> db3 -> db2); "
        "leave mysql_source out on one of them to replicate from the primary db1",
    ),
]


def test_no_database_hosts_at_all() -> None:
    """Catches a guard that only the reading of the inventory has."""
    with pytest.raises(TopologyError, match="databases: the group has no hosts"):
        topology.replication([])


@pytest.mark.parametrize(("hostvars", "hosts", "message"), BAD_DATABASES)
def test_bad_databases(hostvars: Any, hosts: list[Any] | None, message: str) -> None:
    """One bad inventory a row; the whole sentence is compared, because it is what the user gets."""
    with pytest.raises(TopologyError) as error:
        replication(hostvars, hosts)
    assert str(error.value) == message


def test_a_circle_is_named_without_the_hosts_that_only_lead_into_it() -> None:
    hostvars = inventory("db1", "db2", "db3", "db4")
    sources = {"db2": "db3", "db3": "db4", "db4": "db3"}
    for name, variables in hostvars.items():
        variables |= {"mysql_role": "replica", "mysql_source": sources[name]} if name in sources else {}
    hostvars["db1"]["mysql_role"] = "primary"
    with pytest.raises(TopologyError, match=r"\(db3 -> db4 -> db3\)"):
        replication(hostvars)


# --- manners ---------------------------------------------------------------------------------------------------------


class Watched(dict[str, Any]):
    """Variables of a host that remember which of them were read."""

    def __init__(self, variables: Mapping[str, Any], read: set[str]) -> None:
        super().__init__(variables)
        self.read = read

    def __getitem__(self, key: str) -> Any:
        self.read.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.read.add(key)
        return super().get(key, default)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (backend, {"ansible_host", "haproxy_weight", "haproxy_backup", "haproxy_maintenance"}),
        (upstream, {"ansible_host"}),
        (replication, {"ansible_host", "mysql_role", "mysql_port", "mysql_source"}),
    ],
)
def test_only_needed_variables_are_read(function: Any, expected: set[str]) -> None:
    """In Ansible every read renders a template, which may be slow or may fail for another tier's reasons."""
    read: set[str] = set()
    hostvars = {"db1": Watched({"ansible_host": "198.18.0.1", "mysql_role": "primary"}, read)}
    function(hostvars)
    assert read == expected


def test_errors_of_hostvars_pass_through() -> None:
    """Catches a broad `except` that would hide why a variable could not be rendered."""

    class Unrenderable(dict[str, Any]):
        def __getitem__(self, key: str) -> Any:
            raise RuntimeError("no such lookup")

    with pytest.raises(RuntimeError, match="no such lookup"):
        topology.address("web1", {"web1": Unrenderable(ansible_host="{{ lookup('nothing') }}")})


def test_topology_needs_only_python() -> None:
    """The model stays free of Ansible: every import is of the standard library."""
    tree = ast.parse(Path(topology.__file__).read_text())
    modules = {
        name
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert modules
    assert {module.partition(".")[0] for module in modules} <= sys.stdlib_module_names
