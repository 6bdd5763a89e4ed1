"""A running group becomes a pair and a group again, and is interrupted in the middle, while the application writes.

As every drill of a group it ends with what the fixture `drill` checks: no acknowledged write is gone, never did two
servers take writes as the application sees it, and all have the same.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from ansible_collections.foobar.webstack.tests.drills.databases import Pair
from ansible_collections.foobar.webstack.tests.drills.groups import Group
from ansible_collections.foobar.webstack.tests.drills.load import Watch

VERB = "convert_databases.yml"
AIM = 5.0
"""Seconds without writes that are aimed at, in either direction."""


@pytest.fixture
def converting(group, drill) -> Callable[[str], Any]:
    """A drill with its watch: who is the primary as the application hosts see it."""

    def run(name: str) -> Any:
        return drill(f"convert-{name}", Watch.application(map(group.container, group.application), group.addresses))

    return run


@pytest.fixture
def copy(inventory_copy) -> Iterator[Any]:
    """The inventory with another mode. Afterwards the databases are a group, as the inventory itself has it."""
    yield inventory_copy
    set_mode(inventory_copy, "group")
    inventory_copy.converge(VERB)


def set_mode(copy: Any, mode: str) -> None:
    path = "group_vars/databases.yml"
    variables = yaml.safe_load((copy.folder / path).read_text())
    copy.write(path, variables | {"mysql_replication_mode": mode})


def roles(group: Any, mode: str) -> dict[str, str]:
    """What the servers are, as those of this mode."""
    return (Group if mode == "group" else Pair).roles(group)


def converted(group: Any, copy: Any, run: Any, mode: str) -> None:
    """Run the verb; writes go on, and `site.yml` finds nothing to be done."""
    began = run.mark()
    done = copy.play(VERB)
    assert done.succeeded, done.output
    run.goes_on(20)
    run.note(f"write_gap_seconds_to_{mode}", run.load.gap(began, time.monotonic()))
    assert sorted(roles(group, mode).values()) == ["primary", *["replica"] * (len(group.names) - 1)]
    again = copy.play("site.yml")
    assert again.succeeded, again.output
    assert {host: count for host, count in again.changed.items() if count} == {}, again.output


def test_there_and_back(group, copy, converting) -> None:
    """Red where a step is taken too early: a write that was acknowledged by one server alone, or by two of them."""
    with converting("there-and-back") as run:
        for mode in ("pair", "group"):
            run.aim(f"write_gap_seconds_to_{mode}", AIM)
            set_mode(copy, mode)
            refused = copy.play("database.yml")
            assert not refused.succeeded
            assert f"{VERB.removesuffix('.yml')}" in refused.said, refused.output
            converted(group, copy, run, mode)


@pytest.mark.parametrize("task", ["foobar.webstack.mysql_endpoint : Check the variables", "Keep what was done"])
def test_killed_in_the_middle(group, copy, converting, task) -> None:
    """Whoever ran it is gone, once in each direction; it is run again, and goes on."""
    with converting("killed") as run:
        for mode in ("pair", "group"):
            set_mode(copy, mode)
            assert copy.killed_at(task, VERB)
            run.goes_on(20)
            converted(group, copy, run, mode)


def test_taken_back(group, copy, converting) -> None:
    """It was killed in the middle, and somebody wants the group back."""
    with converting("back") as run:
        set_mode(copy, "pair")
        assert copy.killed_at("foobar.webstack.mysql_endpoint : Check the variables", VERB)
        set_mode(copy, "group")
        converted(group, copy, run, "group")
