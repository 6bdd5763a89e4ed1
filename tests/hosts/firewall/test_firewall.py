"""What holds on every guarded host, whatever it lets in. Who reaches which port is for the drill of the port matrix."""

import json

testinfra_hosts = [f"ansible://{group}" for group in ("databases", "appservers", "webservers", "loadbalancers")]


def test_what_is_wanted_runs_and_is_what_the_next_boot_loads(host):
    """Catches rules that were changed or flushed at runtime, and rules that nothing has confirmed."""
    assert host.check_output("/usr/local/sbin/webstack-firewall check") == "current"
    assert host.service("webstack-firewall").is_enabled
    assert host.service("webstack-firewall").is_running


def test_what_no_rule_names_is_dropped_in_both_families(host):
    listing = json.loads(host.check_output("nft --json list chain inet webstack input"))["nftables"]
    [chain] = [entry["chain"] for entry in listing if "chain" in entry]
    assert (chain["family"], chain["hook"], chain["policy"]) == ("inet", "input", "drop")


def test_no_rollback_is_left(host):
    """Catches a confirmation that does not disarm, and so takes good rules back later."""
    assert host.run("systemctl list-units --all --plain --no-legend 'webstack-firewall-rollback*'").stdout == ""


def test_debian_s_own_service_is_left_as_it_is(host):
    assert not host.service("nftables").is_enabled
    assert host.run("dpkg --verify nftables").stdout == ""
