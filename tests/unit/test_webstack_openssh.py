"""The program webstack-openssh, with a sshd that reads nothing but our file; and what is known of the session."""

import dataclasses
import os
import subprocess
from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils import _process, _trial
from ansible_collections.foobar.webstack.plugins.module_utils._process import RefusedError
from ansible_collections.foobar.webstack.plugins.module_utils._ssh import server, session
from webstack_openssh import sshd


class Program:
    """The program with its files in a folder, and a sshd that reads nothing but our file."""

    def __init__(self, folder: Path) -> None:
        self.trial = dataclasses.replace(sshd.TRIAL, previous=folder / "previous")
        self.ran: list[str] = []
        self.overrides: dict[str, str] = {}
        self.reload_fails = False

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        said = argv[0] if argv[0] == "systemd-run" else " ".join(argv[:2])
        self.ran.append(said)
        return subprocess.CompletedProcess(argv, int(said == "systemctl reload" and self.reload_fails), "", "")

    def effective(self, *_: str) -> dict[str, str]:
        text = sshd.IN_FORCE.read_text()
        if "broken" in text:
            raise RefusedError("sshd does not accept its configuration.")
        return server.settings(text) | self.overrides

    def attempt(self, wanted: str) -> str:
        sshd.WANTED.write_text(wanted)
        return _trial.attempt(self.trial, 60, "webstack-openssh").value


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    (tmp_path / "sshd_config.d").mkdir()
    monkeypatch.setattr(sshd, "WANTED", tmp_path / "10-webstack.conf.wanted")
    monkeypatch.setattr(sshd, "IN_FORCE", tmp_path / "sshd_config.d/10-webstack.conf")
    made = Program(tmp_path)
    monkeypatch.setattr(_process, "run", made.run)
    monkeypatch.setattr(server, "effective", made.effective)
    return made


def test_kept_once_confirmed(program: Program) -> None:
    assert program.attempt("MaxAuthTries 4\n") == "loaded"
    assert program.ran == ["systemd-run", "systemctl is-active", "systemctl reload"]
    assert sshd.IN_FORCE.stat().st_mode & 0o777 == 0o600
    assert _trial.keep(program.trial)
    assert program.attempt("MaxAuthTries 4\n") == "current"


def test_comes_back_unless_confirmed(program: Program) -> None:
    program.attempt("MaxAuthTries 4\n")
    assert _trial.rollback(program.trial)
    assert not sshd.IN_FORCE.exists()
    assert program.ran[-1] == "systemctl reload"
    assert not _trial.keep(program.trial)


@pytest.mark.parametrize("content", ["broken", "PasswordAuthentication no\n"])
def test_what_does_not_hold_leaves_the_old(content: str, program: Program) -> None:
    """Refused by sshd, or overruled by a file before ours."""
    sshd.IN_FORCE.write_text("old\n")
    program.overrides = {"passwordauthentication": "yes"}
    (sshd.IN_FORCE.parent / "00-other.conf").write_text("passwordAuthentication yes\n")
    with pytest.raises(RefusedError) as refusal:
        program.attempt(content)
    assert ("00-other.conf" in str(refusal.value)) == (content != "broken")
    assert sshd.IN_FORCE.read_text() == "old\n"
    assert not program.trial.previous.exists()
    assert program.ran == ["systemd-run", "systemctl stop"]


def test_a_reload_that_fails_leaves_the_old(program: Program) -> None:
    sshd.IN_FORCE.write_text("old\n")
    program.reload_fails = True
    with pytest.raises(RefusedError, match=r"ssh\.service cannot be reloaded"):
        program.attempt("MaxAuthTries 4\n")
    assert sshd.IN_FORCE.read_text() == "old\n"


