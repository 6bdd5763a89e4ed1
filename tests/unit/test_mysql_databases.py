"""Databases as they are listed, and the names of time zones."""

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.databases import Database, DatabaseError, plan
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import ServerError
from ansible_collections.foobar.webstack.plugins.modules.mysql_databases import load_zones

CHARSETS = {
    "utf8mb4_0900_ai_ci": "utf8mb4",
    "utf8mb4_general_ci": "utf8mb4",
    "latin1_swedish_ci": "latin1",
    "latin1_bin": "latin1",
}
SHOP = Database("shop", "utf8mb4", "utf8mb4_0900_ai_ci")


def test_what_is_as_wanted_is_left_alone():
    """A second run writes nothing."""
    assert plan([SHOP], {"shop": SHOP, "other": Database("other", "latin1", "latin1_bin")}, CHARSETS) == []


def test_a_database_is_created_with_its_collation():
    assert plan([SHOP], {}, CHARSETS) == ["CREATE DATABASE `shop` CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci"]


def test_another_collation_is_for_tables_to_come():
    """Red when the variable is changed and nothing happens."""
    there = {"shop": Database("shop", "latin1", "latin1_swedish_ci")}
    assert plan([SHOP], there, CHARSETS) == ["ALTER DATABASE `shop` CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci"]


@pytest.mark.parametrize(
    ("charset", "collation", "reason"),
    [
        ("utf8mb5", "utf8mb4_0900_ai_ci", "has no character set utf8mb5; give one such as latin1, utf8mb4"),
        (
            "utf8mb4",
            "latin1_bin",
            "latin1_bin is of latin1; give one of utf8mb4, such as utf8mb4_0900_ai_ci",
        ),
        (
            "latin1",
            "latin_bin",
            "latin_bin is not known to the server; give one of latin1, such as latin1_bin",
        ),
    ],
)
def test_what_the_server_does_not_have_is_said_before_a_statement(charset, collation, reason):
    with pytest.raises(DatabaseError, match=reason):
        plan([Database("shop", charset, collation)], {}, CHARSETS)


@pytest.fixture
def programs(tmp_path, monkeypatch):
    def make(name, body):
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    make("mysql_tzinfo_to_sql", 'echo "TRUNCATE TABLE time_zone; -- $1"; echo "Warning: no time zone" >&2')
    make("mysql", f"cat >{tmp_path}/loaded; echo $* >>{tmp_path}/loaded")
    return make


def test_time_zones_are_loaded_from_the_host(programs, tmp_path):
    load_zones("/s", "root", "/usr/share/zoneinfo")
    assert (tmp_path / "loaded").read_text() == (
        "TRUNCATE TABLE time_zone; -- /usr/share/zoneinfo\n--no-defaults --socket=/s --user=root mysql\n"
    )


@pytest.mark.parametrize(("name", "reason"), [("mysql_tzinfo_to_sql", "no zones"), ("mysql", "no zones")])
def test_time_zones_that_cannot_be_loaded_are_an_error(programs, name, reason):
    programs(name, "cat >/dev/null 2>&1 </dev/null; echo no zones >&2; exit 1")
    with pytest.raises(ServerError, match=reason):
        load_zones("/s", "root", "/z")
