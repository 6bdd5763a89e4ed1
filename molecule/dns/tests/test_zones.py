"""Two servers, one zone: what they answer, what they refuse, and what happens when records, files or hosts are lost."""

import re
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.plugin_utils.dnssec import signing_key
from patience import until
from testinfra.host import Host

testinfra_hosts = ["ansible://dns-ns1"]

PRIMARY, SECONDARY = "198.18.33.11", "198.18.33.12"
ADDRESSES = (PRIMARY, SECONDARY, "fd00:198:18:33::11", "fd00:198:18:33::12")
ZONE, REVERSE = "foobar.com", "33.18.198.in-addr.arpa"
KEY = "hmac-sha256:transfer:YSBzZWNyZXQgb2YgdGhpcyBzY2VuYXJpbw=="
FILE = f"/etc/knot/zones/{ZONE}.zone"

Ask = Callable[..., str]
Play = Callable[..., subprocess.CompletedProcess[str]]


def serial(ask: Ask, server: str, zone: str = ZONE) -> int:
    """0 where the server does not answer for the zone."""
    words = ask(server, zone, "SOA", "+short", "+timeout=2", "+retry=1").split()
    return int(words[2]) if len(words) == 7 else 0


def agreed(ask: Ask, above: int = 0) -> int:
    """The serial that both have, once it is higher than another one."""

    def both() -> int:
        found = {serial(ask, server) for server in (PRIMARY, SECONDARY)}
        return found.pop() if len(found) == 1 and min(found) > above else 0

    return int(until(both, f"both servers have a serial above {above}"))


def changed(run: subprocess.CompletedProcess[str]) -> list[int]:
    assert run.returncode == 0, run.stdout + run.stderr
    return [int(number) for number in re.findall(r"changed=(\d+)", run.stdout)]


@pytest.fixture(autouse=True, scope="module")
def as_converged(play: Play, ask: Ask) -> Iterator[None]:
    """However a test leaves the servers, they end as the scenario has them."""
    agreed(ask)
    yield
    assert play().returncode == 0


@pytest.mark.parametrize("server", ADDRESSES)
def test_every_server_answers_for_the_site(ask: Ask, server: str) -> None:
    """Both families, of the servers and of the site, with authority."""
    assert ask(server, "www.foobar.com", "A", "+short") == "198.18.33.10\n"
    assert ask(server, "www.foobar.com", "AAAA", "+short") == "fd00::10\n"
    assert re.search(r"Flags: qr aa rd;", ask(server, "www.foobar.com", "A"))
    assert ask(server, "-x", "198.18.33.12", "+short") == "ns2.foobar.com.\n"


@pytest.mark.parametrize("server", [PRIMARY, SECONDARY])
def test_other_zones_are_refused(ask: Ask, server: str) -> None:
    """No recursion: red for a server that asks others, and could be used against them."""
    said = ask(server, "www.example.com", "A")
    assert "status: REFUSED" in said
    assert not re.search(r"Flags: [^;]*\bra\b", said)


@pytest.mark.parametrize("name", ["version.bind", "version.server", "id.server", "hostname.bind"])
def test_it_does_not_say_what_it_is(ask: Ask, name: str) -> None:
    assert "status: REFUSED" in ask(PRIMARY, name, "CH", "TXT")


@pytest.mark.parametrize("server", [PRIMARY, SECONDARY])
def test_the_whole_zone_is_for_the_secondary_alone(ask: Ask, primary: Host, server: str) -> None:
    """With the key, and from its address. Red where one of the two is enough."""
    assert "198.18.33.10" not in ask(server, ZONE, "AXFR")
    assert "198.18.33.10" not in primary.run(f"kdig @{server} -y {KEY} {ZONE} AXFR").stdout
    assert "198.18.33.10" in ask(PRIMARY, "-y", KEY, ZONE, "AXFR")


def test_the_signatures_lead_to_the_key_of_the_secret(secondary: Host) -> None:
    """As a resolver follows them that knows the zone's DS. Red with another DS, which the second part shows."""
    good = signing_key("the secret of the signatures", ZONE).ds
    for ds, validated in ((good, True), (signing_key("another one", ZONE).ds, False)):
        tag, algorithm, digest_type, digest = ds.split()
        anchor = f'trust-anchors {{ "{ZONE}." static-ds {tag} {algorithm} {digest_type} "{digest}"; }};'
        secondary.run("printf %s %s > /tmp/anchor", "%s", anchor)
        for server in (PRIMARY, SECONDARY):
            for name, kind in (("www.foobar.com", "A"), (ZONE, "TXT"), ("nobody.foobar.com", "A")):
                found = secondary.run(f"delv @{server} -a /tmp/anchor +root={ZONE} {name} {kind}")
                assert ("fully validated" in found.stdout) == validated, found.stdout + found.stderr


def test_the_secondary_has_no_key(secondary: Host) -> None:
    assert secondary.run("ls /var/lib/knot/keys/keys/*.pem /etc/knot/keys").rc != 0
    assert secondary.run("grep --recursive BEGIN.PRIVATE /etc/knot /var/lib/knot").rc != 0


def test_a_second_run_keeps_the_serial(ask: Ask, play: Play) -> None:
    before = agreed(ask)
    assert changed(play()) == [0, 0]
    assert agreed(ask) == before


def test_a_restart_keeps_the_serial(ask: Ask, primary: Host, secondary: Host) -> None:
    before = agreed(ask)
    for host in (primary, secondary):
        host.check_output("systemctl restart knot")
    assert agreed(ask) == before


