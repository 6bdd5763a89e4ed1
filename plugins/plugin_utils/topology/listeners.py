"""Which programs listen on one host, and where two of them would want the same port.

A tier says what it places on each of its hosts: a program and where that listens. A host in several groups has what all
of them place. Two listeners of one program are that program's own business: nginx serves many sites on one port.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import (
    TopologyError,
    boolean,
    ip,
    listed,
    port_number,
    shown,
)

PROTOCOLS = ("tcp", "udp")
EVERY_HOST = "all"
"""The group that every host is in, and that none can leave."""
EVERY_ADDRESS = "*"
"""Every address of both families."""

_KEYS = ("program", "address", "port", "binds", "protocol", "variable")


@dataclass(frozen=True, slots=True)
class Listener:
    """One port on which a program listens because its host is in `group`.

    `address` is an IP address, EVERY_ADDRESS, or a name that the host itself resolves.
    `variable` is what the user sets to give it another port; empty where only the group can be left.
    """

    group: str
    program: str
    address: str
    port: int
    protocol: str
    variable: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two programs that would listen on the same port of `host`."""

    host: str
    first: Listener
    second: Listener


def conflicts(listeners: Mapping[str, Sequence[Mapping[str, Any]]], groups: Sequence[str], host: str) -> list[Conflict]:
    """Where two programs that `host` gets from its `groups` would listen on the same port of the same address.

    `listeners` holds by group what it places on a host, each a mapping with `program`; `port` (one or a list) and
    `address` (one or a list, default `*`), or `binds`, a list of mappings with `port` and `address` as the roles'
    variables have them; `protocol` (PROTOCOLS, default tcp); and `variable`. What the group EVERY_HOST has counts on
    every host. A bind to a path has no port and is left out. A bind with `tls.quic` listens on UDP, too.

    One conflict for each pair of programs and port, in the order of `listeners`.

    Raises TopologyError for listeners that are not of this form.
    """
    found: dict[tuple[str, str, int, str], Conflict] = {}
    for first, second in combinations(placed(listeners, groups), 2):
        if first.program != second.program and _overlap(first, second):
            key = (first.program, second.program, first.port, first.protocol)
            found.setdefault(key, Conflict(host, first, second))
    return list(found.values())


def placed(listeners: Mapping[str, Sequence[Mapping[str, Any]]], groups: Sequence[str]) -> list[Listener]:
    """What listens on a host of these groups, each listener once; `listeners` and errors as in `conflicts`."""
    return list(dict.fromkeys(_placed(listeners, groups)))


def _placed(listeners: Mapping[str, Sequence[Mapping[str, Any]]], groups: Sequence[str]) -> Iterator[Listener]:
    if not isinstance(listeners, Mapping):
        raise TopologyError(f"listeners is {shown(listeners)}; pass a mapping of groups to lists of listeners")
    if isinstance(groups, str) or not isinstance(groups, Sequence):
        raise TopologyError(f"listeners: groups is {shown(groups)}; pass group_names")
    for group, entries in listeners.items():
        if isinstance(entries, str) or not isinstance(entries, Sequence):
            raise TopologyError(f"listeners of {group}: it is {shown(entries)}; pass a list of listeners")
        if group == EVERY_HOST or group in groups:
            for entry in entries:
                yield from _read(group, entry)


def _read(group: str, entry: Mapping[str, Any]) -> Iterator[Listener]:
    program = entry.get("program") if isinstance(entry, Mapping) else None
    if not isinstance(program, str) or not program:
        raise TopologyError(f"listeners of {group}: an entry is {shown(entry)}; write a mapping with program and port")
    where = f"listener {program} of {group}"
    for key in entry:
        if key not in _KEYS:
            raise TopologyError(f"{where}: {shown(key)} is not an option of a listener; use {listed(_KEYS)}")
    protocol = entry.get("protocol", PROTOCOLS[0])
    if protocol not in PROTOCOLS:
        raise TopologyError(f"{where}: protocol is {shown(protocol)}; write {' or '.join(PROTOCOLS)}")
    if ("binds" in entry) == ("port" in entry):
        raise TopologyError(
            f"{where}: it has {'both port and' if 'port' in entry else 'neither port nor'} binds; write one"
        )
    variable = str(entry.get("variable") or "")
    for bind in entry.get("binds", [entry]):
        if not isinstance(bind, Mapping):
            raise TopologyError(f"{where}: a bind is {shown(bind)}; write a mapping with address and port")
        tls = bind.get("tls")
        quic = boolean(tls.get("quic", False), where, "tls.quic") if isinstance(tls, Mapping) else False
        for address in _several(bind.get("address", EVERY_ADDRESS)):
            if str(address).startswith("/") or "@" in str(address):
                continue
            for port in _several(bind.get("port")):
                number = port_number(port, where, "port")
                for spoken in dict.fromkeys((protocol, "udp") if quic else (protocol,)):
                    yield Listener(group, program, str(address), number, spoken, variable)


def _several(value: Any) -> Sequence[Any]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else [value]


def _overlap(first: Listener, second: Listener) -> bool:
    if (first.port, first.protocol) != (second.port, second.protocol):
        return False
    if EVERY_ADDRESS in (first.address, second.address):
        return True
    one, other = ip(first.address), ip(second.address)
    if one is None or other is None:
        # What a name stands for is known on the host alone; the unspecified address is there in every case.
        return first.address == second.address or any(at is not None and at.is_unspecified for at in (one, other))
    return one.version == other.version and (one == other or one.is_unspecified or other.is_unspecified)
