"""Makes a server take writes, where the group does not by itself: a new server, or a group that begins anew."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql import beginnings, group
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.group import PRESENT, MemberState, View
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.membership import LEAVE, begin
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.plan import Code
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair import promotion as pair
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.promotion import Occasion
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.observation import observe
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, ReasonError, reason
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import ServerError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.statements import Statement

POLL_SECONDS = 0.2


@dataclass
class Promotion(pair.Promotion):
    """A server that is to take writes. Only a new one is opened here; on any other occasion the group opens it."""

    records_loss: bool = False
    """Whether others may have what this server has not, and that was accepted."""

    def promote(self) -> Reason | None:
        if self.occasion is Occasion.NEW:
            return super().promote()
        state = self.before = observe(self.server)
        view = group.read(self.server)
        if view is None:
            raise ReasonError(reason(Code.NO_PLUGIN))
        if self.occasion is not Occasion.FAILOVER or view.leads or view.majority:
            # It is in a group, or comes into one by itself.
            return None
        if writing := self.others():
            raise ReasonError(reason(pair.Code.OTHER_TAKES_WRITES, hosts=writing))
        self._begin(state, view)
        return None

    def drain(self) -> dict[str, Any]:
        """A group applies by itself what it has received."""
        self.before = observe(self.server)
        return dict(self.before)

    def _begin(self, state: Mapping[str, Any], view: View) -> None:
        """Begin the group with this server. What it has received it applies before it takes writes."""
        leave = LEAVE if view.state is MemberState.ERROR or view.state in PRESENT else ()
        server = self.server.patient(self.timeout)
        try:
            self._each(server, leave)
            if self.records_loss:
                # First, and outside of the group: no transaction of the new one may be without it.
                self._each(server, beginnings.RECORD)
            self._each(server, begin())
        except ServerError as error:
            raise ReasonError(reason(pair.Code.TAKEN_BACK, error=str(error))) from error
        if not self.check:
            self._wait()

    def _each(self, server: Any, statements: tuple[Statement, ...]) -> None:
        failed: ServerError | None = None
        for statement in statements:
            if failed and not statement.cleanup:
                continue
            self.statements.append(str(statement))
            if self.check:
                continue
            try:
                server.rows(statement.sql, statement.values)
            except ServerError as error:
                failed = failed or error
        if failed:
            raise failed

    def _wait(self) -> None:
        deadline = time.monotonic() + self.timeout
        while True:
            view = group.read(self.server)
            if view and view.leads and not int(self.server.value("@@GLOBAL.super_read_only")):
                return
            if time.monotonic() > deadline:
                state = view.state.value if view else MemberState.OFFLINE.value
                raise ReasonError(reason(Code.NOT_ONLINE, state=state, seconds=self.timeout))
            time.sleep(POLL_SECONDS)
