"""What holds on every database host: what is committed gets into the repository, and only root sees the credentials."""

import json
import time

import pytest

testinfra_hosts = ["ansible://databases"]
PATIENCE = 300


def status(host):
    return json.loads(host.check_output("mysql-backup status"))


@pytest.mark.parametrize("unit", ["mysql-backup.timer", "mysql-backup-archive.timer", "mysql-backup-verify.timer"])
def test_timers_wait_and_come_back_at_boot(host, unit):
    assert host.check_output(f"systemctl is-active {unit}") == "active"
    assert host.check_output(f"systemctl is-enabled {unit}") == "enabled"


def test_the_stream_runs(host):
    assert host.service("mysql-backup-stream").is_running


def test_the_archive_succeeds(host):
    """A run that begins after this test did. Catches a repository that is away."""
    begun = int(host.check_output("date +%s"))
    deadline = time.monotonic() + PATIENCE
    while status(host).get("archive", {}).get("last_success_epoch", 0) < begun:
        assert time.monotonic() < deadline, status(host)
        time.sleep(1)


def test_credentials_are_root_s_alone(host):
    """And nothing that people may read has them."""
    file = host.file("/etc/mysql-backup/environment")
    assert (file.user, file.mode) == ("root", 0o600)
    (line,) = [line for line in file.content_string.splitlines() if line.startswith("RESTIC_PASSWORD=")]
    password = line.partition("=")[2].strip('"').replace('\\"', '"').replace("\\\\", "\\")
    for name in ("/etc/mysql-backup/settings.json", "/var/lib/mysql-backup/status.json"):
        assert password not in host.file(name).content_string


@pytest.mark.parametrize("path", ["spool", "scratch", "restored", "cache", ".ssh", "stage"])
def test_data_is_not_for_others(host, path):
    """Catches a folder that others may enter."""
    result = host.run(f"runuser -u nobody -- ls /var/lib/mysql-backup/{path}")
    assert "Permission denied" in result.stderr


def test_everybody_may_ask_how_it_went(host):
    assert host.run("runuser -u nobody -- cat /var/lib/mysql-backup/status.json").rc == 0


def test_the_account_can_copy_and_not_read(host):
    """Whoever is mysql-backup reads no table through the server and changes nothing, and nobody else is let in.

    In a group it sees who is the primary, too.
    """
    login = "mysql --no-defaults --user=backup -NBe"
    grants = host.check_output(f"runuser -u mysql-backup -- {login} 'SHOW GRANTS'").splitlines()
    plugins = host.check_output("mysql -NBe %s", "SELECT PLUGIN_NAME FROM information_schema.PLUGINS").split()
    members = "GRANT SELECT ON `performance_schema`.`replication_group_members` TO `backup`@`localhost`"
    assert sorted(grants) == [
        "GRANT BACKUP_ADMIN ON *.* TO `backup`@`localhost`",
        "GRANT PROCESS, REPLICATION SLAVE, REPLICATION CLIENT, SHOW VIEW ON *.* TO `backup`@`localhost`",
        *([members] if "group_replication" in plugins else []),
    ]
    assert "denied" in host.run(f"runuser -u mysql-backup -- {login} 'TABLE mysql.user'").stderr
    assert "denied" in host.run(f"runuser -u nobody -- {login} 'SELECT 1'").stderr
