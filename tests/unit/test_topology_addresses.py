"""Where hosts are reached, and the sentence each bad address is refused with."""

from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology import addresses
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import TopologyError

from inventories import backend, replication, upstream, webservers


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
    assert str(addresses.address(name, {name: variables})) == expected


def test_addresses_of_one_family() -> None:
    hosts = {"db1": {"ansible_host": "2001:DB8::31"}, "lb1": {"webstack_address": "2001:db8::11", "ansible_host": "x"}}
    found = addresses.addresses(list(hosts), hosts)
    assert {name: str(at) for name, at in found.items()} == {"db1": "2001:db8::31", "lb1": "2001:db8::11"}


def test_addresses_of_two_families_are_refused() -> None:
    """Behind a green preflight each host's firewall would be closed to those of the other family."""
    hosts = {"db1": {"ansible_host": "198.18.0.31"}, "web1": {"ansible_host": "2001:DB8::21"}}
    with pytest.raises(TopologyError) as error:
        addresses.addresses(["web1", "db1"], hosts)
    assert str(error.value) == (
        "web1: its address for the other hosts is 2001:db8::21, and that of db1 is 198.18.0.31; "
        "hosts reach each other over one family, so set webstack_address of all to IPv4, or of all to IPv6"
    )


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
            f"web1: webstack_address is null, not an IP address; {USE}",
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
        lambda: addresses.address("web1", hostvars),
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
        (None, webservers(), "address: null is not a host name; pass inventory names, which are strings"),
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
        addresses.address(name, hostvars)
    assert str(error.value) == message


def test_two_hosts_at_one_address_are_refused_whatever_their_groups() -> None:
    """A load balancer and a web server: no backend has both, so nothing else would notice."""
    hosts = {"lb1": {"ansible_host": "192.0.2.1"}, "web1": {"webstack_address": "192.0.2.1"}}
    with pytest.raises(TopologyError) as error:
        addresses.addresses(["lb1", "web1"], hosts)
    assert str(error.value).startswith(
        "lb1 and web1 both have the address 192.0.2.1; give each its own ansible_host or webstack_address, and put"
    )
