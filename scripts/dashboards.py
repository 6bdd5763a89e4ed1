"""Write the dashboards for Grafana in docs/grafana.

They ask for what Prometheus has of the jobs of the stack, and nothing else. With ``--check`` nothing is written, and
the exit status is 1 when a file is not what would be written.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "docs/grafana"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24
"""Of a row, in Grafana's own measure."""


@dataclass(frozen=True)
class Panel:
    """One panel. `queries` are pairs of question and legend; `limit` is what is too much, drawn as a line."""

    title: str
    queries: Sequence[tuple[str, str]]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    limit: float | None = None


@dataclass(frozen=True)
class Dashboard:
    """One file. With `choice`, the hosts can be chosen: a question for them, by the label `instance`."""

    name: str
    title: str
    panels: Sequence[Panel]
    choice: str = ""


ON = 'instance=~"$instance"'
WWW = 'proxy="www"'
FAILED = f'sum(rate(haproxy_frontend_http_responses_total{{{WWW},code="5xx"}}[5m]))'
ALL = f"sum(rate(haproxy_frontend_http_responses_total{{{WWW}}}[5m]))"
BUSY = f'1 - avg by (instance) (rate(node_cpu_seconds_total{{job="node",mode="idle",{ON}}}[5m]))'
USED = f"1 - node_memory_MemAvailable_bytes{{{ON}}} / node_memory_MemTotal_bytes{{{ON}}}"
FULL = (
    f'1 - node_filesystem_avail_bytes{{fstype!~"tmpfs|ramfs",{ON}}}'
    f' / node_filesystem_size_bytes{{fstype!~"tmpfs|ramfs",{ON}}}'
)
APP = "app_gunicorn"
APP_FAILED = f'sum by (instance) (rate({APP}_responses_total{{code="5xx"}}[5m]))'
BACKUP = 'max(webstack_backup_last_success_timestamp_seconds{part="backup"})'

