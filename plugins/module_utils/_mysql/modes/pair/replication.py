"""What makes a server a replica, decided from what was observed. Pure: no connection, no Ansible.

`plan` takes the states of the server, of its source and of the channel between them. It returns the statements that
make the replica run, or the reason why none may be executed: whatever could lose data is refused here, in one place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.errors import (
    REFUSED_FOR_GOOD,
    REPROVISION,
    explain,
)

HIDDEN = "********"

COMMIT_SECONDS = 2
"""For a commit that waits for its acknowledgement, so that a replica has it and its source not yet (AFTER_SYNC)."""


@dataclass(frozen=True)
class Endpoint:
    """Where a replica fetches, as whom, and how patient it is."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    tls: bool = True
    ca: str = ""
    """File with the certificate of the CA that the source's certificate is verified with."""
    verify: bool = False
    """Whether the source's certificate has to be made out to its address."""
    connect_retry: int = 5
    retry_count: int = 0
    heartbeat_period: float = 5.0
    auto_position: bool = True

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Channel:
    """The connection of a replica to its source, as the replica tells it."""

    endpoint: Endpoint
    receiver: str = "Yes"
    """Replica_IO_Running: Yes, No or Connecting."""
    applier: str = "Yes"
    """Replica_SQL_Running: Yes or No."""
    receiver_error: tuple[int, str] = (0, "")
    applier_error: tuple[int, str] = (0, "")

    @property
    def running(self) -> bool:
        return self.receiver == "Yes" and self.applier == "Yes"


@dataclass(frozen=True)
class Local:
    """The server that is to be a replica."""

    version: str
    server_uuid: str
    server_id: int
    gtid_mode: str = "ON"
    gtid_executed: str = ""
    read_only: bool = True
    super_read_only: bool = True
    schemas: tuple[str, ...] = ()
    """Databases that are not MySQL's own."""
    clone_plugin: bool = True
    semisync: bool = False
    """Whether it is configured to acknowledge."""
    semisync_active: bool = False
    channel: Channel | None = None


@dataclass(frozen=True)
class Source:
    """The server to replicate from, as the replication account sees it."""

    version: str
    server_uuid: str
    server_id: int
    gtid_mode: str = "ON"
    gtid_executed: str = ""
    read_only: bool = False
    clone_plugin: bool = True
    semisync: bool = False
    """Whether it waits for acknowledgements."""
    errant: str = ""
    """Transactions that the replica has and this source has not."""
    purged: str = ""
    """Transactions that the replica lacks and this source's binary logs no longer hold."""


@dataclass(frozen=True)
class Unreachable:
    """Why the source could not be asked."""

    number: int
    error: str


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


class Secret(str):
    """A value that is never shown."""

    __slots__ = ()


@dataclass(frozen=True)
class Step:
    """One statement."""

    statement: str
    values: tuple[Any, ...] = ()
    clones: bool = False
    """Whether it replaces the data and restarts the server."""

    def __str__(self) -> str:
        """As it may be shown."""
        return self.statement % tuple(repr(HIDDEN) if isinstance(v, Secret) else repr(v) for v in self.values)


@dataclass(frozen=True)
class Plan:
    """What to execute, or why nothing is."""

    steps: tuple[Step, ...] = ()
    refusal: str = ""
    warnings: tuple[str, ...] = ()
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    """What the steps change, for the diff."""


class RefusalError(Exception):
    """Nothing may be executed; the message says why and what to do."""


STOP, STOP_RECEIVER = Step("STOP REPLICA"), Step("STOP REPLICA IO_THREAD")
START, START_RECEIVER = Step("START REPLICA"), Step("START REPLICA IO_THREAD")
RESET = Step("RESET REPLICA ALL")
READ_ONLY = Step("SET GLOBAL super_read_only = ON")
READ_ONLY_BUT_FOR_ROOT = Step("SET GLOBAL super_read_only = OFF")