def test_a_record_that_comes_and_goes_has_a_new_serial_each_time(ask: Ask, play: Play) -> None:
    """On both servers, without a restart. Red where the deleted record is still given out by the secondary."""
    before = agreed(ask)
    record = {"name": "shop", "type": "A", "value": "198.18.33.99"}
    assert changed(play(further=[record])) == [2, 0]
    added = agreed(ask, above=before)
    assert [ask(server, "shop.foobar.com", "A", "+short") for server in (PRIMARY, SECONDARY)] == ["198.18.33.99\n"] * 2
    assert changed(play()) == [2, 0]
    agreed(ask, above=added)
    assert [ask(server, "shop.foobar.com", "A", "+short") for server in (PRIMARY, SECONDARY)] == ["", ""]


def test_a_broken_zone_replaces_nothing(ask: Ask, play: Play, primary: Host) -> None:
    """A CNAME beside an address, which no server may load."""
    before, content = agreed(ask), primary.file(FILE).content_string
    record = {"name": "www.foobar.com", "type": "CNAME", "ttl": 60, "value": "example.net."}
    run = play(unchecked=[record])
    assert run.returncode != 0
    assert "failed to validate" in run.stdout
    assert primary.file(FILE).content_string == content
    assert agreed(ask) == before
    assert ask(SECONDARY, "www.foobar.com", "A", "+short") == "198.18.33.10\n"


def test_a_broken_file_is_not_served(ask: Ask, primary: Host) -> None:
    """Somebody edits it by hand."""
    before, content = agreed(ask), primary.file(FILE).content_string
    primary.check_output("echo 'www.foobar.com. 60 IN CNAME example.net.' >> %s", FILE)
    try:
        assert primary.run("knotc --blocking zone-reload foobar.com").rc != 0
        assert agreed(ask) == before
        assert ask(PRIMARY, "www.foobar.com", "A", "+short") == "198.18.33.10\n"
    finally:
        primary.check_output("sed -i '$d' %s", FILE)
    assert primary.file(FILE).content_string == content
    primary.check_output("knotc --blocking zone-reload foobar.com")
    assert agreed(ask) == before


def test_the_secondary_answers_without_the_primary(ask: Ask, primary: Host, secondary: Host) -> None:
    before = agreed(ask)
    primary.check_output("systemctl stop knot")
    try:
        secondary.check_output("systemctl restart knot")
        assert serial(ask, SECONDARY) == before
        assert ask(SECONDARY, "www.foobar.com", "A", "+short") == "198.18.33.10\n"
    finally:
        primary.check_output("systemctl start knot")


def test_a_primary_that_lost_everything_comes_back_with_the_same_key(ask: Ask, play: Play, primary: Host) -> None:
    """And with a higher serial, which the secondary follows. Red with serials that count from the file's."""
    before, key = agreed(ask), ask(PRIMARY, ZONE, "DNSKEY", "+short")
    primary.check_output("systemctl stop knot")
    primary.check_output(
        "rm --recursive --force /var/lib/knot/keys /var/lib/knot/journal /var/lib/knot/timers /etc/knot"
    )
    primary.check_output("mkdir /etc/knot")
    assert play().returncode == 0
    agreed(ask, above=before)
    assert ask(SECONDARY, ZONE, "DNSKEY", "+short") == key


def test_a_secondary_can_become_the_primary(ask: Ask, play: Play, secondary: Host) -> None:
    """It signs with the same key, and a record that is added there reaches the other one."""
    before, key = agreed(ask), ask(SECONDARY, ZONE, "DNSKEY", "+short")
    record = {"name": "shop", "type": "A", "value": "198.18.33.98"}
    assert play(primary="dns-ns2", further=[record]).returncode == 0
    after = agreed(ask, above=before)
    assert [ask(server, "shop.foobar.com", "A", "+short") for server in (PRIMARY, SECONDARY)] == ["198.18.33.98\n"] * 2
    assert ask(SECONDARY, ZONE, "DNSKEY", "+short") == key
    assert play().returncode == 0
    agreed(ask, above=after)
    assert secondary.run("grep --quiet dnssec-signing /etc/knot/knot.conf").rc != 0


FLOOD = """
import socket, struct
question = b'\\x03www\\x06foobar\\x03com\\0' + struct.pack('!HH', 1, 1)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(2); s.connect(('198.18.33.11', 53))
cut = 0
for number in range(1000):
    s.send(struct.pack('!HHHHHH', number, 0, 1, 0, 0, 0) + question)
    try:
        cut += bool(s.recv(4096)[2] & 2)
    except TimeoutError:
        pass
print(cut)
"""


def test_who_asks_too_much_is_told_to_use_tcp(ask: Ask, secondary: Host) -> None:
    """Red without the rate limit: none of the answers is cut."""
    assert int(secondary.check_output("python3 -c %s", FLOOD)) > 100
    assert ask(PRIMARY, "www.foobar.com", "A", "+short", "+tcp") == "198.18.33.10\n"
    until(lambda: ask(PRIMARY, "www.foobar.com", "A", "+short", "+ignore") != "", "the limit has passed")


def test_the_configuration_is_reloaded(ask: Ask, play: Play, primary: Host) -> None:
    """And the server goes on: red for a restart."""
    before: Any = primary.check_output("systemctl show --property=MainPID --value knot")
    assert changed(play(dns_rate_limit=0)) == [2, 2]
    assert primary.check_output("systemctl show --property=MainPID --value knot") == before
    assert agreed(ask)
