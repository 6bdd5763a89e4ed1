"""What holds of the journal on every host, whoever collects it."""

import re

from testinfra.host import Host

UPLOADS = "ls /etc/systemd/system | grep '^webstack-journal-upload-' || true"
BOUNDS = "/etc/systemd/journald.conf.d/webstack.conf"


def test_it_is_kept_on_disk(host: Host) -> None:
    """Red where it is in memory alone, and a host that was restarted does not know why."""
    machine = host.file("/etc/machine-id").content_string.strip()
    read = f"journalctl --directory=/var/log/journal/{machine} --boot --quiet --lines=1 --output=cat"
    assert host.check_output(read)


def test_it_has_bounds(host: Host) -> None:
    """Those of the role, and nothing that is read later takes them away."""
    text = host.check_output("systemd-analyze cat-config systemd/journald.conf")
    settings = dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))
    own = dict(re.findall(r"^(\w+)=(.*)$", host.file(BOUNDS).content_string, re.MULTILINE))
    assert settings["Storage"] == "persistent"
    assert {name: settings[name] for name in own} == own
    assert {"SystemMaxUse", "MaxRetentionSec", "RateLimitBurst"} <= own.keys()


def test_journald_has_read_them(host: Host) -> None:
    """It was started after they were written."""
    started = host.check_output("systemctl show --value --property=ExecMainStartTimestamp systemd-journald")
    written = host.check_output("stat --format=%s %s", "%Y", BOUNDS)
    assert int(host.check_output("date --date=%s +%%s", started)) >= int(written)


def test_what_sends_it_runs(host: Host) -> None:
    for unit in host.check_output(UPLOADS).split():
        assert host.service(unit).is_enabled, unit
        assert host.service(unit).is_running, unit


def test_the_key_is_read_by_what_sends_alone(host: Host) -> None:
    if host.check_output(UPLOADS):
        key = host.file("/etc/webstack/tls/journal/key.pem")
        assert (key.user, key.group, key.mode) == ("root", "webstack-journal", 0o640)


def test_they_are_confined(host: Host) -> None:
    for unit in host.check_output("ls /etc/systemd/system | grep '^webstack-journal-' || true").split():
        rated = host.check_output("systemd-analyze security --no-pager %s | tail -n 1", unit)
        (exposure,) = re.findall(r"([0-9.]+) \w+", rated)
        assert float(exposure) <= 3, rated