OPTIONS = {
    "host": "SOURCE_HOST",
    "port": "SOURCE_PORT",
    "user": "SOURCE_USER",
    "password": "SOURCE_PASSWORD",
    "tls": "SOURCE_SSL",
    "ca": "SOURCE_SSL_CA",
    "verify": "SOURCE_SSL_VERIFY_SERVER_CERT",
    "connect_retry": "SOURCE_CONNECT_RETRY",
    "retry_count": "SOURCE_RETRY_COUNT",
    "heartbeat_period": "SOURCE_HEARTBEAT_PERIOD",
    "auto_position": "SOURCE_AUTO_POSITION",
}


def change_source(wanted: Endpoint) -> Step:
    """The statement that makes a server without a channel a replica of the endpoint, with all of its options."""
    return _change(_options(wanted))


def plan(wanted: Endpoint, local: Local, source: Source | Unreachable, intent: Intent) -> Plan:
    """What makes `local` a running replica of the endpoint."""
    try:
        if isinstance(source, Source):
            _refuse_impossible(wanted, local, source, intent)
        if local.channel is None:
            return _attach(wanted, local, source, intent)
        if _options(wanted) != _options(local.channel.endpoint):
            return _repoint(wanted, local, local.channel, source, intent)
        return _resume(wanted, local, local.channel, source, intent)
    except RefusalError as refusal:
        return Plan(refusal=str(refusal))


def plan_absent(local: Local, *, allow_reset: bool) -> Plan:
    """What makes `local` no replica of anything."""
    if local.channel is None:
        return Plan()
    endpoint = local.channel.endpoint
    if allow_reset:
        return Plan(steps=(STOP, RESET), before={"replication": f"from {endpoint}"}, after={"replication": "none"})
    return Plan(
        refusal=(
            f"this server is to replicate from nobody, but it is a replica of {endpoint}. Nothing was changed. If the"
            " inventory has just named another primary, put it back and exchange the roles with a switchover: writes"
            " here while the old primary takes some too would split the data. If the old primary is gone for good and"
            " this server has all that it had, execute STOP REPLICA; RESET REPLICA ALL; here and run again"
        )
    )


def waiting_is_over(channel: Channel | None, *, out_of_time: bool) -> str:
    """Why there is no use in waiting for a started channel any longer; empty while there is."""
    if channel is None:
        return "somebody removed the channel meanwhile"
    source = f"the source {channel.endpoint} (as {channel.endpoint.user})"
    number, error = channel.applier_error
    if channel.applier == "No" and number:
        return f"it cannot apply what it got from {source}: {explain(number, error)}"
    number, error = channel.receiver_error
    if number and (channel.receiver == "No" or number in REFUSED_FOR_GOOD or out_of_time):
        return f"it gets nothing from {source}: {explain(number, error)}"
    if out_of_time:
        return f"receiver: {channel.receiver}, applier: {channel.applier}, without an error: see the server's error log"
    return ""


def _attach(wanted: Endpoint, local: Local, source: Source | Unreachable, intent: Intent) -> Plan:
    """No channel yet: the server has the source's data already, or gets it, or is left alone."""
    before = {"replication": "none"}
    settings = _shown(_options(wanted))
    follow = (_change(_options(wanted)), START)
    if isinstance(source, Unreachable):
        if not intent.rehearsal:
            raise RefusalError(_unreachable(wanted, source))
        after = {"replication": settings, "data": f"not known yet: {_unreachable(wanted, source)}"}
        return _plan(local, follow, before, after)
    if source.read_only and not local.read_only and local.schemas:
        raise RefusalError(
            f"this server takes writes and {_holds(local)}, but is to become a replica of {wanted}, which takes none."
            " Nothing was changed. If the inventory has just named another primary, put it back and exchange the roles"
            " with a switchover"
        )
    if intent.cloned or (local.gtid_executed and not source.errant and not source.purged):
        after = {"replication": settings, "data": "kept: the source has all of it"}
        return _plan(local, follow, before, after)
    obstacle = ""
    if local.schemas:
        obstacle = f"this server {_holds(local)}, and {_obstacle(source)}"
    elif intent.provision == "none" and (source.errant or source.purged):
        obstacle = f"this server {_obstacle(source)}, and provisioning is switched off"
    if obstacle and not intent.reprovision:
        raise RefusalError(
            f"{obstacle}; so it cannot become a replica of {wanted}. Nothing was changed. If its data may be thrown"
            f" away, {REPROVISION}"
        )
    if intent.provision == "none" and not obstacle:
        return _plan(local, follow, before, {"replication": settings, "data": "from the source's binary logs"})
    return _provision(wanted, local, source, intent)


