"""The pages of the monitoring as a browser gets them: series that say what a stack is like, and Prometheus with them.

Debian's Prometheus reads the role's own pages. Its values come out of a file, so that each is as it is told here; it
scrapes nothing and evaluates no rule.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "roles/monitoring/files/pages"
PLACE = "/etc/prometheus/webstack/pages"
STEP, HISTORY = 15, 900
"""Seconds between two values of a series, and since when there are any."""

Series = Mapping[str, float | Callable[[float], float]]
"""By name with labels: a value that stays, or what it is after so many seconds."""

ALONE = (
    "--config.file=/empty.yml",
    "--web.listen-address=127.0.0.1:9090",
    f"--web.console.templates={PLACE}/consoles",
    f"--web.console.libraries={PLACE}/libraries",
)
"""Arguments of a Prometheus that lets everybody in."""
PROGRAM = """
import base64, json, ssl, subprocess, sys, time, urllib.error, urllib.request

asked = json.load(open("/ask.json"))
subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", "/series.om", "/tmp/data"], check=True,
               stdout=subprocess.DEVNULL)
command = ["prometheus", "--storage.tsdb.path=/tmp/data", *asked["arguments"]]
server = subprocess.Popen(command, stderr=open("/tmp/log", "w"))
context = ssl.create_default_context(cafile="/ca.pem") if asked["url"].startswith("https") else None

