"""Mistakes in the variables of the role keepalived that a type cannot say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.interfaces import interface_of
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import (
    PORTS,
    ip,
    is_address,
    is_port,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.vrrp import HIGHEST_PRIORITY, ROUTER_IDS

_NAME = re.compile(r"[A-Za-z0-9_-]{1,30}")
_CREDENTIAL = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,62}")
_PATH = re.compile(r"/[A-Za-z0-9_./-]+")
LONGEST_INTERVAL = 40.95
"""RFC 9568, 5.2.7: twelve bits of hundredths of a second."""
LONGEST_HANDOVER = 60
"""Seconds. A host that is shut down waits for it, and systemd ends what takes 90 s."""


@dataclass(frozen=True)
class Variables:
    """The role's variables, without the prefix."""

    instances: Sequence[Mapping[str, Any]]
    advert_interval: float
    announce: bool
    handover_seconds: float
    notify: Sequence[str]
    notify_credentials: Mapping[str, str]
    watch: Mapping[str, Any]


def errors(variables: Variables, facts: Mapping[str, Any]) -> list[str]:
    """All mistakes, each as a sentence that names the variable and the fix."""
    return list(_errors(variables, facts))


def _errors(variables: Variables, facts: Mapping[str, Any]) -> Iterator[str]:
    if not variables.instances:
        yield "keepalived_instances is empty; give at least one, or leave the role out."
    for number, instance in enumerate(variables.instances):
        yield from _instance_errors(f"keepalived_instances[{number}]", instance, facts)
    for key in ("name", "router_id"):
        values = [instance[key] for instance in variables.instances]
        for value in sorted({value for value in values if values.count(value) > 1}, key=str):
            yield f"keepalived_instances: two have the {key} {value}; give each its own."
    interval = variables.advert_interval
    if not 0.01 <= interval <= LONGEST_INTERVAL:
        yield f"keepalived_advert_interval is {interval:g}; use 0.01 to {LONGEST_INTERVAL} seconds."
    if not 0 <= variables.handover_seconds <= LONGEST_HANDOVER:
        yield f"keepalived_handover_seconds is {variables.handover_seconds:g}; use 0 to {LONGEST_HANDOVER}."
    if variables.notify and not _PATH.fullmatch(variables.notify[0]):
        yield f'keepalived_notify begins with "{variables.notify[0]}"; give the full path of the program on the host.'
    if any('"' in word or "\n" in word for word in variables.notify):
        yield "keepalived_notify has a quotation mark or a line end; put what needs it into the program."
    if not variables.announce and not variables.notify:
        yield (
            "keepalived_announce is false and keepalived_notify is empty, so nobody would learn who has the addresses; "
            "set keepalived_notify to the program that tells the provider, or keepalived_announce to true."
        )
    for name, path in variables.notify_credentials.items():
        if not _CREDENTIAL.fullmatch(name):
            yield f'keepalived_notify_credentials has the name "{name}"; use letters, digits, -, _ and dots.'
        if not _PATH.fullmatch(str(path)):
            yield f'keepalived_notify_credentials.{name} is "{path}"; give the full path of a file on the host.'
    if not is_address(variables.watch["address"]):
        yield f'keepalived_watch.address is "{variables.watch["address"]}"; give an IPv4 or IPv6 address of the host.'
    if not is_port(variables.watch["port"]):
        yield f"keepalived_watch.port: {variables.watch['port']} is not a valid port; use {PORTS[0]} to {PORTS[-1]}."


def _instance_errors(where: str, instance: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterator[str]:
    if not _NAME.fullmatch(instance["name"]):
        yield f'{where}.name is "{instance["name"]}"; use at most 30 letters, digits, - and _.'
    if instance["router_id"] not in ROUTER_IDS:
        yield f"{where}.router_id is {instance['router_id']}; use 1 to {ROUTER_IDS[-1]}."
    if instance["priority"] not in range(1, HIGHEST_PRIORITY + 1):
        yield f"{where}.priority is {instance['priority']}; use 1 to {HIGHEST_PRIORITY}."
    wrong = [value for value in [instance["address"], *instance["peers"], *instance["addresses"]] if ip(value) is None]
    for value in wrong:
        yield f'{where} has "{value}", which is not an IP address; give bare IPv4 or IPv6 addresses.'
    if wrong:
        return
    family = ip(instance["address"]).version  # type: ignore[union-attr]
    if not instance["peers"]:
        yield f"{where}.peers is empty; name the other hosts' addresses."
    for peer in instance["peers"]:
        if ip(peer).version != family:  # type: ignore[union-attr]
            yield f"{where}.peers has {peer}, of another family than address ({instance['address']}); use one family."
    if not any(ip(address).version == family for address in instance["addresses"]):  # type: ignore[union-attr]
        yield f"{where}.addresses has none of the family of address ({instance['address']}); add one."
    if not interface_of(facts, instance["address"]):
        yield (
            f"{where}.address is {instance['address']}, which no network interface of this host has; give the "
            "address from which the host speaks to its peers (webstack_address, where the stack is used)."
        )
