"""A monitoring host: what holds on any that the role monitoring made."""

import re

from monitoring_host import FOLDER, answer, asked
from patience import until
from testinfra.host import Host

testinfra_hosts = ["ansible://monitoring"]

PAGE = "/consoles/index.html"


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


def test_the_prober_listens_at_the_loopback(host: Host) -> None:
    assert host.socket("tcp://127.0.0.1:9115").is_listening
    assert not host.socket("tcp://0.0.0.0:9115").is_listening


def test_nobody_is_let_in_without_the_password(host: Host) -> None:
    """Neither to the pages nor to what they are made of."""
    for path in (PAGE, "/graph", "/metrics", "/api/v1/query?query=up", "/-/ready"):
        for user in ("", "webstack:", "webstack:wrong", "root:"):
            assert answer(host, path, user)[0] == 401


def test_no_password_is_where_only_a_hash_belongs(host: Host) -> None:
    text = host.file(f"{FOLDER}/web.yml").content_string
    assert "basic_auth_users" in text
    assert host.file(f"{FOLDER}/secrets/page").content_string not in text


def test_the_pages_show_every_host(host: Host) -> None:
    status, text = until(lambda: _with_hosts(answer(host, PAGE)), "the pages know the hosts")
    assert status == 200
    names = {entry["metric"]["instance"] for entry in asked(host, "query?query=webstack:host:info")["result"]}
    assert names
    assert [name for name in sorted(names) if f"<h3>{name}</h3>" not in text] == []
    tiers = {entry["metric"]["tier"] for entry in asked(host, "query?query=webstack:host:info")["result"]}
    for tier in (*tiers, "hosts", "alerts"):
        assert answer(host, f"{PAGE}?tier={tier}")[0] == 200


def _with_hosts(got: tuple[int, str]) -> tuple[int, str] | None:
    """The constants are there with the first evaluation of the rules."""
    return got if "<h3>" in got[1] and "Not known" not in got[1] else None
