"""The statements with which a server enters and leaves its group. Pure."""

from __future__ import annotations

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.group.state import Account
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.statements import (
    FORBID_WRITES,
    FORBID_WRITES_BUT_FOR_ROOT,
    Secret,
    Statement,
)

LEAVE = (Statement("STOP GROUP_REPLICATION"),)
FOLLOW_NOBODY = (Statement("STOP REPLICA"), Statement("RESET REPLICA ALL FOR CHANNEL ''"))
START = Statement("START GROUP_REPLICATION")

BOOTSTRAP_ON = Statement("SET GLOBAL group_replication_bootstrap_group = ON")
BOOTSTRAP_OFF = Statement("SET GLOBAL group_replication_bootstrap_group = OFF", cleanup=True)
"""On the connection that switched it on, and whatever happened: a server that begins a group by accident has two."""

WAKE = Statement("SET GLOBAL group_replication_member_expel_timeout = @@GLOBAL.group_replication_member_expel_timeout")
"""Sets nothing, and lets the group look at once at whom it suspects.

Its own thread looks every 15 s, whatever the timeout is (SUSPICION_PROCESSING_THREAD_PERIOD, which has no setting), and
each assignment wakes it.
"""


ELECTOR = "component_group_replication_elect_prefers_most_updated"
"""Makes the group elect the member that has least to apply. It is part of MySQL since 9.7; each member needs it."""


def install_elector(*, read_only: bool) -> tuple[Statement, ...]:
    """Load it, now and at each start. That is no transaction: it stays on this server."""
    install = Statement("INSTALL COMPONENT %s", (f"file://{ELECTOR}",))
    if not read_only:
        return (install,)
    return Statement(FORBID_WRITES_BUT_FOR_ROOT), install, Statement(FORBID_WRITES, cleanup=True)


def join() -> tuple[Statement, ...]:
    """Enter the group that there is. Never begins one, whatever the configuration says."""
    return BOOTSTRAP_OFF, START


def begin() -> tuple[Statement, ...]:
    """Begin the group."""
    return BOOTSTRAP_ON, START, BOOTSTRAP_OFF


def credentials(account: Account) -> Statement:
    """With which this server logs in to the other members."""
    return Statement(
        "CHANGE REPLICATION SOURCE TO SOURCE_USER = %s, SOURCE_PASSWORD = %s FOR CHANNEL 'group_replication_recovery'",
        (account.user, Secret(account.password)),
    )
