"""A server as a member of a group: what its own view of the group says. Pure, but for `read`.

A view is what one member believes. A member that was frozen, or is cut off from the others, believes for a while that
it is still the primary: what it says of the majority has to be asked for, too, and even that is a few seconds old.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import one_line
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import Queries

MEMBERS = (
    "SELECT MEMBER_ID AS uuid, MEMBER_HOST AS host, MEMBER_PORT AS port, MEMBER_STATE AS state, MEMBER_ROLE AS role,"
    " @@GLOBAL.server_uuid AS own FROM performance_schema.replication_group_members"
)
"""No row where the plugin is not loaded; one, perhaps without a MEMBER_ID, where it is and the server in no group."""

APPLIER = (
    "SELECT s.RECEIVED_TRANSACTION_SET AS received, a.SERVICE_STATE AS applier"
    " FROM performance_schema.replication_connection_status s"
    " JOIN performance_schema.replication_applier_status a USING (CHANNEL_NAME)"
    " WHERE s.CHANNEL_NAME = 'group_replication_applier'"
)


class MemberState(str, Enum):
    """MEMBER_STATE."""

    ONLINE = "ONLINE"
    RECOVERING = "RECOVERING"
    """It has joined, and fetches what it lacks."""
    UNREACHABLE = "UNREACHABLE"
    """The member that says so hears nothing of it."""
    ERROR = "ERROR"
    """It has left or was expelled, or has failed, and takes no writes."""
    OFFLINE = "OFFLINE"
    """It is in no group."""


PRESENT = frozenset({MemberState.ONLINE, MemberState.RECOVERING})


@dataclass(frozen=True)
class Member:
    uuid: str
    host: str
    port: int = 3306
    state: MemberState = MemberState.ONLINE
    primary: bool = False

    def as_data(self) -> dict[str, Any]:
        return {
            "uuid": self.uuid,
            "host": self.host,
            "port": self.port,
            "state": self.state.value,
            "role": "primary" if self.primary else "secondary",
        }


@dataclass(frozen=True)
class View:
    """The group as one of its members sees it; of a server that is in none, only itself."""

    own: str
    """The server_uuid."""
    members: tuple[Member, ...] = ()
    received: str = ""
    """Transactions that the group has agreed on and this server has received, a GTID set."""
    applier: bool = False

    @property
    def _self(self) -> Member | None:
        return next((member for member in self.members if member.uuid == self.own), None)

    @property
    def state(self) -> MemberState:
        return self._self.state if self._self else MemberState.OFFLINE

    @property
    def present(self) -> int:
        """Members that answer, this one among them."""
        return sum(member.state in PRESENT for member in self.members)

    @property
    def majority(self) -> bool:
        """Whether this server is in the group, with most of its members."""
        return self.state in PRESENT and 2 * self.present > len(self.members)

    @property
    def unreachable(self) -> tuple[str, ...]:
        """Addresses of members that are suspected."""
        return tuple(member.host for member in self.members if member.state is MemberState.UNREACHABLE)

    @property
    def primary(self) -> str:
        """The server_uuid of the primary; empty where there is none."""
        return next((member.uuid for member in self.members if member.primary), "")

    @property
    def leads(self) -> bool:
        """Whether this server is the primary of a group that can commit."""
        return self.state is MemberState.ONLINE and self.primary == self.own and self.majority

    @property
    def follows(self) -> bool:
        """Whether this server is a secondary, or is becoming one, in a group that can commit."""
        return self.majority and not self.leads

    def as_data(self) -> dict[str, Any]:
        return {
            "state": self.state.value,
            "majority": self.majority,
            "primary": self.primary,
            "members": [member.as_data() for member in self.members],
            "received": self.received,
            "applier": self.applier,
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any], own: str) -> View:
        """From `as_data` of the server with this server_uuid."""
        return cls(
            own=own,
            members=tuple(
                Member(
                    uuid=member["uuid"],
                    host=member["host"],
                    port=int(member["port"]),
                    state=MemberState(member["state"]),
                    primary=member["role"] == "primary",
                )
                for member in data["members"]
            ),
            received=data["received"],
            applier=bool(data["applier"]),
        )


def view_of(members: Sequence[Mapping[str, Any]], applier: Sequence[Mapping[str, Any]]) -> View | None:
    """What the rows together say; None for a server without the plugin."""
    if not members:
        return None
    return View(
        own=members[0]["own"],
        members=tuple(
            Member(
                uuid=row["uuid"],
                host=row["host"],
                port=int(row["port"] or 0),
                state=MemberState(row["state"]),
                primary=row["role"] == "PRIMARY",
            )
            for row in members
            if row["uuid"] and row["state"] != MemberState.OFFLINE.value
        ),
        received=one_line(applier[0]["received"] or "") if applier else "",
        applier=bool(applier) and applier[0]["applier"] == "ON",
    )


def read(server: Queries) -> View | None:
    """The view of a server that is asked. ServerError if it does not answer."""
    members = server.rows(MEMBERS)
    return view_of(members, server.rows(APPLIER) if members else ())
