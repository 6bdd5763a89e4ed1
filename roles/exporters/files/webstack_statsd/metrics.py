"""What was sent, added up, in the text format of Prometheus. Pure."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

from webstack_statsd.lines import COUNTER, GAUGE, Event, RefusedError

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds, of timers: from what a page should take to what nobody waits for."""
SERIES_OF_ONE, SERIES = 50, 500
"""Most combinations of labels, of one metric and of all."""
_BOUNDS = (*(f"{bucket:g}" for bucket in BUCKETS), "+Inf")
NEW = 15.0
"""Seconds for which a new counter is shown as 0: Prometheus sees no increase where there was nothing before."""
REASONS = ("format", "type", "limit")


@dataclass
class Series:
    """One combination of labels. `counts` are those of a timer, by bucket, the last of what is above all."""

    since: float
    value: float = 0.0
    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))


@dataclass(frozen=True)
class Metric:
    """All series of one name."""

    name: str
    sent_as: str
    kind: str
    series: dict[tuple[tuple[str, str], ...], Series] = field(default_factory=dict)


class Metrics:
    """All that was sent since the start."""

    def __init__(self) -> None:
        self.metrics: dict[str, Metric] = {}
        self.refused = dict.fromkeys(REASONS, 0)
        self._number = 0
        self._names: set[str] = set()

    def add(self, event: Event, now: float) -> None:
        """Count an event. RefusedError for one that would be too many, or of another kind than its name had before."""
        series = self._series(event, now)
        if event.kind == GAUGE:
            series.value = series.value + event.value if event.is_relative else event.value
            return
        series.value += event.value
        if event.kind != COUNTER:
            series.counts[bisect_left(BUCKETS, event.value)] += 1

    def _series(self, event: Event, now: float) -> Series:
        metric = self.metrics.get(event.name)
        if metric and metric.kind != event.kind:
            raise RefusedError("type")
        series = metric.series.get(event.labels) if metric else None
        if series:
            return series
        if self._number >= SERIES or (metric and len(metric.series) >= SERIES_OF_ONE):
            raise RefusedError("limit")
        if not metric:
            metric = self.metrics[event.name] = self._named(event)
        self._number += 1
        series = metric.series[event.labels] = Series(now)
        return series

    def _named(self, event: Event) -> Metric:
        """A new metric, none of whose names another one has: node_exporter would show nothing at all any more."""
        name = "app_" + re.sub("[^a-z0-9]+", "_", event.name.lower())
        name += {COUNTER: "_total", GAUGE: ""}.get(event.kind, "_seconds")
        parts = ("", "_bucket", "_sum", "_count")
        own = {name} if event.kind in (COUNTER, GAUGE) else {f"{name}{part}" for part in parts}
        if own & self._names:
            raise RefusedError("type")
        self._names |= own
        return Metric(name, event.name, event.kind)

    def text(self, now: float) -> str:
        """All of it, and what was refused."""
        lines = [line for _name, metric in sorted(self.metrics.items()) for line in _text_of(metric, now)]
        name = "webstack_statsd_refused_total"
        lines += [f"# HELP {name} Lines that were not counted.", f"# TYPE {name} counter"]
        lines += [f'{name}{{reason="{reason}"}} {count}' for reason, count in self.refused.items()]
        return "".join(f"{line}\n" for line in lines)


def _text_of(metric: Metric, now: float) -> Iterator[str]:
    kind = {COUNTER: "counter", GAUGE: "gauge"}.get(metric.kind, "histogram")
    yield f"# HELP {metric.name} Sent by an application as {metric.sent_as}."
    yield f"# TYPE {metric.name} {kind}"
    for labels, series in sorted(metric.series.items()):
        if kind != "histogram":
            value = 0 if kind == "counter" and now - series.since < NEW else series.value
            yield f"{metric.name}{_braced(labels)} {value:.15g}"
            continue
        total = 0
        for bucket, count in zip(_BOUNDS, series.counts, strict=True):
            total += count
            yield f"{metric.name}_bucket{_braced((*labels, ('le', bucket)))} {total}"
        yield f"{metric.name}_sum{_braced(labels)} {series.value:.15g}"
        yield f"{metric.name}_count{_braced(labels)} {total}"


def _braced(labels: tuple[tuple[str, str], ...]) -> str:
    """The labels as they are written. There is nothing to escape in what `lines` lets pass."""
    said = ",".join(f'{name}="{value}"' for name, value in labels)
    return f"{{{said}}}" if said else ""
