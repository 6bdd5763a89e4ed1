"""The two servers, the program on them, and the playbooks run on the scenario's hosts."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import mysql_server
import pytest
from patience import until
from plays import ROOT, scenario_playbook

SCENARIO = Path(__file__).resolve().parents[1]


class Server(mysql_server.Server):
    """One of the hosts, its MySQL server and mysql-backup on it."""

    def tool(self, arguments: str) -> Any:
        """Run mysql-backup, whether it succeeds or not."""
        return self.host.run(f"mysql-backup {arguments}")

    def restore(self, arguments: str) -> dict[str, Any]:
        """What a restore reports."""
        result = self.tool(f"restore {arguments}")
        assert result.rc == 0, result.stderr
        return json.loads(result.stdout)

    def refused(self, arguments: str) -> str:
        """Why a command is refused."""
        result = self.tool(arguments)
        assert result.rc == 1, (result.stdout, result.stderr)
        return result.stderr

    @property
    def status(self) -> dict[str, Any]:
        return json.loads(self.tool("status").stdout)

    def checksums(self, *tables: str) -> dict[str, str]:
        return {name: self.sql(f"CHECKSUM TABLE {name}")[0][1] for name in tables}


@pytest.fixture(scope="session")
def play() -> Callable[..., Any]:
    """Run a playbook of the collection: ``play("backup.yml", webstack_restore_to="...")``."""

    def playbook(name: str, *options: str, **variables: Any) -> Any:
        return scenario_playbook(ROOT / "playbooks" / name, *options, **variables)

    return playbook


@pytest.fixture(scope="session")
def converge() -> Callable[..., Any]:
    """Run converge.yml again with other values of some variables."""
    return partial(scenario_playbook, SCENARIO / "converge.yml")


@pytest.fixture(scope="session")
def wait() -> Callable[[Callable[[], Any], str], Any]:
    return until


@pytest.fixture(scope="session")
def db1() -> Server:
    """The source. The repository is on its host."""
    return Server("bk-db1")


@pytest.fixture(scope="session")
def db2() -> Server:
    """The replica, of which the backups are."""
    return Server("bk-db2")


@pytest.fixture(scope="session")
def archived(db1, db2, wait) -> Callable[[], None]:
    """Wait until everything that the source has committed is in the repository."""

    def check() -> None:
        committed = db1.value("@@GLOBAL.gtid_executed")

        def there() -> bool:
            have = "".join(server.status.get("archive", {}).get("gtids", "") + "," for server in (db1, db2)).strip(",")
            bases = [base["high"] for base in json.loads(db2.tool("list").stdout)["bases"]]
            return db1.value(f"GTID_SUBSET('{committed}', '{','.join([*bases, have]).strip(',')}')") == 1

        wait(there, f"{committed} to be archived")

    return check


@pytest.fixture(scope="session", autouse=True)
def backed_up(db1, db2, wait) -> None:
    """Data, the first backup that the role began, and then more data."""
    db1.sql(
        "CREATE TABLE IF NOT EXISTS guestbook.entries (id INT AUTO_INCREMENT PRIMARY KEY, entry TEXT, at TIMESTAMP(6)"
        " DEFAULT CURRENT_TIMESTAMP(6)); CREATE TABLE IF NOT EXISTS guestbook.authors (id INT PRIMARY KEY, name TEXT);"
        " REPLACE INTO guestbook.authors VALUES (1, 'Ada ☃'); INSERT INTO guestbook.entries (entry)"
        " SELECT CONCAT(UUID(), ' ☃') FROM information_schema.COLUMNS LIMIT 2000"
    )
    wait(lambda: db2.status.get("backup", {}).get("ok"), "the first backup of the replica")
