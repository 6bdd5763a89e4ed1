"""What makes a server a replica, decided from what was observed. Pure: no connection, no Ansible.

`plan` takes the states of the server, of its source and of the channel between them. It returns the statements that
make the replica run, or the reason why none may be executed: whatever could lose data is refused here, in one place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.cloning import Donor, clone_statements
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.errors import REFUSED_FOR_GOOD
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.channel import (
    Channel,
    Endpoint,
    change_source,
    shown,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.state import Local, Source, Unreachable
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import (
    Reason,
    ReasonError,
    mysql_error,
    reason,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.statements import Statement


class Code(str, Enum):
    """Why a server is not made a replica, or does not become one."""

    SOURCE_REFUSES = "plan.source_refuses"
    SOURCE_REFUSES_REPLICA = "plan.source_refuses_replica"
    NOT_COMPARED = "plan.not_compared"
    SAME_SERVER = "plan.same_server"
    SAME_SERVER_ID = "plan.same_server_id"
    GTID_MODE = "plan.gtid_mode"
    GTID_MODE_OF_SOURCE = "plan.gtid_mode_of_source"
    TAKES_WRITES = "plan.takes_writes"
    HAS_DATA = "plan.has_data"
    NOT_PROVISIONED = "plan.not_provisioned"
    DIVERGED = "plan.diverged"
    ERRANT = "plan.errant"
    PURGED = "plan.purged"
    UNKNOWN_ORIGIN = "plan.unknown_origin"
    RUNS_WITH_ERRANT = "plan.runs_with_errant"
    OTHER_SERIES = "plan.other_series"
    NOT_INNODB = "plan.not_innodb"
    NO_CLONE_PLUGIN = "plan.no_clone_plugin"
    NO_CLONE_PLUGIN_ON_SOURCE = "plan.no_clone_plugin_on_source"
    IS_A_REPLICA = "plan.is_a_replica"
    CHANNEL_REMOVED = "plan.channel_removed"
    CANNOT_APPLY = "plan.cannot_apply"
    RECEIVES_NOTHING = "plan.receives_nothing"
    NOT_RUNNING = "plan.not_running"


@dataclass(frozen=True)
class Intent:
    """What the caller allows, and knows."""

    provision: Literal["clone", "none"] = "clone"
    reprovision: bool = False
    """Whether data that stands in the way may be thrown away."""
    donor_account: tuple[str, str] | None = None
    """User and password that CLONE uses, where they are not the replication's."""
    cloned: bool = False
    """Whether the data has just been cloned from the source."""
    rehearsal: bool = False
    """Whether earlier tasks, such as the configuration, may only have pretended: check mode."""


@dataclass(frozen=True)
class Plan:
    """What to execute, or why nothing is."""

    statements: tuple[Statement, ...] = ()
    refusal: Reason | None = None
    warnings: tuple[Reason, ...] = ()
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    """What the statements change, for the diff."""


STOP, STOP_RECEIVER = Statement("STOP REPLICA"), Statement("STOP REPLICA IO_THREAD")
START, START_RECEIVER = Statement("START REPLICA"), Statement("START REPLICA IO_THREAD")
RESET = Statement("RESET REPLICA ALL")
READ_ONLY = Statement("SET GLOBAL super_read_only = ON")
READ_ONLY_BUT_FOR_ROOT = Statement("SET GLOBAL super_read_only = OFF")


def plan(wanted: Endpoint, local: Local, source: Source | Unreachable, intent: Intent) -> Plan:
    """What makes `local` a running replica of the endpoint."""
    try:
        if isinstance(source, Source):
            _refuse_impossible(wanted, local, source, intent)
        if local.channel is None:
            return _attach(wanted, local, source, intent)
        if wanted.options != local.channel.endpoint.options:
            return _repoint(wanted, local, local.channel, source, intent)
        return _resume(wanted, local, local.channel, source, intent)
    except ReasonError as refusal:
        return Plan(refusal=refusal.reasons[0])


def plan_absent(local: Local, *, allow_reset: bool) -> Plan:
    """What makes `local` no replica of anything."""
    if local.channel is None:
        return Plan()
    source = str(local.channel.endpoint)
    if allow_reset:
        return Plan(statements=(STOP, RESET), before={"replication": f"from {source}"}, after={"replication": "none"})
    return Plan(refusal=reason(Code.IS_A_REPLICA, source=source))


