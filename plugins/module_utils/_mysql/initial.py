"""Variables of mysqld that only the initialisation of a data directory can set. Pure.

A server that is started with another value than its data was made with does not start, or starts without its data.
"""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.variables import Value, differences, plain

DATADIR = "datadir"

NAMES = (
    "innodb_data_file_path",
    "innodb_data_home_dir",
    "innodb_log_group_home_dir",
    "innodb_page_size",
    "innodb_undo_directory",
    "lower_case_table_names",
)


def initial(variables: Mapping[str, Value]) -> dict[str, Value]:
    """Those of the variables, by the server's own names."""
    return {plain(name): value for name, value in variables.items() if plain(name) in NAMES}


def datadir(variables: Mapping[str, Value]) -> str:
    """The data directory that the variables ask for, empty for none."""
    return next((str(value).rstrip("/") for name, value in variables.items() if plain(name) == DATADIR), "")


def otherwise(variables: Mapping[str, Value], running: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Name, running and wanted value of those that the data was not made with. Nothing where no server has answered."""
    wanted = {name: value for name, value in initial(variables).items() if name in running}
    return [(one.name, one.running or "", one.wanted) for one in differences(wanted, running)]


def file_of(variables: Mapping[str, Value]) -> str:
    """A configuration file with those of the variables, for the package to initialise with; empty for none."""
    lines = [f"{name} = {value}" for name, value in sorted(initial(variables).items())]
    head = "# Only the initialisation of the data directory can set these; see mysql_replication_variables."
    return "\n".join([head, "[mysqld]", *lines, ""]) if lines else ""
