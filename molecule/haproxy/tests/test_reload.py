"""What a reload and a run of the role keep, change and refuse."""

import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host

testinfra_hosts = ["ansible://loadbalancers"]

Admin = Callable[[str], str]
Converge = Callable[..., subprocess.CompletedProcess[str]]
Edit = Callable[..., None]
Load = Callable[[int, str], dict[str, Any]]
Servers = Callable[[str], dict[str, dict[str, str]]]
Wait = Callable[[Callable[[], bool], str], None]

CONFIGURATION = "/etc/haproxy/haproxy.cfg"
DRAIN, MAINTENANCE, CONFIGURED_MAINTENANCE = "8", "1", "5"
DOWN, UP = "0", "2"
LATE_TRY = 9  # systemd waits for seconds before it


def reload(host: Host) -> None:
    host.check_output("systemctl reload haproxy")


def worker(admin: Admin) -> str:
    return next(line for line in admin("show info").splitlines() if line.startswith("Pid:"))


def test_drained_server_gets_nothing_across_a_reload(host: Host, admin: Admin, load: Load, servers: Servers) -> None:
    """Red without the dump in ExecReload and without load-server-state-from-file."""
    admin("set server web/a state drain")
    report = load(400, "for i in 1 2 3; do systemctl reload haproxy; done")
    assert report["failures"] == []
    assert set(report["headers"]) == {"9002", "9003"}
    assert servers("web")["a"]["srv_admin_state"] == DRAIN


def test_maintenance_weight_and_readiness_stay(host: Host, admin: Admin, servers: Servers) -> None:
    """Also `ready` for a server that the configuration has in maintenance."""
    admin("set server web/a state maint")
    admin("set server web/b weight 30")
    admin("set server spare/e state ready")
    reload(host)
    assert servers("web")["a"]["srv_admin_state"] == MAINTENANCE
    assert servers("web")["b"]["srv_uweight"] == "30"
    assert servers("spare")["e"]["srv_admin_state"] == "4"


def test_server_that_is_down_is_down_after_a_reload(host: Host, servers: Servers, edit: Edit, wait_for: Wait) -> None:
    """It has to pass its checks again; a fresh process would take it for up at once. Red without the saved state."""
    edit("/^backend web/,/^$/s/rise 1 /rise 1000 /")
    reload(host)
    host.check_output("systemctl stop origin@9001")
    wait_for(lambda: servers("web")["a"]["srv_op_state"] == DOWN, "the server to be found down")
    host.check_output("systemctl start origin@9001")
    reload(host)
    assert servers("web")["a"]["srv_op_state"] == DOWN


def test_configuration_wins_where_it_changed(host: Host, admin: Admin, servers: Servers, edit: Edit) -> None:
    """Weight, maintenance, port, address and name. Red, for port and address, without the filter in the helper."""
    for server in ("web/a", "web/b", "web/c", "spare/d", "spare/f"):
        admin(f"set server {server} state drain")
    admin("set server web/a weight 30")
    edit(
        "/^backend web/,/^$/s/server a \\(.*\\) weight 100/server a \\1 weight 50/",
        "/^backend web/,/^$/s/server b \\(.*\\):9002/server b \\1:9004/",
        "/^backend web/,/^$/s/server c /server renamed /",
        "/^backend spare/,/^$/s/server d .*/& disabled/",
        "/^backend spare/,/^$/s/server e \\(.*\\) disabled/server e \\1/",
        "/^backend spare/,/^$/s/server f 127.0.0.1/server f 127.0.0.2/",
    )
    reload(host)
    web, spare = servers("web"), servers("spare")
    assert (web["a"]["srv_uweight"], web["a"]["srv_admin_state"]) == ("50", DRAIN)
    assert (web["b"]["srv_port"], web["b"]["srv_admin_state"]) == ("9004", "0")
    assert web["renamed"]["srv_admin_state"] == "0"
    assert spare["d"]["srv_admin_state"] == CONFIGURED_MAINTENANCE
    assert spare["e"]["srv_admin_state"] == "0"
    assert (spare["f"]["srv_addr"], spare["f"]["srv_admin_state"]) == ("127.0.0.2", "0")


def test_server_no_longer_checked_is_not_down_for_good(
    host: Host, servers: Servers, edit: Edit, wait_for: Wait
) -> None:
    host.check_output("systemctl stop origin@9001")
    wait_for(lambda: servers("web")["a"]["srv_op_state"] == DOWN, "the server to be found down")
    edit("/^backend web/,/^$/s/server a \\(.*\\) check/server a \\1/")
    reload(host)
    assert servers("web")["a"]["srv_op_state"] == UP


def test_restart_starts_with_what_the_configuration_says(host: Host, admin: Admin, servers: Servers) -> None:
    admin("set server web/a state drain")
    reload(host)
    host.check_output("systemctl restart haproxy")
    assert servers("web")["a"]["srv_admin_state"] == "0"