def waiting_is_over(channel: Channel | None, *, out_of_time: bool) -> Reason | None:
    """Why there is no use in waiting for a started channel any longer; None while there is."""
    if channel is None:
        return reason(Code.CHANNEL_REMOVED)
    source, user = str(channel.endpoint), channel.endpoint.user
    number, error = channel.applier_error
    if channel.applier == "No" and number:
        return reason(Code.CANNOT_APPLY, source=source, user=user, error=mysql_error(number, error))
    number, error = channel.receiver_error
    if number and (channel.receiver == "No" or number in REFUSED_FOR_GOOD or out_of_time):
        return reason(Code.RECEIVES_NOTHING, source=source, user=user, error=mysql_error(number, error))
    if out_of_time:
        return reason(Code.NOT_RUNNING, receiver=channel.receiver, applier=channel.applier)
    return None


def _attach(wanted: Endpoint, local: Local, source: Source | Unreachable, intent: Intent) -> Plan:
    """No channel yet: the server has the source's data already, or gets it, or is left alone."""
    before = {"replication": "none"}
    settings = shown(wanted.options)
    follow = (change_source(wanted.options), START)
    if isinstance(source, Unreachable):
        if not intent.rehearsal:
            raise ReasonError(_unreachable(wanted, source))
        after = {"replication": settings, "data": f"not known yet: the source {wanted} could not be asked"}
        return _plan(local, follow, before, after)
    if source.read_only and not local.read_only and local.schemas:
        raise ReasonError(reason(Code.TAKES_WRITES, schemas=local.schemas, source=str(wanted)))
    if intent.cloned or (local.gtid_executed and not source.errant and not source.purged):
        after = {"replication": settings, "data": "kept: the source has all of it"}
        return _plan(local, follow, before, after)
    refusal = None
    if local.schemas:
        refusal = reason(Code.HAS_DATA, schemas=local.schemas, obstacle=_obstacle(source), source=str(wanted))
    elif intent.provision == "none" and (source.errant or source.purged):
        refusal = reason(Code.NOT_PROVISIONED, obstacle=_obstacle(source), source=str(wanted))
    if refusal and not intent.reprovision:
        raise ReasonError(refusal)
    if intent.provision == "none" and not refusal:
        return _plan(local, follow, before, {"replication": settings, "data": "from the source's binary logs"})
    return _provision(wanted, local, source, intent)


def _repoint(wanted: Endpoint, local: Local, channel: Channel, source: Source | Unreachable, intent: Intent) -> Plan:
    """The channel differs. Only what must is stopped, and only if the source takes this account and this data."""
    warnings: tuple[Reason, ...] = ()
    current = str(channel.endpoint)
    if isinstance(source, Unreachable):
        refusal = _unreachable(wanted, source)
        if not intent.rehearsal:
            raise ReasonError(reason(Code.SOURCE_REFUSES_REPLICA, refusal=refusal, current=current))
        warnings = (reason(Code.NOT_COMPARED, refusal=refusal),)
    elif source.errant or source.purged:
        if intent.reprovision:
            return _provision(wanted, local, source, intent)
        raise ReasonError(
            reason(Code.DIVERGED, current=current, obstacle=_obstacle(source), source=str(wanted)),
        )
    existing = channel.endpoint.options
    options = {name: value for name, value in wanted.options.items() if value != existing[name]}
    # The applier may go on with what is fetched already, except where positions in files give way to GTIDs.
    whole = "auto_position" in options or channel.applier != "Yes"
    return _plan(
        local,
        (STOP if whole else STOP_RECEIVER, change_source(options), START if whole else START_RECEIVER),
        shown({name: existing[name] for name in options}),
        shown(options),
        warnings,
    )


def _resume(wanted: Endpoint, local: Local, channel: Channel, source: Source | Unreachable, intent: Intent) -> Plan:
    """The right channel: started where it is stopped."""
    warnings: tuple[Reason, ...] = ()
    if isinstance(source, Source):
        diverged = source.errant or (not channel.running and (channel.applier_error[0] or source.purged))
        if diverged and intent.reprovision:
            return _provision(wanted, local, source, intent)
        if source.errant:
            warnings = (reason(Code.RUNS_WITH_ERRANT, gtids=_brief(source.errant)),)
        if channel.running and local.semisync and source.semisync and not local.semisync_active:
            # A replica announces itself as semi-synchronous when it connects.
            before, after = {"semi-synchronous": "off"}, {"semi-synchronous": "on"}
            return _plan(local, (STOP_RECEIVER, START_RECEIVER), before, after, warnings)
    stopped = [name for name, state in (("receiver", channel.receiver), ("applier", channel.applier)) if state == "No"]
    if not stopped:
        return _plan(local, warnings=warnings)
    before, after = {"replication": f"{' and '.join(stopped)} stopped"}, {"replication": "running"}
    return _plan(local, (START,), before, after, warnings)


