"""A load balancer with virtual addresses: what holds on any host that the role keepalived made."""

import re

import pytest
from testinfra.host import Host

testinfra_hosts = ["ansible://loadbalancers"]


@pytest.fixture
def configuration(host: Host) -> str:
    """Of keepalived; a load balancer of an inventory without virtual addresses has none."""
    if not host.package("keepalived").is_installed:
        pytest.skip("the inventory has no virtual addresses")
    return host.check_output("cat /etc/keepalived/keepalived.conf")


def test_the_services_run_now_and_at_boot(host: Host, configuration: str) -> None:
    for name in ("keepalived", "haproxy-watch"):
        assert host.service(name).is_running
        assert host.service(name).is_enabled
    assert host.check_output("systemctl show --property=Restart --value keepalived") == "always"


def test_haproxy_is_well(host: Host, configuration: str) -> None:
    """What keepalived looks at."""
    assert host.file("/run/haproxy-watch/health").content_string == "0\n"


def test_keepalived_takes_its_configuration(host: Host, configuration: str) -> None:
    assert host.run("keepalived --config-test").rc == 0


def test_the_host_speaks_to_its_peers_alone(host: Host, configuration: str) -> None:
    """Unicast: no multicast, and what comes from an address that is no peer's is not heard."""
    assert "vrrp_check_unicast_src" in configuration
    assert len(re.findall(r"^vrrp_instance ", configuration, re.M)) == len(re.findall(r"unicast_peer {", configuration))


def test_a_host_that_is_unwell_leaves_the_election(host: Host, configuration: str) -> None:
    """Weight 0. With any other one, which only lowers the priority, nopreempt would keep the address where it is."""
    assert re.search(r"track_file haproxy {\s+file /run/haproxy-watch/health\s+weight 0\s+}", configuration)


def test_the_unit_of_the_watch_is_confined(host: Host, configuration: str) -> None:
    found = re.search(
        r"Overall exposure level for \S+: ([0-9.]+)",
        host.check_output("systemd-analyze security --no-pager haproxy-watch"),
    )
    assert found
    assert float(found[1]) <= 2.5
