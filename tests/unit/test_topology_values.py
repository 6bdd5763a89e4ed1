"""Single values: what each predicate takes and refuses. The sentences of refusals are compared where they matter."""

from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology import values

LONG = "a" * 63


@pytest.mark.parametrize(
    ("predicate", "good", "bad"),
    [
        (values.is_port, [1, 65535, "443"], [0, 65536, "443 ", "-1", "", "http", "9" * 40, 80.0, True, None, [80]]),
        (
            values.is_port_range,
            [443, "443", "8000-8010", "8000-8000"],
            ["8010-8000", "8000-", "-8000", "1-2-3", "0-5", "1-65536", "", None, True],
        ),
        (values.is_block_name, ["web", "a.b_c-1"], ["", "web:80", "web servers", "web\n", None, 1]),
        (values.is_haproxy_name, ["web", "2001:db8::1"], ["", "web servers", "web;", "web\n", None, 1]),
        (values.is_rule_name, ["web to app", "a" * 64], ["", "a" * 65, "web;", "web\n", None, 1]),
        (
            values.is_dns_name,
            ["web1", "www.Foobar.com", "_acme.example", f"{LONG}.com"],
            [
                "",
                "a..b",
                "-a",
                "a-",
                ".a",
                "a.",
                "a b",
                f"{LONG}a",
                f"{LONG}." * 4 + "a",
                "198.18.0.1",
                "*.a",
                1,
                "a\n",
            ],
        ),
        (values.is_address, ["198.18.0.1", "2001:db8::1", "::"], ["198.18.0.1/24", "[::1]", "fe80::1%eth0", "web1", 1]),
        (
            values.is_network,
            ["198.18.0.1", "198.18.0.0/24", "198.18.0.1/24", "2001:db8::/32", "::/0"],
            ["198.18.0.0/33", "198.18.0.0/", "198.18.0.0/255.255.255.0", "fe80::1%eth0/64", "web1", "", 1, "::/0/0"],
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_predicates(predicate: Any, good: list[Any], bad: list[Any]) -> None:
    """Catches a rule that grew looser or stricter: every role that checks such a value uses the same one."""
    assert [value for value in good if not predicate(value)] == []
    assert [value for value in bad if predicate(value)] == []


def test_dns_name_with_a_wildcard() -> None:
    assert values.is_dns_name("*.example.com", wildcard=True)
    assert not values.is_dns_name("*", wildcard=True)
    assert not values.is_dns_name("a.*.com", wildcard=True)


def test_readers_return_the_value_in_its_own_type() -> None:
    assert values.port_number("443", "web1", "port") == 443
    assert values.weight("0", "web1", "haproxy_weight") == 0
    assert values.boolean("Yes", "web1", "check") is True


@pytest.mark.parametrize(
    ("port", "message"),
    [(65536, "web1: port is 65536; write a whole number from 1 to 65535"), ("x", "web1: port is 'x'; ")],
)
def test_a_refusal_names_owner_variable_and_fix(port: Any, message: str) -> None:
    with pytest.raises(values.TopologyError) as error:
        values.port_number(port, "web1", "port")
    assert str(error.value).startswith(message)
