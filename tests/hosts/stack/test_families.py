"""Visitors with IPv4 and visitors with IPv6, on any inventory. Nothing is written."""

import json

from connection import send_from

testinfra_hosts = ["ansible://loadbalancers"]


def addresses(host) -> list[str]:
    """Every address of the host at which it could be asked, its own loopback's included."""
    interfaces = json.loads(host.check_output("ip -json address show up"))
    return [
        address["local"]
        for interface in interfaces
        for address in interface["addr_info"]
        if address["scope"] == "global" or address["local"] in ("127.0.0.1", "::1")
    ]


def test_the_site_answers_at_every_address_of_the_load_balancer(host, site):
    """Whatever the others know it by. Catches a bind for IPv4 alone, at which visitors with IPv6 are refused."""
    found = {}
    for address in addresses(host):
        (answer,) = send_from(host, address=address, port=443, host=site.host, tls={"name": site.host})
        (plain,) = send_from(host, address=address, port=80, host=site.host)
        found[address] = (answer.status, plain.status)
    assert found == dict.fromkeys(found, (200, 308))
    assert "127.0.0.1" in found
