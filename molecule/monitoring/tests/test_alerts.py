"""A host that goes away, rules that are wrong, and secrets."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import testinfra
from monitoring_host import answer, asked
from patience import until
from plays import scenario_playbook
from testinfra.host import Host

SCENARIO = Path(__file__).resolve().parents[1]

testinfra_hosts = ["ansible://monitoring-mon"]


@pytest.fixture
def alerts(host: Host) -> Callable[[], set[tuple[str, str]]]:
    """Names and hosts of what Alertmanager has now."""

    def found() -> set[tuple[str, str]]:
        said = host.check_output("amtool --alertmanager.url=http://127.0.0.1:9093 --output=json alert query")
        return {(alert["labels"]["alertname"], alert["labels"].get("instance", "")) for alert in json.loads(said)}

    return found


@pytest.fixture
def web() -> Host:
    return testinfra.get_host("docker://monitoring-web")


def play(*options: str, **variables: Any) -> Any:
    return scenario_playbook(SCENARIO / "converge.yml", *options, **variables)


def test_a_healthy_site_is_silent(host: Host, alerts: Any) -> None:
    until(lambda: ("Watchdog", "") in alerts(), "alerts arrive")
    # The engine's kernel and the scenario's missing tiers are nobody's fault.
    assert {name for name, _ in alerts()} <= {"Watchdog", "NodeClockNotSynchronising", "NodeSystemSaturation"}


def test_a_host_that_does_not_answer_is_told_of(alerts: Any, web: Host) -> None:
    """Within its time, and not when all is well again."""
    web.check_output("systemctl stop prometheus-node-exporter")
    try:
        until(lambda: ("HostDown", "monitoring-web") in alerts(), "HostDown")
    finally:
        web.check_output("systemctl start prometheus-node-exporter")
    until(lambda: ("HostDown", "monitoring-web") not in alerts(), "HostDown is over")


def test_nginx_that_has_stopped_is_told_of_by_its_numbers(web: Host, host: Host) -> None:
    def up() -> list[str]:
        return [entry["value"][1] for entry in asked(host, "query?query=nginx_up")["result"]]

    web.check_output("systemctl stop nginx")
    try:
        until(lambda: up() == ["0"], "nginx_up is 0")
    finally:
        web.check_output("systemctl start nginx")
    until(lambda: up() == ["1"], "nginx_up is 1")


def test_a_rule_that_is_wrong_replaces_nothing(host: Host) -> None:
    """promtool's own reason is said, and Prometheus goes on with what it had."""
    before = host.check_output("cat /etc/prometheus/webstack/prometheus.yml")
    done = play("--limit=monitoring-mon", further_rules=[{"alert": "Mine", "expr": "up =="}])
    assert done.returncode != 0
    assert "failed to validate" in done.stdout
    assert host.check_output("cat /etc/prometheus/webstack/prometheus.yml") == before
    assert host.service("prometheus").is_running


def test_a_receiver_with_a_secret_in_it_is_refused_before_anything_changes() -> None:
    done = play(
        "--limit=monitoring-mon",
        further_receivers=[{"name": "x", "slack_configs": [{"http_config": {"basic_auth": {"password": "y"}}}]}],
    )
    assert done.returncode != 0
    assert "monitoring-mon: password of a receiver" in " ".join(done.stdout.split())


def test_no_secret_is_shown(host: Host) -> None:
    """Not in differences, and not in what Alertmanager says of its configuration."""
    host.check_output("rm /etc/prometheus/webstack/secrets/hook /etc/prometheus/webstack/web.yml")
    done = play("--limit=monitoring-mon", "--diff", "-vv")
    assert done.returncode == 0, done.stdout
    assert "the-secret-of" not in done.stdout + done.stderr
    assert "$2b$" not in done.stdout + done.stderr
    assert host.file("/etc/prometheus/webstack/secrets/hook").mode == 0o640


def test_another_password_is_taken_without_a_restart(host: Host) -> None:
    """And the old one is not any more. Prometheus goes on asking itself."""
    page, began = "/consoles/index.html", host.check_output("systemctl show --property=MainPID --value prometheus")
    assert answer(host, page, "webstack:the-secret-of-the-page")[0] == 200
    try:
        assert play("--limit=monitoring-mon", page_password="another-secret-of-the-page").returncode == 0
        assert answer(host, page, "webstack:another-secret-of-the-page")[0] == 200
        assert answer(host, page, "webstack:the-secret-of-the-page")[0] == 401
        assert host.check_output("systemctl show --property=MainPID --value prometheus") == began
        until(lambda: asked(host, "query?query=up{job='prometheus'}")["result"][0]["value"][1] == "1", "it asks itself")
    finally:
        play("--limit=monitoring-mon")