def test_state_is_not_applied_twice(host: Host, admin: Admin, servers: Servers, wait_for: Wait) -> None:
    """A reload that saves nothing does not bring back what an earlier one saved. Red if the state is left behind."""
    admin("set server web/a state drain")
    reload(host)
    admin("set server web/a state ready")
    before = worker(admin)
    host.check_output("systemctl kill --kill-whom=main --signal=USR2 haproxy")
    wait_for(lambda: worker(admin) != before, "a new process")
    assert servers("web")["a"]["srv_admin_state"] == "0"


@pytest.mark.parametrize("helper", ["exit 1", "kill -9 $$"])
def test_reload_happens_without_the_helper(host: Host, admin: Admin, helper: str, wait_for: Wait) -> None:
    """A helper that fails keeps no configuration from being loaded. Red without the dash in front of `save`."""
    before = worker(admin)
    host.check_output("mv /usr/local/sbin/haproxy-handover /usr/local/sbin/haproxy-handover.away")
    try:
        host.check_output("printf '#!/bin/sh\\n%%s\\n' %s > /usr/local/sbin/haproxy-handover", helper)
        host.check_output("chmod 755 /usr/local/sbin/haproxy-handover")
        assert host.run("systemctl reload haproxy").rc != 0, "nobody was told that the state was not handed over"
        wait_for(lambda: worker(admin) != before, "a new process")
    finally:
        host.check_output("mv /usr/local/sbin/haproxy-handover.away /usr/local/sbin/haproxy-handover")


def test_reload_that_haproxy_refuses_fails(host: Host, admin: Admin, edit: Edit) -> None:
    """It is valid to `haproxy -c`, but 9001 is taken. Red with Debian's own ExecReload, which reports success."""
    before = worker(admin)
    edit("s/bind 127.0.0.1:7000/bind 127.0.0.1:9001/")
    assert host.run("haproxy -c -f %s", CONFIGURATION).rc == 0
    assert host.run("systemctl reload haproxy").rc != 0
    assert "cannot bind socket" in host.check_output(
        "journalctl --unit=haproxy --lines=30 --output=cat _TRANSPORT=stdout"
    )
    assert worker(admin) == before


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"haproxy_defaults_extra": ["nosuch keyword"]}, "unknown keyword 'nosuch' in 'defaults' section"),
        (
            {"haproxy_frontends": [{"name": "web", "bind": [{"port": 80}], "default_backend": "nowhere"}]},
            '"web" uses the backend "nowhere", which is not defined; use one of: web, spare, inner, stream.',
        ),
        (
            {"haproxy_stats": {"address": "192.0.2.1"}},
            "cannot bind socket (Cannot assign requested address) for [192.0.2.1:8404]",
        ),
    ],
    ids=["invalid", "contradictory", "cannot be loaded"],
)
def test_bad_variables_stop_the_play_and_the_old_configuration_serves(
    host: Host, admin: Admin, load: Load, converge: Converge, variables: dict[str, Any], reason: str
) -> None:
    """Red without the check of the data and without the file put back; what is invalid is caught twice, by validate and
    by the reload."""
    before, process = host.file(CONFIGURATION).sha256sum, worker(admin)
    result = converge(**variables)
    assert result.returncode == 2
    assert reason in " ".join(result.stdout.split()), result.stdout
    assert host.file(CONFIGURATION).sha256sum == before
    assert worker(admin) == process
    assert load(100, "true")["failures"] == []


def test_interrupted_run_is_made_good(host: Host, admin: Admin, edit: Edit, converge: Converge) -> None:
    """The configuration was put in place, but never loaded. Red if only a changed file notifies the handler."""
    converged = host.file(CONFIGURATION).content_string
    edit(
        "s/description configuration .*/description configuration 0123456789ab/", "s/timeout queue .*/timeout queue 9s/"
    )
    reload(host)
    host.check_output("printf %%s %s > %s", converged, CONFIGURATION)
    before = worker(admin)
    result = converge()
    assert result.returncode == 0, result.stdout
    assert worker(admin) != before
    assert host.run("/usr/local/sbin/haproxy-handover current").rc == 0


def test_handler_starts_what_could_not_start(host: Host, load: Load, wait_for: Wait) -> None:
    """HAProxy kept failing, and systemd tries ever more slowly: with a configuration that works it must not wait for
    the next try. Red if the handler only reloads."""
    edited, original = f"{CONFIGURATION}.edited", f"{CONFIGURATION}.original"
    host.check_output("sed 's/bind 127.0.0.1:8404/bind 192.0.2.1:8404/' %s > %s", CONFIGURATION, edited)
    host.check_output(f"cp --preserve {CONFIGURATION} {original} && mv {edited} {CONFIGURATION}")
    try:
        assert host.run("systemctl restart haproxy").rc != 0
        wait_for(lambda: tries(host) >= LATE_TRY, "systemd to try more slowly")
    finally:
        host.check_output(f"mv {original} {CONFIGURATION}")
    result = host.run("/usr/local/sbin/haproxy-handover reload")
    assert result.rc == 0, result.stderr
    assert load(100, "true")["failures"] == []


def tries(host: Host) -> int:
    return int(host.check_output("systemctl show --property=NRestarts --value haproxy"))
