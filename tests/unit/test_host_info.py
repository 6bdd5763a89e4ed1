"""host_info: what it makes of what systemd, dpkg, apt, certificates and reports say."""

import datetime
import json
import os
from pathlib import Path

import pytest
import yaml
from ansible_collections.foobar.webstack.plugins.module_utils import _process, _x509
from ansible_collections.foobar.webstack.plugins.module_utils._host import certificates, services, software
from ansible_collections.foobar.webstack.plugins.modules import host_info
from stack_variables import all_of, rendered
from throwaway_ca import Authority

ROOT = Path(__file__).resolve().parents[2]

# systemctl(1) of Debian 13: a block for each name, in their order, an alias by its own name's.
SHOW = """\
Result=success
LoadState=loaded
ActiveState=active
SubState=running

Result=exit-code
LoadState=loaded
ActiveState=failed
SubState=failed

Result=success
LoadState=not-found
ActiveState=inactive
SubState=dead
"""


def test_units_by_their_place() -> None:
    found = services.shown(["nginx.service", "haproxy.service", "mysql.service", "x.service"], SHOW)
    assert [(unit["there"], unit["runs"]) for unit in found.values()] == [
        (True, True),
        (True, False),
        (False, False),
        # Red where systemctl that prints nothing is an exception.
        (False, False),
    ]
    assert found["haproxy.service"]["result"] == "exit-code"


@pytest.mark.parametrize(("active", "runs"), [("active", True), ("reloading", True), ("activating", False)])
def test_what_runs(active: str, runs: bool) -> None:
    text = f"LoadState=loaded\nActiveState={active}\n"
    assert services.shown(["a.service"], text)["a.service"]["runs"] is runs


def test_units_that_failed() -> None:
    text = "mysql-backup.service loaded failed failed Back up the MySQL server\nx.mount loaded failed failed /x\n\n"
    assert services.first_words(text) == ["mysql-backup.service", "x.mount"]


