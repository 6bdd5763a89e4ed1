"""Virtual addresses: which load balancer holds which one."""

from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import TopologyError
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.vrrp import Instance, instances
from hypothesis import given
from hypothesis import strategies as st

HOSTVARS: dict[str, dict[str, Any]] = {f"lb{n}": {"ansible_host": f"198.18.0.{10 + n}"} for n in range(1, 6)}
PAIR = ["lb1", "lb2"]


def of(virtual: list[str], hosts: list[str] = PAIR, **options: Any) -> dict[str, list[Instance]]:
    return instances(hosts, HOSTVARS, virtual, **options)


def holders(found: dict[str, list[Instance]], without: str = "") -> dict[str, str]:
    """By virtual address who holds it while the others answer, as VRRP elects: the highest priority."""
    best: dict[str, tuple[int, str]] = {}
    for host, all_of_it in found.items():
        for instance in all_of_it:
            for address in map(str, instance.addresses):
                if host != without:
                    best[address] = max(best.get(address, (0, "")), (instance.priority, host))
    return {address: host for address, (_priority, host) in best.items()}


def test_active_passive_is_one_instance_with_every_address() -> None:
    found = of(["fd00::10", "198.18.0.10"])
    [first], [second] = found["lb1"], found["lb2"]
    assert (first.priority, second.priority) == (254, 253)
    assert first.router_id == second.router_id == 51
    assert list(map(str, first.addresses)) == ["198.18.0.10", "fd00::10"], "the family of the hosts first"
    assert list(map(str, second.peers)) == ["198.18.0.11"]
    assert holders(found) == {"198.18.0.10": "lb1", "fd00::10": "lb1"}
    assert holders(found, without="lb1") == {"198.18.0.10": "lb2", "fd00::10": "lb2"}


def test_active_active_gives_each_one_of_each_family() -> None:
    found = of(["198.18.0.9", "198.18.0.10", "fd00::9", "fd00::10"], mode="active_active")
    assert holders(found) == {"198.18.0.9": "lb1", "fd00::9": "lb1", "198.18.0.10": "lb2", "fd00::10": "lb2"}
    assert set(holders(found, without="lb2").values()) == {"lb1"}
    assert [instance.router_id for instance in found["lb1"]] == [51, 52]


@given(st.integers(2, 5), st.integers(0, 4), st.sampled_from(["active_passive", "active_active"]))
def test_every_address_has_one_holder_whoever_is_lost(count: int, lost: int, mode: str) -> None:
    """Priorities within an instance differ, so that the election has one winner; active-active serves from each."""
    hosts = list(HOSTVARS)[:count]
    virtual = [f"198.18.0.{200 + n}" for n in range(count)]
    found = of(virtual, hosts, mode=mode)
    for number in range(len(found["lb1"])):
        assert len({found[host][number].priority for host in hosts}) == count
        assert len({found[host][number].router_id for host in hosts}) == 1
    assert set(holders(found)) == set(virtual)
    assert set(holders(found).values()) == (set(hosts) if mode == "active_active" else {"lb1"})
    without = hosts[lost % count]
    assert set(holders(found, without)) == set(virtual)


@pytest.mark.parametrize(
    ("virtual", "options", "said"),
    [
        (
            ["198.18.0.10"],
            {"hosts": ["lb1"]},
            "the group loadbalancers has 1 host; .* add a second one, or leave it out",
        ),
        (["198.18.0.12"], {}, "has 198.18.0.12, which is the address of lb2 itself; use one that no host has"),
        (["198.18.0.10", "198.18.0.10"], {}, "has 198.18.0.10 twice; leave one out"),
        (["198.18.0.10/24"], {}, "an entry is '198.18.0.10/24', not an IP address; give the bare IPv4 or IPv6 address"),
        ([], {}, r"is \[\]; give a list of addresses"),
        (["198.18.0.10"], {"mode": "active_active"}, "2 load balancers and 1 address .*; give each load balancer one"),
        (
            ["198.18.0.10"],
            {"mode": "both"},
            "webstack_lb_mode is 'both'; write one of active_passive and active_active",
        ),
        (["198.18.0.10"], {"router_id": 255}, "webstack_vrrp_router_id is 255; use 1 to 254"),
        (["fd00::10"], {}, r"fd00::10 is not of the family in which the load balancers reach each other \(IPv4\)"),
    ],
)
def test_what_cannot_be_is_refused(virtual: list[str], options: dict[str, Any], said: str) -> None:
    with pytest.raises(TopologyError, match=said):
        of(virtual, **options)
