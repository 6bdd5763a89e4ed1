"""Mistakes in the variables of the role dns: each is reported once, with the variable and what to write."""

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.dns_errors import dns_errors

SOA = {"name": "foobar.com", "type": "SOA", "ttl": 60, "value": "lb1.foobar.com. root.foobar.com. 1 2 3 4 5"}
ZONE: dict[str, Any] = {"name": "foobar.com", "records": [SOA]}
GOOD: dict[str, Any] = {
    "zones": [ZONE],
    "address": "198.18.0.11",
    "primary": "",
    "secondaries": ["198.18.0.12"],
    "transfer_secret": "0123456789abcdef",
    "signing_secret": "0123456789abcdef",
    "acme_names": ["_acme-challenge.foobar.com"],
    "acme_clients": ["198.18.0.11"],
    "acme_secret": "0123456789abcdef",
    "listen": ["198.18.0.11", "fd00::11"],
    "rate_limit": 50,
}
NO_ACME = {"acme_names": [], "acme_clients": [], "acme_secret": ""}
SECONDARY = {
    "zones": [{"name": "foobar.com"}],
    "primary": "198.18.0.12",
    "secondaries": [],
    "signing_secret": "",
    **NO_ACME,
}
ALONE = {"address": "", "secondaries": [], "transfer_secret": "", "signing_secret": "", **NO_ACME}


@pytest.mark.parametrize("change", [{}, SECONDARY, ALONE])
def test_what_is_right_is_not_reported(change: dict[str, Any]) -> None:
    assert dns_errors(GOOD | change) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"zones": [], **NO_ACME}, "dns_zones is empty; give at least one zone"),
        ({"zones": [ZONE, ZONE]}, "dns_zones: two have the name foobar.com; give each its own."),
        (
            {"zones": [ZONE | {"name": "FooBar.com"}], "primary": "198.18.0.12", "secondaries": [], **NO_ACME},
            "in small letters",
        ),
        ({"zones": [ZONE | {"records": []}]}, "dns_zones, foobar.com: the first record is not the SOA"),
        ({"zones": [ZONE | {"records": [SOA, SOA | {"name": "a.b"}]}]}, '"a.b" is not a name in the zone'),
        ({"zones": [ZONE | {"records": [SOA, SOA | {"value": "a\nb"}]}]}, "the SOA of foobar.com cannot be written"),
        ({"address": "lb1"}, 'dns_address has "lb1"; give bare IPv4 or IPv6 addresses.'),
        ({"secondaries": ["lb2"]}, 'dns_secondaries has "lb2"'),
        ({"address": "fd00::11"}, "dns_address (fd00::11) and 198.18.0.12 are of two families; use those of one"),
        ({"listen": ["*"]}, 'dns_listen has "*"'),
        ({"listen": []}, "dns_listen is empty, and the host has no address of its own"),
        ({"primary": "198.18.0.12"}, "dns_primary and dns_secondaries are both set"),
        ({"rate_limit": -1}, "dns_rate_limit is -1; use a number of answers in a second, or 0 for no limit."),
        (
            {"acme_names": ["_acme-challenge.foobar.net"]},
            'dns_acme_names has "_acme-challenge.foobar.net", which is in',
        ),
        ({"acme_clients": []}, "dns_acme_names is set and dns_acme_clients is empty; give the addresses"),
        ({"acme_clients": ["lb1"]}, 'dns_acme_clients has "lb1"; give bare IPv4 or IPv6 addresses.'),
        ({"acme_secret": "short"}, "dns_acme_secret is too short; give at least 16 random characters."),
        ({"transfer_secret": "short"}, "dns_transfer_secret is too short; give at least 16 random characters."),
        ({"signing_secret": "short"}, "dns_signing_secret is too short; give at least 16 random characters, or a key"),
        ({"signing_secret": "-----BEGIN "}, "dns_signing_secret: it is not a private key without a passphrase"),
    ],
)
def test_a_mistake_is_reported_once(wrong: dict[str, Any], said: str) -> None:
    [found] = dns_errors(GOOD | wrong)
    assert said in found


def test_data_of_another_shape_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match=r"dns_errors: .*unexpected keyword argument 'colour'"):
        dns_errors(GOOD | {"colour": "red"})
