"""The routing of an application host to the databases, and the sentence that each bad call is refused with."""

import copy
import json
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.mysql_routing import mysql_routing
from hypothesis import given
from hypothesis import strategies as st

CA = "/etc/webstack/tls/ca.pem"
PAIR: dict[str, dict[str, Any]] = {
    "db1": {"address": "198.18.0.31", "port": 3306},
    "db2": {"address": "2001:DB8:0::32", "port": "3307"},
}


def routing(replication: Any = PAIR, **arguments: Any) -> dict[str, Any]:
    return mysql_routing(replication, **{"endpoint_port": 3308, "ca_file": CA} | arguments)


def proxies(made: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {proxy["name"]: proxy for proxy in made["backends"] + made["listens"]}


def test_every_proxy_asks_every_server() -> None:
    """Each server is asked by its own name at the endpoint's port, and reached at MySQL's."""
    made = proxies(routing())
    assert list(made) == ["mysql-any", "mysql-write", "mysql-read"]
    for proxy in made.values():
        assert proxy["servers"][:2] == [
            {"name": "db1", "address": "198.18.0.31", "port": 3306, "extra": ["check-sni db1", "verifyhost db1"]},
            {"name": "db2", "address": "2001:db8::32", "port": 3307, "extra": ["check-sni db2", "verifyhost db2"]},
        ]
        assert proxy["server_extra"][:4] == ["port 3308", "check-ssl", "verify required", f"ca-file {CA}"]
    assert {name: proxy["http_check"]["uri"] for name, proxy in made.items()} == {
        "mysql-any": "/readable",
        "mysql-write": "/primary",
        "mysql-read": "/replica",
    }


def test_stand_ins_have_the_health_that_the_other_proxies_know() -> None:
    """The primary before whoever answers; catches a stand-in that is asked itself, or that is not a backup."""
    assert proxies(routing())["mysql-read"]["servers"][2:] == [
        {"check": False, "backup": True} | server
        for server in (
            {"name": "db1-primary", "address": "198.18.0.31", "port": 3306, "extra": ["track mysql-write/db1"]},
            {"name": "db2-primary", "address": "2001:db8::32", "port": 3307, "extra": ["track mysql-write/db2"]},
            {"name": "db1-any", "address": "198.18.0.31", "port": 3306, "extra": ["track mysql-any/db1"]},
            {"name": "db2-any", "address": "2001:db8::32", "port": 3307, "extra": ["track mysql-any/db2"]},
        )
    ]


def test_ports_and_where_to_connect() -> None:
    made = routing(endpoint_port="4000", address="::1", write_port="6446", read_port=7000)
    assert [listen["bind"] for listen in made["listens"]] == [
        [{"address": "::1", "port": 6446}],
        [{"address": "::1", "port": 7000}],
    ]
    assert (made["write"], made["read"]) == ("[::1]:6446", "[::1]:7000")
    assert all(proxy["server_extra"][0] == "port 4000" for proxy in proxies(made).values())
    assert (routing()["write"], routing()["read"]) == ("127.0.0.1:6446", "127.0.0.1:6447")


@pytest.mark.parametrize(
    ("replication", "arguments", "message"),
    [
        ({}, {}, "databases: the group has no hosts; add at least one to it in the inventory"),
        (["db1"], {}, "databases: the replication settings are ['db1']; pass those of all hosts"),
        (
            {"db1": None},
            {},
            "db1: its replication settings are null; pass what mysql_replication made of all hosts",
        ),
        (
            {"db 1": PAIR["db1"]},
            {},
            "databases: 'db 1' cannot name a server in HAProxy; "
            "rename the host in the inventory to letters, digits, '_', '-', '.' and ':' only",
        ),
        (
            {"db1": PAIR["db1"], "db1-any": PAIR["db2"]},
            {},
            "db1-any: this is also the name of the stand-in for db1 in HAProxy; "
            "rename the host db1-any in the inventory",
        ),
        (PAIR, {"write_port": 0}, "mysql_routing: write_port is 0; write a whole number from 1 to 65535"),
        (PAIR, {"read_port": "x"}, "mysql_routing: read_port is 'x'; write a whole number from 1 to 65535"),
        (PAIR, {"endpoint_port": None}, "mysql_routing: endpoint_port is null; write a whole number from 1 to 65535"),
        (
            PAIR,
            {"write_port": 6447},
            "mysql_routing: write_port and read_port are both 6447; give each a port of its own",
        ),
        (PAIR, {"address": "*"}, "mysql_routing: address is '*'; write an IP address such as 127.0.0.1"),
    ],
)
def test_bad_routing(replication: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(AnsibleFilterError) as error:
        routing(replication, **arguments)
    assert error.value.message == message


@given(
    st.dictionaries(
        st.from_regex(r"db[0-9]{1,3}", fullmatch=True),
        st.fixed_dictionaries(
            {
                "address": st.ip_addresses(v=4, network="10.0.0.0/8").map(str),
                "port": st.integers(1, 65535),
            }
        ),
        min_size=1,
        max_size=6,
    )
)
def test_what_holds_for_all_databases(replication: dict[str, dict[str, Any]]) -> None:
    """No server name is given twice in a proxy, whatever is tracked is there, and the input is left alone."""
    before = copy.deepcopy(replication)
    made = routing(replication)
    assert replication == before
    assert json.loads(json.dumps(made)) == made == routing(replication)
    known = {f"{proxy['name']}/{server['name']}" for proxy in proxies(made).values() for server in proxy["servers"]}
    for proxy in proxies(made).values():
        names = [server["name"] for server in proxy["servers"]]
        assert len(set(names)) == len(names)
        tracked = {
            word.removeprefix("track ") for server in proxy["servers"] for word in server["extra"] if "/" in word
        }
        assert tracked <= known
