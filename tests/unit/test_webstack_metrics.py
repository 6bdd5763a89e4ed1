"""webstack-metrics: what it makes of the reports of backups, certificates and replication."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from throwaway_ca import Authority
from webstack_metrics import backups, certificates, cli, mysql
from webstack_metrics.metrics import Sample, text

ONE, OTHER = "3e11fa47-71ca-11e1-9e33-c80aa9429562", "4e11fa47-71ca-11e1-9e33-c80aa9429562"
PRIMARY = {
    "time": "2026-11-27T07:00:01.500000+00:00",
    "writable": True,
    "group": None,
    "semi_sync_source": True,
    "semi_sync_replicas": 1,
    "heartbeat": {"written": "2026-11-27T07:00:01.000000+00:00"},
    "gtid_executed": f"{ONE}:1-10",
}
REPLICA = {
    "writable": False,
    "group": None,
    "receiver": True,
    "applier": True,
    "lag_seconds": 0.4,
    "source_host": "198.18.0.31",
    "gtid_executed": f"{ONE}:1-9",
}


def nobody(host: str) -> Any:
    raise AssertionError(host)


def values(samples: Any) -> dict[str, float]:
    return {sample.name.removeprefix("webstack_mysql_"): float(sample.value) for sample in samples}


def test_a_primary() -> None:
    assert values(mysql.samples(PRIMARY, nobody)) == {
        "up": 1,
        "writable": 1,
        "semi_sync": 1,
        "semi_sync_replicas": 1,
        "heartbeat_age_seconds": 0.5,
    }


def test_a_replica_is_compared_with_its_source() -> None:
    found = values(mysql.samples(REPLICA, lambda host: PRIMARY))
    assert found == {"up": 1, "writable": 0, "replicates": 1, "lag_seconds": 0.4, "errant_transactions": 0}
    stopped = {**REPLICA, "applier": False, "lag_seconds": None}
    assert values(mysql.samples(stopped, lambda host: PRIMARY))["replicates"] == 0


IN_GROUP = {"state": "ONLINE", "majority": True, "applier": True}


def test_the_primary_of_a_group_waits_for_its_members_and_for_no_replica() -> None:
    """Red where the alert SemiSyncOff would fire for a group."""
    found = values(mysql.samples({**PRIMARY, "group": IN_GROUP, "semi_sync_source": False}, nobody))
    assert found == {"up": 1, "writable": 1, "heartbeat_age_seconds": 0.5}


@pytest.mark.parametrize(
    ("changed", "replicates"),
    [
        ({}, 1),
        ({"state": "OFFLINE"}, 0),
        ({"state": "RECOVERING"}, 0),
        ({"majority": False}, 0),
        ({"applier": False}, 0),
    ],
)
def test_a_secondary_replicates_from_its_group(changed: dict[str, Any], replicates: float) -> None:
    """It has no source, and no receiver of its own."""
    own = {**REPLICA, "group": IN_GROUP | changed, "receiver": None, "applier": None, "source_host": None}
    assert values(mysql.samples(own, nobody)) == {"up": 1, "writable": 0, "replicates": replicates, "lag_seconds": 0.4}


def answers(*states: dict[str, Any]) -> Callable[[str], dict[str, Any]]:
    left = list(states)
    return lambda host: left.pop(0)


def test_what_the_source_lacks_for_a_moment_is_not_errant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Red if a write between two answers were taken for one that nobody may have made."""
    monkeypatch.setattr(mysql, "AGE", 0)
    older = {**PRIMARY, "gtid_executed": f"{ONE}:1-5"}
    assert values(mysql.samples(REPLICA, answers(older, PRIMARY)))["errant_transactions"] == 0
    own = {**REPLICA, "gtid_executed": f"{ONE}:1-9,{OTHER}:1-2"}
    assert values(mysql.samples(own, answers(PRIMARY, PRIMARY)))["errant_transactions"] == 2


def test_a_source_that_cannot_be_asked_hides_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    def gone(host: str) -> Any:
        raise OSError("no route to host")

    found = values(cli.collected(mysql.samples(REPLICA, gone)))
    assert found["lag_seconds"] == 0.4
    assert "errant_transactions" not in found
    assert "no route to host" in capsys.readouterr().err


def test_backups() -> None:
    status = {
        "host": "db2",
        "backup": {"ok": True, "last_success_epoch": 1700000000},
        "verify": {"ok": False, "error": "x"},
    }
    assert list(backups.samples(status)) == [
        Sample("webstack_backup_ok", True, {"part": "backup"}),
        Sample("webstack_backup_last_success_timestamp_seconds", 1700000000, {"part": "backup"}),
        Sample("webstack_backup_ok", False, {"part": "verify"}),
    ]
    assert list(backups.samples({"host": "db1"})) == []


def test_the_format() -> None:
    samples = [Sample("webstack_mysql_up", 1), Sample("webstack_backup_ok", 0, {"part": 'a"\\\n'})]
    assert text(samples).splitlines() == [
        "# HELP webstack_backup_ok Whether a part of the backups went well last.",
        "# TYPE webstack_backup_ok gauge",
        'webstack_backup_ok{part="a\\"\\\\\\n"} 0',
        "# HELP webstack_mysql_up Whether the MySQL server answers its endpoint.",
        "# TYPE webstack_mysql_up gauge",
        "webstack_mysql_up 1",
    ]
    assert text([Sample("webstack_backup_last_success_timestamp_seconds", 1700000000)]).endswith(" 1700000000\n")


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *more: str) -> str:
    arguments = ["--directory", str(folder), "--certificates", str(folder / "tls"), "--backup", str(folder / "none")]
    monkeypatch.setattr(sys, "argv", ["webstack-metrics", *arguments, *more])
    assert cli.main() == 0
    assert [file.name for file in folder.glob(".*")] == []
    return (folder / "webstack.prom").read_text()


def test_the_file_says_when_certificates_expire(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    certificate, _key = Authority(tmp_path / "ca").issue("www.foobar.com", ["DNS:www.foobar.com"])
    (tmp_path / "tls/www").mkdir(parents=True)
    (tmp_path / "tls/www/certificate.pem").write_text(certificate)
    said = run(monkeypatch, tmp_path)
    expiry = certificates.end_of(tmp_path / "tls/www/certificate.pem")
    assert f'webstack_certificate_expiry_timestamp_seconds{{name="www"}} {expiry:.0f}' in said


def test_what_cannot_be_read_is_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the rest is said; red if one damaged file silenced everything."""
    (tmp_path / "tls/www").mkdir(parents=True)
    (tmp_path / "tls/www/certificate.pem").write_text("no certificate")
    (tmp_path / "none").write_text(json.dumps({"backup": {"ok": True}}))
    said = run(monkeypatch, tmp_path, "--endpoint", "http://127.0.0.1:1")
    assert "webstack_certificate" not in said
    assert 'webstack_backup_ok{part="backup"} 1' in said
    assert "webstack_mysql_up 0" in said
    assert "certificate.pem" in capsys.readouterr().err
