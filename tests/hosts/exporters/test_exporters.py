"""A host that is watched: what holds wherever the role exporters has been."""

import re

import pytest
from patience import until
from testinfra.host import Host

PROGRAMS = ("node", "mysqld", "nginx")
RECEIVER = "/etc/systemd/system/webstack-statsd.service"
SEND = """
import socket, sys
socket.socket(type=socket.SOCK_DGRAM).sendto(sys.argv[3].encode(), (sys.argv[1], int(sys.argv[2])))
"""


@pytest.fixture
def commands(host: Host) -> dict[str, str]:
    """Of each exporter that the host has, how it is started."""
    if not host.file("/usr/local/sbin/webstack-metrics").exists:
        return {}
    drop_ins = {name: f"/etc/systemd/system/prometheus-{name}-exporter.service.d/arguments.conf" for name in PROGRAMS}
    return {name: host.file(path).content_string for name, path in drop_ins.items() if host.file(path).exists}


def units(host: Host, commands: dict[str, str]) -> list[str]:
    """Of the exporters and of the program that takes what applications send."""
    receiver = ["webstack-statsd"] if host.file(RECEIVER).exists else []
    return [f"prometheus-{name}-exporter" for name in commands] + receiver


def test_every_exporter_runs_now_and_at_boot_and_answers(host: Host, commands: dict[str, str]) -> None:
    for name, text in commands.items():
        unit = f"prometheus-{name}-exporter"
        assert host.service(unit).is_running
        assert host.service(unit).is_enabled
        address = re.search(r"--web[.]listen-address=([^\"]+)", text)
        assert address
        said = host.check_output(
            "python3 -c 'import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())' %s",
            f"http://{address[1]}/metrics",
        )
        up = {"mysqld": "mysql_up 1", "nginx": "nginx_up 1", "node": "node_boot_time_seconds"}[name]
        assert up in said, f"{name} does not reach what it is for"
        if name == "node":
            assert "webstack_certificate_expiry" in said or not host.file("/etc/webstack/tls").exists
            assert "node_timex_offset_seconds" in said, "the sandbox keeps the clock from it"
            assert 'node_systemd_unit_state{name="prometheus-node-exporter.service",state="active"' in said


def test_what_an_application_sends_is_shown(host: Host, commands: dict[str, str]) -> None:
    """By the exporter of the host, which reads it from elsewhere than its other files."""
    if not host.file(RECEIVER).exists:
        return
    assert host.service("webstack-statsd").is_running
    assert host.service("webstack-statsd").is_enabled
    listen = re.search(r"--listen=([0-9.]+):([0-9]+)", host.file(RECEIVER).content_string)
    shown = re.search(r"--web[.]listen-address=([^\"]+)", commands["node"])
    assert listen
    assert shown

    def is_shown() -> bool:
        host.check_output("python3 -c %s %s %s %s", SEND, listen[1], listen[2], "host_check.sent:7|g|#by:test")
        ask = "python3 -c 'import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())' %s"
        said = host.check_output(ask, f"http://{shown[1]}/metrics")
        return 'app_host_check_sent{by="test"} 7' in said and "node_textfile_scrape_error 0" in said

    until(is_shown, "the number at the exporter of the host")


def test_they_take_no_more_than_they_may(host: Host, commands: dict[str, str]) -> None:
    """All together, in a host's memory. Red when a limit is missing."""
    used = 0
    for unit in units(host, commands):
        shown = host.check_output(f"systemctl show {unit} --property=MemoryCurrent,MemoryMax,NRestarts")
        values = dict(line.split("=") for line in shown.splitlines())
        assert values["MemoryMax"] != "infinity"
        assert values["NRestarts"] == "0"
        used += int(values["MemoryCurrent"]) if values["MemoryCurrent"].isdigit() else 0
    assert used <= 120 * 2**20


def test_the_units_are_confined(host: Host, commands: dict[str, str]) -> None:
    for unit in units(host, commands):
        said = host.check_output(f"systemd-analyze security --no-pager {unit} | tail -n 1")
        found = re.search(r": ([0-9.]+) ", said)
        assert found
        # That of the host sees the host.
        assert float(found[1]) <= (5 if unit == "prometheus-node-exporter" else 3), said
