"""Mistakes in the variables of the role keepalived: each is reported once, with the variable and what to write."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.keepalived_errors import keepalived_errors
from ansible_collections.foobar.webstack.plugins.plugin_utils.interfaces import interface_of, present_addresses

FACTS = {
    "interfaces": ["lo", "eth-0"],
    "lo": {"device": "lo", "ipv4": {"address": "127.0.0.1"}, "ipv6": [{"address": "::1"}]},
    "eth_0": {
        "device": "eth-0",
        "ipv4": {"address": "198.18.0.11"},
        "ipv4_secondaries": [{"address": "198.18.1.11"}],
        "ipv6": [{"address": "fd00::11"}],
    },
}
INSTANCE = {
    "name": "webstack_1",
    "router_id": 51,
    "priority": 254,
    "address": "198.18.0.11",
    "peers": ["198.18.0.12"],
    "addresses": ["198.18.0.10", "fd00::10"],
}
GOOD: dict[str, Any] = {
    "instances": [INSTANCE],
    "advert_interval": 0.1,
    "announce": True,
    "handover_seconds": 5,
    "notify": [],
    "notify_credentials": {},
    "watch": {"address": "127.0.0.1", "port": 80},
}


def test_what_is_right_is_not_reported() -> None:
    assert keepalived_errors(GOOD, FACTS) == []
    defaults = yaml.safe_load((Path(__file__).resolve().parents[2] / "roles/keepalived/defaults/main.yml").read_text())
    given = {name.removeprefix("keepalived_"): value for name, value in defaults.items()}
    del given["preempt"]
    assert keepalived_errors(given | {"instances": [INSTANCE]}, FACTS) == []
    told = {"announce": False, "notify": ["/opt/move"], "notify_credentials": {"api.token": "/etc/token"}}
    assert keepalived_errors(GOOD | told, FACTS) == []


def test_the_interface_is_the_one_that_has_the_address() -> None:
    """However Ansible spells its name among the facts."""
    for address in ("198.18.0.11", "198.18.1.11", "fd00:0::11"):
        assert interface_of(FACTS, address) == "eth-0"
    assert interface_of(FACTS, "198.18.0.12") == ""
    assert interface_of({}, "198.18.0.12") == ""


def test_of_some_addresses_the_host_has_some() -> None:
    """However they are written."""
    assert present_addresses(FACTS, ["fd00:0::11", "203.0.113.11", "198.18.1.11"]) == ["fd00::11", "198.18.1.11"]
    assert present_addresses({}, ["198.18.0.11"]) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"instances": []}, "keepalived_instances is empty; give at least one"),
        ({"instances": [INSTANCE | {"name": "a b"}]}, 'keepalived_instances[0].name is "a b"; use at most 30'),
        ({"instances": [INSTANCE | {"router_id": 0}]}, "keepalived_instances[0].router_id is 0; use 1 to 255."),
        ({"instances": [INSTANCE | {"priority": 255}]}, "keepalived_instances[0].priority is 255; use 1 to 254."),
        ({"instances": [INSTANCE | {"peers": []}]}, "keepalived_instances[0].peers is empty; name the other"),
        ({"instances": [INSTANCE | {"peers": ["lb2"]}]}, 'keepalived_instances[0] has "lb2", which is not an IP'),
        ({"instances": [INSTANCE | {"peers": ["fd00::12"]}]}, "peers has fd00::12, of another family than address"),
        ({"instances": [INSTANCE | {"addresses": ["fd00::10"]}]}, "addresses has none of the family of address"),
        ({"instances": [INSTANCE | {"address": "198.18.0.13"}]}, "198.18.0.13, which no network interface of this"),
        ({"instances": [INSTANCE, INSTANCE | {"name": "b"}]}, "two have the router_id 51; give each its own."),
        ({"advert_interval": 41}, "keepalived_advert_interval is 41; use 0.01 to 40.95 seconds."),
        ({"handover_seconds": 61}, "keepalived_handover_seconds is 61; use 0 to 60."),
        ({"notify": ["notify.sh"]}, 'keepalived_notify begins with "notify.sh"; give the full path'),
        ({"notify": ["/bin/echo", 'a"b']}, "keepalived_notify has a quotation mark or a line end"),
        ({"announce": False}, "keepalived_announce is false and keepalived_notify is empty, so nobody would learn"),
        (
            {"notify_credentials": {"a/b": "/etc/token"}},
            'keepalived_notify_credentials has the name "a/b"; use letters',
        ),
        ({"notify_credentials": {"token": "token"}}, 'keepalived_notify_credentials.token is "token"; give the full'),
        ({"watch": {"address": "*", "port": 80}}, 'keepalived_watch.address is "*"; give an IPv4 or IPv6'),
        ({"watch": {"address": "::1", "port": 0}}, "keepalived_watch.port: 0 is not a valid port"),
    ],
)
def test_a_mistake_is_reported_once(wrong: dict[str, Any], said: str) -> None:
    [found] = keepalived_errors(GOOD | wrong, FACTS)
    assert said in found


def test_data_of_another_shape_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match=r"keepalived_errors: .*unexpected keyword argument 'colour'"):
        keepalived_errors(GOOD | {"colour": "red"}, FACTS)
