"""Makes a server take writes, where there is a reason to."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql import epoch
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import one_line
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.observation import observe, unapplied
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, ReasonError, reason
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.roles import Role
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import Server, ServerError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.statements import (
    ALLOW_WRITES,
    FORBID_WRITES,
    FORBID_WRITES_BUT_FOR_ROOT,
)

POLL_SECONDS = 0.05


class Occasion(str, Enum):
    """Why a server is to take writes, or, for the last, is only to apply what it has received."""

    NEW = "new"
    RESTARTED = "restarted"
    FAILOVER = "failover"
    DRAIN = "drain"


class Code(str, Enum):
    """Why a server takes no writes."""

    IS_A_REPLICA = "promotion.is_a_replica"
    HAS_DATA = "promotion.has_data"
    OTHER_TAKES_WRITES = "promotion.other_takes_writes"
    CANNOT_APPLY = "promotion.cannot_apply"
    NOT_APPLIED_IN_TIME = "promotion.not_applied_in_time"
    TAKEN_BACK = "promotion.taken_back"


def permission(role: Role, occasion: Occasion, *, takes_writes: bool) -> Reason | None:
    """Why a server of this role may not be made to take writes on this occasion; None where it may."""
    if takes_writes or occasion is Occasion.FAILOVER or role is Role.FRESH:
        return None
    if role is Role.REPLICA:
        return reason(Code.IS_A_REPLICA)
    return None if occasion is Occasion.RESTARTED else reason(Code.HAS_DATA)


@dataclass
class Promotion:
    """A server that is to take writes."""

    server: Server
    occasion: Occasion
    others: Callable[[], Sequence[str]]
    """Names of the other servers that take writes now."""
    semi_sync: bool = True
    wait_no_replica: bool | None = None
    timeout: float = 60
    check: bool = False
    """Whether nothing is executed."""
    statements: list[str] = field(default_factory=list)
    before: Mapping[str, Any] = field(default_factory=dict)
    """The server's state before anything was executed."""

    def promote(self) -> Reason | None:
        """Make the server take writes; why it may not, where it may not. ReasonError where that fails."""
        state = self.before = observe(self.server)
        writable, channel = state["writable"], state["channel"]
        refusal = permission(Role(state["role"]), self.occasion, takes_writes=writable)
        if refusal:
            return refusal
        if not writable and (writing := self.others()):
            raise ReasonError(reason(Code.OTHER_TAKES_WRITES, hosts=writing))
        ends_replication = bool(channel) and self.occasion is Occasion.FAILOVER
        if ends_replication and not writable:
            self._apply(channel)
            self._execute("STOP REPLICA")
        try:
            if not writable and self.occasion is Occasion.FAILOVER:
                self._raise_epoch(state)
            self._set_semi_sync(state)
            if not writable:
                self._execute(ALLOW_WRITES)
        except ServerError as error:
            if channel and not writable:
                self.server.rows(FORBID_WRITES)
                self.server.rows("SET GLOBAL rpl_semi_sync_source_enabled = OFF")
                self.server.rows("START REPLICA")
            raise ReasonError(reason(Code.TAKEN_BACK, error=str(error))) from error
        if ends_replication:
            # Last: until the server takes writes, this says whose replica it was.
            if writable:
                self._execute("STOP REPLICA")
            self._execute("RESET REPLICA ALL")
        return None

    def drain(self) -> dict[str, Any]:
        """Apply all that the replica has received; its state afterwards. ReasonError where that is not possible."""
        state = self.before = observe(self.server)
        if state["channel"]:
            self._apply(state["channel"])
        return observe(self.server)

    def _execute(self, statement: str, *values: str) -> None:
        self.statements.append(statement % tuple(map(repr, values)) if values else statement)
        if not self.check:
            self.server.rows(statement, values)

    def _raise_epoch(self, state: Mapping[str, Any]) -> None:
        """Say that this server is the primary now, before it takes writes and before its commits wait for a replica."""
        # Nothing is recorded on a stack without mysql_endpoint, or one that it was not run on yet.
        if state["epoch"]:
            self._execute(FORBID_WRITES_BUT_FOR_ROOT)
            self._execute(epoch.RAISE, state["server_uuid"], self.occasion.value)

    def _set_semi_sync(self, state: Mapping[str, Any]) -> None:
        """Before the first write: whether commits wait."""
        if self.wait_no_replica is not None:
            value = "ON" if self.wait_no_replica else "OFF"
            if self.server.variables().get("rpl_semi_sync_source_wait_no_replica", value) != value:
                self._execute(f"SET GLOBAL rpl_semi_sync_source_wait_no_replica = {value}")
        if state["role"] != Role.FRESH and state["semi_sync_source"] != self.semi_sync:
            self._execute(f"SET GLOBAL rpl_semi_sync_source_enabled = {'ON' if self.semi_sync else 'OFF'}")

    def _apply(self, channel: Mapping[str, Any]) -> None:
        """Wait until all that was received is applied. In check mode it only has to be possible."""
        deadline = time.monotonic() + self.timeout
        executed = one_line(self.server.value("@@GLOBAL.gtid_executed"))
        while unapplied(channel, executed):
            if self.check:
                return
            if not channel["applier"]:
                if channel["error"]:
                    raise ReasonError(reason(Code.CANNOT_APPLY, error=channel["error"]))
                self._execute("START REPLICA SQL_THREAD")
            if time.monotonic() > deadline:
                raise ReasonError(reason(Code.NOT_APPLIED_IN_TIME, seconds=self.timeout))
            time.sleep(POLL_SECONDS)
            state = observe(self.server)
            channel, executed = state["channel"], state["gtid_executed"]
