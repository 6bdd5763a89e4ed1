"""Two programs on one port of a host: when they are in each other's way, and what the user is told."""

import copy
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.listener_conflicts import listener_conflicts
from hypothesis import given
from hypothesis import strategies as st

# What the tiers of the stack place on their hosts, with the ports that they have by default.
STACK: dict[str, list[dict[str, Any]]] = {
    "all": [{"program": "sshd", "port": 22, "variable": "ansible_port"}],
    "loadbalancers": [
        {"program": "HAProxy", "binds": [{"address": "*", "port": 80}, {"port": 443, "tls": {"quic": False}}]},
        {"program": "HAProxy", "address": "127.0.0.1", "port": 8404, "variable": "haproxy_stats"},
        {"program": "lego", "address": "127.0.0.1", "port": 8402, "variable": "certificates_acme_listen"},
    ],
    "webservers": [
        {"program": "nginx", "binds": [{"port": 443, "tls": True}]},
        {"program": "nginx", "address": "127.0.0.1", "port": 8081, "variable": "nginx_status"},
    ],
    "appservers": [
        {"program": "gunicorn", "address": "198.18.0.21", "port": 8000, "variable": "webstack_app_port"},
        {"program": "HAProxy", "address": "127.0.0.1", "port": [6446, 6447]},
        {"program": "HAProxy", "address": "127.0.0.1", "port": 8404, "variable": "haproxy_stats"},
    ],
    "databases": [
        {"program": "mysqld", "address": ["*"], "port": 3306, "variable": "mysql_port"},
        {"program": "mysql-endpoint", "port": 3308, "variable": "mysql_endpoint_port"},
    ],
}


def conflicts(*groups: str, **changes: Any) -> list[str]:
    return listener_conflicts(STACK | changes, list(groups), "web1")


@pytest.mark.parametrize(
    "groups",
    [
        [],
        ["loadbalancers"],
        ["loadbalancers", "appservers", "databases"],
        ["webservers", "appservers", "databases"],
        ["something", "else"],
    ],
)
def test_tiers_that_share_a_host(groups: list[str]) -> None:
    """Catches a port that two tiers were given by default, and a HAProxy that is in its own way on a host of both."""
    assert conflicts(*groups) == []


def test_load_balancer_and_web_server() -> None:
    """Both answer on 443: without this the run fails on the host, when nginx or HAProxy cannot start."""
    assert conflicts("loadbalancers", "webservers", "appservers") == [
        "web1: HAProxy (group loadbalancers) and nginx (group webservers) would both listen on TCP port 443 of every "
        "address; take the host out of the group loadbalancers or webservers"
    ]


@pytest.mark.parametrize(
    ("port", "sentence"),
    [
        (
            3308,
            "web1: gunicorn (group appservers) and mysql-endpoint (group databases) would both listen on TCP port 3308 "
            "of 198.18.0.21 and every address; set webstack_app_port or mysql_endpoint_port to another port, or take "
            "the host out of the group appservers or databases",
        ),
        (
            22,
            "web1: sshd (group all) and gunicorn (group appservers) would both listen on TCP port 22 of every address "
            "and 198.18.0.21; set ansible_port or webstack_app_port to another port, or take the host out of the group "
            "appservers",
        ),
        # On the loopback alone, where the application does not listen.
        (6446, None),
        (8404, None),
    ],
)
def test_port_of_the_application(port: int, sentence: str | None) -> None:
    gunicorn = {"program": "gunicorn", "address": "198.18.0.21", "port": port, "variable": "webstack_app_port"}
    made = conflicts("appservers", "databases", appservers=[gunicorn, *STACK["appservers"][1:]])
    assert made == ([] if sentence is None else [sentence])


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("*", "*", True),
        ("*", "127.0.0.1", True),
        ("*", "2001:db8::1", True),
        ("*", "localhost", True),
        ("0.0.0.0", "127.0.0.1", True),  # noqa: S104
        ("0.0.0.0", "::", False),  # noqa: S104
        ("0.0.0.0", "2001:db8::1", False),  # noqa: S104
        ("0.0.0.0", "localhost", True),  # noqa: S104
        ("::", "::1", True),
        ("::", "127.0.0.1", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("2001:db8::1", "2001:DB8:0::1", True),
        ("127.0.0.1", "198.18.0.21", False),
        ("127.0.0.1", "::1", False),
        ("localhost", "localhost", True),
        ("localhost", "127.0.0.1", False),
    ],
)
def test_overlap_of_addresses(one: str, other: str, both: bool) -> None:
    """In both orders; only the same port of the same protocol counts."""
    for first, second in ((one, other), (other, one)):
        listeners = {"a": [{"program": "x", "address": first, "port": 1}]}
        for port, protocol, expected in ((1, "tcp", both), (2, "tcp", False), (1, "udp", False)):
            entry = {"program": "y", "address": second, "port": port, "protocol": protocol}
            assert bool(listener_conflicts(listeners | {"b": [entry]}, ["a", "b"], "h")) == expected