DASHBOARDS = (
    Dashboard(
        "overview",
        "Overview",
        (
            Panel("Hosts that do not answer", [('count(up{job="node"} == 0) or vector(0)', "")], kind="stat", width=4),
            Panel(
                "Open alerts, critical",
                [('count(ALERTS{alertstate="firing",severity="critical"}) or vector(0)', "")],
                kind="stat",
                width=4,
            ),
            Panel("Takes writes", [("webstack_mysql_writable == 1", "{{instance}}")], kind="name", width=4),
            Panel("Replicas are behind by", [("max(webstack_mysql_lag_seconds)", "")], "s", "stat", 4),
            Panel("Latest backup", [(f"time() - {BACKUP}", "")], "s", "stat", 4),
            Panel(
                "Certificate that ends first",
                [("min(webstack_certificate_expiry_timestamp_seconds) - time()", "")],
                "s",
                "stat",
                4,
            ),
            Panel(
                "Requests",
                [(f"sum by (instance) (rate(haproxy_frontend_http_requests_total{{{WWW}}}[1m]))", "{{instance}}")],
                "reqps",
            ),
            Panel("Requests that fail (5xx)", [(f"{FAILED} / {ALL}", "of all")], "percentunit", limit=0.001),
            Panel(
                "Time for a page, as visitors ask",
                [
                    (
                        f'quantile_over_time({part}, probe_duration_seconds{{job="site"}}[10m])',
                        f"{name} {{{{instance}}}}",
                    )
                    for part, name in ((0.5, "median"), (0.95, "95 %"), (0.99, "99 %"))
                ],
                "s",
            ),
            Panel("Open alerts", [('ALERTS{alertstate="firing",alertname!="Watchdog"}', "")], kind="table", width=24),
        ),
    ),
    Dashboard(
        "load-balancers",
        "Load balancers and web servers",
        (
            Panel(
                "Requests",
                [(f"sum by (instance) (rate(haproxy_frontend_http_requests_total{{{WWW}}}[1m]))", "{{instance}}")],
                "reqps",
            ),
            Panel(
                "Answers",
                [(f"sum by (code) (rate(haproxy_frontend_http_responses_total{{{WWW}}}[1m]))", "{{code}}")],
                "reqps",
            ),
            Panel("Connections", [(f"haproxy_frontend_current_sessions{{{WWW}}}", "{{instance}}")]),
            Panel("Requests that wait", [(f"haproxy_backend_current_queue{{{WWW}}}", "{{instance}}")]),
            Panel(
                "Time of each web server",
                [(f"haproxy_server_response_time_average_seconds{{{WWW}}}", "{{server}} of {{instance}}")],
                "s",
            ),
            Panel(
                "Web servers that are in",
                [(f'haproxy_server_status{{{WWW},state="UP"}}', "{{server}} of {{instance}}")],
            ),
            Panel("Requests of each web server", [("rate(nginx_http_requests_total[1m])", "{{instance}}")], "reqps"),
            Panel("Connections of each web server", [("nginx_connections_active", "{{instance}}")]),
            Panel(
                "Failed checks of each web server",
                [(f"increase(haproxy_server_check_failures_total{{{WWW}}}[5m])", "{{server}} of {{instance}}")],
            ),
        ),
    ),
    Dashboard(
        "applications",
        "Application servers",
        (
            Panel(
                "Requests",
                [(f"sum by (instance) (rate({APP}_responses_total[1m]))", "{{instance}}")],
                "reqps",
                width=12,
            ),
            Panel("Answers", [(f"sum by (code) (rate({APP}_responses_total[1m]))", "{{code}}")], "reqps", width=12),
            *(
                Panel(
                    f"Time of a request, {name}",
                    [
                        (
                            f"histogram_quantile({part},"
                            f" sum by (instance, le) (rate({APP}_request_duration_seconds_bucket[5m])))",
                            "{{instance}}",
                        )
                    ],
                    "s",
                )
                for part, name in ((0.5, "median"), (0.95, "95 %"), (0.99, "99 %"))
            ),
            Panel(
                "Requests that fail (5xx)",
                [(f"{APP_FAILED} / sum by (instance) (rate({APP}_responses_total[5m]))", "{{instance}}")],
                "percentunit",
                limit=0.05,
            ),
            Panel(
                "Workers are busy",
                [
                    (
                        f"sum by (instance) (rate({APP}_request_duration_seconds_sum[1m]))"
                        f" / max by (instance) ({APP}_capacity)",
                        "{{instance}}",
                    )
                ],
                "percentunit",
                limit=0.8,
            ),
            Panel("Workers that were killed", [(f"increase({APP}_log_critical_total[10m])", "{{instance}}")]),
        ),
    ),
    Dashboard(
        "databases",
        "Databases",
        (
            Panel("Takes writes", [("webstack_mysql_writable", "{{instance}}")]),
            Panel("Behind the source", [("webstack_mysql_lag_seconds", "{{instance}}")], "s", limit=30),
            Panel("Replicas that confirm each write", [("webstack_mysql_semi_sync_replicas", "{{instance}}")]),
            Panel("Statements", [("rate(mysql_global_status_queries[1m])", "{{instance}}")], "ops"),
            Panel("Slow statements", [("increase(mysql_global_status_slow_queries[5m])", "{{instance}}")]),
            Panel(
                "Connections",
                [
                    ("mysql_global_status_threads_connected", "{{instance}}"),
                    ("mysql_global_variables_max_connections", "most of {{instance}}"),
                ],
            ),
            Panel("Statements at work", [("mysql_global_status_threads_running", "{{instance}}")]),
            Panel(
                "Pages read from the disk",
                [("rate(mysql_global_status_innodb_buffer_pool_reads[5m])", "{{instance}}")],
                "ops",
            ),
            Panel(
                "Age of what went well last, of the backups",
                [("time() - max by (part) (webstack_backup_last_success_timestamp_seconds)", "{{part}}")],
                "s",
            ),
        ),
    ),
    Dashboard(
        "hosts",
        "Hosts",
        (
            Panel("Processors", [(BUSY, "{{instance}}")], "percentunit", limit=0.9),
            Panel("Memory", [(USED, "{{instance}}")], "percentunit", limit=0.9),
            Panel("Disks", [(FULL, "{{mountpoint}} of {{instance}}")], "percentunit", limit=0.9),
            Panel("Load", [(f"node_load1{{{ON}}}", "{{instance}}")]),
            Panel(
                "Received",
                [(f'rate(node_network_receive_bytes_total{{device!="lo",{ON}}}[1m])', "{{device}} of {{instance}}")],
                "Bps",
            ),
            Panel(
                "Sent",
                [(f'rate(node_network_transmit_bytes_total{{device!="lo",{ON}}}[1m])', "{{device}} of {{instance}}")],
                "Bps",
            ),
            Panel(
                "Disks are busy",
                [(f"rate(node_disk_io_time_seconds_total{{{ON}}}[5m])", "{{device}} of {{instance}}")],
                "percentunit",
            ),
            Panel(
                "Services that have failed",
                [(f'node_systemd_unit_state{{state="failed",{ON}}} == 1', "{{name}} of {{instance}}")],
            ),
            Panel(
                "Updates that wait",
                [(f"sum by (instance) (apt_upgrades_pending{{{ON}}})", "{{instance}}")],
            ),
        ),
        choice='label_values(up{job="node"}, instance)',
    ),
)