def _provision(wanted: Endpoint, local: Local, source: Source, intent: Intent) -> Plan:
    """Replace the data by the source's, then replicate from where the copy ends."""
    _refuse_clone(wanted, local, source, intent)
    user, password = intent.donor_account or (wanted.user, wanted.password)
    clone = clone_statements(Donor(wanted.host, wanted.port, user, password, tls=wanted.tls, ca=wanted.ca))
    # Reset first: if CLONE is interrupted after it has dropped the data, this is a server with neither channel nor
    # databases, which the next run provisions.
    reset = (STOP, RESET) if local.channel else ()
    # CLONE drops the databases that are here, as root. Whoever is not root still writes nothing, and with the restart
    # the server is as its configuration says.
    drop = (READ_ONLY_BUT_FOR_ROOT,) if local.schemas else ()
    return _plan(
        local,
        (*reset, *clone[:-1], *drop, clone[-1], change_source(wanted.options), START),
        {
            "replication": f"from {local.channel.endpoint}" if local.channel else "none",
            "data": ", ".join(local.schemas) or "no databases",
        },
        {"replication": shown(wanted.options), "data": f"cloned from {wanted}"},
    )


def _refuse_clone(wanted: Endpoint, local: Local, source: Source, intent: Intent) -> None:
    here, there = local.version.split("-")[0], source.version.split("-")[0]
    if here.split(".")[:2] != there.split(".")[:2]:
        raise ReasonError(reason(Code.OTHER_SERIES, version=here, source=str(wanted), source_version=there))
    if source.not_innodb:
        raise ReasonError(reason(Code.NOT_INNODB, source=str(wanted), tables=source.not_innodb))
    if intent.rehearsal:
        return
    if not local.clone_plugin:
        raise ReasonError(reason(Code.NO_CLONE_PLUGIN))
    if not source.clone_plugin:
        raise ReasonError(reason(Code.NO_CLONE_PLUGIN_ON_SOURCE, source=str(wanted)))


def _plan(
    local: Local,
    statements: tuple[Statement, ...] = (),
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    warnings: tuple[Reason, ...] = (),
) -> Plan:
    """Whatever the statements: a replica takes no writes but its source's, and that before anything else."""
    before, after = dict(before or {}), dict(after or {})
    if not local.super_read_only:
        statements = (READ_ONLY, *statements)
        before["super_read_only"], after["super_read_only"] = "OFF", "ON"
    return Plan(statements=statements, before=before, after=after, warnings=warnings)


def _refuse_impossible(wanted: Endpoint, local: Local, source: Source, intent: Intent) -> None:
    if source.server_uuid == local.server_uuid:
        raise ReasonError(reason(Code.SAME_SERVER, source=str(wanted)))
    if intent.rehearsal:
        return
    if source.server_id == local.server_id:
        raise ReasonError(reason(Code.SAME_SERVER_ID, source=str(wanted), server_id=local.server_id))
    if local.gtid_mode != "ON":
        raise ReasonError(reason(Code.GTID_MODE, mode=local.gtid_mode))
    if source.gtid_mode != "ON":
        raise ReasonError(reason(Code.GTID_MODE_OF_SOURCE, mode=source.gtid_mode, source=str(wanted)))


def _unreachable(wanted: Endpoint, source: Unreachable) -> Reason:
    error = mysql_error(source.number, source.error)
    return reason(Code.SOURCE_REFUSES, source=str(wanted), user=wanted.user, error=error)


def _obstacle(source: Source) -> Reason:
    if source.errant:
        return reason(Code.ERRANT, gtids=_brief(source.errant))
    if source.purged:
        return reason(Code.PURGED, gtids=_brief(source.purged))
    return reason(Code.UNKNOWN_ORIGIN)


def _brief(gtids: str) -> str:
    text = gtids.replace("\n", "")
    return text if len(text) <= 200 else f"{text[:200]}..."
