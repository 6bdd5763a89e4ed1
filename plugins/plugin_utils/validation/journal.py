"""Mistakes in the variables of the role journal that a type cannot say."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import is_address, is_dns_name, is_port

PORT = 19532
"""Where nothing else is said. It is the one that systemd's own programs have."""

# It becomes a part of the name of a unit, and of a folder.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")
_SIZE = re.compile(r"[1-9][0-9]*[KMGT]")
_TIME = re.compile(r"0|[1-9][0-9]*(s|min|h|hour|day|week|month|year)s?")


@dataclass(frozen=True)
class Variables:
    """The role's variables, without `journal_`; `sizes` by their names."""

    sizes: Mapping[str, str]
    max_retention: str
    rate_limit_burst: int
    receivers: Sequence[Mapping[str, Any]]
    listen: Mapping[str, Any]
    senders: Sequence[str]
    tls: Mapping[str, str]


def errors(variables: Variables) -> list[str]:
    """All mistakes, each as a sentence that names the variable and the fix."""
    return [*_of_bounds(variables), *_of_receivers(variables), *_of_listening(variables), *_of_tls(variables)]


def _of_bounds(variables: Variables) -> Iterator[str]:
    for name, size in variables.sizes.items():
        if not _SIZE.fullmatch(str(size)):
            yield f'{name} is "{size}"; give a size such as 1G or 500M.'
    if not _TIME.fullmatch(str(variables.max_retention)):
        yield (
            f'journal_max_retention is "{variables.max_retention}"; give a time such as 1month or 14day, or 0 for no '
            "limit."
        )
    if int(variables.rate_limit_burst) < 1:
        yield (
            f"journal_rate_limit_burst is {variables.rate_limit_burst}; give the entries that a service may write in "
            "30 s, 1 or more."
        )


def _of_receivers(variables: Variables) -> Iterator[str]:
    names = [str(receiver["name"]) for receiver in variables.receivers]
    for name, count in Counter(names).items():
        if not _NAME.fullmatch(name):
            yield f'journal_receivers has the name "{name}"; use letters, digits, ".", "_" and "-".'
        if count > 1:
            yield f'journal_receivers has {count} entries named "{name}"; give each host one.'
    for receiver in variables.receivers:
        yield from _of_socket(f'journal_receivers: "{receiver["name"]}"', receiver)


def _of_listening(variables: Variables) -> Iterator[str]:
    if variables.listen:
        yield from _of_socket("journal_listen", variables.listen, anywhere=True)
        if not variables.senders:
            yield "journal_listen is set and journal_senders is empty; list the hosts that may send to this one."
    for name in variables.senders:
        if not is_dns_name(name):
            yield f'journal_senders has "{name}", which no certificate can have as a name; write a DNS name.'


def _of_socket(where: str, given: Mapping[str, Any], *, anywhere: bool = False) -> Iterator[str]:
    address, port = given.get("address", ""), given.get("port", PORT)
    if not (is_address(address) or (anywhere and address == "*")):
        yield f'{where} has the address "{address}"; give a bare IPv4 or IPv6 address.'
    if not is_port(port):
        yield f'{where} has the port "{port}"; give one from 1 to 65535.'


def _of_tls(variables: Variables) -> Iterator[str]:
    if (variables.receivers or variables.listen) and not variables.tls:
        used = "journal_receivers" if variables.receivers else "journal_listen"
        yield f"{used} is set and journal_tls is empty; give certificate, key and ca: nothing is sent in the clear."
