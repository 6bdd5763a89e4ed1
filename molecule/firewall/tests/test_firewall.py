"""What the firewall lets through, and that it neither cuts the controller off nor forgets."""

import re
import shutil
import time
from pathlib import Path

import pytest
import yaml

FW1, FW2, OUTSIDER = 11, 12, 99
TCP = (22, 80, 8000, 8600, 8601, 9999)
UDP = (443, 5300, 9998)
LISTENING = [("tcp", port) for port in TCP] + [("udp", port) for port in UDP]
KNOCKING = ["controller", "outsider", "fw1", "fw2"]
PATIENCE = 120


def everything(*numbers, families=("198.18.16.{}", "fd00:16::{}")):
    """All ports that something listens on, of hosts by the last part of their address."""
    return [
        (protocol, family.format(number), port)
        for number in numbers
        for family in families
        for protocol, port in LISTENING
    ]


def both(number, protocol, *ports):
    return {(protocol, family.format(number), port) for family in ("198.18.16.{}", "fd00:16::{}") for port in ports}


def table(inside, name):
    """The rules that run, without what traffic changes."""
    listing = inside(name, "nft", "--stateless", "--terse", "list", "table", "inet", "webstack")
    return re.sub(r"\n\s*elements = \{[^}]*\}", "", listing)


def changed(run, host):
    return int(re.search(rf"^{host} .*changed=(\d+)", run.stdout, re.MULTILINE)[1])


@pytest.fixture(autouse=True, scope="module")
def guarded(converge):
    """However a test leaves the hosts, the last word is the scenario's own data."""
    yield
    assert converge().returncode == 0


@pytest.mark.parametrize("source", KNOCKING)
def test_exactly_what_is_meant_is_reachable(source, reached):
    """Catches a port too many or too few, for each family, from hosts, an outsider and the controller."""
    targets = everything(FW1, FW2)
    if source == "controller":
        targets = everything(FW1, FW2, families=("198.18.16.{}",))
    meant = both(FW1, "tcp", 22, 80) | both(FW1, "udp", 443) | both(FW2, "tcp", 22)
    if source == "fw1":
        # Itself, over its own loopback, and from it fw2.
        meant |= set(everything(FW1)) | {("tcp", "198.18.16.12", 8000)}
    if source == "fw2":
        meant |= set(everything(FW2)) | {("tcp", "198.18.16.11", 8000), ("udp", "198.18.16.11", 5300)}
        meant |= {("tcp", "fd00:16::11", 8600), ("tcp", "fd00:16::11", 8601)}
    assert reached(source, targets) == meant & set(targets)


def test_all_of_it_would_be_reachable_without_the_firewall(reached):
    """The test of the test above: what is not guarded answers on every port, on both families."""
    assert reached("fw1", everything(OUTSIDER)) == set(everything(OUTSIDER))


def test_ping_and_neighbour_discovery(inside):
    """IPv6 works at all, and both families answer. Catches ICMPv6 that is dropped once the neighbours are forgotten."""
    inside("fw2", "ip", "-6", "neighbour", "flush", "all")
    program = "import asyncio, sys; asyncio.run(asyncio.wait_for(asyncio.open_connection(sys.argv[1], 80), 10))"
    inside("fw2", "python3", "-c", program, "fd00:16::11")


def test_rules_that_nft_refuses_leave_the_old(converge, inside):
    before = table(inside, "fw1")
    run = converge("--limit=fw1", firewall_extra_input=["no such rule"])
    assert run.returncode != 0
    assert "no such rule" in run.stdout
    assert table(inside, "fw1") == before
    assert inside("fw1", "webstack-firewall", "check").strip() == "current"


def test_rules_that_cut_the_controller_off_are_taken_back(converge, inside, on):
    """The host does so by itself, the play says why, and the next boot would load the old ones."""
    before = table(inside, "fw1"), inside("fw1", "cat", "/etc/nftables-webstack.conf")
    run = converge("--limit=fw1", firewall_extra_input=["tcp dport 22 drop"], firewall_rollback_seconds=20)
    assert run.returncode != 0
    assert "fw1: with the new rules no new connection from the controller was possible within 20 seconds" in run.stdout
    assert (table(inside, "fw1"), inside("fw1", "cat", "/etc/nftables-webstack.conf")) == before
    assert on("fw1").check_output("hostname") == "fw1"
    good = converge("--limit=fw1")
    assert good.returncode == 0, good.stdout
    assert inside("fw1", "webstack-firewall", "check").strip() == "current"


@pytest.mark.parametrize(
    "command",
    [
        ["nft", "delete", "table", "inet", "webstack"],
        ["nft", "insert", "rule", "inet", "webstack", "input", "tcp", "dport", "9999", "accept"],
    ],
    ids=["flushed", "opened"],
)
def test_change_at_runtime_is_put_right(command, converge, inside, reached):
    """Catches a run that looks at files alone."""
    before = table(inside, "fw1")
    inside("fw1", *command)
    hole = ("tcp", "198.18.16.11", 9999)
    assert reached("outsider", [hole]) == {hole}
    run = converge("--limit=fw1")
    assert run.returncode == 0, run.stdout
    assert changed(run, "fw1") > 0
    assert table(inside, "fw1") == before
    assert reached("outsider", [hole]) == set()