# --- the session ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "configured", "count"),
    [
        ("", {}, 0),
        ("# ssh-ed25519 is a comment\n", {}, 0),
        ("ssh-ed25519 AAAAC3Nz ann\n\n", {}, 1),
        ('from="10.0.0.0/8",no-pty sk-ssh-ed25519@openssh.com AAAAC3Nz\necdsa-sha2-nistp256 AAAAE2Vj x\n', {}, 2),
        ("", {"authorizedkeyscommand": "/usr/bin/sss_ssh_authorizedkeys"}, -1),
        ("", {"trustedusercakeys": "/etc/ssh/ca.pub"}, -1),
        ("", {"authorizedkeyscommand": "none", "trustedusercakeys": "none"}, 0),
    ],
)
def test_keys_of_the_user_are_counted(
    content: str, configured: dict[str, str], count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a user without a key, who would be locked out."""
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh/authorized_keys").write_text(content)
    user = type("Entry", (), {"pw_dir": str(home)})
    monkeypatch.setattr(session.pwd, "getpwnam", lambda _: user)
    files = {"authorizedkeysfile": ".ssh/authorized_keys %h/.ssh/authorized_keys2"}
    assert session.authorized_keys("ann", files | configured) == count


@pytest.fixture
def processes(tmp_path: Path):
    """Writes a /proc in which this process has ancestors, the nearest first, with these environments."""

    def write(*environments: str) -> Path:
        numbers = [os.getpid(), *range(200, 199 + len(environments)), 1]
        for number, parent, environment in zip(numbers, numbers[1:], environments, strict=False):
            folder = tmp_path / str(number)
            folder.mkdir()
            (folder / "environ").write_bytes(environment.encode().replace(b" ", b"\0") + b"\0")
            (folder / "stat").write_text(f"{number} (a (strange) name) S {parent} 0")
        return tmp_path

    return write


def with_connection(client: str) -> str:
    return f"HOME=/root USER=ann SSH_CONNECTION={client}\t50022\t198.18.0.11\t22"


@pytest.mark.parametrize(
    ("environments", "controller"),
    [
        ((with_connection("198.51.100.7"),), "198.51.100.7"),
        (("USER=root", "USER=root", with_connection("2001:db8::7")), "2001:db8::7"),
        ((with_connection("fe80::7%eth0"),), "fe80::7"),
        ((with_connection("::ffff:198.51.100.7"),), "198.51.100.7"),
        (("USER=root", "BROKEN"), None),
    ],
    ids=["of its own", "of whoever called sudo", "with an interface", "IPv4 written as IPv6", "none"],
)
def test_the_session_is_that_of_the_process_or_of_an_ancestor(environments, controller, processes) -> None:
    """Catches an address that is lost behind sudo, which does not pass the environment on."""
    found = session.current(processes(*environments))
    assert (found and found.controller) == controller
    assert found is None or found.user == "ann"


@pytest.mark.parametrize(
    ("passwords", "method"), [("yes", "password"), ("no", "")], ids=["passwords accepted", "keys only"]
)
def test_the_method_is_the_latest_that_sshd_logged_for_the_connection(
    passwords: str, method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is read from the log where it can only have been a key."""
    log = (
        "Accepted publickey for ann from 198.51.100.7 port 50022 ssh2\n"
        "Accepted password for ann from 198.51.100.7 port 50022 ssh2\n"
    )
    (tmp_path / "sshd").touch()
    monkeypatch.setattr(server, "SSHD", tmp_path / "sshd")
    monkeypatch.setattr(server, "effective", lambda *_: {"passwordauthentication": passwords, "trustedusercakeys": "x"})
    monkeypatch.setattr(_process, "run", lambda *argv: subprocess.CompletedProcess(argv, 0, log, ""))
    found = session.login(session.Session("ann", "198.51.100.7", "50022"))
    assert found == {"user": "ann", "keys": session.UNKNOWN, "method": method}


def test_without_a_session_or_a_server_there_is_no_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check run on a host without sshd. Catches an error instead of an empty answer."""
    monkeypatch.setattr(server, "SSHD", tmp_path / "none")
    assert session.login(None) == {}
    assert session.login(session.Session("ann", "198.51.100.7", "50022")) == {}
