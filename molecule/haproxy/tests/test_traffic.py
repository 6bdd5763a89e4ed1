"""What clients meet: nothing of servers that die and of reloads."""

from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from testinfra.host import Host

testinfra_hosts = ["ansible://loadbalancers"]

Get = Callable[..., tuple[int, dict[str, str], str]]
Load = Callable[[int, str], dict[str, Any]]

RELOADS = 20
RETRIES = 3


def test_round_robin(get: Get) -> None:
    """Every server gets its turn. Red with another algorithm, or with one server left out."""
    assert Counter(get("/")[1]["x-origin"] for _ in range(9)) == {"9001": 3, "9002": 3, "9003": 3}


def test_ipv6(get: Get) -> None:
    assert get("/", address="::1")[0] == 200


def test_backend_chosen_by_a_condition(get: Get) -> None:
    """Only the server that is no backup and not in maintenance answers. Red without use_backend, backup, disabled."""
    assert Counter(get("/spare")[1]["x-origin"] for _ in range(4)) == {"9004": 4}


def test_backup_takes_over(
    host: Host, get: Get, servers: Callable[[str], dict[str, dict[str, str]]], wait_for: Callable[..., None]
) -> None:
    """Once the server is found down: as long as it counts as up, a backup gets nothing."""
    host.check_output("systemctl stop origin@9004")
    wait_for(lambda: servers("spare")["d"]["srv_op_state"] == "0", "the server to be found down")
    assert Counter(get("/spare")[1]["x-origin"] for _ in range(4)) == {"9001": 4}


def test_frontend_without_a_backend(get: Get) -> None:
    status, _, body = get("/", port=8080)
    assert (status, body) == (503, "back soon")


def test_listen_in_tcp_mode(get: Get) -> None:
    """Bytes pass as they are: a listen in mode http would have added the header."""
    status, _, body = get("/", port=7000)
    assert (status, body) == (200, "None None\n")


def test_servers_learn_address_and_scheme(get: Get) -> None:
    assert get("/")[2] == "127.0.0.1 http\n"


@pytest.mark.parametrize("signal", ["KILL", "STOP"])
def test_server_that_dies_or_hangs_is_not_noticed(
    host: Host, load: Load, edit: Callable[..., None], signal: str
) -> None:
    """Not one of a steady stream of GETs fails. Red without redispatch, without empty-response (a killed server's last
    requests) and without response-timeout (those that a hung one never answers)."""
    edit(
        "s/timeout server .*/timeout server 1s/", "s/retry-on .*/retry-on conn-failure empty-response response-timeout/"
    )
    host.check_output("systemctl reload haproxy")
    try:
        report = load(2000, f"systemctl kill --signal={signal} origin@9001")
    finally:
        host.check_output("systemctl kill --signal=CONT origin@9001 || true")
    assert report["failures"] == []
    assert report["headers"]["9001"] > 0, "the server was not in use before"
    assert report["headers"]["9002"] > report["headers"]["9001"], "the server was in use all the time"


def test_get_that_was_dropped_is_sent_to_the_others(host: Host, get: Get) -> None:
    """Each server drops it, so it fails in the end. Red without empty-response in retry-on, or without redispatch 1."""
    path = f"/drop/{uuid4()}"
    assert get(path)[0] == 502
    asked = dropped(host, f"GET {path}")
    assert min(asked.values()) >= 1
    assert sum(asked.values()) == 1 + RETRIES


def test_get_that_takes_too_long_is_not_sent_to_the_others(host: Host, get: Get, edit: Callable[..., None]) -> None:
    """A page that is slow on each of them was made four times. Red with response-timeout in retry-on."""
    edit("s/timeout server .*/timeout server 1s/")
    host.check_output("systemctl reload haproxy")
    path = f"/silent/{uuid4()}"
    assert get(path)[0] == 504
    assert sum(dropped(host, f"GET {path}").values()) == 1


def test_post_that_was_sent_is_never_repeated(host: Host, get: Get) -> None:
    """A server that took a POST and died may have acted on it. Red without disable-l7-retry."""
    path = f"/drop/{uuid4()}"
    assert get(path, method="POST")[0] == 502
    assert sum(dropped(host, f"POST {path}").values()) == 1


def test_post_that_was_not_sent_is_tried_elsewhere(host: Host, get: Get) -> None:
    """A connection refused harms nobody: POSTs do not fail either. Red without redispatch."""
    host.check_output("systemctl kill --signal=KILL origin@9001")
    assert Counter(get("/", method="POST")[0] for _ in range(6)) == {200: 6}


def dropped(host: Host, request: str) -> dict[str, int]:
    """How often each server was asked to."""
    return {port: host.check_output("cat /run/origin-%s", port).count(request) for port in ("9001", "9002", "9003")}


def test_reloads_lose_nothing(load: Load) -> None:
    """Over new connections and over kept ones. Red without idle-close-on-response, and with restarts."""
    report = load(2000, f"for i in $(seq {RELOADS}); do systemctl reload haproxy || exit 1; done")
    assert (report["status"], report["failures"]) == (0, [])
    assert report["during"] > RELOADS, "hardly any request met a reload"


def test_metrics_and_statistics(get: Get) -> None:
    status, _, metrics = get("/metrics", port=8404)
    assert status == 200
    assert 'haproxy_server_status{proxy="web",server="a",state="UP"} 1' in metrics
    status, headers, page = get("/stats", port=8404)
    assert (status, headers["content-type"]) == (200, "text/html")
    assert "Statistics Report" in page
