"""Starts a server that has left the group for good, and saves what only it has."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.foobar.webstack.plugins.module_utils._mysql import beginnings, group
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.beginnings import Beginnings, Data
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.outage import held
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair import recovery as pair
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.recovery import Recovered


@dataclass
class Recovery(pair.Recovery):
    """A server that was a member. It comes up read-only and outside of the group, as in the pair it does alone."""

    there: Beginnings = ()
    """What the group knows of its beginnings."""

    def compare(self, executed: GtidSet, directory: str) -> Recovered:
        """Save what it has beyond the primary's, and what may be something else there under the same numbers."""
        variables, view = self.server.variables(), group.read(self.server)
        has = held(variables["gtid_executed"], view.received if view else "")
        own = Data(has, beginnings.read(self.server))
        doubtful = beginnings.peculiar(own, self.there) & executed
        apart = not beginnings.fits(own, self.there)
        return self._saved(variables, Recovered(has - executed, doubtful=doubtful, apart=apart), directory)