def panel(data: Panel, number: int, x: int, y: int, height: int) -> dict[str, Any]:
    """As Grafana has it."""
    is_moment = data.kind != "timeseries"
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if data.limit is not None:
        steps.append({"color": "red", "value": data.limit})
    custom = {"fillOpacity": 10, "thresholdsStyle": {"mode": "off" if data.limit is None else "line"}}
    return {
        "id": number,
        "type": "stat" if data.kind == "name" else data.kind,
        "title": data.title,
        "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": data.width, "h": height},
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": SOURCE,
                "expr": expression,
                "legendFormat": legend,
                "instant": is_moment,
                "range": not is_moment,
                "format": "table" if data.kind == "table" else "time_series",
            }
            for index, (expression, legend) in enumerate(data.queries)
        ],
        "fieldConfig": {
            "defaults": {
                "unit": data.unit,
                "min": 0,
                "thresholds": {"mode": "absolute", "steps": steps},
                **({} if is_moment else {"custom": custom}),
            },
            "overrides": [],
        },
        "options": {"textMode": "name"} if data.kind == "name" else {},
    }


def dashboard(data: Dashboard) -> dict[str, Any]:
    """As Grafana imports it, below any data source of its kind."""
    panels, x, y, height = [], 0, 0, 0
    for number, entry in enumerate(data.panels, 1):
        if x + entry.width > WIDTH:
            x, y = 0, y + height
        height = 4 if entry.kind in ("stat", "name") else 8
        panels.append(panel(entry, number, x, y, height))
        x += entry.width
    variables: list[dict[str, Any]] = [{"name": "datasource", "type": "datasource", "query": "prometheus"}]
    if data.choice:
        everything = {"includeAll": True, "multi": True, "allValue": ".*", "refresh": 2}
        variables.append(
            {"name": "instance", "type": "query", "datasource": SOURCE, "query": data.choice, **everything}
        )
    return {
        "uid": f"webstack-{data.name}",
        "title": f"foobar.webstack: {data.title}",
        "tags": ["foobar.webstack"],
        "schemaVersion": 39,
        "version": 1,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": variables},
        "panels": panels,
    }


def main() -> int:
    """Write, or with --check compare."""
    written = {FOLDER / f"{data.name}.json": json.dumps(dashboard(data), indent=1) + "\n" for data in DASHBOARDS}
    if "--check" in sys.argv[1:]:
        old = [file for file, text in written.items() if not file.exists() or file.read_text() != text]
        for file in old:
            print(f"{file}: not what would be written; run: python scripts/dashboards.py", file=sys.stderr)
        return 1 if old else 0
    FOLDER.mkdir(exist_ok=True)
    for file, text in written.items():
        file.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
