"""Mistakes in the variables of the role exporters that a type cannot say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import is_address, is_port

_COLLECTOR = re.compile(r"[a-z][a-z0-9_.]*")
_ENDPOINT = re.compile(r"https?://(\[[0-9a-fA-F:]+\]|[0-9.]+):([0-9]+)")
_SIZE = re.compile(r"[1-9][0-9]*[KMG]")
_TIME = re.compile(r"[1-9][0-9]*(s|min|h)")


@dataclass(frozen=True)
class Variables:
    """The role's variables by their names, of those that are checked in the same way."""

    listen: Mapping[str, str]
    collectors: Mapping[str, Sequence[str]]
    arguments: Mapping[str, Sequence[str]]
    statsd: str
    endpoint: str
    interval: str
    memory_max: str


def is_listen_address(value: str) -> bool:
    """An address with a port, such as `198.18.0.11:9100`, `[::1]:9100` or `:9100` for every address."""
    address, colon, port = value.rpartition(":")
    if not colon or not is_port(port):
        return False
    if address.startswith("["):
        return address.endswith("]") and is_address(address[1:-1])
    return not address or (":" not in address and is_address(address))


def errors(variables: Variables) -> list[str]:
    """All mistakes, each as a sentence that names the variable and the fix."""
    return list(_errors(variables))


def _errors(variables: Variables) -> Iterator[str]:
    for name, value in variables.listen.items():
        if not is_listen_address(value):
            yield f'{name} is "{value}"; give an address and a port, such as 127.0.0.1:9100 or [::1]:9100.'
    ports = [value.rpartition(":")[2] for value in variables.listen.values()]
    for name, port in zip(variables.listen, ports, strict=True):
        if ports.count(port) > 1:
            yield f"{name} has port {port}, which another exporter has, too; give each its own."
    for name, collectors in variables.collectors.items():
        for collector in collectors:
            if not _COLLECTOR.fullmatch(collector):
                yield f'{name} has "{collector}"; give the name of a collector, such as systemd.'
    for name, arguments in variables.arguments.items():
        for argument in arguments:
            if not argument.startswith("--") or "\n" in argument:
                yield f'{name} has "{argument}"; give arguments of the program, such as --collector.ntp.'
    if not is_listen_address(variables.statsd) or variables.statsd.startswith(":"):
        yield (
            f'exporters_statsd_listen_udp is "{variables.statsd}"; give an address and a port, such as 127.0.0.1:9125.'
        )
    found = _ENDPOINT.fullmatch(variables.endpoint)
    if variables.endpoint and not (found and is_address(found[1].strip("[]")) and is_port(found[2])):
        yield (
            f'exporters_mysql_endpoint is "{variables.endpoint}"; give the URL of the host\'s own mysql_endpoint by '
            "its address, such as https://198.18.0.31:3308."
        )
    if not _TIME.fullmatch(variables.interval):
        yield f'exporters_interval is "{variables.interval}"; give a time such as 15s or 1min.'
    if not _SIZE.fullmatch(variables.memory_max):
        yield f'exporters_memory_max is "{variables.memory_max}"; give a size such as 64M.'
