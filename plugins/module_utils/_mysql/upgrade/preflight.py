"""What a server has that the new version cannot start with, or would lock somebody out with. Pure, but for `read`.

MySQL's own upgrade checker is a part of MySQL Shell, which not every distribution has. These are its checks of what an
upgrade from one LTS series to the next, or within one, can fail at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, reason
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.schemas import NOT_OWN
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import Queries, text
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.statements import quoted
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.upgrade.path import Version

REMOVED_PLUGINS = {"mysql_native_password": (9, 0), "authentication_fido": (8, 4)}
"""Plugins of accounts, and the series that first lacks them."""

ACCOUNTS = "SELECT User AS user, Host AS host, plugin FROM mysql.user WHERE plugin IN (%s, %s) ORDER BY User, Host"
SETTINGS = "SELECT @@GLOBAL.innodb_fast_shutdown AS shutdown, @@GLOBAL.innodb_force_recovery AS recovery"
PERSISTED = (
    "SELECT VARIABLE_NAME AS name, VARIABLE_VALUE AS value FROM performance_schema.persisted_variables ORDER BY name"
)
LIBRARIES = "SELECT dl AS library FROM mysql.plugin UNION SELECT component_urn FROM mysql.component ORDER BY library"
TABLES = (
    "SELECT TABLE_SCHEMA AS db, TABLE_NAME AS name FROM information_schema.TABLES"  # noqa: S608
    f" WHERE TABLE_TYPE = 'BASE TABLE' AND TABLE_SCHEMA {NOT_OWN} ORDER BY db, name"
)
FOREIGN_KEYS = (
    "SELECT CONCAT(CONSTRAINT_SCHEMA, '.', TABLE_NAME) AS name, CONSTRAINT_NAME AS constraint_name,"  # noqa: S608
    " CONCAT(REFERENCED_TABLE_SCHEMA, '.', REFERENCED_TABLE_NAME) AS referenced,"
    " GROUP_CONCAT(REFERENCED_COLUMN_NAME) AS columns_of_it FROM information_schema.KEY_COLUMN_USAGE"
    f" WHERE REFERENCED_TABLE_NAME IS NOT NULL AND CONSTRAINT_SCHEMA {NOT_OWN}"
    " GROUP BY name, constraint_name, referenced ORDER BY name, constraint_name"
)
UNIQUE_KEYS = (
    "SELECT CONCAT(TABLE_SCHEMA, '.', TABLE_NAME) AS name, GROUP_CONCAT(COLUMN_NAME) AS columns_of_it"  # noqa: S608
    f" FROM information_schema.STATISTICS WHERE NON_UNIQUE = 0 AND TABLE_SCHEMA {NOT_OWN}"
    " GROUP BY name, INDEX_NAME HAVING MAX(SUB_PART) IS NULL"
)

OF_PLUGINS = ("group_replication_", "rpl_semi_sync_", "clone_", "mysqlx_")
"""Beginnings of variables that are known only where their plugin is loaded."""


class Code(str, Enum):
    """What is in the way of a new version."""

    PLUGIN_REMOVED = "upgrade_preflight.plugin_removed"
    FAST_SHUTDOWN = "upgrade_preflight.fast_shutdown"
    FORCED_RECOVERY = "upgrade_preflight.forced_recovery"
    PREPARED = "upgrade_preflight.prepared"
    TABLE = "upgrade_preflight.table"
    NO_LIBRARY = "upgrade_preflight.no_library"
    FOREIGN_KEYS = "upgrade_preflight.foreign_keys"


@dataclass(frozen=True)
class Found:
    """What the server says."""

    accounts: tuple[tuple[str, str], ...] = ()
    """Accounts, such as ada@localhost, with their plugins."""
    fast_shutdown: int = 1
    force_recovery: int = 0
    prepared: int = 0
    """Distributed transactions (XA) that are neither committed nor rolled back."""
    tables: tuple[tuple[str, str], ...] = ()
    """Tables of which CHECK TABLE ... FOR UPGRADE says something, and what."""
    foreign_keys: tuple[str, ...] = ()
    """Those that do not lead to a whole unique key."""
    libraries: tuple[str, ...] = ()
    """Files of plugins and components that are loaded at each start."""
    persisted: Mapping[str, str] = field(default_factory=dict)
    """What SET PERSIST has set, which no configuration file shows."""


def read(server: Queries) -> Found:
    """Ask the server. ServerError where it does not answer."""
    (settings,) = server.rows(SETTINGS)
    return Found(
        accounts=tuple(
            (f"{text(row['user'])}@{text(row['host'])}", text(row["plugin"]))
            for row in server.rows(ACCOUNTS, list(REMOVED_PLUGINS))
        ),
        fast_shutdown=int(settings["shutdown"]),
        force_recovery=int(settings["recovery"]),
        prepared=len(server.rows("XA RECOVER")),
        tables=tuple(_checked(server)),
        foreign_keys=nonstandard(server.rows(FOREIGN_KEYS), server.rows(UNIQUE_KEYS)),
        libraries=tuple(_file(text(row["library"])) for row in server.rows(LIBRARIES)),
        persisted={text(row["name"]): text(row["value"]) for row in server.rows(PERSISTED)},
    )


def _checked(server: Queries) -> Iterator[tuple[str, str]]:
    """What MySQL itself says against a table; of InnoDB's it looks at the description alone."""
    for table in server.rows(TABLES):
        db, name = text(table["db"]), text(table["name"])
        for row in server.rows(f"CHECK TABLE {quoted(db, name)} FOR UPGRADE"):
            if text(row["Msg_type"]) in ("error", "warning"):
                yield f"{db}.{name}", text(row["Msg_text"])


