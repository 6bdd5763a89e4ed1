"""Packages: what is missing, who keeps apt busy, which source is broken, and what no update restarts."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
import yaml
from ansible_collections.foobar.webstack.plugins.action.packages import ActionModule
from ansible_collections.foobar.webstack.plugins.module_utils import _process
from ansible_collections.foobar.webstack.plugins.module_utils._packages import apt, updates

ROOT = Path(__file__).resolve().parents[2]
HOLD = (
    "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print('held', flush=True); input()"
)
SOURCES = {
    "/etc/apt/sources.list.d/debian.sources": ["http://deb.example.org/debian"],
    "/etc/apt/sources.list.d/old.list": ["https://old.example.org/apt", "https://old.example.org/more/"],
}
UPDATE = """\
W: Failed to fetch https://old.example.org/apt/dists/trixie/InRelease  Could not resolve 'old.example.org'
W: Target Packages (main/binary-amd64/Packages) is configured multiple times in /etc/apt/sources.list.d/debian.sources:1
E: The repository 'https://gone.example.org/apt trixie Release' does not have a Release file.
N: Updating from such a repository can't be done securely, and is therefore disabled by default.
E: Some index files failed to download. They have been ignored, or old ones used instead.
"""
COMPLAINT = (
    "Failed to fetch https://old.example.org/apt/dists/trixie/InRelease  Could not resolve 'old.example.org'"
    " (/etc/apt/sources.list.d/old.list)"
)
LOCKED = "'apt-get install' failed: E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 7 (dpkg)"


def tasks(found: Any) -> Iterator[dict[str, Any]]:
    """Every task of a file, in blocks too."""
    for item in found if isinstance(found, list) else []:
        yield item
        for part in ("tasks", "pre_tasks", "post_tasks", "block", "rescue", "always"):
            yield from tasks(item.get(part))


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[tuple[Path, subprocess.Popen[str]]]:
    """A lock that another process holds until it reads a line."""
    lock = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield lock, process
        process.kill()


def test_who_holds_a_lock_is_named(locked) -> None:
    """The name is what an operator finds in ps."""
    lock, process = locked
    found = apt.holder(lock)
    assert found
    assert (found.lock, found.process) == (str(lock), process.pid)
    assert str(found).startswith(f"process {process.pid} ({sys.executable} -c import fcntl")


def test_looking_at_a_lock_takes_it_from_nobody(locked) -> None:
    """Red for a look that takes the lock and keeps it."""
    lock, process = locked
    apt.holder(lock)
    assert apt.wait(0, [lock])
    process.communicate("\n")
    assert apt.wait(0, [lock]) == []
    assert apt.holder(lock.with_name("none")) is None


def test_it_waits_until_the_lock_is_free(locked, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, process = locked
    monkeypatch.setattr(apt.time, "sleep", lambda seconds: process.communicate("\n"))
    assert apt.wait(60, [lock]) == []


def test_packages_that_are_installed_are_not_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Red where a removed package with its configuration left counts as there. A pattern is for apt to decide."""
    answer = "nginx installed\nhaproxy config-files\nmysql-server half-configured\n"
    asked: list[tuple[str, ...]] = []

    def run(*argv: str) -> subprocess.CompletedProcess[str]:
        asked.append(argv[3:])
        return subprocess.CompletedProcess(argv, 1, answer, "dpkg-query: no packages found matching lego")

    monkeypatch.setattr(_process, "run", run)
    wanted = ["nginx", "haproxy", "mysql-server", "lego", "gunicorn=23*"]
    assert apt.missing(wanted) == ["haproxy", "mysql-server", "lego", "gunicorn=23*"]
    assert asked == [("nginx", "haproxy", "mysql-server", "lego")]


def test_sources_of_both_forms_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "sources.list.d"
    folder.mkdir()
    (folder / "a.list").write_text(
        "# deb https://not.example.org/ x\ndeb [arch=amd64] https://a.example.org/apt x main\n"
    )
    (folder / "b.sources").write_text("Types: deb\nURIs: http://b.example.org/debian file:/srv/archive\n")
    (folder / "c.list.save").write_text("deb https://saved.example.org/ x main\n")
    assert apt.sources(tmp_path) == {
        f"{folder}/a.list": ["https://a.example.org/apt"],
        f"{folder}/b.sources": ["http://b.example.org/debian", "file:/srv/archive"],
    }


def test_the_broken_source_is_named_with_its_file() -> None:
    """Red for a warning that says nothing of a source that fails, of which apt has many."""
    assert apt.complaints(UPDATE, SOURCES) == [
        COMPLAINT,
        "The repository 'https://gone.example.org/apt trixie Release' does not have a Release file",
    ]


def test_lists_are_updated_once_a_day_and_for_a_new_source(tmp_path: Path) -> None:
    """Catches a new source that is not read until tomorrow, and a machine image without lists that is a minute old."""
    lists, folder = tmp_path / "lists", tmp_path / "apt"
    lists.mkdir()
    (folder / "sources.list.d").mkdir(parents=True)
    source = folder / "sources.list.d/debian.sources"
    source.write_text("URIs: http://deb.example.org/debian\n")
    assert apt.lists_are_old(lists, folder)
    (lists / "deb.example.org_debian_Packages").touch()
    now = time.time()
    for path, age in ((folder / "sources.list.d", 9000), (source, 9000), (lists, 60)):
        os.utime(path, (now - age, now - age))
    assert not apt.lists_are_old(lists, folder)
    os.utime(source, (now, now))
    assert apt.lists_are_old(lists, folder)
    os.utime(source, (now - 200000, now - 200000))
    os.utime(folder / "sources.list.d", (now - 200000, now - 200000))
    os.utime(lists, (now - 90000, now - 90000))
    assert apt.lists_are_old(lists, folder)


