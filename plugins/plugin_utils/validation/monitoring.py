"""Mistakes in the variables of the role monitoring that a type cannot say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.monitoring import NOBODY, WATCHDOG
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import is_address
from ansible_collections.foobar.webstack.plugins.plugin_utils.validation.exporters import is_listen_address

_TIME = re.compile(r"[1-9][0-9]*(ms|s|m|h|d|w|y)")
_SIZE = re.compile(r"[1-9][0-9]*[KMG]B?")
_SECRET = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,62}")
_USER = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,62}")
_PASSWORD = re.compile(r"[ -~]{12,72}")
"""More characters than 72 count for nothing in the hash."""
_URL = re.compile(r"https?://[!-~]+")
_PLAIN_SECRET = re.compile(r"(.*_)?password|credentials|routing_key|service_key|api_key|(bot_)?token|user_key")
"""Options of Alertmanager whose value is a secret, each of which has a twin that ends with `_file`."""


@dataclass(frozen=True)
class Variables:
    """The role's variables, without the prefix; `listen`, `times` and `sizes` by their whole names."""

    listen: Mapping[str, str]
    times: Mapping[str, str]
    sizes: Mapping[str, str]
    jobs: Sequence[Mapping[str, Any]]
    scrape_configs: Sequence[Mapping[str, Any]]
    receivers: Sequence[Mapping[str, Any]]
    route: Mapping[str, Any]
    smtp: Mapping[str, Any]
    secrets: Sequence[str]
    watchdog_url: str
    objective: float
    virtual_addresses: Sequence[str]
    users: Mapping[str, str]
    external_url: str


def is_password(value: object) -> bool:
    """One that somebody may be let in by."""
    return isinstance(value, str) and _PASSWORD.fullmatch(value) is not None


def errors(variables: Variables) -> list[str]:
    """All mistakes, each as a sentence that names the variable and the fix."""
    return list(_errors(variables))


def _errors(variables: Variables) -> Iterator[str]:
    for name, value in variables.listen.items():
        if not is_listen_address(value):
            yield f'{name} is "{value}"; give an address and a port, such as 127.0.0.1:9090 or [::1]:9090.'
    for name, value in variables.times.items():
        if not _TIME.fullmatch(str(value)):
            yield f'{name} is "{value}"; give a time such as 15d.'
    for name, value in variables.sizes.items():
        if not _SIZE.fullmatch(str(value)):
            yield f'{name} is "{value}"; give a size such as 512M.'
    if not 50 <= variables.objective < 100:
        yield f"monitoring_objective is {variables.objective:g}; give a percentage from 50 to below 100, such as 99.9."
    for address in variables.virtual_addresses:
        if not is_address(address):
            yield f'monitoring_virtual_addresses has "{address}"; give bare IPv4 or IPv6 addresses.'
    for user, password in variables.users.items():
        if not _USER.fullmatch(str(user)):
            yield f'monitoring_prometheus_basic_auth_users has "{user}"; use letters, digits, -, _ and dots.'
        if not is_password(password):
            yield (
                f"monitoring_prometheus_basic_auth_users: the password of {user} is not valid; give 12 to 72 letters, "
                "digits and signs of ASCII."
            )
    if variables.external_url and not _URL.fullmatch(variables.external_url):
        yield "monitoring_prometheus_web_external_url is not a URL; give one that begins with https://."
    names = [str(job["name"]) for job in variables.jobs]
    names += [str(job.get("job_name", "")) for job in variables.scrape_configs]
    for name in _twice(names):
        yield f"monitoring_jobs and monitoring_prometheus_scrape_configs: two have the name {name}; give each its own."
    if "" in names:
        yield "monitoring_prometheus_scrape_configs: one has no job_name; give each one."
    yield from _of_notifications(variables)


def _of_notifications(variables: Variables) -> Iterator[str]:
    for name in variables.secrets:
        if not _SECRET.fullmatch(name):
            yield f'monitoring_secrets has "{name}"; use letters, digits, -, _ and dots.'
        if name == WATCHDOG:
            yield f"monitoring_secrets has {WATCHDOG}, which is of monitoring_alertmanager_watchdog_url; rename it."
    if variables.watchdog_url and not _URL.fullmatch(variables.watchdog_url):
        yield "monitoring_alertmanager_watchdog_url is not a URL; give one that begins with https://."
    names = [str(receiver.get("name", "")) for receiver in variables.receivers]
    if "" in names:
        yield "monitoring_alertmanager_receivers: one has no name; give each one."
    for name in _twice(names):
        yield f"monitoring_alertmanager_receivers: two have the name {name}; give each its own."
    for name in {NOBODY, WATCHDOG} & set(names):
        yield f"monitoring_alertmanager_receivers has {name}, which the role makes itself; use another name."
    for name in sorted(set(_receivers_of(variables.route)) - {*names, NOBODY}):
        yield f"monitoring_alertmanager_route names {name}; add it to monitoring_alertmanager_receivers."
    for where in sorted({*_plain(variables.receivers, ""), *_plain([variables.smtp], "")}):
        yield (
            f"{where} of a receiver, or of monitoring_alertmanager_smtp, is a secret; put the value into "
            f"monitoring_secrets, and give {where}_file: /etc/prometheus/webstack/secrets/<its name>."
        )


def _twice(names: Sequence[str]) -> list[str]:
    return sorted({name for name in names if name and names.count(name) > 1})


def _receivers_of(route: Mapping[str, Any]) -> Iterator[str]:
    if "receiver" in route:
        yield str(route["receiver"])
    for child in route.get("routes", []):
        yield from _receivers_of(child)


def _plain(values: Any, name: str) -> Iterator[str]:
    """Names of options that hold a secret itself."""
    if isinstance(values, Mapping):
        for key, value in values.items():
            yield from _plain(value, str(key))
    elif isinstance(values, Sequence) and not isinstance(values, str):
        for value in values:
            yield from _plain(value, name)
    elif _PLAIN_SECRET.fullmatch(name):
        yield name
