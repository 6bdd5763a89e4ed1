"""The two servers, and the scenario's play and the modules run on them again with other data."""

import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mysql_server
import pytest
from patience import PATIENCE, until
from plays import scenario_playbook
from throwaway_ca import Authority

SCENARIO = Path(__file__).resolve().parents[1]

CA = "/etc/webstack/tls/ca.pem"
CERTIFICATE, KEY = "/etc/webstack/tls/mysql/certificate.pem", "/etc/webstack/tls/mysql/key.pem"

WRITES = """
import pymysql, time
held = pymysql.connect(unix_socket="/run/mysqld/mysqld.sock", user="root", autocommit=True)
print("writing", flush=True)
written = slowest = 0
while not __import__("os").path.exists("/run/enough"):
    before = time.monotonic()
    with pymysql.connect(unix_socket="/run/mysqld/mysqld.sock", user="root", autocommit=True) as fresh:
        for connection in held, fresh:
            connection.cursor().execute("INSERT INTO guestbook.entries (entry) VALUES ('a visitor')")
            written += 1
    slowest = max(slowest, time.monotonic() - before)
    time.sleep(0.01)
print(written, slowest)
"""


class Server(mysql_server.Server):
    """One of the hosts and its MySQL server."""

    def as_user(self, statement: str, *, user: str, password: str, server: str, tls: bool = True) -> Any:
        """Execute a statement on a server over the network, from this host."""
        return self.host.run(
            "MYSQL_PWD=%s mysql --batch --skip-column-names --host=%s --user=%s --ssl-mode=%s"
            " --get-server-public-key --execute=%s",
            password,
            server,
            user,
            "REQUIRED" if tls else "DISABLED",
            statement,
        )

    def replicates(self) -> bool:
        status = "SELECT SERVICE_STATE FROM performance_schema.replication_{}_status"
        return self.sql(status.format("connection")) == self.sql(status.format("applier")) == [["ON"]]


@contextmanager
def writes(server: Server) -> Iterator[list[str]]:
    """Write on the server all the time, on a connection that is kept and on new ones. Any that fails ends it."""
    server.host.check_output("rm -f /run/enough")
    said: list[str] = []
    with ThreadPoolExecutor() as background:
        load = background.submit(server.host.run, "python3 -c %s", WRITES)
        try:
            yield said
        finally:
            server.host.check_output("touch /run/enough")
        result = load.result()
        assert result.rc == 0, result.stderr
        said += result.stdout.split()[1:]


@pytest.fixture(scope="session")
def writing() -> Callable[[Server], Any]:
    return writes


class Certificates:
    """The throw-away CA of the scenario, and where a server has what it made."""

    def __init__(self) -> None:
        self.authority = Authority(Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "ca/ca")

    def place(self, server: Server, subject_alt_name: str, *, key: bool = True) -> str:
        """A new certificate in the server's files, as a rotation leaves them; its serial number."""
        issued, its_key = self.authority.issue("next", [subject_alt_name])
        for text, file in ((issued, CERTIFICATE), *([(its_key, KEY)] if key else [])):
            server.host.check_output("printf %s %s >%s", "%s", text, f"{file}.new")
            server.host.check_output("chgrp mysql %s; chmod 0640 %s; mv %s %s", *[f"{file}.new"] * 3, file)
        return server.host.check_output("openssl x509 -noout -serial -in %s", CERTIFICATE)

    @staticmethod
    def served(server: Server, address: str) -> str:
        """The serial number of the certificate that a server shows, verified by CA and address."""
        result = server.host.run(
            "openssl s_client -starttls mysql -connect %s:3306 -CAfile %s -verify_ip %s -verify_return_error </dev/null"
            " | openssl x509 -noout -serial",
            address,
            CA,
            address,
        )
        return result.stdout.strip() or result.stderr


@pytest.fixture(scope="session")
def certificates() -> Certificates:
    return Certificates()


@pytest.fixture(scope="session")
def wait() -> Callable[[Callable[[], Any], str], Any]:
    return until


@pytest.fixture(scope="session")
def db1() -> Server:
    """The source."""
    return Server("mysql-db1")


@pytest.fixture(scope="session")
def db2() -> Server:
    """The replica."""
    return Server("mysql-db2")


@pytest.fixture(scope="session")
def play() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run converge.yml again, on one of the hosts or both, with other values of some variables."""

    def run(limit: str = "all", playbook: str = "converge.yml", **variables: Any) -> subprocess.CompletedProcess[str]:
        return scenario_playbook(SCENARIO / playbook, f"--limit={limit}", **variables)

    return run


@pytest.fixture(scope="session")
def in_sync(db1: Server, db2: Server) -> Callable[[], None]:
    """Wait until the replica has what the source has, and see that it has nothing else."""

    def check() -> None:
        committed = db1.value("@@gtid_executed")
        assert db2.value(f"WAIT_FOR_EXECUTED_GTID_SET('{committed}', {PATIENCE})") == 0
        assert db2.value("@@gtid_executed") == committed
        tables = "guestbook.entries"
        assert db1.sql(f"CHECKSUM TABLE {tables}") == db2.sql(f"CHECKSUM TABLE {tables}")

    return check


@pytest.fixture(scope="session", autouse=True)
def data(db1: Server) -> None:
    """The source holds data, more than one page and of every kind that a guest book has."""
    db1.sql(
        "CREATE TABLE IF NOT EXISTS guestbook.entries (id INT AUTO_INCREMENT PRIMARY KEY, entry TEXT, at TIMESTAMP(6)"
        " DEFAULT CURRENT_TIMESTAMP(6)); INSERT INTO guestbook.entries (entry)"
        " SELECT CONCAT(UUID(), ' ☃') FROM information_schema.COLUMNS LIMIT 2000"
    )


@pytest.fixture
def channel() -> dict[str, Any]:
    """The options of mysql_replica that the scenario's play gives the replica."""
    return {
        "source_host": "198.18.11.11",
        "source_user": "replication",
        "source_password": "let 'me' % fetch",
        "clone_user": "clone",
        "clone_password": "let me copy",
        "source_ca": CA,
        "timeout": 60,
    }
