"""Which database host comes back after a failover."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.webstack.plugins.filter.mysql_peers import mysql_peers
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.rejoin import Code, decide
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.roles import Role
from hypothesis import given
from hypothesis import strategies as st
from reading import read

PAIR = {"db1": "198.18.0.31", "db2": "198.18.0.32"}
THREE = PAIR | {"db3": "198.18.0.33"}


@pytest.mark.parametrize(
    ("roles", "fenced", "asked", "host", "primary"),
    [
        ({"db1": "down", "db2": "primary"}, [], "", "db1", "db2"),
        ({"db1": "read_only", "db2": "primary"}, [], "", "db1", "db2"),
        ({"db1": "fresh", "db2": "primary"}, ["db1"], "", "db1", "db2"),
        # It was cut off and runs: it takes itself for the primary still.
        ({"db1": "primary", "db2": "primary"}, ["db1"], "", "db1", "db2"),
        ({"db1": "primary", "db2": "primary"}, [], "db1", "db1", "db2"),
        ({"db1": "replica", "db2": "primary"}, [], "", "", "db2"),
        # An interrupted return is finished, and so is one that is asked for again.
        ({"db1": "replica", "db2": "primary"}, ["db1"], "db1", "db1", "db2"),
        ({"db1": "down", "db2": "primary", "db3": "replica"}, [], "", "db1", "db2"),
    ],
)
def test_the_one_that_is_missing_comes_back(
    roles: dict[str, str], fenced: list[str], asked: str, host: str, primary: str
) -> None:
    choice = decide(roles, THREE, [THREE[name] for name in fenced], asked)
    assert (choice.refusals, choice.host, choice.primary) == ((), host, primary)
    assert choice.fresh is (roles.get(host) == "fresh")


@pytest.mark.parametrize(
    ("roles", "fenced", "asked", "codes"),
    [
        ({"db1": "down", "db2": "replica"}, [], "", [Code.NOT_ONE_PRIMARY]),
        ({"db1": "primary", "db2": "primary"}, [], "", [Code.NOT_ONE_PRIMARY]),
        ({"db1": "primary", "db2": "primary", "db3": "primary"}, ["db1"], "", [Code.NOT_ONE_PRIMARY]),
        ({"db1": "down", "db2": "primary", "db3": "down"}, [], "", [Code.AMBIGUOUS]),
        ({"db1": "primary", "db2": "primary"}, ["db1"], "db2", [Code.OTHER_IS_FENCED]),
        ({"db1": "down", "db2": "primary"}, [], "web1", [Code.UNKNOWN_HOST]),
    ],
)
def test_what_is_unclear_is_refused(roles: dict[str, str], fenced: list[str], asked: str, codes: list[Code]) -> None:
    choice = decide(roles, THREE, [THREE[name] for name in fenced], asked)
    assert [refusal.code for refusal in choice.refusals] == codes


def test_what_is_done_is_said() -> None:
    said = read(decide({"db1": "fresh", "db2": "primary"}, PAIR, []).plan)
    assert said.startswith("db1 has no data; the fence is opened, and ansible-playbook playbooks/site.yml makes it")
    assert read(decide({"db1": "down", "db2": "primary"}, PAIR, []).plan).startswith("db1 is started read-only")
    assert read(decide({"db1": "replica", "db2": "primary"}, PAIR, []).plan).startswith("no host is missing")


@given(
    st.dictionaries(st.sampled_from(list(THREE)), st.sampled_from([role.value for role in Role])),
    st.lists(st.sampled_from(list(THREE.values())), unique=True),
    st.sampled_from(["", *THREE]),
)
def test_the_primary_that_is_followed_never_comes_back_itself(
    roles: dict[str, str], fenced: list[str], asked: str
) -> None:
    """What a host that comes back has is thrown away; so nobody follows nobody, and not one of two."""
    choice = decide(roles, THREE, fenced, asked)
    if not choice.refusals:
        assert choice.primary != choice.host
        assert roles[choice.primary] == Role.PRIMARY
        assert {name for name, role in roles.items() if role == Role.PRIMARY} <= {choice.primary, choice.host}


def test_peers_are_the_others() -> None:
    settings = {name: {"name": name, "address": address, "port": 3306, "x": 1} for name, address in PAIR.items()}
    assert mysql_peers(settings, ["db1"]) == [{"name": "db2", "address": "198.18.0.32", "port": 3306}]
    assert len(mysql_peers(settings, [])) == 2
