"""The connection to a server: what becomes of PyMySQL's errors."""

from types import SimpleNamespace

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._mysql import server as module


class Connection:
    """Answers every statement with the given error."""

    def __init__(self, error):
        self.error, self.closed = error, False

    def cursor(self, kind):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False

    def execute(self, statement, values):
        raise self.error

    def close(self):
        self.closed = True


class OperationalError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "number"), [(ValueError("cut short"), 0), (OSError("gone"), 0), (OperationalError(2013, "lost"), 2013)]
)
def test_an_answer_that_cannot_be_read_is_the_servers_error_and_ends_the_connection(monkeypatch, error, number):
    connection = Connection(error)
    pymysql = SimpleNamespace(
        connect=lambda **_: connection,
        cursors=SimpleNamespace(DictCursor=dict),
        MySQLError=OperationalError,
        OperationalError=OperationalError,
        InterfaceError=OperationalError,
    )
    monkeypatch.setattr(module, "pymysql", pymysql)
    with pytest.raises(module.ServerError) as refused:
        module.Server(host="db1").rows("SELECT 1")
    assert (refused.value.number, connection.closed) == (number, True)