@pytest.fixture
def install():
    """Runs the action on a host that answers like this; the result, and what was called with which arguments."""

    def run(look: list[dict[str, Any]], answers: list[dict[str, Any]], check_mode: bool = False, **arguments: Any):
        called: list[tuple[str, dict[str, Any]]] = []
        replies = {"foobar.webstack.packages": iter(look), "ansible.legacy.apt": iter(answers)}

        def execute(module_name: str, module_args: dict[str, Any], task_vars: Any) -> dict[str, Any]:
            called.append((module_name.rpartition(".")[2], module_args))
            return dict(next(replies[module_name]))

        task = SimpleNamespace(args={"name": ["nginx"], **arguments}, check_mode=check_mode, async_val=0)
        action = ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
        action._execute_module = execute
        return action.run(task_vars={}), called

    return run


MISSING = {"changed": False, "diff": [], "missing": ["nginx"], "complaints": []}


def test_where_nothing_is_missing_apt_is_not_asked(install) -> None:
    """That is what a broken source, and an update under way, do not get in the way of."""
    result, called = install([{"changed": False, "diff": [], "missing": []}], [])
    assert (result["changed"], [name for name, _ in called]) == (False, ["packages"])


def test_apt_installs_what_is_missing(install) -> None:
    result, called = install([MISSING], [{"changed": True}], policy_rc_d=101)
    assert (result["changed"], result.get("failed", False)) == (True, False)
    assert called[1:] == [
        (
            "apt",
            {
                "name": ["nginx"],
                "install_recommends": False,
                "lock_timeout": 300,
                "policy_rc_d": 101,
            },
        )
    ]


def test_check_mode_says_what_would_be_installed(install) -> None:
    result, called = install([MISSING], [], check_mode=True)
    assert (result["changed"], result["diff"][-1]["after"], len(called)) == (True, "nginx\n", 1)


def test_a_broken_source_is_a_warning_where_others_have_the_package(install) -> None:
    result, _called = install([MISSING | {"complaints": [COMPLAINT]}], [{"changed": True}])
    assert (result["changed"], result.get("failed", False)) == (True, False)
    assert result["warnings"] == [
        f"apt cannot read all of its sources: {COMPLAINT}. What was missing came from others."
    ]


def test_a_broken_source_is_named_where_a_package_is_missing_without_it(install) -> None:
    refused = {"failed": True, "msg": "No package matching 'nginx' is available", "exception": "the same"}
    result, _called = install([MISSING | {"complaints": [COMPLAINT]}], [refused])
    assert (result["failed"], "exception" in result) == (True, False)
    assert result["msg"] == (
        f"apt cannot read all of its sources: {COMPLAINT}. Without them, nginx cannot be installed:"
        " No package matching 'nginx' is available"
    )


def test_who_came_in_between_is_asked_for(install) -> None:
    """The lock was free when the module looked, and apt gave up waiting for it."""
    held = {"failed": True, "msg": "apt is busy"}
    result, called = install([MISSING, held], [{"failed": True, "msg": LOCKED}])
    assert (result["msg"], called[-1][1]["lock_timeout"]) == ("apt is busy", 0)
    result, _called = install([MISSING, MISSING], [{"failed": True, "msg": LOCKED}])
    assert result["msg"] == LOCKED


def test_drop_ins_are_named_after_the_unit() -> None:
    assert updates.drop_ins(["mysql"], ["mysql-server"]) == {
        "/etc/needrestart/conf.d/webstack-mysql.conf": (
            f"# {updates.HEADER}\n$nrconf{{override_rc}}->{{qr(^mysql\\.service$)}} = 0;\n1;\n"
        ),
        "/etc/apt/apt.conf.d/52webstack-mysql": (
            f'// {updates.HEADER}\nUnattended-Upgrade::Package-Blacklist {{\n    "mysql-server";\n}};\n'
        ),
    }
    assert list(updates.drop_ins(["guestbook"], [])) == ["/etc/needrestart/conf.d/webstack-guestbook.conf"]


@pytest.mark.parametrize(
    "file", sorted([*ROOT.glob("roles/*/tasks/*.yml"), *ROOT.glob("playbooks/**/*.yml")]), ids=lambda file: str(file)
)
def test_every_installation_waits(file: Path) -> None:
    """Roles install with the module that says who is in the way; what makes the lab waits as well."""
    found = [
        task["ansible.builtin.apt"] for task in tasks(yaml.safe_load(file.read_text())) if "ansible.builtin.apt" in task
    ]
    assert not (found and "roles" in file.parts)
    assert all(options["lock_timeout"] >= 300 for options in found)


@pytest.mark.parametrize("role", ["haproxy", "nginx", "appserver", "mysql_replication"])
def test_a_service_that_visitors_notice_is_restarted_by_hand(role: str) -> None:
    """Red for a role whose service a security update at night may restart."""
    found = [
        task["foobar.webstack.packages"]
        for file in (ROOT / "roles" / role / "tasks").glob("*.yml")
        for task in tasks(yaml.safe_load(file.read_text()))
        if "foobar.webstack.packages" in task
    ]
    assert [len(options.get("restart_by_hand", {}).get("units", [])) for options in found] == [1]
