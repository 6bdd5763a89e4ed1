"""The stack as tables for a terminal: the hosts, then one for each tier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ansible_collections.foobar.webstack.plugins.plugin_utils.status.judge import (
    APPLICATION,
    BALANCERS,
    DATABASES,
    database_role,
    latest,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.status.model import Host, Seen, span

Row = Sequence[str]

NOTHING = "-"
WRITE, READ = "mysql-write", "mysql-read"
"""HAProxy's proxies that lead an application to the databases."""

VERSIONS = {
    "webservers": "nginx",
    BALANCERS: "haproxy",
    DATABASES: "mysql-server",
    "dns": "knot",
    "monitoring": "prometheus",
}
"""Of each tier, the package whose version is shown."""


def screen(seen: Seen) -> list[str]:
    """The lines of all tables."""
    lines = table(hosts(seen))
    for group in seen.stack.groups:
        rows = list(tier(group, seen))
        if len(rows) > 1:
            lines += ["", *table(rows)]
    return lines


def table(rows: Sequence[Row]) -> list[str]:
    """Columns that are as wide as their widest cell. The first row is the heading."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def hosts(seen: Seen) -> list[Row]:
    """What every host has."""
    rows: list[Row] = [("HOST", "services", "next certificate to end", "updates", "reboot")]
    for host in seen.hosts.values():
        if host.answered:
            reboot = "needed" if host.facts["reboot"] else "no"
            rows.append((host.name, _services(host), _certificate(host), _updates(host), reboot))
        else:
            said = "does not answer" if host.unreachable else "could not be asked"
            rows.append((host.name, said, NOTHING, NOTHING, NOTHING))
    return rows


def tier(group: str, seen: Seen) -> Iterator[Row]:
    """What hosts of a group do in it. The heading alone where it has no table."""
    columns = {
        DATABASES: ("server", "lag", "backup", "restore tried"),
        APPLICATION: ("writes to", "reads from"),
        "webservers": ("gets requests from",),
        BALANCERS: ("holds", "servers up"),
        "dns": (),
        "monitoring": (),
    }
    if group not in columns:
        return
    first = "release" if group == APPLICATION else VERSIONS[group]
    yield (group.upper(), first, *columns[group])
    for host in seen.answered(group):
        yield (host.name, _first(group, host), *_cells(group, host, seen))


def _first(group: str, host: Host) -> str:
    if group == APPLICATION:
        return host.facts["release"] or "none"
    return str(host.facts["packages"].get(VERSIONS[group], NOTHING))


def _cells(group: str, host: Host, seen: Seen) -> Row:
    if group == DATABASES:
        lag = host.mysql.get("lag_seconds")
        return (
            database_role(host),
            NOTHING if lag is None else f"{max(lag, 0):.1f} s",
            _ago(seen, host, "backup"),
            _ago(seen, host, "verify"),
        )
    if group == APPLICATION:
        return (_leads(host, WRITE), _leads(host, READ))
    if group == "webservers":
        return (_used(host, seen),)
    if group == BALANCERS:
        return (" ".join(host.facts["addresses"]) or NOTHING, _servers_up(host, seen))
    return ()


def _services(host: Host) -> str:
    units: Mapping[str, Mapping[str, object]] = host.facts["units"]
    running = sum(bool(unit["runs"]) for unit in units.values())
    return f"{running} of {len(units)} run"


def _certificate(host: Host) -> str:
    ends = [(each["days"], each["name"]) for each in host.facts["certificates"] if each["days"] is not None]
    if not ends:
        return NOTHING
    days, name = min(ends)
    return f"{name} in {days:.0f} d" if days >= 0 else f"{name} has ended"


def _updates(host: Host) -> str:
    updates = host.facts["updates"]
    if not updates["known"]:
        return "unknown"
    security = len(updates["security"])
    count = str(len(updates["packages"])) if updates["packages"] else "none"
    text = f"{count}, {security} of security" if security else count
    return f"{text} (lists of {updates['age_days']:.0f} d ago)" if updates["age_days"] > 1.5 else text


def _ago(seen: Seen, host: Host, part: str) -> str:
    """When a part of the backups went well last on this host."""
    alone = Seen({host.name: host}, seen.stack)
    found = latest(alone, part)
    return f"{span(found[0])} ago" if found else NOTHING


def _leads(host: Host, proxy: str) -> str:
    """Where a proxy of an application host leads: to servers with a check of their own before those that stand in."""
    up = [server for server in host.servers if server["backend"] == proxy and server["up"]]
    own = [server["server"] for server in up if not server["follows"]]
    instead = [server["follows"].rpartition("/")[2] for server in up if server["follows"]]
    return " ".join(own or dict.fromkeys(instead)) or "nobody"


def _used(host: Host, seen: Seen) -> str:
    """Which load balancers send a web server requests."""
    cells = []
    for by, server in seen.views():
        if server["backend"] in seen.stack.web_backends and server["server"] == host.name:
            state = "" if server["up"] else f" ({server['state'].split()[0].lower()})"
            cells.append(f"{'not ' if state else ''}{by.name}{state}")
    return ", ".join(cells) or "nobody"


def _servers_up(host: Host, seen: Seen) -> str:
    """Of the web servers."""
    counted = [server["up"] for server in host.servers if server["backend"] in seen.stack.web_backends]
    return f"{sum(counted)} of {len(counted)}"
