"""Other firewalls in nftables, loaded and listed by nft itself: which close the stack's ports, and which do not."""

import base64
import os
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._firewall.chains import foreign
from ansible_collections.foobar.webstack.plugins.module_utils._firewall.nftables import tables

IMAGE = "foobar-webstack/parsers:trixie"
PORTS = [(80, 80), (443, 443)]
BASE = """
table inet hostfw {{
    chain input {{
        type filter hook input priority 0; policy {policy};
        {rules}
    }}
}}"""
KEPT = "iif lo accept; ct state established,related accept; tcp dport 22 accept;"
FIREWALLD = """
table inet firewalld {
    chain filter_INPUT {
        type filter hook input priority filter + 10; policy accept;
        ct state { established, related } accept
        ct status dnat accept
        iifname "lo" accept
        ct state invalid drop
        jump filter_INPUT_ZONES
        reject with icmpx admin-prohibited
    }
    chain filter_INPUT_ZONES {
        goto filter_IN_public
    }
    chain filter_IN_public {
        jump filter_IN_public_allow
        meta l4proto { icmp, ipv6-icmp } accept
    }
    chain filter_IN_public_allow {
        tcp dport 22 accept
    }
}
"""
CLOSED = {
    "ufw as nftables would say it": BASE.format(policy="drop", rules=KEPT),
    "a last rule": BASE.format(policy="accept", rules=KEPT + "counter drop"),
    "a last rule for TCP": BASE.format(policy="accept", rules=KEPT + "meta l4proto tcp reject with tcp reset"),
    "an interface": BASE.format(policy="accept", rules='iifname "eth0" ct state new log prefix "x " drop'),
    "a port of ours": BASE.format(policy="accept", rules="tcp dport { 23, 400-500 } drop"),
    "all but some addresses": BASE.format(policy="accept", rules="ip saddr != 192.0.2.0/24 tcp dport 443 drop"),
    "all but one port": BASE.format(policy="accept", rules="tcp dport != 22 drop"),
    "firewalld": FIREWALLD,
    "before routing": """
table ip early {
    chain x { type filter hook prerouting priority -300; policy drop; }
}""",
}
OPEN = {
    "nothing": "",
    "a cloud image": """
table inet filter {
    chain input { type filter hook input priority filter; }
    chain forward { type filter hook forward priority filter; }
    chain output { type filter hook output priority filter; }
}""",
    "our own, and the fence": """
table inet webstack {
    chain input { type filter hook input priority 0; policy drop; }
}
table inet webstack_fence {
    chain input { type filter hook prerouting priority -300; policy drop; }
}""",
    "fail2ban": """
table inet f2b-table {
    set addr-set-sshd { type ipv4_addr; elements = { 192.0.2.7 } }
    chain f2b-chain {
        type filter hook input priority filter - 1; policy accept;
        tcp dport 22 ip saddr @addr-set-sshd reject with icmp port-unreachable
        tcp dport { 80, 443 } ip saddr @addr-set-sshd reject with icmp port-unreachable
    }
}""",
    "crowdsec": """
table ip crowdsec {
    set blocked { type ipv4_addr; flags timeout; }
    chain input {
        type filter hook input priority -10; policy accept;
        ip saddr @blocked drop
    }
}""",
    "Docker": """
table ip docker-bridges {
    chain forward { type filter hook forward priority filter; policy drop; }
    chain raw {
        type filter hook prerouting priority raw; policy accept;
        ip daddr 172.17.0.2 iifname != "docker0" drop
    }
}""",
    "hardening": BASE.format(
        policy="accept",
        rules="ct state invalid drop; tcp flags & (fin|syn|rst|ack) != syn ct state new drop; udp dport 53 drop;"
        " iifname != lo ip daddr 127.0.0.0/8 drop; tcp dport 22 ct state new limit rate over 4/minute drop;"
        " tcp dport { 23, 111 } drop; iif lo tcp dport 80 drop",
    ),
    "tailscale": """
table ip tailscale {
    chain input {
        type filter hook input priority 0; policy accept;
        iifname != "tailscale0" ip saddr 100.64.0.0/10 drop
    }
}""",
    "what accepts everything first": BASE.format(policy="drop", rules="accept"),
    "a chain that nobody jumps to": "table inet x {\n    chain y {\n        drop\n    }\n}",
}


@pytest.fixture(scope="module")
def listings(engine: Any) -> dict[str, str]:
    """Every ruleset as nft lists it, by name, in a container with a network namespace of its own."""
    rulesets = CLOSED | OPEN
    container = engine.containers.create(
        IMAGE,
        [
            "sh",
            "-ec",
            'for r; do echo "$r" | base64 -d >/tmp/r; nft flush ruleset; nft -f /tmp/r; nft -j list ruleset; done',
            "-",
        ]
        + [base64.b64encode(rules.encode()).decode() for rules in rulesets.values()],
        network_mode="none",
        cap_add=["NET_ADMIN"],
        labels={"foobar.webstack.parser": str(os.getpid())},
    )
    try:
        container.start()
        status = container.wait()["StatusCode"]
        output, errors = (container.logs(stdout=out, stderr=not out).decode() for out in (True, False))
    finally:
        container.remove(force=True)
    assert status == 0, errors
    return dict(zip(rulesets, output.splitlines(), strict=True))


@pytest.mark.parametrize("name", CLOSED)
def test_what_closes_the_site_is_named(name: str, listings: dict[str, str]) -> None:
    """Red for a green run with a closed site."""
    found = foreign(tables(listings[name], PORTS))
    assert len(found) == 1
    assert found[0].program == ("firewalld" if name == "firewalld" else "")
    assert found[0].reason in ("policy drop", "a rule that drops or rejects")


@pytest.mark.parametrize("name", OPEN)
def test_what_is_in_nobody_s_way_is_not(name: str, listings: dict[str, str]) -> None:
    """Red for a host that is refused for a blocklist, for Docker, or for the collection's own tables."""
    assert foreign(tables(listings[name], PORTS)) == []
