"""Starts a replaced primary read-only, and saves what only it has."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import ReasonError, reason
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import NoServerError, Server, ServerError

POLL_SECONDS = 0.2

_NAME = re.compile(r"--super[-_]read[-_]only\b", re.IGNORECASE)
_TRUE = re.compile(r"--super[-_]read[-_]only(=(ON|1|TRUE))?", re.IGNORECASE)


class Code(str, Enum):
    """Why the server does not come back."""

    NOT_CONFIGURED_READ_ONLY = "recovery.not_configured_read_only"
    NOT_READ_ONLY = "recovery.not_read_only"
    NO_ANSWER = "recovery.no_answer"
    SYSTEMCTL = "recovery.systemctl"
    NOT_SAVED = "recovery.not_saved"


@dataclass(frozen=True)
class Recovered:
    """What only this server has."""

    diverged: GtidSet
    file: str = ""
    """Where it was saved."""
    lost: GtidSet = field(default_factory=GtidSet)
    """Which of it was not in the binary logs any more."""
    doubtful: GtidSet = field(default_factory=GtidSet)
    """What may be something else on the primary, under the same numbers. It is saved, too."""
    apart: bool = False
    """Whether the data has to be replaced, whatever the numbers say."""


@dataclass
class Recovery:
    """A server that was the primary."""

    server: Server
    service: str
    run: Callable[[Sequence[str]], tuple[int, str, str]]
    """Run a command: its status, output and errors."""
    timeout: float
    check: bool = False
    """Whether nothing is changed."""
    changed: bool = False

    def start(self) -> None:
        """Let the server run, and take no writes. ReasonError where it does not."""
        runs = True
        try:
            if int(self.server.value("@@GLOBAL.super_read_only")):
                return
        except NoServerError:
            runs = False
        self.changed = True
        self._require_read_only_configuration()
        if self.check:
            return
        if runs:
            # Commits that wait for an acknowledgement would keep it from ending, and from becoming read-only.
            self._systemctl("kill", "--signal=SIGKILL", self.service)
        self.server.close()
        self._systemctl("start", self.service)
        self._wait_until_read_only()

    def compare(self, executed: GtidSet, directory: str) -> Recovered:
        """Save what the server has beyond `executed`, what the new primary has."""
        variables = self.server.variables()
        diverged = GtidSet.parse(variables["gtid_executed"]) - executed
        return self._saved(variables, Recovered(diverged), directory)

    def _saved(self, variables: Mapping[str, str], found: Recovered, directory: str) -> Recovered:
        """The same with the file to which that was written."""
        gtids = found.diverged | found.doubtful
        if not gtids:
            return found
        self.changed = True
        if self.check:
            return found
        kept = GtidSet.parse(variables["gtid_executed"]) - GtidSet.parse(variables["gtid_purged"])
        file = self._save(gtids, variables["log_bin_basename"], directory)
        return replace(found, file=file, lost=gtids - kept)

    def _wait_until_read_only(self) -> None:
        deadline = time.monotonic() + self.timeout
        while True:
            try:
                if int(self.server.value("@@GLOBAL.super_read_only")):
                    return
                why = reason(Code.NOT_READ_ONLY, service=self.service)
            except ServerError as error:
                why = reason(Code.NO_ANSWER, service=self.service, seconds=self.timeout, error=str(error))
            if time.monotonic() > deadline:
                raise ReasonError(why)
            time.sleep(POLL_SECONDS)

    def _systemctl(self, *arguments: str) -> None:
        status, _output, error = self.run(["systemctl", *arguments])
        if status != 0:
            raise ReasonError(reason(Code.SYSTEMCTL, command=" ".join(arguments), error=error.strip()))

    def _require_read_only_configuration(self) -> None:
        """A server that came up writable could be written to before anybody knows."""
        _status, output, _error = self.run(["my_print_defaults", "mysqld"])
        configured = [line for line in output.splitlines() if _NAME.match(line)]
        if not configured or not _TRUE.fullmatch(configured[-1]):
            raise ReasonError(reason(Code.NOT_CONFIGURED_READ_ONLY))

    def _save(self, gtids: GtidSet, basename: str, directory: str) -> str:
        """Write the transactions to a file. They are all flushed: the server does not commit any more."""
        os.makedirs(directory, mode=0o700, exist_ok=True)
        file = os.path.join(directory, f"diverged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.sql")
        names = [os.path.basename(row["Log_name"]) for row in self.server.rows("SHOW BINARY LOGS")]
        logs = [os.path.join(os.path.dirname(basename), name) for name in names]
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        command = ["mysqlbinlog", "--verbose", f"--include-gtids={gtids}", f"--result-file={file}", *logs]
        status, _output, error = self.run(command)
        if status != 0:
            raise ReasonError(reason(Code.NOT_SAVED, gtids=str(gtids), error=error.strip()))
        return file
