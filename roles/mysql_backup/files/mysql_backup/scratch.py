"""A scratch instance: a MySQL server of our own on restored data, without network or binary log, gone at the end."""

from __future__ import annotations

import contextlib
import os
import pwd
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.schemas import NOT_OWN
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.statements import quoted

from mysql_backup.errors import BackupError
from mysql_backup.plan import Base, Transaction, by_file, gtids_of
from mysql_backup.programs import Mysql
from mysql_backup.settings import Settings

ACCOUNT = "mysql-backup-restore"
"""Account of the scratch instances, which exists nowhere else: there alone the program may execute everything."""


class Scratch:
    """The instance in a folder that holds the data in `data`."""

    def __init__(self, folder: Path, base: Base, settings: Settings) -> None:
        self.data = folder / "data"
        # A socket's path has at most 107 characters.
        self.mysql = Mysql(folder / "s", ACCOUNT)
        self._folder, self._base, self._settings = folder, base, settings
        self._process: subprocess.Popen[bytes] | None = None

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Start, and stop at the end. BackupError where it does not start in time."""
        try:
            self._start()
            yield
        finally:
            self._stop()

    def _start(self) -> None:
        argv = _command(self._folder, self._base.options, self._settings.restore_memory_mb)
        with (self._folder / "output").open("wb") as output:
            self._process = subprocess.Popen(argv, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603
        deadline = time.monotonic() + self._settings.start_timeout
        while True:
            try:
                self.mysql.value("1")
            except BackupError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    reason = _last_errors(self._folder / "error.log") or error
                    raise BackupError(f"the scratch instance does not start: {reason}") from None
                time.sleep(0.2)
            else:
                return

    def _stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(120)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def replay(self, sequence: Iterable[Transaction], done: GtidSet) -> None:
        """Execute the transactions that are not in `done`, with their GTIDs."""
        for file, transactions in by_file(sequence):
            missing = gtids_of(transactions) - done
            if not missing:
                continue
            read = ["mysqlbinlog", "--no-defaults", f"--include-gtids={missing}", file]
            with subprocess.Popen(read, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as reader:  # noqa: S603
                written = subprocess.run(  # noqa: S603
                    self.mysql.loader, stdin=reader.stdout, capture_output=True, check=False
                )
                if reader.stdout:
                    reader.stdout.close()
                complaint = reader.stderr.read() if reader.stderr else b""
            if reader.returncode or written.returncode:
                said = " ".join((written.stderr or complaint).decode(errors="replace").split())
                raise BackupError(f"replaying {Path(file).name} failed: {said[-1500:]}")

    def copied_empty(self) -> list[str]:
        """The users' tables that are not InnoDB: CLONE copies them without their rows."""
        listed = self.mysql.query(
            "SELECT JSON_ARRAY(TABLE_SCHEMA, TABLE_NAME) FROM information_schema.TABLES WHERE TABLE_TYPE = 'BASE TABLE'"  # noqa: S608
            f" AND ENGINE <> 'InnoDB' AND TABLE_SCHEMA {NOT_OWN} ORDER BY TABLE_SCHEMA, TABLE_NAME"
        )
        return [f"{schema}.{table}" for schema, table in listed]

    def tables(self) -> dict[str, dict[str, Any]]:
        """Check every table of the users' databases: rows and checksum of each. BackupError where one is damaged."""
        listed = self.mysql.query(
            "SELECT JSON_ARRAY(TABLE_SCHEMA, TABLE_NAME) FROM information_schema.TABLES"  # noqa: S608
            f" WHERE TABLE_TYPE = 'BASE TABLE' AND TABLE_SCHEMA {NOT_OWN} ORDER BY TABLE_SCHEMA, TABLE_NAME"
        )
        found = {}
        for schema, table in listed:
            name = quoted(schema, table)
            check = self.mysql.table(f"CHECK TABLE {name}")
            if check[-1]["Msg_text"] != "OK":
                raise BackupError(f"CHECK TABLE {name}: {check[-1]['Msg_text']}")
            found[f"{schema}.{table}"] = self.mysql.measure(name)
        return found


def _command(folder: Path, options: Mapping[str, str], memory_mb: int) -> list[str]:
    """The server's command line. `options`: those without which it cannot read the data."""
    setup = folder / "setup.sql"
    me = pwd.getpwuid(os.geteuid()).pw_name
    # Without a binary log these statements get no GTID, and the history stays that of the backup.
    setup.write_text(
        f"CREATE USER IF NOT EXISTS `{ACCOUNT}`@localhost IDENTIFIED WITH auth_socket AS '{me}';\n"
        f"GRANT ALL ON *.* TO `{ACCOUNT}`@localhost WITH GRANT OPTION;\n"
    )
    argv = ["mysqld", "--no-defaults", f"--datadir={folder / 'data'}", f"--socket={folder / 's'}"]
    argv += [f"--log-error={folder / 'error.log'}", f"--pid-file={folder / 'pid'}", f"--tmpdir={folder}"]
    argv += [f"--init-file={setup}", "--plugin-load-add=auth_socket.so", "--secure-file-priv=NULL"]
    argv += ["--skip-networking", "--mysqlx=OFF", "--skip-replica-start", "--event-scheduler=OFF"]
    argv += ["--skip-log-bin", "--gtid-mode=ON", "--enforce-gtid-consistency=ON"]
    argv += [f"--innodb-buffer-pool-size={memory_mb}M", "--performance-schema=OFF", "--max-connections=10"]
    # After a crash it is thrown away, not recovered.
    argv += ["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=OFF"]
    return argv + [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]


def _last_errors(log: Path) -> str:
    with contextlib.suppress(FileNotFoundError):
        errors = [line for line in log.read_text(errors="replace").splitlines() if "[ERROR]" in line]
        return " ".join(errors[-3:])
    return ""
