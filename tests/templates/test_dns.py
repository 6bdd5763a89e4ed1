"""The real configuration and zones, rendered offline and read by the real Knot DNS."""

import subprocess
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.filter.dns_zones import dns_zones

Parser = Callable[[list[str], Mapping[str, str]], subprocess.CompletedProcess[str]]
Render = Callable[[str, str, Mapping[str, Any]], str]

HOSTS = {
    "lb1": {"webstack_dns_addresses": ["198.18.0.11", "fd00::11"]},
    "lb2": {"ansible_host": "198.18.0.12"},
}
ZONES = dns_zones(
    list(HOSTS),
    HOSTS,
    list(HOSTS),
    list(HOSTS),
    domain="www.foobar.com",
    names=["*.foobar.com", "bücher.foobar.com"],
    virtual_addresses=["198.18.0.10", "fd00::10"],
    caa=["letsencrypt.org"],
    records=[
        {"name": "@", "type": "MX", "value": "10 mail.example.net"},
        {"name": "@", "type": "TXT", "value": 'a "quoted" one; with a backslash \\ and an ü' + "x" * 600},
        {"name": "@", "type": "CAA", "value": "0 iodef mailto:hostmaster@foobar.com"},
        {"name": "_sip._tcp", "type": "SRV", "value": "0 5 5061 sip.example.net"},
        {"name": "lb1", "type": "SSHFP", "value": "4 2 " + "ab" * 32},
        {"name": "_443._tcp.www", "type": "TLSA", "value": "3 1 1 " + "12" * 32},
        {"name": "pages", "type": "CNAME", "value": "example.net."},
        {"name": "sub", "type": "NS", "value": "ns1.example.net"},
    ],
    reverse=["198.18.0.0/24", "fd00::/64"],
    contact="first.last@example.net",
)
FACTS = {
    "os_family": "Debian",
    "distribution": "Debian",
    "distribution_major_version": "13",
    "all_ipv4_addresses": ["198.18.0.11", "198.18.0.10"],
    "all_ipv6_addresses": ["fd00::11", "fe80::1"],
    "interfaces": ["eth0"],
    "eth0": {
        "device": "eth0",
        "ipv4": {"address": "198.18.0.11"},
        "ipv4_secondaries": [{"address": "198.18.0.10"}],
        "ipv6": [{"address": "fd00::11"}, {"address": "fe80::1"}],
    },
}
PRIMARY = {
    "ansible_facts": FACTS,
    "dns_zones": ZONES,
    "dns_address": "198.18.0.11",
    "dns_secondaries": ["198.18.0.12", "198.18.0.13"],
    "dns_transfer_secret": "0123456789abcdef",
    "dns_signing_secret": "0123456789abcdef",
    "dns_acme_names": ["_acme-challenge.foobar.com", "_acme-challenge.www.foobar.com"],
    "dns_acme_clients": ["198.18.0.11", "198.18.0.12"],
    "dns_acme_secret": "fedcba9876543210",
    "dns_listen": ["198.18.0.11"],
    "dns_listen_where_present": ["fd00:0::11", "198.18.0.11", "203.0.113.11"],
}
SCENARIOS: dict[str, dict[str, Any]] = {
    "primary": PRIMARY,
    "alone, unsigned, without a limit": {"ansible_facts": FACTS, "dns_zones": ZONES, "dns_rate_limit": 0},
    "alone, with an ACME client": {
        name: value for name, value in PRIMARY.items() if name not in ("dns_secondaries", "dns_transfer_secret")
    },
    "secondary": PRIMARY
    | {"dns_primary": "198.18.0.12", "dns_address": "198.18.0.11", "dns_secondaries": [], "dns_signing_secret": ""},
    "over IPv6": PRIMARY | {"dns_address": "fd00::11", "dns_secondaries": ["fd00::12"], "dns_listen": ["fd00::11"]},
}


@pytest.fixture
def files(render_template: Render) -> Callable[[Mapping[str, Any]], dict[str, str]]:
    def render(variables: Mapping[str, Any]) -> dict[str, str]:
        return {
            f"/etc/knot/{name}": render_template("dns", f"{name}.j2", variables)
            for name in ("server.conf", "knot.conf")
        }

    return render


@pytest.mark.parametrize("variables", SCENARIOS.values(), ids=SCENARIOS)
def test_knot_takes_the_configuration(
    files: Callable[[Mapping[str, Any]], dict[str, str]], parser: Parser, variables: dict[str, Any]
) -> None:
    done = parser(["knotc", "--config=/etc/knot/knot.conf", "conf-check"], files(variables))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stderr


@pytest.mark.parametrize("zone", ZONES, ids=lambda zone: zone["name"])
def test_the_zones_are_such(render_template: Render, parser: Parser, zone: dict[str, Any]) -> None:
    file = render_template("dns", "zone.j2", {"item": zone})
    done = parser(["kzonecheck", "--origin", zone["name"], "/zone"], {"/zone": file})
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_zone_that_is_none_is_refused(render_template: Render, parser: Parser) -> None:
    """The test of the test above."""
    broken = ZONES[0] | {
        "records": [*ZONES[0]["records"], {"name": "www.foobar.com", "type": "CNAME", "ttl": 1, "value": "a.b."}]
    }
    file = render_template("dns", "zone.j2", {"item": broken})
    assert parser(["kzonecheck", "--origin", "foobar.com", "/zone"], {"/zone": file}).returncode != 0


def test_it_listens_at_the_host_s_own_addresses(files: Callable[[Mapping[str, Any]], dict[str, str]]) -> None:
    """Not at one that moves, which is not here at times, nor at one of a network interface alone."""
    assert "listen: [198.18.0.11@53, fd00::11@53]" in files(PRIMARY)["/etc/knot/server.conf"]


def test_a_secondary_has_neither_key_nor_zone_file(files: Callable[[Mapping[str, Any]], dict[str, str]]) -> None:
    configuration = files(SCENARIOS["secondary"])["/etc/knot/knot.conf"]
    assert "dnssec-signing" not in configuration
    assert "zonefile-load: none" in configuration
    assert "action: transfer" not in configuration
