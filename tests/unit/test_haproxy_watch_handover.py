"""haproxy-watch hand-over: to whom connections are passed on, and how long open ones are waited for."""

import json
from collections.abc import Callable

import pytest
from haproxy_watch import handover

LINKS = [
    {"ifname": "lo", "address": "00:00:00:00:00:00", "addr_info": [{"local": "127.0.0.1"}]},
    {"ifname": "eth0", "address": "02:00:00:00:00:01", "addr_info": [{"local": "192.0.2.11"}, {"local": "192.0.2.10"}]},
]
NEIGHBOURS = [
    {"dst": "192.0.2.12", "lladdr": "02:00:00:00:00:02"},
    {"dst": "192.0.2.13", "lladdr": "02:00:00:00:00:03"},
    {"dst": "192.0.2.14", "state": ["FAILED"]},
    {"dst": "192.0.2.1", "lladdr": "02:00:00:00:00:09"},
]
OWN, PEERS = "02:00:00:00:00:01", ["02:00:00:00:00:02", "02:00:00:00:00:03"]


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[tuple[str, ...]]]:
    """A host whose programs say what they are given to say; what was run, with its input."""

    def of(
        links: object = LINKS, answering: tuple[str, ...] = (), open_here: tuple[int, ...] = (0,)
    ) -> list[tuple[str, ...]]:
        ran: list[tuple[str, ...]] = []
        left = list(open_here)

        def said(*command: str, given: str | None = None) -> str:
            ran.append((*command, given or ""))
            if command[0] == "ss":
                return "ESTAB\n" * (left.pop(0) if len(left) > 1 else left[0])
            return json.dumps(NEIGHBOURS if "neighbour" in command else links)

        monkeypatch.setattr(handover, "said", said)
        monkeypatch.setattr(handover, "answers", lambda address, port, timeout: address in answering)
        monkeypatch.setattr(handover, "PAUSE", 0)
        return ran

    return of


def test_the_one_that_answers_gets_what_begins_until_nothing_is_open(host) -> None:
    ran = host(answering=("192.0.2.13",), open_here=(2, 1, 0))
    told = handover.hand_over(["192.0.2.10", "2001:db8::10"], ["192.0.2.12", "192.0.2.13"], 80, 60)
    assert told == "192.0.2.13 gets what begins now; connections that are still open here: 0"
    [given] = [command[-1] for command in ran if command[0] == "nft"]
    assert given == handover.rules("eth0", OWN, PEERS[1], PEERS, ["192.0.2.10", "2001:db8::10"])
    # What a load balancer passes on is not passed on again, or it would go in circles for ever.
    assert f"ether saddr {{ {PEERS[0]}, {PEERS[1]} }} accept" in given
    assert [command[-2] for command in ran if command[0] == "ss"] == ["src 192.0.2.10 or src [2001:db8::10]"] * 3


def test_what_does_not_end_is_not_waited_for_any_longer(host) -> None:
    host(answering=("192.0.2.12",), open_here=(1,))
    told = handover.hand_over(["192.0.2.10"], ["192.0.2.12"], 80, 0)
    assert told == "192.0.2.12 gets what begins now; connections that are still open here: 1"


@pytest.mark.parametrize(
    ("links", "answering", "told"),
    [
        (LINKS[:1], ("192.0.2.12",), "no virtual address is here"),
        (LINKS, (), "no other load balancer is ready"),
        (LINKS, ("192.0.2.14",), "192.0.2.14 is not on the link of eth0"),
    ],
)
def test_nothing_is_passed_on_by_who_has_no_address_or_to_nobody(host, links, answering, told) -> None:
    ran = host(links, answering)
    with pytest.raises(handover.HandoverError, match=told):
        handover.hand_over(["192.0.2.10"], ["192.0.2.12", "192.0.2.14"], 80, 60)
    assert not any(command[0] in ("nft", "ss") for command in ran)


@pytest.mark.parametrize(("program", "why"), [("false", "false fails: "), ("/no/such", "cannot be run: No such file")])
def test_a_program_that_fails_is_named(program, why) -> None:
    with pytest.raises(handover.HandoverError, match=why):
        handover.said(program)
