"""Other programs: how they are run, and MySQL's client among them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet

from mysql_backup.errors import BackupError, ProgramError
from mysql_backup.plan import parse_gtids


def attempt(
    argv: Sequence[str | Path], env: Mapping[str, str] | None = None, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program, in a folder, whether it fails or not."""
    return subprocess.run(  # noqa: S603
        [str(a) for a in argv], text=True, capture_output=True, check=False, env=env, cwd=folder
    )


def run(name: str, argv: Sequence[str | Path], env: Mapping[str, str] | None = None) -> str:
    """Run a program and return what it prints. ProgramError, with the name, where it fails."""
    done = attempt(argv, env)
    if done.returncode:
        raise ProgramError(name, done.returncode, done.stderr)
    return done.stdout


class Mysql:
    """Statements of one account through one socket, by MySQL's own client."""

    def __init__(self, socket: str | Path, user: str) -> None:
        self.options = [f"--socket={socket}", f"--user={user}"]

    def query(self, statement: str) -> list[list[Any]]:
        """Execute statements; those that SELECT a JSON_ARRAY return their rows."""
        printed = self._run("--batch", "--raw", "--skip-column-names", "-e", statement)
        return [json.loads(line) for line in printed.splitlines() if line.startswith("[")]

    def table(self, statement: str) -> list[dict[str, str]]:
        """Rows of a SHOW statement."""
        lines = [line.split("\t") for line in self._run("--batch", "-e", statement).splitlines()]
        return [dict(zip(lines[0], line, strict=False)) for line in lines[1:]]

    def value(self, expression: str) -> Any:
        """The value of an expression such as @@GLOBAL.server_id."""
        return self.query(f"SELECT JSON_ARRAY({expression})")[0][0]

    def gtids(self, variable: str = "gtid_executed") -> GtidSet:
        """A global variable that is a GTID set."""
        return parse_gtids(self.value(f"@@GLOBAL.{variable}"))

    def load(self, file: Path, database: str) -> None:
        """Execute the statements of a dump in a database. BackupError where one fails."""
        with file.open("rb") as source:
            loaded = subprocess.run(  # noqa: S603
                [*self.loader, database], stdin=source, capture_output=True, check=False
            )
        if loaded.returncode:
            raise BackupError(f"loading {file}: {loaded.stderr.decode(errors='replace').strip()}")

    def dump(self, database: str, tables: Sequence[str], file: Path) -> None:
        """Write a database, or tables of it, as SQL that does not name the database: it can be loaded into any."""
        argv = ["mysqldump", "--no-defaults", *self.options, "--single-transaction", "--set-gtid-purged=OFF"]
        argv += ["--hex-blob", "--routines", "--events", "--triggers", "--no-tablespaces"]
        argv += ["--default-character-set=utf8mb4", database, *tables]
        with file.open("wb") as output:
            file.chmod(0o600)
            done = subprocess.run(argv, stdout=output, stderr=subprocess.PIPE, check=False)  # noqa: S603
        if done.returncode:
            file.unlink()
            raise ProgramError(f"mysqldump {database}", done.returncode, done.stderr.decode(errors="replace"))

    def measure(self, table: str) -> dict[str, Any]:
        """Rows and checksum of a table, whose name is quoted."""
        return {
            "rows": self.value(f"(SELECT COUNT(*) FROM {table})"),  # noqa: S608
            "checksum": self.table(f"CHECKSUM TABLE {table}")[0]["Checksum"],
        }

    @property
    def loader(self) -> list[str]:
        """The client as it reads binary logs and dumps."""
        return ["mysql", "--no-defaults", *self.options, "--binary-mode", "--max-allowed-packet=1G"]

    def _run(self, *arguments: str) -> str:
        return run("mysql", ["mysql", "--no-defaults", *self.options, *arguments])


def literal(text: str) -> str:
    """The text as an SQL string."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