def test_quic_is_udp_too() -> None:
    listeners = {
        "a": [{"program": "HAProxy", "binds": [{"port": 443, "tls": {"quic": True}}]}],
        "b": [{"program": "resolver", "port": 443, "protocol": "udp"}],
    }
    assert listener_conflicts(listeners, ["a", "b"], "h") == [
        "h: HAProxy (group a) and resolver (group b) would both listen on UDP port 443 of every address; "
        "take the host out of the group a or b"
    ]


def test_a_path_is_no_port() -> None:
    listeners = {
        "a": [{"program": "HAProxy", "binds": [{"address": "/run/x.sock"}, {"address": "abns@x"}]}],
        "b": [{"program": "nginx", "binds": [{"address": "/run/x.sock"}]}],
    }
    assert listener_conflicts(listeners, ["a", "b"], "h") == []


def test_each_pair_of_programs_is_named_once_for_a_port() -> None:
    listeners = {
        "a": [{"program": "x", "address": ["127.0.0.1", "::1", "*"], "port": [1, 2]}],
        "b": [{"program": "y", "port": 1}],
    }
    assert len(listener_conflicts(listeners, ["a", "b"], "h")) == 1


def test_two_programs_of_one_group_and_no_variable() -> None:
    listeners = {"a": [{"program": "x", "port": 1}, {"program": "y", "port": 1}]}
    assert listener_conflicts(listeners, ["a"], "h") == [
        "h: x (group a) and y (group a) would both listen on TCP port 1 of every address; keep one of them"
    ]


@pytest.mark.parametrize(
    ("listeners", "message"),
    [
        (["x"], "listeners is ['x']; pass a mapping of groups to lists of listeners"),
        ({"a": "x"}, "listeners of a: it is 'x'; pass a list of listeners"),
        ({"a": ["x"]}, "listeners of a: an entry is 'x'; write a mapping with program and port"),
        ({"a": [{"port": 1}]}, "listeners of a: an entry is {'port': 1}; write a mapping with program and port"),
        (
            {"a": [{"program": "x", "ports": [1]}]},
            "listener x of a: 'ports' is not an option of a listener; "
            "use program, address, port, binds, protocol and variable",
        ),
        ({"a": [{"program": "x"}]}, "listener x of a: it has neither port nor binds; write one"),
        ({"a": [{"program": "x", "port": 1, "binds": []}]}, "listener x of a: it has both port and binds; write one"),
        (
            {"a": [{"program": "x", "port": 1, "protocol": "sctp"}]},
            "listener x of a: protocol is 'sctp'; write tcp or udp",
        ),
        ({"a": [{"program": "x", "port": 0}]}, "listener x of a: port is 0; write a whole number from 1 to 65535"),
        (
            {"a": [{"program": "x", "binds": [{"address": "*"}]}]},
            "listener x of a: port is null; write a whole number from 1 to 65535",
        ),
        (
            {"a": [{"program": "x", "binds": [80]}]},
            "listener x of a: a bind is 80; write a mapping with address and port",
        ),
    ],
)
def test_bad_listeners(listeners: Any, message: str) -> None:
    with pytest.raises(AnsibleFilterError) as error:
        listener_conflicts(listeners, ["a"], "h")
    assert error.value.message == message


def test_bad_groups() -> None:
    with pytest.raises(AnsibleFilterError, match="listeners: groups is 'webservers'; pass group_names"):
        listener_conflicts(STACK, "webservers", "h")


PORTS = st.integers(1, 3)
PROGRAMS = st.sampled_from(["x", "y", "z"])
ADDRESSES = st.sampled_from(["*", "127.0.0.1", "0.0.0.0", "::1", "198.18.0.1"])  # noqa: S104
ENTRIES = st.lists(st.fixed_dictionaries({"program": PROGRAMS, "port": PORTS, "address": ADDRESSES}), max_size=4)


@given(st.fixed_dictionaries({"a": ENTRIES, "b": ENTRIES, "c": ENTRIES}))
def test_a_host_has_the_conflicts_of_its_groups_and_no_other(listeners: dict[str, list[dict[str, Any]]]) -> None:
    """Leaving a group never makes a conflict, and a host in no group has none."""
    before = copy.deepcopy(listeners)
    every = listener_conflicts(listeners, ["a", "b", "c"], "h")
    some = listener_conflicts(listeners, ["a", "b"], "h")
    assert len(some) <= len(every)
    assert listener_conflicts(listeners, [], "h") == []
    assert listeners == before