def _repoint(wanted: Endpoint, local: Local, channel: Channel, source: Source | Unreachable, intent: Intent) -> Plan:
    """The channel differs. Only what must is stopped, and only if the source takes this account and this data."""
    warnings: tuple[str, ...] = ()
    if isinstance(source, Unreachable):
        if not intent.rehearsal:
            raise RefusalError(
                f"{_unreachable(wanted, source)}. The replication from {channel.endpoint} was not touched"
            )
        warnings = (f"not checked against the source: {_unreachable(wanted, source)}",)
    elif source.errant or source.purged:
        if intent.reprovision:
            return _provision(wanted, local, source, intent)
        raise RefusalError(
            f"this server, a replica of {channel.endpoint}, {_obstacle(source)}; so it cannot go on from {wanted}."
            f" Nothing was changed. If its data may be thrown away, {REPROVISION}"
        )
    existing = _options(channel.endpoint)
    options = {name: value for name, value in _options(wanted).items() if value != existing[name]}
    # The applier may go on with what is fetched already, except where positions in files give way to GTIDs.
    whole = "auto_position" in options or channel.applier != "Yes"
    return _plan(
        local,
        (STOP if whole else STOP_RECEIVER, _change(options), START if whole else START_RECEIVER),
        _shown({name: existing[name] for name in options}),
        _shown(options),
        warnings,
    )


def _resume(wanted: Endpoint, local: Local, channel: Channel, source: Source | Unreachable, intent: Intent) -> Plan:
    """The right channel: started where it stands still."""
    warnings: tuple[str, ...] = ()
    if isinstance(source, Source):
        diverged = source.errant or (not channel.running and (channel.applier_error[0] or source.purged))
        if diverged and intent.reprovision:
            return _provision(wanted, local, source, intent)
        warnings = _errant_warning(source)
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
    here, there = local.version.split("-")[0], source.version.split("-")[0]
    if here.split(".")[:2] != there.split(".")[:2]:
        raise RefusalError(
            f"CLONE takes two servers of one release series; this is MySQL {here} and {wanted} is {there}. Install the"
            " same series, or restore a backup of the source here and run again"
        )
    if ":" in wanted.host:
        raise RefusalError(
            f"CLONE takes no IPv6 address, and the source is {wanted}. Give it an IPv4 address, or restore a backup of"
            " it here and run again"
        )
    for server, active in (("this server", local.clone_plugin), (wanted, source.clone_plugin)):
        if not active and not intent.rehearsal:
            raise RefusalError(
                f"the plugin clone is not active on {server}. Load it with plugin_load_add=mysql_clone.so"
            )
    user, password = intent.donor_account or (wanted.user, wanted.password)
    clone = Step(
        f"CLONE INSTANCE FROM %s@%s:{wanted.port} IDENTIFIED BY %s REQUIRE {'SSL' if wanted.tls else 'NO SSL'}",
        (user, wanted.host, Secret(password)),
        clones=True,
    )
    donors = Step("SET GLOBAL clone_valid_donor_list = %s", (f"{wanted.host}:{wanted.port}",))
    trust = (Step("SET GLOBAL clone_ssl_ca = %s", (wanted.ca,)),) if wanted.ca else ()
    # Reset first: if CLONE is interrupted after it has dropped the data, this is a server with neither channel nor
    # databases, which the next run provisions.
    reset = (STOP, RESET) if local.channel else ()
    # CLONE drops the databases that are here, as root. Whoever is not root still writes nothing, and with the restart
    # the server is as its configuration says.
    drop = (READ_ONLY_BUT_FOR_ROOT,) if local.schemas else ()
    return _plan(
        local,
        (*reset, donors, *trust, *drop, clone, _change(_options(wanted)), START),
        {
            "replication": f"from {local.channel.endpoint}" if local.channel else "none",
            "data": ", ".join(local.schemas) or "no databases",
        },
        {"replication": _shown(_options(wanted)), "data": f"cloned from {wanted}"},
    )