def nonstandard(foreign: Iterable[Mapping[str, Any]], unique: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Foreign keys that lead to no unique key, or to a part of one.

    Deprecated since 8.4: a dump of such a table is not loaded, and so not restored, while
    restrict_fk_on_non_standard_key is on.
    """
    keys = {(text(row["name"]), frozenset(text(row["columns_of_it"]).split(","))) for row in unique}
    return tuple(
        f"{text(row['constraint_name'])} of {text(row['name'])}"
        for row in foreign
        if (text(row["referenced"]), frozenset(text(row["columns_of_it"]).split(","))) not in keys
    )


def obstacles(found: Found, running: Version, offered: Version) -> Iterator[Reason]:
    """Because of which the new version would not start, or not let somebody in."""
    for plugin, since in REMOVED_PLUGINS.items():
        accounts = [account for account, its in found.accounts if its == plugin]
        if accounts and running.series < since <= offered.series:
            yield reason(Code.PLUGIN_REMOVED, plugin=plugin, accounts=accounts, version=str(offered))
    if found.fast_shutdown > 1:
        yield reason(Code.FAST_SHUTDOWN, value=found.fast_shutdown)
    if found.force_recovery:
        yield reason(Code.FORCED_RECOVERY, value=found.force_recovery)
    if found.prepared:
        yield reason(Code.PREPARED, count=found.prepared)
    for table, said in found.tables:
        yield reason(Code.TABLE, table=table, error=said.rstrip("."))


def notes(found: Found) -> Iterator[Reason]:
    """What is no obstacle now, and will be one."""
    if found.foreign_keys:
        yield reason(Code.FOREIGN_KEYS, keys=found.foreign_keys)


def missing_libraries(found: Found, there: Callable[[str], bool], offered: Version) -> Iterator[Reason]:
    """Plugins and components of which the new packages have no file."""
    if gone := [library for library in found.libraries if not there(library)]:
        yield reason(Code.NO_LIBRARY, files=gone, version=str(offered))


def persisted_options(persisted: Mapping[str, str]) -> list[str]:
    """What SET PERSIST has set, as options of mysqld."""
    return [
        f"--{'loose-' if name.startswith(OF_PLUGINS) or '.' in name else ''}{name.replace('_', '-')}={value}"
        for name, value in persisted.items()
    ]


def _file(name: str) -> str:
    """The file's name of a library or of a component's URN."""
    plain = name.partition("://")[2] or name
    return plain if plain.endswith(".so") else f"{plain}.so"
