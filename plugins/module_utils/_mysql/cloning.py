"""Replaces a server's data by a copy of another server's (CLONE), and waits for it to come back with that."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.donor import donor_name, resolvable
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.errors import (
    CLONE_DONOR,
    CONNECTION_LOST,
    NOT_SUPERVISED,
    TOO_MANY_CLONES,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import (
    ReasonError,
    mysql_error,
    reason,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import Server, ServerError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.statements import (
    FORBID_WRITES,
    Secret,
    Statement,
)

POLL_SECONDS = 0.2


class Code(str, Enum):
    """Why the data was not copied."""

    NO_NAME = "cloning.no_name"
    NOT_CLONED = "cloning.not_cloned"
    CLONE_INCOMPLETE = "cloning.clone_incomplete"
    SERVICE = "cloning.service"


@dataclass(frozen=True)
class Donor:
    """A server to copy from, and the account with which."""

    host: str
    port: int
    user: str
    password: str
    tls: bool = True
    ca: str = ""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def clone_statements(donor: Donor) -> tuple[Statement, ...]:
    """What makes a server copy another one; the last statement is the one for `Cloning`."""
    name = donor_name(donor.host)
    donors = Statement("SET GLOBAL clone_valid_donor_list = %s", (f"{name}:{donor.port}",))
    trust = (Statement("SET GLOBAL clone_ssl_ca = %s", (donor.ca,)),) if donor.ca else ()
    clone = Statement(
        f"CLONE INSTANCE FROM %s@%s:{donor.port} IDENTIFIED BY %s REQUIRE {'SSL' if donor.tls else 'NO SSL'}",
        (donor.user, name, Secret(donor.password)),
        clones=True,
    )
    return (donors, *trust, clone)


def _is_busy(error: ServerError) -> bool:
    """Whether it is the donor's refusal of a second copy at the same time: several new replicas, one donor."""
    return error.number == CLONE_DONOR and f"Clone Donor Error: {TOO_MANY_CLONES} :" in str(error)


@dataclass
class Cloning:
    """A server that is to get another one's data."""

    server: Server
    control: Callable[[str], str]
    """Start or restart the server's service (the verb); why that failed, or nothing."""
    timeout: float
    clone_timeout: float

    def run(self, statement: Statement, source: str, host: str) -> None:
        """Copy the data of `source`, whose address is `host`, and wait for the server to come back with it."""
        try:
            with resolvable(host):
                self._copy(statement)
        except OSError as error:
            raise ReasonError(reason(Code.NO_NAME, source=source, error=str(error))) from error
        except ServerError as error:
            if error.number == NOT_SUPERVISED:
                self._service("restart")
            # The connection may break before the answer comes: the server shuts down to start with the new data.
            elif error.number not in CONNECTION_LOST:
                self.server.rows(FORBID_WRITES)
                answer = mysql_error(error.number, str(error))
                raise ReasonError(reason(Code.NOT_CLONED, source=source, error=answer)) from error
        self.server.close()
        missing = self._missing()
        if missing:
            # Nothing has started the server again; or something is at it still, and then this waits for that.
            self._service("start")
            missing = self._missing()
        if missing:
            raise ReasonError(reason(Code.CLONE_INCOMPLETE, source=source, error=missing))

    def _copy(self, statement: Statement) -> None:
        """Execute the statement, as soon as the donor does not copy itself to another server any more."""
        deadline = time.monotonic() + self.clone_timeout
        while True:
            try:
                self.server.patient(self.clone_timeout).rows(statement.sql, statement.values)
            except ServerError as error:
                if not _is_busy(error) or time.monotonic() > deadline:
                    raise
                time.sleep(POLL_SECONDS)
            else:
                return

    def _missing(self) -> str:
        """Why the server does not run with the cloned data in time, empty when it does."""
        deadline = time.monotonic() + self.timeout
        while True:
            try:
                status = self.server.rows("SELECT STATE, ERROR_MESSAGE FROM performance_schema.clone_status")[0]
                if status["STATE"] == "Completed":
                    return ""
                missing = f"CLONE is in the state {status['STATE']}: {status['ERROR_MESSAGE'] or 'no error was given'}"
            except ServerError as error:
                missing = str(error)
            if time.monotonic() > deadline:
                return missing
            time.sleep(POLL_SECONDS)

    def _service(self, verb: str) -> None:
        """Start the server where nothing else does."""
        if error := self.control(verb):
            raise ReasonError(reason(Code.SERVICE, verb=verb, error=error))