def _plan(
    local: Local,
    steps: tuple[Step, ...] = (),
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    warnings: tuple[str, ...] = (),
) -> Plan:
    """Whatever the steps: a replica takes no writes but its source's, and that before anything else."""
    before, after = dict(before or {}), dict(after or {})
    if not local.super_read_only:
        steps = (READ_ONLY, *steps)
        before["super_read_only"], after["super_read_only"] = "OFF", "ON"
    return Plan(steps=steps, before=before, after=after, warnings=warnings)


def _refuse_impossible(wanted: Endpoint, local: Local, source: Source, intent: Intent) -> None:
    if source.server_uuid == local.server_uuid:
        raise RefusalError(
            f"{wanted} is this very server, or one is a copy of the other's files. If they are two, stop MySQL here,"
            " delete auto.cnf in its data directory, start it and run again"
        )
    if intent.rehearsal:
        return
    if source.server_id == local.server_id:
        raise RefusalError(
            f"{wanted} and this server have the same server_id, {local.server_id}. Give one of them another"
        )
    for server, mode in (("this server", local.gtid_mode), (wanted, source.gtid_mode)):
        if mode != "ON":
            raise RefusalError(
                f"gtid_mode is {mode} on {server}. Configure gtid_mode=ON and enforce_gtid_consistency=ON there, and"
                " restart it"
            )


def _change(options: Mapping[str, Any]) -> Step:
    """CHANGE REPLICATION SOURCE with these options and no others."""
    return Step(
        f"CHANGE REPLICATION SOURCE TO {', '.join(f'{OPTIONS[name]} = %s' for name in options)}",
        tuple(
            Secret(value) if name == "password" else int(value) if isinstance(value, bool) else value
            for name, value in options.items()
        ),
    )


def _options(endpoint: Endpoint) -> dict[str, Any]:
    return {name: getattr(endpoint, name) for name in OPTIONS}


def _shown(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: HIDDEN if name == "password" else value for name, value in options.items()}


def _unreachable(wanted: Endpoint, source: Unreachable) -> str:
    return f"the source {wanted} (as {wanted.user}) does not let this server in: {explain(source.number, source.error)}"


def _holds(local: Local) -> str:
    return f"has databases ({', '.join(local.schemas)})"


def _obstacle(source: Source) -> str:
    if source.errant:
        return f"has transactions that the source has not ({_brief(source.errant)})"
    if source.purged:
        return f"lacks transactions that the source's binary logs no longer hold ({_brief(source.purged)})"
    return "no GTID says where they come from"


def _errant_warning(source: Source) -> tuple[str, ...]:
    if not source.errant:
        return ()
    return (
        f"this replica has transactions that its source has not: {_brief(source.errant)}. It replicates, but it cannot"
        " take the source's place. Read them with mysqlbinlog --include-gtids; if they changed no data, commit an empty"
        " transaction with the GTID of each on the source, else provision this replica anew",
    )


def _brief(gtids: str) -> str:
    text = gtids.replace("\n", "")
    return text if len(text) <= 200 else f"{text[:200]}..."
