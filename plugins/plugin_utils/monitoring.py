"""The configurations of Prometheus and Alertmanager, from the variables of the role monitoring. Pure.

What stands in them is the programs' own: https://prometheus.io/docs/prometheus/2.53/configuration/configuration/ and
https://prometheus.io/docs/alerting/0.28/configuration/.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Data = Mapping[str, Any]

NOBODY = "nobody"
"""The receiver of what nobody is told."""
WATCHDOG = "watchdog"
"""The receiver, and in small letters the alert, that is told for as long as everything works."""
SAMPLES = 50_000
"""Most values of one target: one that has more is taken for broken and not stored."""


@dataclass(frozen=True)
class Prometheus:
    """The role's variables, without the prefix, and where its rules and its prober are."""

    global_settings: Data
    external_labels: Data
    jobs: Sequence[Data]
    scrape_configs: Sequence[Data]
    alertmanagers: Sequence[str]
    rule_files: Sequence[str]
    prober: str


@dataclass(frozen=True)
class Alertmanager:
    """The role's variables, without the prefix. `watchdog_file` has the dead man's switch's address, or is empty."""

    smtp: Data
    receivers: Sequence[Data]
    route: Data
    inhibit_rules: Sequence[Data]
    watchdog_file: str


def prometheus(variables: Prometheus) -> dict[str, Any]:
    """What Prometheus reads."""
    external = {"external_labels": dict(variables.external_labels)} if variables.external_labels else {}
    return {
        "global": {**variables.global_settings, **external},
        "rule_files": list(variables.rule_files),
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": list(variables.alertmanagers)}]}]},
        "scrape_configs": [
            *(_probing(job, variables.prober) if job.get("probe") else _scraping(job) for job in variables.jobs),
            *map(dict, variables.scrape_configs),
        ],
    }


def alertmanager(variables: Alertmanager) -> dict[str, Any]:
    """What Alertmanager reads.

    Whatever no route of the user's takes goes to the first receiver. The watchdog goes where it is expected, and else
    to nobody.
    """
    given = [dict(receiver) for receiver in variables.receivers]
    told = str(given[0]["name"]) if given else NOBODY
    route = {
        "receiver": told,
        "group_by": ["alertname"],
        "group_wait": "15s",
        "group_interval": "2m",
        "repeat_interval": "4h",
        **variables.route,
    }
    watched = bool(variables.watchdog_file)
    own = {"matchers": ['alertname="Watchdog"'], "receiver": WATCHDOG if watched else NOBODY}
    if watched:
        own |= {"group_wait": "0s", "group_interval": "1m", "repeat_interval": "1m"}
        webhook = {"url_file": variables.watchdog_file, "send_resolved": False}
        given.append({"name": WATCHDOG, "webhook_configs": [webhook]})
    route["routes"] = [own, *variables.route.get("routes", [])]
    if not watched or not variables.receivers:
        given.append({"name": NOBODY})
    return {
        "global": {f"smtp_{name}": value for name, value in variables.smtp.items()},
        "route": route,
        "inhibit_rules": [*INHIBITIONS, *map(dict, variables.inhibit_rules)],
        "receivers": given,
    }


INHIBITIONS: tuple[dict[str, Any], ...] = (
    # What is on a host that is gone is gone, too.
    {
        "source_matchers": ['alertname="HostDown"'],
        "target_matchers": ['alertname!="HostDown"'],
        "equal": ["instance"],
    },
    {
        "source_matchers": ['severity="critical"'],
        "target_matchers": ['severity=~"warning|info"'],
        "equal": ["alertname", "instance"],
    },
)


def _static(job: Data) -> list[dict[str, Any]]:
    return [{"targets": [target["address"]], "labels": dict(target.get("labels") or {})} for target in job["targets"]]


def _timing(job: Data) -> dict[str, Any]:
    return {"scrape_interval": job["interval"]} if job.get("interval") else {}


def _scraping(job: Data) -> dict[str, Any]:
    more = {name: job[name] for name in ("metrics_path", "scheme", "tls_config", "basic_auth") if job.get(name)}
    return {"job_name": job["name"], **_timing(job), **more, "sample_limit": SAMPLES, "static_configs": _static(job)}


def _probing(job: Data, prober: str) -> dict[str, Any]:
    """A job whose targets are asked by the blackbox exporter, each by its address."""
    probe = job["probe"]
    parameters = {"module": [probe["module"]], **({"hostname": [probe["hostname"]]} if probe.get("hostname") else {})}
    return {
        "job_name": job["name"],
        **_timing(job),
        "metrics_path": "/probe",
        "params": parameters,
        "static_configs": _static(job),
        "relabel_configs": [
            {"source_labels": ["__address__"], "target_label": "__param_target"},
            {"source_labels": ["__param_target"], "target_label": "target"},
            {"target_label": "__address__", "replacement": prober},
        ],
    }