def get(path, user):
    request = urllib.request.Request(asked["url"] + path)
    if user:
        request.add_header("Authorization", "Basic " + base64.b64encode(user.encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=30, context=context) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"], error.read().decode()

end = time.monotonic() + 60
while True:
    try:
        if get("/-/ready", asked["users"][0])[0] == 200:
            break
    except OSError:
        pass
    if time.monotonic() > end or server.poll() is not None:
        sys.exit(open("/tmp/log").read())
    time.sleep(0.1)
print(json.dumps([[get(path, user) for path in asked["paths"]] for user in asked["users"]]))
server.terminate()
"""


def openmetrics(series: Series, now: float) -> str:
    """The values of the last quarter of an hour, and of the next minute, in which the pages are asked for."""
    by_name: dict[str, list[str]] = {}
    for name, value in series.items():
        lines = by_name.setdefault(name.partition("{")[0], [])
        for at in range(-HISTORY, 75, STEP):
            number = value(at + HISTORY) if callable(value) else value
            lines.append(f"{name} {number:.15g} {now + at:.3f}")
    return (
        "".join(f"# TYPE {name} unknown\n" + "".join(f"{line}\n" for line in by_name[name]) for name in by_name)
        + "# EOF\n"
    )


def files(series: Series, paths: list[str], **asked: Any) -> dict[str, str]:
    """What a container needs to run the program."""
    placed = {f"{PLACE}/{file.relative_to(FOLDER)}": file.read_text() for file in FOLDER.rglob("*.*")}
    order = {"paths": paths, "url": "http://127.0.0.1:9090", "users": [""], "arguments": list(ALONE), **asked}
    return placed | {
        "/series.om": openmetrics(series, time.time()),
        "/ask.json": json.dumps(order),
        "/ask.py": PROGRAM,
        "/empty.yml": "{}\n",
    }


def answers(output: str) -> Iterator[list[tuple[int, str, str]]]:
    """Of each user: of each page status, type and text."""
    for user in json.loads(output):
        yield [(status, kind, text) for status, kind, text in user]


# --- a stack ----------------------------------------------------------------------------------------------------------

HOSTS = {
    "lb1": ("198.18.0.11", {"loadbalancers": ["haproxy", "keepalived"], "dns": ["knot"]}),
    "lb2": ("198.18.0.12", {"loadbalancers": ["haproxy", "keepalived"], "backups": []}),
    "web1": ("198.18.0.21", {"webservers": ["nginx"], "appservers": ["guestbook", "haproxy"]}),
    "web2": ("198.18.0.22", {"webservers": ["nginx"], "appservers": ["guestbook", "haproxy"]}),
    "db1": ("198.18.0.31", {"databases": ["mysql", "mysql-endpoint"]}),
    "db2": ("198.18.0.32", {"databases": ["mysql", "mysql-endpoint"]}),
    "mon1": ("198.18.0.41", {"monitoring": ["prometheus", "prometheus-alertmanager"]}),
}
TIERS = ["loadbalancers", "webservers", "appservers", "databases", "dns", "monitoring", "backups"]
VIRTUAL = "198.18.0.10"


def named(metric: str, /, **labels: str) -> str:
    """A series."""
    return f"{metric}{{{','.join(f'{key}={json.dumps(value)}' for key, value in labels.items())}}}"


def counter(rate: float) -> Callable[[float], float]:
    """That grows by so much a second."""
    return lambda seconds: rate * seconds


def _of_hosts() -> Iterator[tuple[str, float | Callable[[float], float]]]:
    index = 0
    for tier in TIERS:
        for host, (address, tiers) in HOSTS.items():
            if tier in tiers:
                index += 1
                place = {"instance": host, "address": address, "tier": tier}
                yield named("webstack:host:info", **place), index
                for number, unit in enumerate(tiers[tier], 1):
                    name = f"{unit}.service"
                    yield named("webstack:service:info", **place, name=name), number
                    for state in ("active", "failed"):
                        at = {"instance": host, "job": "node", "name": name, "state": state}
                        yield named("node_systemd_unit_state", **at), state == "active"
    for number, host in enumerate(HOSTS):
        node = {"instance": host, "job": "node"}
        yield named("up", **node), 1
        for mode, rate in (("idle", 1 - 0.07 * number), ("user", 0.07 * number)):
            yield named("node_cpu_seconds_total", **node, cpu="0", mode=mode), counter(rate)
        yield named("node_memory_MemTotal_bytes", **node), 4e9
        yield named("node_memory_MemAvailable_bytes", **node), 4e9 - 5e8 * number
        disk = {"mountpoint": "/", "fstype": "ext4"}
        yield named("node_filesystem_size_bytes", **node, **disk), 40e9
        yield named("node_filesystem_avail_bytes", **node, **disk), 40e9 - 6.2e9 * number
        yield named("node_boot_time_seconds", **node), time.time() - 86400 * 12
        yield named("apt_package_cache_timestamp_seconds", **node), 1
        yield named("node_reboot_required", **node), host == "db2"
        yield (
            named("webstack_certificate_expiry_timestamp_seconds", **node, name="own"),
            time.time() + 86400 * (90 + number),
        )


def _of_the_site() -> Iterator[tuple[str, float | Callable[[float], float]]]:
    for host in ("lb1", "lb2"):
        at = {"instance": host, "job": "haproxy", "proxy": "www"}
        yield named("up", instance=host, job="haproxy"), 1
        yield named("haproxy_frontend_http_requests_total", **at), lambda s: 20 * s + 900 * (s // 300)
        yield named("haproxy_frontend_http_responses_total", **at, code="5xx"), counter(0.001)
        yield named("haproxy_frontend_http_responses_total", **at, code="2xx"), counter(20)
        yield named("haproxy_frontend_current_sessions", **at), 17
        yield named("haproxy_backend_current_queue", **at), 0
        yield named("haproxy_backend_active_servers", **at), 2
        yield named("haproxy_backend_response_time_average_seconds", **at), 0.013
        for server in ("web1", "web2"):
            for state in ("UP", "DOWN", "MAINT", "DRAIN", "NOLB"):
                yield named("haproxy_server_status", **at, server=server, state=state), state == "UP"
    for host in ("web1", "web2"):
        yield named("up", instance=host, job="nginx"), 1
        yield named("nginx_up", instance=host, job="nginx"), 1
        yield named("nginx_http_requests_total", instance=host, job="nginx"), counter(21)
        app = {"instance": host, "job": "node"}
        yield named("app_gunicorn_responses_total", **app, code="2xx"), counter(19)
        yield named("app_gunicorn_responses_total", **app, code="5xx"), counter(0.5)
        yield named("app_gunicorn_capacity", **app), 5
        yield named("app_gunicorn_request_duration_seconds_sum", **app), counter(1.25)
        # Of 100 requests 90 are answered within 25 ms, and 9 more within 250.
        for bucket, part in (("0.01", 0.5), ("0.025", 0.9), ("0.1", 0.95), ("0.25", 0.99), ("0.5", 1.0), ("+Inf", 1.0)):
            yield named("app_gunicorn_request_duration_seconds_bucket", **app, le=bucket), counter(20 * part)
            own = {**app, "kind": "read", "le": bucket}
            yield named("app_guestbook_database_query_seconds_bucket", **own), counter(20 * part)
        yield named("app_guestbook_database_query_seconds_count", **app, kind="read"), counter(20)
        yield named("app_guestbook_entries_written_total", **app), counter(0.1)
        for proxy, servers in (("mysql_write", ["db1"]), ("mysql_read", ["db1", "db2"])):
            for server in ("db1", "db2"):
                for state in ("UP", "DOWN"):
                    at = {"instance": host, "job": "haproxy", "proxy": proxy, "server": server, "state": state}
                    yield named("haproxy_server_status", **at), (server in servers) == (state == "UP")
    site = {"instance": VIRTUAL, "job": "site"}
    yield named("probe_success", **site), 1
    yield named("probe_duration_seconds", **site), lambda s: 0.02 + 0.015 * ((s // 60) % 4)
    yield named("probe_ssl_earliest_cert_expiry", **site), time.time() + 86400 * 61
    yield named("probe_success", instance="lb1", job="dns", target="198.18.0.11:53"), 1
    yield named("webstack:virtual_address:expected", address=VIRTUAL), 1
    yield named("node_network_address_info", instance="lb1", job="node", device="eth0", address=VIRTUAL), 1


def _of_the_data() -> Iterator[tuple[str, float | Callable[[float], float]]]:
    for host in ("db1", "db2"):
        at = {"instance": host, "job": "mysqld"}
        yield named("up", **at), 1
        yield named("mysql_up", **at), 1
        yield named("mysql_global_status_queries", **at), counter(310)
        yield named("mysql_global_status_threads_connected", **at), 31
        yield named("mysql_global_variables_max_connections", **at), 151
        yield named("mysql_global_variables_innodb_buffer_pool_size", **at), 2**30
        yield named("webstack_mysql_writable", instance=host, job="node"), host == "db1"
    yield named("webstack_mysql_semi_sync", instance="db1", job="node"), 1
    yield named("webstack_mysql_semi_sync_replicas", instance="db1", job="node"), 1
    yield named("webstack_mysql_replicates", instance="db2", job="node"), 1
    yield named("webstack_mysql_lag_seconds", instance="db2", job="node"), lambda s: 0.2 + (s % 120) / 200
    for part, hours in (("backup", 9.5), ("archive", 0.1), ("verify", 50)):
        of = {"instance": "db2", "job": "node", "part": part}
        yield named("webstack_backup_ok", **of), 1
        yield named("webstack_backup_last_success_timestamp_seconds", **of), time.time() - hours * 3600


def stack() -> dict[str, float | Callable[[float], float]]:
    """Seven hosts of which each is well."""
    constants = {
        named("webstack:site:info", name="www.foobar.com"): 1,
        "webstack:objective:ratio": 0.999,
        "webstack:site_errors:ratio_rate5m": 0.00005,
        "webstack:databases:count": 2,
        "webstack:lag:seconds": 30,
        "webstack:backup_max_age:seconds": 26 * 3600,
        named("ALERTS", alertname="Watchdog", alertstate="firing", severity="info"): 1,
    }
    return {**constants, **dict(_of_hosts()), **dict(_of_the_site()), **dict(_of_the_data())}


def alert(name: str, severity: str, state: str = "firing", /, **labels: str) -> dict[str, float]:
    """An alert that is open for three minutes."""
    return {
        named("ALERTS", alertname=name, alertstate=state, severity=severity, **labels): 1,
        named("ALERTS_FOR_STATE", alertname=name, severity=severity, **labels): time.time() - 200,
        named("webstack:alert:info", alertname=name, runbook=f"https://example.com/operations.md#{name.lower()}"): 1,
    }


def with_a_web_server_killed() -> dict[str, float | Callable[[float], float]]:
    """web2 is gone. What it said of itself is not there any more."""
    series = {name: value for name, value in stack().items() if 'instance="web2"' not in name or "webstack:" in name}
    for job in ("node", "nginx"):
        series[named("up", instance="web2", job=job)] = 0
    for host in ("lb1", "lb2"):
        for state in ("UP", "DOWN"):
            at = {"instance": host, "job": "haproxy", "proxy": "www", "server": "web2", "state": state}
            series[named("haproxy_server_status", **at)] = state == "DOWN"
    return {
        **series,
        **alert("HostDown", "critical", instance="web2", job="node"),
        **alert("WebServerDown", "warning", instance="lb1", server="web2", proxy="www"),
        **alert("RebootNeeded", "info", instance="db2"),
        **alert("TargetDown", "warning", "pending", instance="web2", job="nginx"),
    }
