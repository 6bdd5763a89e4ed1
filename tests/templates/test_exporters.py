"""The exporters' units, read by systemd, and their command lines, by the programs themselves."""

import base64
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.plugin_utils.zipapp import build

ROOT = Path(__file__).resolve().parents[2]
Render = Callable[[str, str, Mapping[str, Any]], str]
UNITS = ROOT / "roles/exporters/files/units"
EVERYTHING = {
    "exporters_mysqld": True,
    "exporters_nginx": True,
    "exporters_statsd": True,
    "exporters_node_web_listen_address": "[::1]:9100",
    "exporters_node_arguments": ["--collector.filesystem.mount-points-exclude=^/(dev|proc|50%|$HOME)($|/)"],
    "exporters_mysql_endpoint": "https://198.18.0.31:3308",
    "exporters_mysql_endpoint_ca": "/etc/webstack/tls/ca.pem",
}


@pytest.fixture
def files(render_template: Render, role_variable: Any) -> Callable[[Mapping[str, Any]], dict[str, str]]:
    """What the role places: by path."""

    def placed(variables: Mapping[str, Any]) -> dict[str, str]:
        wanted = role_variable("exporters", "__exporters_files", variables)
        found = {
            item["dest"]: render_template("exporters", item["src"], {**variables, "item": item}) for item in wanted
        }
        folder = "/etc/systemd/system"
        return found | {f"{folder}/{file.relative_to(UNITS)}": file.read_text() for file in UNITS.rglob("*.conf")}

    return placed


def command_of(text: str) -> list[str]:
    """The command of a drop-in as systemd runs it."""
    [line] = [line for line in text.splitlines() if line.startswith("ExecStart=/")]
    return [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(line.removeprefix("ExecStart="))]


def test_systemd_takes_the_units(files: Any, parser: Any) -> None:
    programs = [f"/usr/local/sbin/webstack-{name}" for name in ("metrics", "statsd")]
    placed = files(EVERYTHING) | dict.fromkeys(programs, "#!/bin/sh\n")
    names = [f"prometheus-{name}-exporter.service" for name in ("node", "mysqld", "nginx")]
    names += ["webstack-metrics.service", "webstack-metrics.timer", "prometheus-node-exporter-smartmon.timer"]
    names += ["prometheus-node-exporter-apt.service"]
    names += ["webstack-statsd.service"]
    script = f"chmod +x {' '.join(programs)} && systemd-analyze verify --man=no {' '.join(names)}"
    result = parser(["/bin/sh", "-c", script], placed)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""


@pytest.mark.parametrize("name", ["node", "mysqld", "nginx"])
def test_the_program_takes_its_arguments(files: Any, parser: Any, name: str) -> None:
    """Red for an option that another version of the exporter does not have."""
    command = command_of(files(EVERYTHING)[f"/etc/systemd/system/prometheus-{name}-exporter.service.d/arguments.conf"])
    result = parser([*command, "--version"], {})
    assert result.returncode == 0, result.stderr
    assert parser([*command, "--no-such-option", "--version"], {}).returncode != 0


def test_arguments_arrive_as_they_were_given(files: Any) -> None:
    """Whatever systemd would replace in a line."""
    command = command_of(files(EVERYTHING)["/etc/systemd/system/prometheus-node-exporter.service.d/arguments.conf"])
    assert command[-1] == EVERYTHING["exporters_node_arguments"][0]  # type: ignore[index]


def test_a_host_without_them_has_no_file_of_mysql_and_nginx(files: Any) -> None:
    """But for the sandboxes of units that are not there."""
    assert [path for path in files({}) if path.endswith(("arguments.conf", ".cnf"))] == [
        "/etc/systemd/system/prometheus-node-exporter.service.d/arguments.conf"
    ]


@pytest.mark.parametrize("variables", [{}, EVERYTHING], ids=["least", "everything"])
def test_they_listen_where_nobody_else_is_unless_told(role_variable: Any, variables: dict[str, Any]) -> None:
    for item in role_variable("exporters", "__exporters_files", variables):
        if "arguments" in item:
            assert item["arguments"][0].startswith(("--web.listen-address=127.0.0.1:", "--web.listen-address=[::1]:"))


def test_what_the_program_writes_is_what_prometheus_reads(parser: Any, tmp_path: Any) -> None:
    """Run by the host's own Python, as the one file that it is there."""
    program = base64.b64encode(build(ROOT / "roles/exporters/files/webstack_metrics")).decode()
    script = (
        "mkdir -p /out /tls && base64 -d /encoded > /program"
        " && python3 /program --directory /out --certificates /tls --backup /status.json"
        " && promtool check metrics < /out/webstack.prom && cat /out/webstack.prom"
    )
    status = '{"backup": {"ok": true, "last_success_epoch": 1700000000}}'
    result = parser(["/bin/sh", "-c", script], {"/encoded": program, "/status.json": status})
    assert result.returncode == 0, result.stdout + result.stderr
    assert 'webstack_backup_last_success_timestamp_seconds{part="backup"} 1700000000' in result.stdout
