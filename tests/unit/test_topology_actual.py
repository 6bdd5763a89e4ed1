"""Roles as they are found win over roles as they are written; what cannot be told is refused."""

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import ReasonError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.roles import Role
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology import databases
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import TopologyError
from hypothesis import given
from hypothesis import strategies as st
from reading import read

HOSTVARS = {
    "db1": {"ansible_host": "198.18.0.31", "mysql_role": "primary"},
    "db2": {"ansible_host": "198.18.0.32", "mysql_role": "replica"},
    "db3": {"ansible_host": "198.18.0.33", "mysql_role": "replica", "mysql_source": "db2"},
}
PAIR, THREE = ["db1", "db2"], ["db1", "db2", "db3"]


def primary(actual, names=PAIR):
    settings = databases.replication(databases.as_found(databases.database_hosts(names, HOSTVARS), actual))
    (found,) = [name for name, host in settings.items() if not host.read_only]
    assert settings[found].source is None
    for name, host in settings.items():
        assert host.role == ("primary" if name == found else "replica")
    return found


@pytest.mark.parametrize(
    ("actual", "found"),
    [
        ({}, "db1"),
        ({"db1": "fresh", "db2": "fresh"}, "db1"),
        ({"db1": "primary", "db2": "replica"}, "db1"),
        ({"db1": "primary", "db2": "fresh"}, "db1"),
        ({"db1": "replica", "db2": "primary"}, "db2"),
        ({"db1": "read_only", "db2": "primary"}, "db2"),
        ({"db1": "down", "db2": "primary"}, "db2"),
        ({"db1": "fresh", "db2": "primary"}, "db2"),
        ({"db2": "primary"}, "db2"),
        # Crashed and restarted: still the one that the other replicates from, though it takes no writes.
        ({"db1": "read_only", "db2": "replica"}, "db1"),
        ({"db1": "down", "db2": "replica"}, "db1"),
        ({"db1": "replica", "db2": "read_only"}, "db2"),
        ({"db1": "replica", "db2": "down"}, "db2"),
        # With --limit.
        ({"db1": "replica"}, "db2"),
        ({"db2": "replica"}, "db1"),
        ({"db2": "fresh"}, "db1"),
    ],
)
def test_the_primary_is_the_one_that_is(actual, found):
    assert primary(actual) == found


def test_everybody_replicates_from_another_primary_directly():
    hosts = databases.as_found(databases.database_hosts(THREE, HOSTVARS), {"db2": "primary"})
    assert {host.name: host.source for host in hosts} == dict.fromkeys(THREE)
    assert {"db1", "db3"} == {replica.name for replica in databases.replication(hosts)["db2"].replicas}


@pytest.mark.parametrize(
    ("actual", "reason"),
    [
        ({"db1": "primary", "db2": "primary"}, "db1 and db2 take writes at the same time"),
        ({"db1": "fresh", "db2": "replica"}, "db1, the primary, is empty, but there is data on db2"),
        ({"db1": "fresh", "db2": "down"}, "failover.yml -e webstack_primary=db2"),
        ({"db1": "read_only", "db2": "read_only"}, "cannot be told (db1: read_only, db2: read_only)"),
        ({"db1": "replica", "db2": "replica"}, "which host has the data cannot be told"),
        ({"db1": "replica", "db2": "fresh"}, "which host has the data cannot be told"),
    ],
)
def test_what_is_dangerous_or_unclear_is_refused(actual, reason):
    with pytest.raises(ReasonError) as raised:
        primary(actual)
    assert reason in read(raised.value.reasons[0])


def test_a_role_that_is_none_is_refused():
    with pytest.raises(TopologyError, match="was found to be 'source'"):
        primary({"db1": "source"})


@given(st.dictionaries(st.sampled_from(THREE), st.sampled_from([role.value for role in Role])))
def test_nobody_but_the_one_that_takes_writes_is_the_primary_and_nobody_empty_while_others_are_not(actual):
    try:
        found = primary(actual, THREE)
    except ReasonError:
        return
    assert [role for role in actual.values() if role == "primary"].count("primary") <= 1
    if "primary" in actual.values():
        assert actual[found] == "primary"
    assert actual.get(found) != "replica"
    if actual.get(found) == "fresh":
        assert set(actual.values()) == {"fresh"}
