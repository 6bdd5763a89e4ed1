"""haproxy-watch hand-over: to whom connections are passed on, and how long open ones are waited for."""

import json
from collections.abc import Callable

import pytest
from haproxy_watch import handover

LINKS = [
    {"ifname": "lo", "address": "00:00:00:00:00:00", "addr_info": [{"local": "127.0.0.1"}]},
    {"ifname": "eth0", "address": "02:00:00:00:00:01", "addr_info": [{"local": "192.0.2.11"}, {"local": "192.0.2.10"}]},
]
NEIGHBOUR = [{"lladdr": "02:00:00:00:00:02"}]


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
            return json.dumps(NEIGHBOUR if "neighbour" in command else links)

        monkeypatch.setattr(handover, "said", said)
        monkeypatch.setattr(handover, "answers", lambda address, port, timeout: address in answering)
        monkeypatch.setattr(handover, "PAUSE", 0)
        return ran

    return of


def test_the_one_that_answers_gets_what_begins_until_nothing_is_open(host) -> None:
    ran = host(answering=("192.0.2.13",), open_here=(2, 1, 0))
    told = handover.hand_over(["192.0.2.10", "2001:db8::10"], ["192.0.2.12", "192.0.2.13"], 80, 60)
    assert told == "192.0.2.13 gets what begins now; 0 connections are open here"
    [given] = [command[-1] for command in ran if command[0] == "nft"]
    assert given == handover.rules("eth0", "02:00:00:00:00:01", "02:00:00:00:00:02", ["192.0.2.10", "2001:db8::10"])
    assert [command[-2] for command in ran if command[0] == "ss"] == ["src 192.0.2.10 or src [2001:db8::10]"] * 3


def test_what_does_not_end_is_not_waited_for_any_longer(host) -> None:
    host(answering=("192.0.2.12",), open_here=(1,))
    told = handover.hand_over(["192.0.2.10"], ["192.0.2.12"], 80, 0)
    assert told == "192.0.2.12 gets what begins now; 1 connections are open here"


@pytest.mark.parametrize(
    ("links", "answering", "told"),
    [(LINKS[:1], ("192.0.2.12",), "no virtual address is here"), (LINKS, (), "no other load balancer answers")],
)
def test_nothing_is_passed_on_by_who_has_no_address_or_to_nobody(host, links, answering, told) -> None:
    ran = host(links, answering)
    assert handover.hand_over(["192.0.2.10"], ["192.0.2.12"], 80, 60) == told
    assert not any(command[0] in ("nft", "ss") for command in ran)
