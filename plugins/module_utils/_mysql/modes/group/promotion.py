"""Makes a server take writes, where the group does not by itself: a new server, or a group that begins anew."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql import beginnings, group
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.execution import execute
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.group import PRESENT, MemberState, View
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.membership import LEAVE, begin
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.plan import Code
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair import promotion as pair
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.promotion import Occasion
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.observation import observe
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, ReasonError, reason

POLL_SECONDS = 0.2


@dataclass
class Promotion(pair.Promotion):
    """A server that is to take writes. Only a new one is opened here; on any other occasion the group opens it."""

    records_loss: bool = False
    """Whether others may have what this server has not, and that was accepted."""

    def promote(self) -> Reason | None:
        if self.occasion is Occasion.NEW:
            return super().promote()
        self.before = observe(self.server)
        view = group.read(self.server)
        if view is None:
            raise ReasonError(reason(Code.NO_PLUGIN))
        if self.occasion is not Occasion.FAILOVER or view.leads or view.majority:
            # It is in a group, or comes into one by itself.
            return None
        if writing := self.others():
            raise ReasonError(reason(pair.Code.OTHER_TAKES_WRITES, hosts=writing))
        self._begin(view)
        return None

    def drain(self) -> dict[str, Any]:
        """A group applies by itself what it has received."""
        self.before = observe(self.server)
        return dict(self.before)

    def _begin(self, view: View) -> None:
        """Begin the group with this server. What it has received it applies before it takes writes."""
        leave = LEAVE if view.state is MemberState.ERROR or view.state in PRESENT else ()
        # The record first, and outside of the group: no transaction of the new one may be without it.
        todo = (leave, beginnings.RECORD if self.records_loss else (), begin())
        if self.check:
            self.statements += [str(statement) for statements in todo for statement in statements]
            return
        server = self.server.patient(self.timeout)
        for statements in todo:
            if failure := execute(server, statements, self.statements.append):
                raise ReasonError(reason(pair.Code.TAKEN_BACK, error=str(failure.error))) from failure.error
        self._wait()

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