def test_check_run_tells_of_a_change_and_makes_none(converge, inside):
    before = table(inside, "fw1")
    run = converge("--limit=fw1", "--check", "--diff", firewall_extra_rules=[{"name": "new", "ports": ["9999"]}])
    assert run.returncode == 0, run.stdout
    assert '+        tcp dport { 9999 } accept comment "new"' in run.stdout
    assert table(inside, "fw1") == before
    again = converge("--limit=fw1", "--check")
    assert (again.returncode, changed(again, "fw1")) == (0, 0), again.stdout


def test_removed_host_is_let_in_no_longer(converge, reached, tmp_path):
    """fw2 leaves the inventory, with one run its holes in fw1 are closed."""
    inventory = tmp_path / "inventory"
    shutil.copytree(Path(__file__).parents[1] / "inventory", inventory)
    hosts = yaml.safe_load((inventory / "hosts.yml").read_text())
    del hosts["all"]["hosts"]["fw2"], hosts["all"]["children"]["webservers"]["hosts"]["fw2"]
    (inventory / "hosts.yml").write_text(yaml.safe_dump(hosts))
    holes = {("tcp", "198.18.16.11", 8000), ("udp", "198.18.16.11", 5300)}
    assert reached("fw2", holes) == holes
    run = converge(inventory=inventory)
    assert run.returncode == 0, run.stdout
    assert reached("fw2", holes) == set()
    assert reached("fw2", [("tcp", "198.18.16.11", 80)])
    assert converge("--limit=fw1").returncode == 0
    assert reached("fw2", holes) == holes


class TestStrict:
    """Everything narrowed at once, on a host where somebody else has a table of nftables too."""

    @pytest.fixture(autouse=True, scope="class")
    def strict(self, converge, inside):
        rules = "table ip foreign { chain forward { type filter hook forward priority 0; tcp dport 1 drop; }; }"
        inside("fw1", "nft", rules)
        before = inside("fw1", "nft", "list", "table", "ip", "foreign")
        run = converge(
            "--limit=fw1",
            firewall_ssh_sources=["198.18.16.12"],
            firewall_ssh_rate="1/hour",
            firewall_ssh_burst=5,
            firewall_outbound="drop",
            firewall_log=True,
        )
        assert run.returncode == 0, run.stdout
        assert inside("fw1", "nft", "list", "table", "ip", "foreign") == before
        yield
        assert converge("--limit=fw1").returncode == 0
        assert inside("fw1", "nft", "list", "table", "ip", "foreign") == before
        inside("fw1", "nft", "delete", "table", "ip", "foreign")

    def test_controller_is_let_in_and_not_counted(self, reached):
        """It stands in no firewall_ssh_sources."""
        target = ("tcp", "198.18.16.11", 22)
        for _ in range(8):
            assert reached("controller", [target]) == {target}
        assert reached("outsider", [target]) == set()

    def test_too_many_new_ssh_connections_are_dropped(self, reached):
        """Of fw2's, which is allowed SSH, the first five are let in."""
        target = ("tcp", "198.18.16.11", 22)
        answers = [reached("fw2", [target] * 4) for _ in range(3)]
        assert answers[0] == {target}
        assert answers[2] == set()

    def test_opens_only_what_the_flows_name(self, reached):
        """fw1 reaches fw2's application and, as apt does, anybody's port 80, but not SSH."""
        meant = {("tcp", "198.18.16.12", 8000)} | both(OUTSIDER, "tcp", 80)
        assert reached("fw1", everything(FW2, OUTSIDER)) == meant
        assert reached("fw2", everything(FW1)) >= {("tcp", "198.18.16.11", 80), ("tcp", "198.18.16.11", 8000)}


def test_another_firewall_that_closes_the_site_is_named(converge, inside, reached):
    """What ufw with "allow 22" amounts to. Red for a run that ends green, because SSH passes, with a closed site."""
    rules = (
        "table inet hostfw { chain input { type filter hook input priority 0; policy drop; tcp dport 22 accept; }; }"
    )
    before = table(inside, "fw1")
    inside("fw1", "nft", rules)
    site = [("tcp", "198.18.16.11", 80)]
    assert reached("outsider", site) == set()
    run = converge("--limit=fw1", firewall_ping_rate="9/second")
    assert run.returncode != 0
    message = " ".join(run.stdout.split())
    assert "fw1: another firewall is active, nftables' table inet hostfw (chain input: policy drop)" in message
    assert "firewall_accept_foreign: true" in message
    assert table(inside, "fw1") == before
    run = converge("--limit=fw1", firewall_accept_foreign=True)
    assert (run.returncode, changed(run, "fw1")) == (0, 0), run.stdout
    inside("fw1", "nft", "delete", "table", "inet", "hostfw")
    assert reached("outsider", site) == set(site)


def test_a_reboot_keeps_the_rules(restart, inside, reached, converge):
    """The network namespace of the container is new, and with it everything in nftables."""
    before = table(inside, "fw1")
    restart("fw1")
    deadline = time.monotonic() + PATIENCE
    while reached("controller", [("tcp", "198.18.16.11", 80)]) == set():
        assert time.monotonic() < deadline, "fw1 does not come back"
    assert table(inside, "fw1") == before
    assert reached("outsider", everything(FW1)) == both(FW1, "tcp", 22, 80) | both(FW1, "udp", 443)
    run = converge("--limit=fw1")
    assert (run.returncode, changed(run, "fw1")) == (0, 0), run.stdout
