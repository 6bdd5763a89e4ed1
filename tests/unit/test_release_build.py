"""What a release builds before it is tried: who may write when, and what happens when it fails."""

import os
from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.action.app_release import ActionModule
from ansible_collections.foobar.webstack.plugins.module_utils._release import gunicorn, health, units
from ansible_collections.foobar.webstack.plugins.module_utils._release.errors import ReleaseError
from release_host import Host

COLLECT = ["manage.py", "collectstatic", "--no-input"]


@pytest.fixture
def host(tmp_path, monkeypatch) -> Host:
    host = Host(tmp_path / "host")
    monkeypatch.setattr(health, "ask", host.ask)
    monkeypatch.setattr(gunicorn, "check_listener", lambda wanted, present: None)
    return host


def test_it_runs_in_the_new_release_before_that_is_tried(host) -> None:
    """As the application would, but for what it may write to."""
    host.deploy("a", build=[COLLECT, ["make", "all"]])
    first, second = host.ran
    release = host.at.release("a")
    assert 'ExecStart=/usr/bin/env -- "python3" "manage.py" "collectstatic" "--no-input"\n' in first
    assert 'ExecStart=/usr/bin/env -- "make" "all"\n' in second
    assert f"WorkingDirectory={release}\n" in first
    assert f"ReadWritePaths={host.at.shared} " in first
    assert f"ReadWritePaths={release}\n" in first
    assert "UMask=0022\n" in first
    assert f"EnvironmentFile={host.base}/run/appserver/shop.build/environment\n" in first
    started = [call[2] for call in host.calls if call[:2] in (["systemctl", "start"], ["systemctl", "restart"])]
    assert started == ["shop.build.service", "shop.build.service", "shop-candidate.service", "shop.service"]


def test_it_has_the_secrets_and_leaves_none(host) -> None:
    """Django's settings need SECRET_KEY. Red without the environment, or with a file that stays."""
    seen = []
    host.once = lambda _command, output: seen.append((output.parent / "environment").read_text()) or ""
    host.deploy("a", build=[COLLECT], candidate_environment={"ADMIN": "x"})
    assert 'SECRET="s"' in seen[0]
    assert "ADMIN" not in seen[0]
    assert not host.at.one_off_etc("build").exists()
    assert not host.at.one_off_unit("build").exists()


def test_it_runs_once_for_a_release(host) -> None:
    """Not at the second run, nor when a setting changes, nor when it serves again."""
    for name in "ab":
        host.deploy(name, build=[COLLECT])
    host.ran.clear()
    assert host.deploy("b", build=[COLLECT]) == []
    host.deploy("b", build=[COLLECT], environment={"SECRET": "t"})
    host.deploy("a", build=[COLLECT])
    assert host.ran == []


@pytest.mark.parametrize(
    ("shown", "how"),
    [
        ("Result=exit-code\nExecMainCode=1\nExecMainStatus=3\n", "ended with status 3"),
        ("Result=signal\nExecMainCode=2\nExecMainStatus=9\n", "was ended by signal 9"),
        ("Result=timeout\nExecMainCode=2\nExecMainStatus=15\n", "was ended after exceeding the 60 s timeout"),
        ("Result=exit-code\nExecMainCode=1\nExecMainStatus=226\n", "could not be started (exit-code, status 226)"),
    ],
)
def test_one_that_fails_is_no_release(host, shown, how) -> None:
    """The old one serves, and the next run builds anew. Red if the files stayed as if they were whole."""
    host.deploy("a")

    def fail(_command: str, output: Path) -> str:
        output.write_text("ModuleNotFoundError: whitenoise\n")
        return shown

    host.once = fail
    with pytest.raises(ReleaseError) as raised:
        host.deploy("b", build=[COLLECT], build_timeout=60)
    said = str(raised.value)
    assert "release b of shop does not work, so it did not go live; release a keeps serving as before" in said
    assert f"Its build failed: the command 'manage.py collectstatic --no-input' {how}. The last lines" in said
    assert "ModuleNotFoundError: whitenoise" in said
    assert host.serves == "a"
    assert not host.at.release("b").exists()
    host.once = lambda _command, _output: ""
    assert host.deploy("b", build=[COLLECT]) == ["release"]
    assert len(host.ran) == 2


