"""What a database host is while a pair becomes a group, or a group a pair. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.beginnings import Beginnings, Data
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.group import PRESENT, MemberState, View
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet

PAIR, GROUP = "pair", "group"


@dataclass(frozen=True)
class Found:
    """A database host, as it answers; `error` says why it does not."""

    name: str
    error: str = ""
    server_uuid: str = ""
    version: str = "0.0"
    writable: bool = False
    view: View | None = None
    """What it says of its group; None without the plugin."""
    channel: bool = False
    """Whether it has the pair's replication channel."""
    source_uuid: str = ""
    """Of the server that the channel fetches from."""
    running: bool = False
    """Whether the channel receives and applies."""
    remains: bool = False
    """Whether it has channels of a group."""
    executed: GtidSet = field(default_factory=GtidSet)
    received: GtidSet = field(default_factory=GtidSet)
    """Through the pair's channel."""
    semi_sync: bool = False
    """Whether its commits are to wait for a replica."""
    acknowledgers: int = 0
    """Replicas that would acknowledge them."""
    beginnings: Beginnings = ()

    @property
    def held(self) -> GtidSet:
        """Executed, or received in whatever way."""
        return self.executed | self.received | GtidSet.parse(self.view.received if self.view else "")

    @property
    def data(self) -> Data:
        return Data(self.held, self.beginnings)

    @property
    def state(self) -> MemberState:
        return self.view.state if self.view else MemberState.OFFLINE

    @property
    def present(self) -> bool:
        """Whether it is in a group, with a majority or without."""
        return self.state in PRESENT

    @property
    def leads(self) -> bool:
        """Whether it takes writes as the primary of a group."""
        return bool(self.view and self.view.leads) and self.writable

    @property
    def closed(self) -> bool:
        """Whether it is the primary of a group, has applied everything, and takes no writes all the same."""
        return bool(self.view and self.view.leads) and not self.writable and self.held <= self.executed

    def follows(self, other: Found) -> bool:
        """Whether it is a replica of the other one, and in no group."""
        return self.channel and self.source_uuid == other.server_uuid and not self.present
