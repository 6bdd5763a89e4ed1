"""Executes statements of which some are to be executed whatever happens to those before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import Queries, ServerError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.statements import Statement


@dataclass(frozen=True)
class Failure:
    """The first statement that failed, and why."""

    statement: Statement
    error: ServerError


def execute(
    server: Queries, statements: Iterable[Statement], tell: Callable[[str], object] = lambda _statement: None
) -> Failure | None:
    """Execute them in order. After one that fails, only those follow that clean up.

    `tell` gets each, as it may be shown, before it is executed.
    """
    failure: Failure | None = None
    for statement in statements:
        if failure and not statement.cleanup:
            continue
        tell(str(statement))
        try:
            server.rows(statement.sql, statement.values)
        except ServerError as error:
            failure = failure or Failure(statement, error)
    return failure