def test_what_it_made_is_for_the_web_server_to_read_and_for_nobody_to_change(host, monkeypatch) -> None:
    owners: dict[str, int] = {}
    monkeypatch.setattr(os, "chown", lambda path, uid, _gid, **_options: owners.__setitem__(str(path), uid))

    def build(_command: str, _output: Path) -> str:
        release = host.at.release("a")
        assert owners[str(release)] == owners[f"{release}/behaviour"] == 4711
        (release / "static").mkdir(mode=0o700)
        (release / "static/site.css").touch(mode=0o600)
        (release / "static/run").touch(mode=0o4777)
        (release / "static/run").chmod(0o4777)
        (release / "static/link").symlink_to("/etc/shadow")
        return ""

    host.once = build
    host.deploy("a", build=[COLLECT], uid=4711)
    static = host.at.release("a") / "static"
    modes = {path.name: path.lstat().st_mode & 0o7777 for path in (static, *static.iterdir()) if not path.is_symlink()}
    assert modes == {"static": 0o755, "site.css": 0o644, "run": 0o755}
    assert {owners[str(path)] for path in (host.at.release("a"), static, *static.iterdir())} == {os.geteuid()}


def test_its_virtual_environment_stays_root_s(host, monkeypatch) -> None:
    owners = []
    monkeypatch.setattr(os, "chown", lambda path, uid, _gid, **_options: owners.append((str(path), uid)))
    unpacked = host.archive

    def archive(name: str, behaviour: str) -> Path:
        (host.at.release(name) / ".venv").mkdir(parents=True, exist_ok=True)
        return unpacked(name, behaviour)

    monkeypatch.setattr(host, "archive", archive)
    monkeypatch.setattr("shutil.rmtree", lambda *_arguments, **_options: None)
    monkeypatch.setattr(Path, "mkdir", lambda self, *_arguments, **_options: os.makedirs(self, exist_ok=True))
    host.deploy("a", build=[COLLECT], uid=4711)
    assert (str(host.at.release("a")), 4711) in owners
    assert [path for path, _uid in owners if ".venv" in path] == []


def test_two_at_once_are_refused(host) -> None:
    state = host._state()
    state["units"]["shop.build.service"] = {"active": "activating"}
    host._save(state)
    with pytest.raises(ReleaseError, match=r"shop\.build\.service is running already on this host; wait"):
        host.deploy("a", build=[COLLECT])


def test_a_command_without_words_is_refused() -> None:
    """env alone would print the environment, secrets and all."""
    with pytest.raises(ReleaseError, match="a command has no words"):
        units.command_line([])


class TestId:
    def suffix(self, **arguments: object) -> str:
        return ActionModule._environment_suffix(arguments)

    def test_other_commands_are_another_release(self) -> None:
        ids = [self.suffix(build=build) for build in ([], [COLLECT], [["make"]], [["make"], ["all"]])]
        assert len(set(ids)) == len(ids)
        assert ids[0] == ""

    def test_without_a_build_it_is_what_it_was(self) -> None:
        """Red if an upgrade of the collection alone would release every application anew."""
        arguments = {"requirements": "requirements.txt", "pip_arguments": [], "system_site_packages": False}
        assert self.suffix(**arguments) == self.suffix(**arguments, build=[]) == "-30bb3d"
        assert self.suffix(**arguments, build=[COLLECT]) != self.suffix(**arguments)


class TestDerivedUnits:
    UNIT = """# Ansible managed
[Unit]
Description=shop
StartLimitBurst=10

[Service]
Type=notify
User=shop
# A comment
Environment=A=1 \\
  B=2
ExecStart=/usr/bin/python3 \\
  -m gunicorn
TimeoutStopSec=35
RuntimeDirectory=shop
ProtectSystem=strict

[Install]
WantedBy=multi-user.target

[X-Appserver]
Health=/healthz
"""

    def test_sandbox_and_environment_stay_and_the_process_s_own_goes(self) -> None:
        text = units.derived(self.UNIT, "shop, build", [("Type", "oneshot")], [("After", "shop.service")])
        assert text == (
            "# Ansible managed\n[Unit]\nDescription=shop, build\nAfter=shop.service\n\n[Service]\nUser=shop\n"
            "Environment=A=1 \\\n  B=2\nProtectSystem=strict\nType=oneshot\n"
        )

    def test_a_unit_is_pinned_to_one_release(self, host) -> None:
        root = host.at.root
        text = f"WorkingDirectory={root}/current\nPATH={root}/releases/a-1/.venv/bin:{root}/currently\n"
        assert units.pinned(text, host.at, "b") == (
            f"WorkingDirectory={root}/releases/b\nPATH={root}/releases/b/.venv/bin:{root}/currently\n"
        )

    def test_directives_of_a_user(self) -> None:
        given = {"Nice": 5, "MemoryDenyWriteExecute": False, "ReadWritePaths": ["/a", "/b"]}
        assert list(units.options(given)) == [
            ("MemoryDenyWriteExecute", "false"),
            ("Nice", "5"),
            ("ReadWritePaths", "/a"),
            ("ReadWritePaths", "/b"),
        ]
