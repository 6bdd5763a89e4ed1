"""Mistakes in the variables of the role exporters: each is reported once, with the variable and what to write."""

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.exporters_errors import exporters_errors

NODE, MYSQLD = "exporters_node_web_listen_address", "exporters_mysqld_web_listen_address"
GOOD: dict[str, Any] = {
    "listen": {NODE: "198.18.0.11:9100", MYSQLD: "[fd00::11]:9104"},
    "collectors": {"exporters_node_enabled_collectors": ["systemd"]},
    "arguments": {"exporters_node_arguments": ["--collector.ntp"]},
    "statsd": "127.0.0.1:9125",
    "endpoint": "https://198.18.0.31:3308",
    "interval": "15s",
    "memory_max": "64M",
}


def test_what_is_right_is_not_reported() -> None:
    assert exporters_errors(GOOD) == []
    assert exporters_errors(GOOD | {"endpoint": "", "listen": {NODE: ":9100"}}) == []
    assert exporters_errors(GOOD | {"endpoint": "https://[fd00::31]:3308"}) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"listen": {NODE: "lb1:9100"}}, f'{NODE} is "lb1:9100"; give an address and a port'),
        ({"listen": {NODE: "198.18.0.11"}}, f'{NODE} is "198.18.0.11"; give an address and a port'),
        ({"listen": {NODE: "fd00::11:9100"}}, "such as 127.0.0.1:9100 or [::1]:9100."),
        ({"listen": {NODE: "[198.18.0.11:9100"}}, "give an address and a port"),
        ({"collectors": {"exporters_mysqld_collectors": ["--x"]}}, 'exporters_mysqld_collectors has "--x"; give the'),
        ({"arguments": {"exporters_node_arguments": ["x"]}}, 'exporters_node_arguments has "x"; give arguments of'),
        ({"statsd": ":9125"}, 'exporters_statsd_listen_udp is ":9125"; give an address and a port'),
        ({"statsd": "localhost:9125"}, 'exporters_statsd_listen_udp is "localhost:9125"; give an address'),
        ({"endpoint": "https://db1:3308"}, 'exporters_mysql_endpoint is "https://db1:3308"; give the URL of'),
        ({"interval": "15"}, 'exporters_interval is "15"; give a time such as 15s'),
        ({"memory_max": "lots"}, 'exporters_memory_max is "lots"; give a size such as 64M.'),
    ],
)
def test_a_mistake_is_reported_once(wrong: dict[str, Any], said: str) -> None:
    [found] = exporters_errors(GOOD | wrong)
    assert said in found


def test_two_at_one_port_are_both_named() -> None:
    found = exporters_errors(GOOD | {"listen": {NODE: ":9100", MYSQLD: "127.0.0.1:9100"}})
    assert [sentence.split()[0] for sentence in found] == [NODE, MYSQLD]


def test_data_of_another_shape_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match=r"exporters_errors: .*unexpected keyword argument 'colour'"):
        exporters_errors(GOOD | {"colour": "red"})
