"""Load balancers that count together: a table for each, and the sum is what the limit is compared with."""

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.haproxy_errors import haproxy_errors
from ansible_collections.foobar.webstack.plugins.filter.haproxy_sections import haproxy_sections

PEERS: dict[str, Any] = {
    "local": "lb1",
    "hosts": [
        {"name": "lb1", "address": "198.18.0.11"},
        {"name": "lb2", "address": "fd00::12"},
        {"name": "lb3", "address": "198.18.0.13"},
    ],
    "certificate": "/tls/combined.pem",
    "ca_file": "/tls/ca.pem",
}
SITE: dict[str, Any] = {
    "name": "www",
    "bind": [{"port": 80}],
    "rate_limit": {"requests": 100, "allow": ["192.0.2.1"]},
    "max_connections_per_client": 10,
}
QUIET = {"name": "quiet", "bind": [{"port": 81}]}


def sections(peers: dict[str, Any], frontends: list[dict[str, Any]]) -> dict[str, list[str]]:
    found = haproxy_sections(frontends, backends=[], listens=[], stats={}, retry_methods=[], peers=peers)
    return {section["head"]: section["lines"] for section in found["proxies"]}


def test_each_balancer_has_a_table_for_each_proxy_that_counts() -> None:
    lines = sections(PEERS, [SITE, QUIET])["peers balancers"]
    tables = [line for line in lines if line.startswith("table ")]
    described = "type ipv6 size 100k expire 10s store gpc0_rate(10s),conn_cur"
    assert tables == [f"table lb{number}_www {described}" for number in (1, 2, 3)]


def test_the_balancers_know_each_other_by_their_certificates() -> None:
    lines = sections(PEERS, [SITE])["peers balancers"]
    tls = "ssl crt /tls/combined.pem ca-file /tls/ca.pem verify required"
    assert [line for line in lines if line.startswith("bind ")] == [f"bind 198.18.0.11:10024 {tls}"]
    assert f"default-server {tls}" in lines
    assert "server lb1" in lines, "this one has no address: it is where the section listens"
    assert "server lb2 [fd00::12]:10024 verifyhost lb2" in lines
    assert "server lb3 198.18.0.13:10024 verifyhost lb3" in lines


def test_each_counts_in_its_own_table_and_the_limit_is_for_the_sum() -> None:
    """Red where all count in one table: a peer's value takes the place of this one's, and the limit is for each."""
    lines = sections(PEERS, [SITE])["frontend www"]
    assert not [line for line in lines if line.startswith("stick-table")]
    client = "src,ipmask(32,64)"
    assert f"http-request track-sc0 {client} table balancers/lb1_www unless {{ src 192.0.2.1 }}" in lines
    assert f"tcp-request connection track-sc1 {client} table balancers/lb1_www unless {{ src 192.0.2.1 }}" in lines
    first = lines.index(f"http-request set-var(txn.rate) {client},table_gpc0_rate(balancers/lb2_www)")
    assert lines[first + 1 : first + 4] == [
        f"http-request set-var(txn.rate) {client},table_gpc0_rate(balancers/lb3_www),add(txn.rate)",
        "http-request set-var(txn.rate) sc0_gpc0_rate,add(txn.rate)",
        "http-request deny deny_status 429 hdr Retry-After 10 if { var(txn.rate) -m int ge 100 }",
    ]


def test_the_only_balancer_counts_as_ever() -> None:
    for peers in ({}, None):
        found = sections(peers, [SITE])  # type: ignore[arg-type]
        assert list(found) == ["frontend www"]
        assert "stick-table type ipv6 size 100k expire 10s store gpc0_rate(10s),conn_cur" in found["frontend www"]
        assert [line for line in found["frontend www"] if "sc0_gpc0_rate ge 100" in line]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"local": "lb9"}, 'haproxy_peers.local is "lb9"; name one of haproxy_peers.hosts: lb1, lb2 and lb3.'),
        ({"port": 0}, "haproxy_peers.port: 0 is not a valid port; use a port from 1 to 65535."),
        ({"hosts": [*PEERS["hosts"], PEERS["hosts"][1]]}, '2 are named "lb2"; name every load balancer once.'),
        ({"hosts": [{"name": "lb1", "address": "lb1.example"}]}, '"lb1.example" of lb1 is not valid; give an IPv4'),
        ({"hosts": [*PEERS["hosts"], {"name": "a b", "address": "::1"}]}, 'the name "a b" is not valid; use letters'),
    ],
)
def test_a_mistake_is_reported_once(wrong: dict[str, Any], said: str) -> None:
    assert haproxy_errors([], [], [], {}, peers=PEERS) == []
    [found] = haproxy_errors([], [], [], {}, peers=PEERS | wrong)
    assert said in found


def test_peers_without_a_host_are_no_peers() -> None:
    with pytest.raises(AnsibleFilterError, match=r"haproxy_peers\.local is required"):
        sections({"hosts": []}, [SITE])
