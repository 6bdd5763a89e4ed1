"""Names and error numbers of MySQL that more than one program of the collection decides by. Pure."""

from __future__ import annotations

OWN_SCHEMAS = ("information_schema", "mysql", "performance_schema", "sys")
"""MySQL's own. Every other schema holds somebody's data."""

STACK_SCHEMA = "webstack"
"""The collection's own schema. It replicates like the users' data, and is backed up with it."""

NOT_OWN = f"NOT IN ({', '.join(repr(schema) for schema in OWN_SCHEMAS)})"
"""SQL condition on the name of a schema."""

NOT_INNODB = (
    "SELECT CONCAT(TABLE_SCHEMA, '.', TABLE_NAME) AS name FROM information_schema.TABLES"  # noqa: S608
    f" WHERE TABLE_TYPE = 'BASE TABLE' AND ENGINE <> 'InnoDB' AND TABLE_SCHEMA {NOT_OWN} ORDER BY name LIMIT 20"
)
"""Tables that CLONE copies without their rows. Whoever may SHOW VIEW sees them, and none of their rows."""

NO_SUCH_TABLE = frozenset({1049, 1142, 1146})
"""The schema (1049), the privilege (1142) or the table (1146) does not exist.

On a replica that is new it is still to come from the source. MySQL 8.4 and 9.7 answer nothing else to a statement that
names `schema.table`: access denied to the whole database (1044) is the answer to USE and to a login that selects a
database, which no program here does.
"""

READ_ONLY = frozenset({1290, 1836})
"""A write was refused because of read_only or super_read_only (1290), or of innodb_read_only or the like (1836)."""
