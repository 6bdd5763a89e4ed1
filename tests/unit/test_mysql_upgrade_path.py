"""Which version of MySQL may follow which, and what of a server is in the way of a new one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.upgrade.path import (
    LTS,
    Version,
    changes_series,
    refusal,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.upgrade.preflight import (
    Found,
    missing_libraries,
    nonstandard,
    notes,
    obstacles,
    persisted_options,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.upgrade.preflight import read as ask
from hypothesis import given
from hypothesis import strategies as st
from reading import read


def version(text: str) -> Version:
    found = Version.parse(text)
    assert found
    return found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("9.7.4-2", "9.7.4"),
        ("9.7.4-2+webstack1", "9.7.4"),
        ("1:8.4.6-0ubuntu0.25.04.1", "8.4.6"),
        ("8.4", "8.4.0"),
        ("26.10.0-1debian13", "26.10.0"),
    ],
)
def test_what_a_distribution_adds_does_not_count(text: str, found: str) -> None:
    assert str(Version.parse(text)) == found


@pytest.mark.parametrize("text", ["", "(none)", "unknown"])
def test_what_is_no_version(text: str) -> None:
    assert Version.parse(text) is None


@pytest.mark.parametrize(
    ("running", "offered"),
    [
        ("9.7.4", "9.7.5"),
        ("9.7.4", "9.7.4"),
        ("8.4.3", "8.4.9"),
        ("8.4.3", "9.7.4"),
        # From an innovation release to the next LTS series.
        ("9.3.0", "9.7.4"),
    ],
)
def test_what_mysql_supports(running: str, offered: str) -> None:
    assert refusal(version(running), version(offered)) is None


@pytest.mark.parametrize(
    ("running", "offered", "said"),
    [
        ("9.7.4", "9.7.3", "9.7.3 is offered, and 9.7.4 runs. MySQL cannot go back; see why the host's apt sources"),
        ("9.7.4", "8.4.9", "8.4.9 is offered, and 9.7.4 runs. MySQL cannot go back"),
        (
            "8.4.3",
            "9.3.0",
            "9.3.0 is offered in the place of 8.4.3. It is no release with long-term support (8.4, 9.7)",
        ),
        # Red where the higher number of the calendar is taken for the next LTS series.
        ("9.7.4", "26.7.0", "26.7.0 is offered in the place of 9.7.4. It is no release with long-term support"),
        ("8.4.3", "26.10.1", "26.10.1 is offered in the place of 8.4.3. It is no release"),
        ("26.7.0", "26.10.0", "26.10.0 is offered in the place of 26.7.0. It is no release"),
        (
            "8.0.40",
            "9.7.4",
            "9.7.4 is offered in the place of 8.0.40, and MySQL supports no upgrade that leaves out 8.4",
        ),
    ],
)
def test_what_it_does_not(running: str, offered: str, said: str) -> None:
    assert read(refusal(version(running), version(offered))).startswith(said)


VERSIONS = st.builds(Version, st.sampled_from([8, 9, 26]), st.integers(0, 10), st.integers(0, 9))


@given(VERSIONS, VERSIONS)
def test_another_series_is_entered_only_where_it_is_the_next_with_long_term_support(
    running: Version, offered: Version
) -> None:
    """Whatever the numbers are. Red without any of the three conditions."""
    if refusal(running, offered) is None and changes_series(running, offered):
        assert offered.series in LTS
        assert not [series for series in LTS if running.series < series < offered.series]
        assert offered > running or running.major == 26


@pytest.mark.parametrize("crosses", [True, False])
def test_an_account_whose_plugin_is_removed_could_not_log_in(crosses: bool) -> None:
    """From 8.4, which has it, to 9.7; a server of 9.7 has such an account only where it never worked."""
    found = Found(accounts=(("ada@%", "mysql_native_password"), ("bob@localhost", "mysql_native_password")))
    running = "8.4.3" if crosses else "9.7.3"
    said = [read(each) for each in obstacles(found, version(running), version("9.7.4"))]
    assert said == (
        [
            "the accounts ada@%, bob@localhost have the plugin mysql_native_password, which 9.7.4 has no more: they"
            " could not log in. Give each another one on the primary: ALTER USER ... IDENTIFIED WITH"
            " caching_sha2_password BY '...'"
        ]
        if crosses
        else []
    )


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Found(fast_shutdown=2), "innodb_fast_shutdown is 2, which leaves a server that a new version does not start"),
        (Found(force_recovery=1), "innodb_force_recovery is 1. Repair what it was set for"),
        (Found(prepared=2), "2 distributed transactions are prepared and neither committed nor rolled back"),
        (Found(tables=(("a.b", "Table rebuild required."),)), "the table a.b: Table rebuild required. Rebuild it with"),
    ],
)
def test_what_a_new_version_does_not_start_with(found: Found, said: str) -> None:
    (only,) = [read(each) for each in obstacles(found, version("9.7.3"), version("9.7.4"))]
    assert only.startswith(said)
    assert list(obstacles(Found(), version("8.4.3"), version("9.7.4"))) == []


def test_foreign_keys_that_lead_to_no_unique_key_are_noted() -> None:
    """The whole key, in any order; not a part of it, and no key that is none."""
    unique = [{"name": "shop.parent", "columns_of_it": "a,b"}, {"name": "shop.parent", "columns_of_it": b"id"}]
    foreign = [
        {"name": "shop.good", "constraint_name": "one", "referenced": "shop.parent", "columns_of_it": "b,a"},
        {"name": "shop.good", "constraint_name": "two", "referenced": "shop.parent", "columns_of_it": "id"},
        {"name": "shop.part", "constraint_name": "three", "referenced": "shop.parent", "columns_of_it": "a"},
        {"name": "shop.none", "constraint_name": "four", "referenced": "shop.other", "columns_of_it": "id"},
    ]
    found = nonstandard(foreign, unique)
    assert found == ("three of shop.part", "four of shop.none")
    (said,) = [read(each) for each in notes(Found(foreign_keys=found))]
    assert said.startswith("the foreign keys three of shop.part, four of shop.none lead to no unique key")
    assert list(notes(Found())) == []


def test_plugins_and_components_without_a_file_are_named() -> None:
    found = Found(libraries=("auth_socket.so", "component_audit.so"))
    (said,) = [read(each) for each in missing_libraries(found, {"auth_socket.so"}.__contains__, version("9.7.4"))]
    assert said.startswith("the packages of 9.7.4 have no component_audit.so, which is loaded at each start")
    assert list(missing_libraries(found, lambda _: True, version("9.7.4"))) == []


def test_what_was_persisted_is_tried_as_an_option() -> None:
    """What belongs to a plugin is not known where that is not loaded."""
    assert persisted_options({"max_connections": "7", "rpl_semi_sync_source_timeout": "9", "a.b_c": "x"}) == [
        "--max-connections=7",
        "--loose-rpl-semi-sync-source-timeout=9",
        "--loose-a.b-c=x",
    ]


class Server:
    """Answers by what a statement has in it."""

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        answers: dict[str, list[dict[str, Any]]] = {
            "CHECK TABLE `shop`.`a``b` FOR UPGRADE": [
                {"Msg_type": "error", "Msg_text": "Table rebuild required."},
                {"Msg_type": "status", "Msg_text": "OK"},
            ],
            "FROM mysql.user": [{"user": b"ada", "host": "%", "plugin": "mysql_native_password"}],
            "innodb_fast_shutdown": [{"shutdown": 2, "recovery": 0}],
            "XA RECOVER": [{"data": "x"}],
            "information_schema.TABLES": [{"db": "shop", "name": "a`b"}],
            "mysql.plugin": [{"library": "auth_socket.so"}, {"library": "file://component_x"}],
            "persisted_variables": [{"name": "max_connections", "value": "7"}],
        }
        assert statement.count("%") == len(values) * statement.count("%s") // max(len(values), 1), statement
        return next((rows for part, rows in answers.items() if part in statement), [])

    def value(self, expression: str, values: Sequence[Any] = ()) -> Any:
        raise AssertionError(expression)


def test_the_server_is_asked_for_all_of_it() -> None:
    assert ask(Server()) == Found(
        accounts=(("ada@%", "mysql_native_password"),),
        fast_shutdown=2,
        prepared=1,
        tables=(("shop.a`b", "Table rebuild required."),),
        libraries=("auth_socket.so", "component_x.so"),
        persisted={"max_connections": "7"},
    )
