"""A monitoring host: what holds on any that the role monitoring made."""

import json
import re
from typing import Any

from patience import until
from testinfra.host import Host

testinfra_hosts = ["ansible://monitoring"]

FOLDER = "/etc/prometheus/webstack"


def asked(host: Host, path: str) -> Any:
    """Prometheus' answer."""
    script = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())"
    said = host.check_output("python3 -c %s %s", script, f"http://127.0.0.1:9090/api/v1/{path}")
    return json.loads(said)["data"]


def down(host: Host) -> list[str]:
    """What it cannot get."""
    targets = asked(host, "targets?state=active")["activeTargets"]
    assert targets
    return [f"{target['labels']} {target['lastError']}" for target in targets if target["health"] != "up"]


def test_the_services_run_now_and_at_boot(host: Host) -> None:
    for unit in ("prometheus", "prometheus-alertmanager", "prometheus-blackbox-exporter"):
        assert host.service(unit).is_running
        assert host.service(unit).is_enabled
        assert host.check_output(f"systemctl show --property=Restart --value {unit}") == "always"
        assert host.check_output(f"systemctl show --property=MemoryMax --value {unit}") != "infinity"


def test_every_target_is_up(host: Host) -> None:
    until(lambda: not down(host), "every target is up")


def test_every_rule_is_evaluated(host: Host) -> None:
    groups = asked(host, "rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len([rule for rule in rules if rule["type"] == "alerting"]) > 50
    assert [rule["name"] for rule in rules if rule["health"] == "err"] == []


def test_the_watchdog_barks(host: Host) -> None:
    """Through Prometheus and Alertmanager."""
    config = host.file("/etc/systemd/system/prometheus-alertmanager.service.d/arguments.conf").content_string
    address = re.search(r"--web[.]listen-address=([^\"]+)", config)
    assert address
    until(
        lambda: "Watchdog" in host.run(f"amtool --alertmanager.url=http://{address[1]} alert query").stdout,
        "the watchdog is among the alerts",
    )


def test_nobody_else_reads_what_it_knows(host: Host) -> None:
    """Secrets above all."""
    for name in host.check_output(f"find {FOLDER} -type f").split():
        assert (host.file(name).user, host.file(name).group) == ("root", "prometheus")
        assert host.file(name).mode & 0o007 == 0, name


def test_prometheus_and_the_prober_listen_at_the_loopback(host: Host) -> None:
    for port in (9090, 9115):
        assert host.socket(f"tcp://127.0.0.1:{port}").is_listening
        assert not host.socket(f"tcp://0.0.0.0:{port}").is_listening