def test_one_call_for_all_units(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def run(*argv: str) -> object:
        asked.append(argv)
        return type("Done", (), {"stdout": SHOW})

    monkeypatch.setattr(_process, "run", run)
    assert list(services.units(["a.service", "b.timer"])) == ["a.service", "b.timer"]
    assert len(asked) == 1
    assert services.units([]) == {}


# apt-get(8) --simulate dist-upgrade, of Debian 12, Debian 13 and Ubuntu.
SIMULATION = """\
Reading package lists...
Inst base-files [12.4+deb12u5] (12.4+deb12u6 Debian:12.6/stable [amd64])
Inst libssl3t64 [3.5.1-1] (3.5.1-1+deb13u1 Debian-Security:13/stable-security [amd64])
Inst libc6 [2.39-0ubuntu8.3] (2.39-0ubuntu8.4 Ubuntu:24.04/noble-updates, Ubuntu:24.04/noble-security [amd64]) []
Inst linux-image-6.1.0-22-amd64 (6.1.94-1 Debian-Security:12/stable-security [amd64])
Conf base-files (12.4+deb12u6 Debian:12.6/stable [amd64])
"""


def test_updates_that_wait() -> None:
    """Red where a package that would be new is counted, or Conf."""
    assert software.waiting(SIMULATION) == {
        "packages": ["base-files", "libssl3t64", "libc6"],
        "security": ["libssl3t64", "libc6"],
    }


def test_an_apt_that_is_broken_says_why() -> None:
    assert software.complaint("W: x\nE: Unmet dependencies.\nE: y\n") == "Unmet dependencies"
    assert software.complaint("") == "apt-get --simulate dist-upgrade failed"


def test_the_age_of_the_lists(tmp_path: Path) -> None:
    """The folder's own time is from when something was new; that of `partial` from when somebody asked."""
    stamp, lists = tmp_path / "stamp", tmp_path / "lists"
    (lists / "partial").mkdir(parents=True)
    assert software.lists_age(1000, lists, stamp) is None
    (lists / "deb.debian.org_debian_dists_trixie_main_binary-amd64_Packages.lz4").touch()
    os.utime(lists / "partial", (864_000, 864_000))
    os.utime(lists, (0, 0))
    assert software.lists_age(864_000 + 2 * 86400, lists, stamp) == 2.0
    stamp.touch()
    os.utime(stamp, (864_000 + 86400, 864_000 + 86400))
    assert software.lists_age(864_000 + 2 * 86400, lists, stamp) == 1.0


def test_versions_of_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    listing = "nginx 1.26.3-3 installed\nhaproxy 3.0.11-1 config-files\nmysql-server  not-installed\n"
    monkeypatch.setattr(_process, "run", lambda *argv: type("Done", (), {"stdout": listing}))
    assert software.versions(["nginx", "haproxy", "mysql-server"]) == {"nginx": "1.26.3-3"}


def test_certificates_of_the_host(tmp_path: Path) -> None:
    """Red where a folder of the role's own is one, or one that cannot be read ends the module."""
    authority = Authority(tmp_path / "ca")
    authority.make()
    pem, _key = authority.issue("web1", ["DNS:web1"])
    for name, text in (("nginx", pem), ("broken", "no certificate"), (".store", pem)):
        (tmp_path / "tls" / name).mkdir(parents=True)
        (tmp_path / "tls" / name / "certificate.pem").write_text(text)
    (tmp_path / "tls/ca.pem").write_text(Path(authority.certificate).read_text())
    end = _x509.not_after(_x509.load(pem))
    found = certificates.read(tmp_path / "tls", end - datetime.timedelta(days=3))
    assert [each["name"] for each in found] == ["broken", "nginx", "ca"]
    assert found[0]["days"] is None
    assert found[0]["error"]
    assert found[1]["days"] == 3.0
    assert found[1]["error"] == ""


def test_a_report_that_is_missing_or_broken(tmp_path: Path) -> None:
    report = tmp_path / "status.json"
    assert host_info.backup(str(report)) == host_info.backup(None) == {}
    report.write_text('{"backup": {"ok": true}}')
    assert host_info.backup(str(report)) == {"backup": {"ok": True}}
    report.write_text("{")
    assert "status.json" in host_info.backup(str(report))["error"]


def test_an_endpoint_that_is_silent_is_no_error(tmp_path: Path) -> None:
    assert host_info.mysql("", 3308, "", 1) == {}
    assert "port 1" in host_info.mysql("127.0.0.1", 1, str(tmp_path / "none.pem"), 1)["error"]


def test_no_key_of_the_result_is_ansible_s_own() -> None:
    """Red for `failed`, which would be the verdict on the task."""
    documented = yaml.safe_load(host_info.RETURN)
    assert not documented.keys() & {"failed", "changed", "msg", "skipped", "unreachable", "warnings", "stdout"}
    found = host_info.run(
        {
            "units": [],
            "packages": [],
            "application": "",
            "certificates": "/nonexistent",
            "addresses": [],
            "backup_report": None,
            "endpoint": "",
            "endpoint_port": 0,
            "endpoint_ca": "",
            "haproxy_socket": "/nonexistent",
            "haproxy_configuration": "/nonexistent",
            "haproxy_certificates": {},
            "patience": 1,
        }
    )
    assert found.keys() == documented.keys()
    assert "No such file" in found["haproxy"]["error"]
    json.dumps(found)


# What the playbook asks each host for.

WANTED = all_of(
    {
        "units": "__webstack_wanted_units",
        "stack": "__webstack_status_stack",
        # JSON sorts the names.
        "order": "__webstack_status_stack.groups | list",
    }
)


@pytest.fixture(scope="module", params=["lab", "ha"])
def wanted(request: pytest.FixtureRequest) -> dict:
    return rendered(WANTED, ROOT / "inventories" / request.param)


def test_each_host_is_asked_for_what_its_roles_run(wanted: dict) -> None:
    balanced = "keepalived.service" in wanted["lb1"]["units"]
    assert balanced == bool(wanted["lb1"]["stack"]["addresses"])
    assert "nginx.service" in wanted["web1"]["units"]
    application = "app1" if "app1" in wanted else "web1"
    assert {"haproxy.service", "guestbook.service"} <= set(wanted[application]["units"])
    assert {"mysql.service", "mysql-endpoint.service", "mysql-backup.timer"} <= set(wanted["db1"]["units"])
    assert "nginx.service" not in wanted["db1"]["units"]
    assert all("webstack-firewall.service" in host["units"] for host in wanted.values())


def test_the_stack_is_that_of_the_inventory(wanted: dict) -> None:
    stack = wanted["lb1"]["stack"]
    assert wanted["lb1"]["order"][:4] == ["databases", "appservers", "webservers", "loadbalancers"]
    assert stack["groups"]["databases"] == sorted(name for name in wanted if name.startswith("db"))
    assert stack["web_backends"] == ["www"]
    assert stack["alternatives"] == ["mysql-write", "mysql-read"]
    assert {name: float(value) for name, value in stack["limits"].items()} == {
        "lag_seconds": 30,
        "backup_hours": 26,
        "verify_days": 8,
    }


def test_an_inventory_without_optional_groups() -> None:
    """One host, and nobody who monitors. Red where a table needs a group that is absent."""
    inventory = ROOT / "tests/inventories/one_host"
    found = rendered(WANTED, inventory)
    [host] = found.values()
    assert set(host["stack"]["groups"]) >= {"databases", "appservers", "webservers", "loadbalancers"}


def units_of(role: str) -> set[str]:
    """What a role's files start, as far as it says so in plain words."""
    folder = ROOT / "roles" / role
    names = set()
    for task in (
        entry
        for file in sorted((folder / "tasks").glob("*.yml"))
        for entry in _tasks(yaml.safe_load(file.read_text()) or [])
    ):
        unit = task.get("ansible.builtin.systemd_service", {})
        if unit.get("state") == "started" and unit.get("enabled") and "{{" not in str(unit["name"]):
            names.add(str(unit["name"]) if "." in str(unit["name"]) else f"{unit['name']}.service")
    return names


def _tasks(found: list) -> list:
    return [
        task
        for entry in found
        for task in [entry, *_tasks(entry.get("block", [])), *_tasks(entry.get("rescue", []))]
        if isinstance(entry, dict)
    ]


@pytest.mark.parametrize("role", ["firewall", "haproxy", "nginx", "keepalived", "dns", "certificates"])
def test_what_a_role_starts_is_looked_at(role: str) -> None:
    """Red when a role gets another service, or one is renamed."""
    table = yaml.safe_load((ROOT / "playbooks/group_vars/all/status.yml").read_text())["__webstack_programs"]
    started = units_of(role)
    assert started
    assert {name for name in started if name not in str(table[role]["units"])} == set()


@pytest.mark.parametrize(
    ("role", "variable"),
    [("exporters", "__exporters_all"), ("monitoring", "__monitoring_units"), ("mysql_backup", "__mysql_backup_timers")],
)
def test_what_a_role_has_a_list_of_is_looked_at(role: str, variable: str) -> None:
    table = yaml.safe_load((ROOT / "playbooks/group_vars/all/status.yml").read_text())["__webstack_programs"]
    found = yaml.safe_load((ROOT / f"roles/{role}/vars/main.yml").read_text())[variable]
    names = [entry.get("unit") or entry.get("name") for entry in found] if isinstance(found, list) else list(found)
    names = [name for name in names if name]
    assert names
    assert [name for name in names if name not in str(table[role]["units"])] == []


def test_every_role_of_the_stack_is_in_the_table() -> None:
    """But sshd, through which the host is asked."""
    wiring = ROOT / "playbooks/group_vars/all"
    table = yaml.safe_load((wiring / "status.yml").read_text())["__webstack_programs"]
    groups = yaml.safe_load((wiring / "groups.yml").read_text())
    roles = {
        *groups["__webstack_base_roles"],
        *(
            role
            for group in groups["__webstack_groups"].values()
            for role in [*group["roles"], *group.get("everywhere", [])]
        ),
    }
    assert roles - set(table) == {"openssh"}
    assert set(table) <= roles
