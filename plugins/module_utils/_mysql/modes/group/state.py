"""What a server and the others are, for the plan of its membership. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.beginnings import Beginnings, Data
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.group import PRESENT, MemberState, View
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet


@dataclass(frozen=True)
class Account:
    """With which the members log in to each other."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Local:
    """The server that is to be a member."""

    version: str
    server_uuid: str
    view: View | None = None
    """None without the plugin."""
    executed: GtidSet = field(default_factory=GtidSet)
    schemas: tuple[str, ...] = ()
    """Databases that are not MySQL's own."""
    super_read_only: bool = True
    clone_plugin: bool = True
    replicates: bool = False
    """Whether it is a replica of a server outside of a group."""
    account: Account | None = None
    """That of its recovery channel."""
    elector: bool = True
    """Whether the component is loaded that elects who has least to apply, or is not in the package."""
    beginnings: Beginnings = ()

    @property
    def held(self) -> GtidSet:
        """Executed or received."""
        received = GtidSet.parse(self.view.received) if self.view else GtidSet()
        return self.executed | received

    @property
    def data(self) -> Data:
        return Data(self.held, self.beginnings)

    @property
    def in_group(self) -> bool:
        return self.view is not None and self.view.state in PRESENT

    @property
    def new(self) -> bool:
        """Whether it has no data. Its accounts may be there."""
        return not self.schemas


@dataclass(frozen=True)
class Peer:
    """Another database host, as it answers; `error` says why it does not."""

    name: str
    host: str
    port: int = 3306
    number: int = 0
    error: str = ""
    server_uuid: str = ""
    version: str = ""
    state: MemberState | None = None
    majority: bool = False
    primary: bool = False
    held: GtidSet = field(default_factory=GtidSet)
    purged: GtidSet = field(default_factory=GtidSet)
    """What its binary logs no longer hold."""
    has_data: bool = True
    beginnings: Beginnings = ()

    @property
    def serves(self) -> bool:
        """Whether it is in a group that can be joined."""
        return not self.error and self.state is MemberState.ONLINE and self.majority
