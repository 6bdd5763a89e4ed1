"""The releases of all hosts as a table for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from ansible_collections.foobar.webstack.plugins.plugin_utils.releases.model import Host, Release, span

Row = Sequence[str]


def lines(hosts: Mapping[str, Host]) -> list[str]:
    """The table, and below it what is not as it should be in the long run."""
    rows: list[Row] = [("HOST", "release", "state", "served (UTC)")]
    for host in hosts.values():
        rows += _rows(host)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]  # noqa: B905
    return [*table, *(line for host in hosts.values() for line in _below(host))]


def _rows(host: Host) -> Iterator[Row]:
    if host.error:
        yield host.name, "-", "does not answer" if host.unreachable else "could not be asked", host.error
        return
    if not host.releases:
        yield host.name, "-", "has none", ""
    for number, one in enumerate(sorted(host.releases, key=lambda each: (each.release != host.serving, -each.served))):
        yield (host.name if number == 0 else "", one.release, _state(host, one), _when(host, one))


def _state(host: Host, one: Release) -> str:
    if one.release == host.serving:
        return "serves" if one.whole else "serves, is not complete"
    if not one.whole:
        return "not complete"
    if one.withdrawn:
        return "taken back"
    return "has served" if one.served else "has never served"


def _when(host: Host, one: Release) -> str:
    if not one.served:
        return ""
    if one.release == host.serving:
        return f"since {_moment(one.served)}"
    return f"{_moment(one.served)} to {_moment(one.until)}" if one.until else f"from {_moment(one.served)} on"


def _below(host: Host) -> Iterator[str]:
    if host.holder:
        verb, who, age = (host.holder[name] for name in ("verb", "who", "seconds"))
        yield f"{host.name}: {verb} of {who} is at work since {span(age)}."
    elif host.interrupted is not None or host.not_final is not None:
        before = f" Before, {host.not_final} served." if host.not_final else ""
        yield f"{host.name}: the latest deployment has not come to its end; run it again.{before}"


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"
