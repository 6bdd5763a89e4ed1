"""keepalived.conf, read by keepalived itself, and the unit of the service that tells who has the addresses."""

import shlex
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from haproxy_watch.handover import rules

Render = Callable[[str, str, Mapping[str, Any]], str]

INSTANCE = {
    "name": "webstack_1",
    "router_id": 51,
    "priority": 254,
    "address": "198.18.0.11",
    "peers": ["198.18.0.12"],
    "addresses": ["198.18.0.10", "fd00::10"],
}
SIX = INSTANCE | {"name": "webstack_2", "router_id": 52, "address": "fd00::11", "peers": ["fd00::12"]}
FACTS = {
    "os_family": "Debian",
    "distribution": "Debian",
    "distribution_major_version": "13",
    "interfaces": ["eth0"],
    "eth0": {"device": "eth0", "ipv4": {"address": "198.18.0.11"}, "ipv6": [{"address": "fd00::11"}]},
}
MOVE = ["/opt/provider/move", "--region=eu 1", "100%", "$HOME", "back\\slash"]

SCENARIOS: dict[str, dict[str, Any]] = {
    "one instance": {"keepalived_instances": [INSTANCE]},
    "both families, preempting": {"keepalived_instances": [INSTANCE, SIX], "keepalived_preempt": True},
    "announced, and told": {"keepalived_instances": [INSTANCE], "keepalived_notify": MOVE},
    "a provider's addresses": {
        "keepalived_instances": [INSTANCE, SIX],
        "keepalived_notify": MOVE,
        "keepalived_announce": False,
        "keepalived_notify_credentials": {"token": "/etc/provider-token"},
    },
}


@pytest.fixture
def configuration(render_template: Render) -> Callable[[str], str]:
    return lambda name: render_template("keepalived", "keepalived.conf.j2", SCENARIOS[name] | {"ansible_facts": FACTS})


def complaints(parser: Any, text: str) -> list[str]:
    """What keepalived says against a configuration.

    It looks for the interface, too, and a container without rights can have none: that alone is no fault of the text.
    """
    script = (
        "mkdir -p /run/haproxy-watch && echo 0 > /run/haproxy-watch/health"
        " && keepalived --config-test --use-file=/keepalived.conf 2>&1"
    )
    said = parser(["/bin/sh", "-c", script], {"/keepalived.conf": text}).stdout.splitlines()
    return [line for line in said if "interface eth0 for" not in line and "Non-existent interface" not in line]


@pytest.mark.parametrize("name", SCENARIOS)
def test_keepalived_takes_it(configuration: Callable[[str], str], parser: Any, name: str) -> None:
    assert complaints(parser, configuration(name)) == []


def test_what_keepalived_does_not_know_is_seen(configuration: Callable[[str], str], parser: Any) -> None:
    """The test of the test above."""
    broken = configuration("one instance").replace("nopreempt", "nopreemt")
    assert any("nopreemt" in line for line in complaints(parser, broken))


def test_an_address_that_the_network_brings_is_not_announced(configuration: Callable[[str], str]) -> None:
    """On the loopback nobody hears of it. Red where a cloud would see a foreign ARP."""
    lines = [line.strip() for line in configuration("a provider's addresses").splitlines()]
    assert [line for line in lines if line.startswith(("198.18.0.10/", "fd00::10/"))] == [
        "198.18.0.10/32 dev lo",
        "fd00::10/128 dev lo",
        "fd00::10/128 dev lo",
        "198.18.0.10/32 dev lo",
    ]
    assert "vrrp_garp_master_refresh 0" in lines
    announced = configuration("announced, and told")
    assert "dev lo" not in announced
    assert "vrrp_garp_master_refresh 30" in announced


def test_changes_are_told_only_where_somebody_listens(configuration: Callable[[str], str]) -> None:
    assert "vrrp_notify_fifo /run/keepalived-notify/fifo" in configuration("announced, and told")
    assert "fifo" not in configuration("one instance")


def test_the_unit_runs_the_command_as_it_was_given(render_template: Render, parser: Any) -> None:
    """Word for word, whatever systemd replaces in a line, as a user of its own, with its secrets."""
    unit = render_template("keepalived", "keepalived-notify.service.j2", SCENARIOS["a provider's addresses"])
    [start] = [line for line in unit.splitlines() if line.startswith("ExecStart=")]
    words = shlex.split(start.removeprefix("ExecStart="))
    assert words[3:6] == [
        "--instance=webstack_1=198.18.0.10,fd00::10",
        "--instance=webstack_2=198.18.0.10,fd00::10",
        "--",
    ]
    assert [word.replace("%%", "%").replace("$$", "$") for word in words[6:]] == MOVE
    assert any(
        line.endswith(" /etc/provider-token /run/keepalived-notify/credentials/token") for line in unit.splitlines()
    )
    assert "DynamicUser=true" in unit.splitlines()
    program = {"/usr/local/sbin/keepalived-notify": "#!/bin/sh\n"}
    path = "/etc/systemd/system/keepalived-notify.service"
    script = f"chmod +x /usr/local/sbin/keepalived-notify && systemd-analyze verify --man=no {path}"
    result = parser(["/bin/sh", "-c", script], program | {path: unit})
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""


@pytest.mark.parametrize("family", ["both", "IPv4", "IPv6"])
def test_nft_takes_what_passes_connections_on(render_template: Render, nft: Any, family: str) -> None:
    """Both sides: the host that has the addresses yet, and the one that will have them."""
    addresses = {"IPv4": ["198.18.0.10"], "IPv6": ["fd00::10"]}.get(family, INSTANCE["addresses"])
    variables = {"keepalived_instances": [INSTANCE | {"addresses": addresses}]}
    taken = nft(
        render_template("keepalived", "handover.nft.j2", variables)
        + rules("lo", "02:00:00:00:00:01", "02:00:00:00:00:02", ["02:00:00:00:00:03"], addresses)
    )
    assert taken.returncode == 0, taken.stderr
    assert taken.stdout.count(" redirect\n") == len(addresses)
    assert taken.stdout.count("tcp dport 10025 redirect to :80") == 1
    assert taken.stdout.count('fwd to "lo"') == len(addresses)


def test_the_unit_passes_on_only_where_there_is_somebody(render_template: Render, parser: Any) -> None:
    unit = "[Service]\nExecStart=/bin/true\n"
    path = "/etc/systemd/system/keepalived.service"
    for name, passes_on in (("both families, preempting", True), ("a provider's addresses", False)):
        text = render_template("keepalived", "handover.conf.j2", SCENARIOS[name])
        assert (
            "hand-over --port=10025 --seconds=5 --peer=198.18.0.12 --peer=fd00::12 198.18.0.10 fd00::10" in text
        ) is passes_on
        said = parser(
            ["/bin/sh", "-c", f"chmod +x /usr/local/sbin/haproxy-watch && systemd-analyze verify --man=no {path}"],
            {path: unit, f"{path}.d/handover.conf": text, "/usr/local/sbin/haproxy-watch": "#!/bin/sh\n"},
        )
        assert (said.returncode, said.stderr) == (0, "")
