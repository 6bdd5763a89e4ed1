"""A name server of the stack: what holds on any host that the role dns made."""

import re

from testinfra.host import Host

testinfra_hosts = ["ansible://dns"]


def addresses(host: Host) -> list[str]:
    """Where Knot DNS listens."""
    found = re.search(r"listen: \[(.*)\]", host.file("/etc/knot/server.conf").content_string)
    assert found
    return [address.rpartition("@")[0] for address in found[1].split(", ")]


def zones(host: Host) -> list[str]:
    return re.findall(r"^  - domain: (\S+)$", host.file("/etc/knot/knot.conf").content_string, re.M)


def test_the_service_runs_now_and_at_boot(host: Host) -> None:
    assert host.service("knot").is_running
    assert host.service("knot").is_enabled
    assert host.check_output("systemctl show --property=Restart --value knot") == "always"


def test_every_zone_is_served_at_every_address(host: Host) -> None:
    """With authority, by UDP and TCP."""
    assert zones(host)
    for zone in zones(host):
        for address in addresses(host):
            for transport in ("+notcp", "+tcp"):
                said = host.check_output(f"kdig @{address} {zone} SOA {transport}")
                assert "status: NOERROR" in said
                assert re.search(r"Flags: qr aa", said)


def test_every_zone_is_signed(host: Host) -> None:
    for zone in zones(host):
        assert "RRSIG" in host.check_output(f"kdig @{addresses(host)[0]} {zone} SOA +dnssec +tcp")


def test_nothing_else_is_answered(host: Host) -> None:
    said = host.check_output(f"kdig @{addresses(host)[0]} www.example.net A +tcp")
    assert "status: REFUSED" in said
    assert "status: REFUSED" in host.check_output(f"kdig @{addresses(host)[0]} version.bind CH TXT +tcp")


def test_the_whole_zone_is_given_to_nobody_without_the_key(host: Host) -> None:
    for zone in zones(host):
        assert "SOA" not in host.run(f"kdig @{addresses(host)[0]} {zone} AXFR +noquestion").stdout.replace("AXFR", "")


def test_secrets_are_for_knot_alone(host: Host) -> None:
    for name in host.check_output("find /etc/knot -type f").split():
        assert host.file(name).user == "root" or host.file(name).group == "knot"
        assert not host.file(name).mode & 0o007, name


def test_the_unit_is_confined(host: Host) -> None:
    found = re.search(
        r"Overall exposure level for \S+: ([0-9.]+)", host.check_output("systemd-analyze security --no-pager knot")
    )
    assert found
    assert float(found[1]) <= 3.0
