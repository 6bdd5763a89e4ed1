"""What is wrong with the stack, and what is to be done some time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, reason
from ansible_collections.foobar.webstack.plugins.plugin_utils.status.model import Finding, Host, Limits, Seen, span

DATABASES, APPLICATION, BALANCERS = "databases", "appservers", "loadbalancers"

PARTS = {
    "backup": "backup",
    "archive": "archiving of binary logs",
    "verify": "restore that was tried",
    "repair": "repair of the repository",
}
"""Of the report of mysql-backup, in words."""

CA = "ca"
"""The certificate's name that is the CA's."""


class Code(str, Enum):
    """What of the stack is not as it should be."""

    UNREACHABLE = "status.unreachable"
    NOT_ASKED = "status.not_asked"
    MISSING = "status.missing"
    STOPPED = "status.stopped"
    FAILED = "status.failed"
    CERTIFICATE = "status.certificate"
    CERTIFICATE_ENDED = "status.certificate_ended"
    AUTHORITY = "status.authority"
    UNREADABLE = "status.unreadable"
    NO_RELEASE = "status.no_release"
    RELEASES = "status.releases"
    MYSQL_SILENT = "status.mysql_silent"
    NO_PRIMARY = "status.no_primary"
    TWO_PRIMARIES = "status.two_primaries"
    STAYS_READ_ONLY = "status.stays_read_only"
    NO_REPLICATION = "status.no_replication"
    LAGS = "status.lags"
    NOT_SEMI_SYNC = "status.not_semi_sync"
    BACKUP_FAILS = "status.backup_fails"
    BACKUP_UNREADABLE = "status.backup_unreadable"
    NO_BACKUP = "status.no_backup"
    BACKUP_OLD = "status.backup_old"
    NOT_TRIED = "status.not_tried"
    TRIED_LONG_AGO = "status.tried_long_ago"
    HAPROXY_SILENT = "status.haproxy_silent"
    SERVER_DOWN = "status.server_down"
    NO_SERVER = "status.no_server"
    PUT_ASIDE = "status.put_aside"
    NO_OWNER = "status.no_owner"
    TWO_OWNERS = "status.two_owners"
    UNDER_WAY = "status.under_way"
    SECURITY = "status.security"
    REBOOT = "status.reboot"
    NO_LISTS = "status.no_lists"
    LEFT_OUT = "status.left_out"


def findings(seen: Seen) -> list[Finding]:
    """Everything, what is wrong first."""
    found = [
        *(finding for host in seen.hosts.values() for finding in of_host(host, seen.stack.limits)),
        *databases(seen),
        *backups(seen),
        *releases(seen),
        *servers(seen),
        *addresses(seen),
        *chores(seen),
    ]
    return sorted(found, key=lambda finding: not finding.wrong)


def of_host(host: Host, limits: Limits) -> Iterator[Finding]:
    """What a host by itself tells."""
    if not host.answered:
        said = reason(
            Code.UNREACHABLE if host.unreachable else Code.NOT_ASKED,
            host=host.name,
            error=host.error,
        )
        yield Finding(said, (host.name,))
        return
    for said in (*_units(host), *_certificates(host, limits)):
        yield Finding(said, (host.name,))
    # Of one that is stopped, that is said already.
    if "error" in host.facts["haproxy"] and host.facts["units"].get("haproxy.service", {}).get("runs", True):
        said = reason(Code.HAPROXY_SILENT, host=host.name, error=host.facts["haproxy"]["error"])
        yield Finding(said, (host.name,))
    if APPLICATION in host.groups and not host.facts["release"]:
        yield Finding(reason(Code.NO_RELEASE, host=host.name), (host.name,))


def _units(host: Host) -> Iterator[Reason]:
    units: Mapping[str, Mapping[str, Any]] = host.facts["units"]
    missing = [name for name, unit in units.items() if not unit["there"]]
    if missing:
        more = [f"{len(missing) - 3} more"] if len(missing) > 4 else []
        yield reason(Code.MISSING, host=host.name, units=missing[:3] + more if more else missing)
    for name, unit in units.items():
        if unit["there"] and not unit["runs"]:
            yield reason(Code.STOPPED, host=host.name, unit=name, state=f"{unit['active']}, {unit['sub']}")
    told = failing_parts(host)
    for name in host.facts["failed_units"]:
        # The report of the backups says more.
        if name not in units and not (told and name.startswith("mysql-backup")):
            yield reason(Code.FAILED, host=host.name, unit=name)


def _certificates(host: Host, limits: Limits) -> Iterator[Reason]:
    for each in host.facts["certificates"]:
        if each["days"] is None:
            yield reason(Code.UNREADABLE, host=host.name, path=each["path"], error=each["error"])
        elif each["days"] < min(limits.certificate_days, each["life_days"] / 4):
            days = round(abs(each["days"]), 1)
            if each["name"] == CA:
                yield reason(Code.AUTHORITY, host=host.name, path=each["path"], days=each["days"])
            elif each["days"] < 0:
                yield reason(Code.CERTIFICATE_ENDED, host=host.name, name=each["name"], path=each["path"], days=days)
            else:
                yield reason(Code.CERTIFICATE, host=host.name, name=each["name"], path=each["path"], days=days)


def databases(seen: Seen) -> Iterator[Finding]:
    """Who takes writes, and whether the others follow."""
    hosts = seen.answered(DATABASES)
    silent = [host for host in hosts if not host.mysql]
    for host in silent:
        error = host.facts["mysql"].get("error", "it was not asked")
        yield Finding(reason(Code.MYSQL_SILENT, host=host.name, error=error), (host.name,))
    primaries = [host for host in hosts if host.mysql.get("writable")]
    names = tuple(host.name for host in primaries)
    if len(names) > 1:
        yield Finding(reason(Code.TWO_PRIMARIES, hosts=list(names)), names)
    if not names and seen.asked_all(DATABASES) and seen.of(DATABASES):
        states = [f"{host.name}: {database_role(host)}" for host in seen.of(DATABASES)]
        yield Finding(reason(Code.NO_PRIMARY, found=states), tuple(host.name for host in seen.of(DATABASES)))
    for host in hosts:
        if host.mysql and not host.mysql["writable"]:
            yield from _replica(host, seen.stack.limits)
    if len(seen.stack.groups.get(DATABASES, ())) > 1:
        for host in primaries:
            state = host.mysql
            if not in_group(host) and not (state["semi_sync_source"] and state["semi_sync_replicas"]):
                yield Finding(reason(Code.NOT_SEMI_SYNC, host=host.name), (host.name,))


def in_group(host: Host) -> bool:
    """Whether its server is one of a replication group, which has no channel to a source."""
    return bool(host.mysql.get("group"))


def _replica(host: Host, limits: Limits) -> Iterator[Finding]:
    state = host.mysql
    why = "" if in_group(host) else not_replicating(state)
    reopen = state.get("reopen") or {}
    if why and state["source_host"] is None and reopen.get("why"):
        yield Finding(reason(Code.STAYS_READ_ONLY, host=host.name, why=reopen["why"].rstrip(".")), (host.name,))
    elif why:
        yield Finding(reason(Code.NO_REPLICATION, host=host.name, why=why), (host.name,))
    lag = state["lag_seconds"]
    if not why and lag is not None and lag > limits.lag_seconds:
        yield Finding(reason(Code.LAGS, host=host.name, lag=span(lag), limit=span(limits.lag_seconds)), (host.name,))


def not_replicating(state: Mapping[str, Any]) -> str:
    """Why a read-only server does not replicate; nothing where it does."""
    if state["source_host"] is None:
        return "it is read-only and replicates from no server"
    if not state["receiver"]:
        return f"it receives nothing from {state['source_host']}"
    return "" if state["applier"] else "it does not apply what it receives"


def database_role(host: Host) -> str:
    """What a database host is, in a word or two."""
    if not host.answered:
        return "cannot be asked"
    if not host.mysql:
        return "MySQL does not answer"
    if host.mysql["writable"]:
        return "primary"
    if in_group(host):
        return "read-only, in a group"
    return "read-only" if host.mysql["source_host"] is None else "replica"


def failing_parts(host: Host) -> dict[str, str]:
    """The parts of its backups that went wrong last, with why."""
    report = host.facts.get("backup", {})
    entries = {part: report[part] for part in PARTS if isinstance(report.get(part), Mapping)}
    return {part: entry.get("error") or "no reason was kept" for part, entry in entries.items() if not entry.get("ok")}


def latest(seen: Seen, part: str) -> tuple[float, str] | None:
    """For how many seconds a part of the backups has not succeeded on any database host, and where it did last."""
    ages = []
    for host in seen.answered(DATABASES):
        entry = host.facts["backup"].get(part)
        at = entry.get("last_success_epoch") if isinstance(entry, Mapping) else None
        if at is not None:
            ages.append((max(0.0, host.facts["time"] - at), host.name))
    return min(ages, default=None)


def backups(seen: Seen) -> Iterator[Finding]:
    """Whichever host made them. Their age is judged where no database host is missing: it may have made the latest."""
    hosts = seen.answered(DATABASES)
    for host in hosts:
        if "error" in host.facts["backup"]:
            error = host.facts["backup"]["error"]
            yield Finding(reason(Code.BACKUP_UNREADABLE, host=host.name, error=error), (host.name,))
        for part, error in failing_parts(host).items():
            said = reason(Code.BACKUP_FAILS, host=host.name, part=PARTS[part], error=error.rstrip("."))
            yield Finding(said, (host.name,))
    if not hosts or len(hosts) < len(seen.stack.groups[DATABASES]):
        return
    names, limits = tuple(host.name for host in hosts), seen.stack.limits
    made, tried = latest(seen, "backup"), latest(seen, "verify")
    if made is None:
        yield Finding(reason(Code.NO_BACKUP), names)
    elif made[0] > limits.backup_hours * 3600:
        yield Finding(reason(Code.BACKUP_OLD, age=span(made[0])), names)
    if tried is None:
        yield Finding(reason(Code.NOT_TRIED), names, wrong=False)
    elif tried[0] > limits.verify_days * 86400:
        yield Finding(reason(Code.TRIED_LONG_AGO, age=span(tried[0]), host=tried[1]), names)


def releases(seen: Seen) -> Iterator[Finding]:
    """One for all, but for the seconds of a release."""
    serving = {host.name: host.facts["release"] for host in seen.answered(APPLICATION) if host.facts["release"]}
    if len(set(serving.values())) > 1:
        found = [f"{name}: {release}" for name, release in serving.items()]
        yield Finding(reason(Code.RELEASES, found=found), tuple(serving))


def servers(seen: Seen) -> Iterator[Finding]:
    """Those of every HAProxy that get nothing. What several say alike is said once."""
    down: dict[tuple[str, ...], list[tuple[str, Mapping[str, Any]]]] = {}
    proxies: dict[str, dict[str, list[bool]]] = {}
    for host, server in seen.views():
        name = f"{server['backend']}/{server['server']}"
        proxies.setdefault(server["backend"], {}).setdefault(host.name, []).append(server["up"])
        if not (server["up"] or server["follows"] or server["backend"] in seen.stack.alternatives):
            down.setdefault((name, server["address"], server["reason"]), []).append((host.name, server))
    for (name, address, why), views in down.items():
        by, (_first, server) = [host for host, _server in views], views[0]
        about = (server["server"], *by)
        if server["state"].startswith("DOWN"):
            since = span(server["seconds"])
            said = reason(Code.SERVER_DOWN, server=name, address=address, since=since, hosts=by, why=why)
            yield Finding(said, about)
        else:
            yield Finding(reason(Code.PUT_ASIDE, server=name, hosts=by, why=why), about, wrong=False)
    for backend, views_of in proxies.items():
        if empty := [host for host, ups in views_of.items() if not any(ups)]:
            yield Finding(reason(Code.NO_SERVER, backend=backend, hosts=empty), tuple(empty))


def addresses(seen: Seen) -> Iterator[Finding]:
    """Each virtual address has one owner."""
    balancers = seen.answered(BALANCERS)
    names = tuple(host.name for host in balancers)
    for address in seen.stack.addresses:
        owners = [host.name for host in balancers if host.has_address(address)]
        if len(owners) > 1:
            yield Finding(reason(Code.TWO_OWNERS, address=address, hosts=owners), tuple(owners))
        elif not owners and balancers and seen.asked_all(BALANCERS):
            yield Finding(reason(Code.NO_OWNER, address=address), names)


def chores(seen: Seen) -> Iterator[Finding]:
    """What is not wrong."""
    hosts = [host for host in seen.hosts.values() if host.answered]
    locks = [lock for host in hosts if (lock := host.mysql.get("lock") or {}) and not lock.get("expired")]
    # One verb holds it on several hosts.
    for verb, who in dict.fromkeys((lock["verb"], lock["who"]) for lock in locks if "verb" in lock):
        yield Finding(reason(Code.UNDER_WAY, verb=verb, who=who), seen.stack.groups[DATABASES], wrong=False)
    security = [host.name for host in hosts if host.facts["updates"].get("security")]
    reboot = [host.name for host in hosts if host.facts["reboot"]]
    unknown = [host.name for host in hosts if not host.facts["updates"]["known"]]
    left_out = seen.left_out()
    for said, names in (
        (reason(Code.SECURITY, hosts=security), security),
        (reason(Code.REBOOT, hosts=reboot), reboot),
        (reason(Code.NO_LISTS, hosts=unknown), unknown),
        (reason(Code.LEFT_OUT, hosts=left_out), left_out),
    ):
        if names:
            yield Finding(said, tuple(names), wrong=False)
