"""The two servers and the application's host, and what is seen from there."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import mysql_server
import pytest
from patience import until


class Server(mysql_server.Server):
    """A database host."""

    def heartbeat(self, source: "Server") -> dict[str, str]:
        """The row of a source that this server has."""
        names = ["written", "confirmed", "semi_sync", "timeout_ms", "gtid_executed"]
        statement = f"SELECT {', '.join(names)} FROM webstack.heartbeat WHERE server_uuid = '{source.uuid}'"  # noqa: S608
        rows = self.sql(statement)
        return dict(zip(names, rows[0], strict=True)) if rows else {}

    def sessions(self) -> int:
        """Of the application."""
        return int(self.sql("SELECT COUNT(*) FROM performance_schema.processlist WHERE USER = 'guestbook'")[0][0])

    @property
    def uuid(self) -> str:
        return self.value("@@server_uuid")


class App:
    """The application's host: files/app.py."""

    def __init__(self) -> None:
        self.host = mysql_server.host("mysqlep-app")
        self.threads = ThreadPoolExecutor()
        self.took = 0.0
        """Seconds of the last answer."""

    def run(self, *arguments: Any) -> Any:
        command = "python3 /usr/local/lib/app.py" + " %s" * len(arguments)
        return json.loads(self.host.check_output(command, *map(str, arguments)))

    def begin(self, *arguments: Any) -> Future:
        return self.threads.submit(self.run, *arguments)

    def ask(self, server: Server, path: str) -> tuple[int, str]:
        status, body, self.took = self.run("ask", server.name, path)
        return status, body

    def state(self, server: Server) -> dict[str, Any]:
        return json.loads(self.ask(server, "/state")[1])

    def up(self, proxy: str) -> set[str]:
        """Servers that HAProxy takes for healthy."""
        names = {name.partition("/")[::2]: status for name, status in self.run("stat").items()}
        found = {name for (of, name), status in names.items() if of == proxy and status.startswith(("UP", "no check"))}
        return found - {"FRONTEND", "BACKEND"}


@pytest.fixture(scope="session")
def wait() -> Callable[[Callable[[], Any], str], Any]:
    return until


@pytest.fixture(scope="session")
def db1() -> Server:
    """The source."""
    return Server("mysqlep-db1")


@pytest.fixture(scope="session")
def db2() -> Server:
    """The replica."""
    return Server("mysqlep-db2")


@pytest.fixture(scope="session")
def app() -> App:
    return App()


@pytest.fixture(scope="session", autouse=True)
def table(db1: Server) -> None:
    db1.sql("CREATE TABLE IF NOT EXISTS guestbook.probe (id INT AUTO_INCREMENT PRIMARY KEY, at DOUBLE)")


@pytest.fixture
def whole(db1: Server, db2: Server, app: App, wait: Callable[..., None]) -> Callable[[], None]:
    """Wait until db1 takes writes, db2 replicates from it and acknowledges, and HAProxy knows."""

    def check() -> None:
        wait(lambda: app.up("mysql-write") == {db1.name}, "db1 to be the server to write to")
        wait(
            lambda: {name for name in app.up("mysql-read") if "-db" in name and name.count("-") == 1} == {db2.name},
            "db2 to be the server to read from",
        )
        wait(lambda: app.state(db1)["semi_sync_source"], "semi-synchronous replication")

    return check


@pytest.fixture(autouse=True)
def as_before(whole: Callable[[], None]) -> Iterator[None]:
    """Every test finds and leaves a whole pair."""
    whole()
    yield
    whole()
