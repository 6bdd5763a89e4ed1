"""A request is found in every tier by the id in its answer, on any inventory."""

import json
import re

import pytest
from connection import Answer
from patience import until
from plays import Run, run_playbook

TIERS = ["loadbalancer", "web", "appserver", "application"]


def traced(inventory, name: str, *options: str) -> Run:
    return run_playbook("trace.yml", inventory.path, "-e", f"id={name}", *options)


def everywhere(inventory, answer: Answer) -> list[dict]:
    """The records of all tiers, as soon as those who collect them have them."""
    found: list[dict] = []

    def known() -> bool:
        run = traced(inventory, answer.headers["X-Request-ID"], "-e", "format=json")
        if run.succeeded:
            text = re.search(r"^\{\n.*?^\}", run.output, re.MULTILINE | re.DOTALL)[0]
            found[:] = json.loads(text)["requests"][0]["records"]
        return [record["tier"] for record in found] == TIERS

    until(known, f"the records of all tiers, of which there are {found}")
    return found


def test_a_request_is_found_in_every_tier(site, inventory) -> None:
    """Red where one of them gets no id, logs it in another form, or does not send its journal."""
    answer = site.get("/api/entries?limit=1")
    records = everywhere(inventory, answer)
    assert {(each["method"], each["path"], each["status"]) for each in records} == {("GET", "/api/entries", 200)}
    hosts = [record["host"] for record in records]
    assert hosts[0] in inventory.groups["loadbalancers"]
    assert hosts[1:] == [answer.headers["X-Web-Server"], *[answer.headers["X-App-Server"]] * 2]
    (database,) = records[-1]["databases"]
    assert (database["host"], database["statements"]) == (answer.headers["X-Database-Read"], 1)
    # Each waits for the next one. Clocks and rounding may be off by some.
    seconds = [record["seconds"] for record in records]
    assert seconds == sorted(seconds, reverse=True) or max(seconds) < 0.05


def test_it_is_printed(site, inventory) -> None:
    answer = site.get("/")
    everywhere(inventory, answer)
    run = traced(inventory, answer.headers["X-Request-ID"])
    assert run.succeeded, run.output
    found = re.findall(r"^(\w+) +\S+ +\S+ +\d\.\d{3} s ", run.output, re.MULTILINE)
    assert found == [*TIERS, "database"], run.output


@pytest.mark.parametrize("given", ["forged-by-the-client", ""])
def test_the_client_does_not_choose_the_id(site, given: str) -> None:
    """The default. Red where anybody could write into all logs."""
    headers = {"X-Request-ID": given, "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
    named = site.get("/", headers=headers).headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{32}", named)
    assert named != "4bf92f3577b34da6a3ce929d0e0e4736"


def test_what_the_load_balancer_refuses_has_an_id_too(site) -> None:
    answer = site.request("POST", "/", headers={"Content-Length": "99999999999"}, wait=10)
    assert answer.status == 413
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-ID"])


def test_an_unknown_id_is_said(inventory) -> None:
    run = traced(inventory, "0123456789abcdef-of-nobody")
    assert not run.succeeded
    assert "No request 0123456789abcdef-of-nobody is known to" in run.said
