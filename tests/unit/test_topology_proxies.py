"""HAProxy and nginx servers of good inventories, and the sentence each bad one is refused with."""

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter import web_ports as plugin
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import TopologyError, shown

from inventories import backend, inventory, upstream, webservers

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
    ({"web1": None}, {}, "backend web: hostvars['web1'] is null; pass Ansible's hostvars"),
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
        (webservers(), {"port": port}, f"backend web: port is {shown(port)}; write a whole number from 1 to 65535")
        for port in (0, -1, 65536, "http", "80 ", "-1", "8e1", "\uff19", "9" * 40, 80.0, True, None, [80])
    ),
    *(
        (
            webservers(web2={"haproxy_weight": weight}),
            {},
            f"web2: haproxy_weight is {shown(weight)}; write a whole number from 0 to 256",
        )
        for weight in (257, -1, "257", "heavy", "", 1.5, True, None)
    ),
    *(
        (
            webservers(web1={variable: value}),
            {},
            f"web1: {variable} is {shown(value)}; write true or false",
        )
        for variable in ("haproxy_backup", "haproxy_maintenance")
        for value in ("maybe", "", 1, 0, None, [])
    ),
    (webservers(), {"check": "perhaps"}, "backend web: check is 'perhaps'; write true or false"),
    *(
        (
            webservers(),
            {"name": name},
            f"backend: name is {shown(name)}; write letters, digits, '_', '-' and '.' only",
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


def test_a_web_server_leaves_443_to_a_load_balancer_on_its_host() -> None:
    """And a port that the inventory sets wins."""
    hosts = inventory("edge", "web1", "web2", web2={"webstack_web_port": "4443"})
    assert plugin.web_ports(["edge", "web1", "web2"], hosts, ["edge", "lb1"]) == {
        "edge": 8443,
        "web1": 443,
        "web2": 4443,
    }


@pytest.mark.parametrize(
    ("names", "balancers", "changes", "said"),
    [
        (["web1"], [], {"webstack_web_port": 0}, "web1: webstack_web_port is 0; write a whole number from 1 to 65535"),
        (["web1"], [], {"webstack_web_port": None}, "web1: webstack_web_port is null; write a whole number from 1 to "),
        ([], [], {}, "web servers: the group has no hosts"),
        (["web1"], "lb1", {}, "web servers: load_balancers is 'lb1'; pass a list of inventory names"),
    ],
)
def test_a_port_that_is_not_valid_is_refused(
    names: list[str], balancers: Any, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(AnsibleFilterError) as error:
        plugin.web_ports(names, inventory("web1", web1=changes), balancers)
    assert str(error.value).startswith(said)


def test_servers_on_different_ports() -> None:
    assert [server["port"] for server in backend(webservers(), port={"web2": 8443, "web1": 443})] == [443, 8443]
    with pytest.raises(TopologyError, match="backend web: port has none of web2; write that of every host, or one"):
        backend(webservers(), port={"web1": 443})
    with pytest.raises(TopologyError, match="web1: backend web: port is 'x'; write a whole number"):
        backend(webservers(), port={"web1": "x", "web2": 443})
