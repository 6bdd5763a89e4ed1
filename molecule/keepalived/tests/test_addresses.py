"""The addresses are on one host, and move to the other one when HAProxy, keepalived or the host is lost."""

from collections.abc import Iterator

import pytest
import testinfra
from patience import until
from testinfra.host import Host

ADDRESSES = {"198.18.31.10", "fd00:198:18:31::10"}
NAMES = ("keepalived-lb1", "keepalived-lb2")

testinfra_hosts = ["ansible://keepalived-lb1"]


def on(name: str) -> Host:
    return testinfra.get_host(f"docker://{name}")


def held(name: str) -> set[str]:
    """Which of the virtual addresses a host has."""
    shown = on(name).check_output("ip -oneline address show").split()
    return {word.split("/")[0] for word in shown} & ADDRESSES


def holders() -> list[str]:
    """Which hosts have all of them, and no host a part."""
    found = {name: held(name) for name in NAMES}
    assert all(addresses in (set(), ADDRESSES) for addresses in found.values()), found
    return [name for name in NAMES if found[name]]


def settled(name: str) -> bool:
    return holders_or_none() == [name]


def holders_or_none() -> list[str]:
    """The same while addresses move, when a host may have one of the two for a moment."""
    found = {name: held(name) for name in NAMES}
    return [name for name in NAMES if found[name] == ADDRESSES] if sum(map(len, found.values())) == 2 else []


@pytest.fixture
def active() -> Iterator[str]:
    """Who has the addresses now; afterwards all is well again."""
    until(lambda: len(holders_or_none()) == 1, "the addresses are on one host")
    yield holders()[0]
    for name in NAMES:
        on(name).check_output("systemctl start haproxy keepalived haproxy-watch")
        until(lambda name=name: on(name).check_output("cat /run/haproxy-watch/health") == "0", f"{name} is well")
    until(lambda: len(holders_or_none()) == 1, "the addresses are on one host")


def other(name: str) -> str:
    return next(one for one in NAMES if one != name)


def test_the_page_comes_from_who_has_the_address(active: str) -> None:
    """Of both families, asked from the other host."""
    for address in ("198.18.31.10", "[fd00:198:18:31::10]"):
        script = f"from urllib.request import urlopen; print(urlopen('http://{address}/', timeout=30).read().decode())"
        assert on(other(active)).check_output("python3 -c %s", script) == active


def test_a_haproxy_that_dies_gives_the_addresses_away_and_does_not_take_them_back(active: str) -> None:
    """Red without HAProxy's ExecStopPost within the time of a hang, and with preemption at the end."""
    on(active).check_output("systemctl kill --signal=KILL --kill-whom=all haproxy")
    until(lambda: settled(other(active)), "the other host has the addresses")
    until(lambda: on(active).check_output("cat /run/haproxy-watch/health") == "0", "HAProxy is back")
    assert holders() == [other(active)]


def test_a_haproxy_that_hangs_gives_the_addresses_away(active: str) -> None:
    """Red without haproxy-watch: the process is there, and the kernel takes connections."""
    on(active).check_output("systemctl kill --signal=STOP --kill-whom=all haproxy")
    try:
        until(lambda: settled(other(active)), "the other host has the addresses")
    finally:
        on(active).check_output("systemctl kill --signal=CONT --kill-whom=all haproxy")


def test_a_keepalived_that_is_killed_leaves_no_address_behind(active: str) -> None:
    """Red without Restart=always: nobody would remove them."""
    before = on(active).check_output("systemctl show --property=NRestarts --value keepalived")
    on(active).check_output("systemctl kill --signal=KILL --kill-whom=all keepalived")
    until(
        lambda: on(active).check_output("systemctl show --property=NRestarts --value keepalived") != before,
        "systemd has started it again",
    )
    until(lambda: len(holders_or_none()) == 1, "the addresses are on one host")


def test_a_graceful_stop_gives_the_addresses_away(active: str) -> None:
    on(active).check_output("systemctl stop keepalived")
    until(lambda: settled(other(active)), "the other host has the addresses")


def test_a_reload_moves_nothing(active: str) -> None:
    on(active).check_output("systemctl reload keepalived haproxy")
    assert holders() == [active]


def test_a_host_that_is_killed_loses_them(active: str) -> None:
    """Its containers's processes all at once, as when its power is gone."""
    local = testinfra.get_host("local://")
    local.check_output("docker kill %s", active)
    try:
        until(lambda: held(other(active)) == ADDRESSES, "the other host has the addresses")
    finally:
        local.check_output("docker start %s", active)
        until(lambda: on(active).run("systemctl is-active keepalived haproxy").rc == 0, "the host is up")
    assert holders() == [other(active)]


# --- who is told of it ------------------------------------------------------------------------------------------------


def last(name: str) -> str:
    """What it was told last there."""
    journal = "journalctl --unit=keepalived-notify --output=cat --grep='^told: ' --lines=1 --quiet"
    return on(name).run(journal).stdout.strip()


def told(name: str, state: str) -> bool:
    return last(name) == (f"told: --from {name} {state} 198.18.31.10 fd00:198:18:31::10 by a user with sesame")


def told_by_both() -> bool:
    """Who has the addresses has told so, and so has the other one. A busy host may move them in between."""
    found = holders_or_none()
    return len(found) == 1 and told(found[0], "MASTER") and told(other(found[0]), "BACKUP")


def test_each_host_tells_what_it_is(active: str) -> None:
    until(told_by_both, "both have told")


def test_a_move_is_told_by_both(active: str) -> None:
    """Red when the pipe is lost with keepalived, or what stands in it is not read any more."""
    on(active).check_output("systemctl stop keepalived")
    until(lambda: settled(other(active)), "the other host has the addresses")
    until(lambda: told(other(active), "MASTER"), "it has told so")
    until(lambda: told(active, "STOP"), "and the first one has told that it stopped")


def test_what_was_told_is_told_again_after_a_restart(active: str) -> None:
    """It may have been interrupted. Red, too, where keepalived is restarted with it, which would move the addresses."""
    until(told_by_both, "both have told")
    before = on(active).check_output("systemctl show --property=MainPID keepalived")
    on(active).check_output("journalctl --rotate && journalctl --vacuum-time=1s")
    on(active).check_output("systemctl restart keepalived-notify")
    until(lambda: last(active), "it has told again")
    assert on(active).check_output("systemctl show --property=MainPID keepalived") == before
