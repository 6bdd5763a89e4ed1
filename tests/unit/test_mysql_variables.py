"""Which variables of a running server differ from the configuration, whichever way either is written."""

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import series, unsupported
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.variables import (
    Difference,
    assignment,
    differences,
    literal,
    options,
    tls_differences,
    waits_for_restart,
)
from hypothesis import given
from hypothesis import strategies as st

Value = bool | int | float | str
CHUNKS = {"innodb_buffer_pool_chunk_size": "134217728", "innodb_buffer_pool_instances": "3"}


@pytest.mark.parametrize(
    ("name", "wanted", "running"),
    [
        ("super_read_only", True, "ON"),
        ("super_read_only", False, "OFF"),
        ("super_read_only", "on", "ON"),
        ("super-read-only", 1, "ON"),
        ("skip_name_resolve", "0", "OFF"),
        ("max_connections", 151, "151"),
        ("max_connections", "151", "151"),
        ("innodb_redo_log_capacity", "100M", "104857600"),
        ("innodb_buffer_pool_size", "128m", "134217728"),
        ("long_query_time", 2, "2.000000"),
        ("long_query_time", "0.5", "0.500000"),
        ("gtid_mode", "on", "ON"),
        ("rpl_semi_sync_source_wait_point", "after_sync", "AFTER_SYNC"),
        ("bind_address", "*", "*"),
        # 1 GiB becomes three whole instances of 128 MiB chunks.
        ("innodb_buffer_pool_size", "1G", str(9 * 2**27)),
    ],
)
def test_same_value(name: str, wanted: Value, running: str) -> None:
    assert differences({name: wanted}, CHUNKS | {name.replace("-", "_"): running}) == []


@pytest.mark.parametrize(
    ("name", "wanted", "running", "restart"),
    [
        ("super_read_only", True, "OFF", False),
        ("max_connections", 200, "151", False),
        ("innodb_buffer_pool_size", "1G", "134217728", False),
        ("innodb_flush_log_at_trx_commit", 1, "2", False),
        ("bind_address", "*", "127.0.0.1", True),
        ("server_id", 11, "1", True),
        ("gtid_mode", "ON", "OFF", True),
        # The plugin is not loaded.
        ("rpl_semi_sync_source_enabled", True, None, True),
    ],
)
def test_different_value(name: str, wanted: Value, running: str | None, restart: bool) -> None:
    variables = CHUNKS | ({} if running is None else {name: running})
    (found,) = differences({name: wanted}, variables)
    assert (found.name, found.running, found.needs_restart) == (name, running, restart)


def test_assignment_gives_numbers_as_numbers() -> None:
    assert assignment(Difference("max_connections", "151", "200")) == ("SET GLOBAL `max_connections` = %s", 200)
    assert assignment(Difference("read_only", "ON", "OFF")) == ("SET GLOBAL `read_only` = %s", "OFF")


def test_tls_is_compared_with_what_connections_get() -> None:
    """The variables may have been set and the reload have failed, or been interrupted."""
    wanted = {"ssl_cert": "/new.pem", "tls_version": "TLSv1.2,TLSv1.3", "max_connections": 151}
    status = {"current_tls_cert": "server-cert.pem", "current_tls_version": "TLSv1.2,TLSv1.3"}
    assert tls_differences(wanted, status) == [Difference("ssl_cert", "server-cert.pem", "/new.pem")]
    assert tls_differences(wanted, status | {"current_tls_cert": "/new.pem"}) == []


@given(
    st.dictionaries(
        st.sampled_from(["max_connections", "sync_binlog", "server_id", "read_only", "bind_address", "sql_mode"]),
        st.booleans() | st.integers(0, 2**40) | st.sampled_from(["128M", "2g", "ON", "off", "*", "STRICT_ALL_TABLES"]),
    )
)
def test_what_was_applied_is_no_difference(wanted: dict[str, Value]) -> None:
    """A server that took the values as written needs nothing more."""
    assert differences(wanted, CHUNKS | {name: literal(value) for name, value in wanted.items()}) == []


@pytest.mark.parametrize(
    ("version", "comment", "reason"),
    [
        ("9.7.4-2", "(Debian)", ""),
        ("8.4.6", "MySQL Community Server - GPL", ""),
        ("8.0.43-0ubuntu0.24.04.1", "(Ubuntu)", "MySQL 8.0.43"),
        ("11.8.2-MariaDB-1 from Debian", "-- Please help get to 10k stars", "MariaDB"),
    ],
)
def test_supported_versions(version: str, comment: str, reason: str) -> None:
    found = unsupported(version, comment)
    assert (reason in found) if reason else (found == "")


def test_series() -> None:
    assert (series("9.7.4-2"), series("8.4.10")) == ((9, 7), (8, 4))


@pytest.mark.parametrize("name", ["default_time_zone", "default-time-zone", "time_zone"])
def test_the_time_zone_s_option_and_variable_have_different_names(name: str) -> None:
    """Red when the option is looked for among the variables: each run would restart the server or stop."""
    assert differences({name: "+02:00"}, {"time_zone": "+02:00"}) == []
    [found] = differences({name: "+02:00"}, {"time_zone": "SYSTEM"})
    assert (found.needs_restart, assignment(found)) == (False, ("SET GLOBAL `time_zone` = %s", "+02:00"))


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("innodb_status_file", True),
        ("skip_character_set_client_handshake", True),
        ("rpl_semi_sync_source_enabled", False),
    ],
)
def test_what_is_an_option_alone(name: str, option: bool) -> None:
    """A server that was started with it has it; what a plugin brings may be missing although it was started."""
    [found] = differences({name: "ON"}, {})
    assert found.is_option is option


def test_options_of_a_file() -> None:
    text = '# comment\n[mysqld]\nport = 3306\nloose_rpl-semi = ON\ndefault_time_zone = "+02:00"\n'
    assert options(text) == {"port": "3306", "rpl_semi": "ON", "default_time_zone": '"+02:00"'}


@pytest.mark.parametrize(
    ("name", "running", "group_stopped", "waits"),
    [
        ("group_replication_group_name", "", True, False),
        ("group_replication_group_name", "", False, True),
        ("group_replication_group_name", None, True, True),
        ("server_id", "1", True, True),
        ("max_connections", "151", False, False),
    ],
)
def test_a_group_that_is_stopped_takes_its_settings_without_a_restart(
    name: str, running: str | None, group_stopped: bool, waits: bool
) -> None:
    """Unless its plugin is not loaded."""
    assert waits_for_restart(Difference(name, running, "2"), group_stopped=group_stopped) is waits
