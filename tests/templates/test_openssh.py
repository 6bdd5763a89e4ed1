"""sshd's configuration by the role openssh, rendered and read by sshd itself; and the role's program."""

import importlib.util
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROLE = Path(__file__).resolve().parents[2] / "roles/openssh"
NOTHING_KNOWN: dict[str, Any] = {
    "version": "",
    "algorithms": {"HostKeyAlgorithms": [], "kex": [], "cipher": [], "mac": []},
    "host_keys": [],
    "login": {},
}
DEBIAN_13 = NOTHING_KNOWN | {"version": "10.0", "host_keys": ["ecdsa", "ed25519", "rsa"]}
DEBIAN_12 = {
    "version": "9.2",
    "algorithms": {
        "HostKeyAlgorithms": ["ssh-ed25519", "rsa-sha2-512", "ecdsa-sha2-nistp256"],
        "kex": ["sntrup761x25519-sha512@openssh.com", "curve25519-sha256", "ecdh-sha2-nistp256"],
        "cipher": ["aes128-ctr", "aes256-gcm@openssh.com", "3des-cbc"],
        "mac": ["hmac-sha2-256-etm@openssh.com", "hmac-sha1"],
    },
    "host_keys": ["ed25519"],
    "login": {},
}
EVERYTHING = {
    "__openssh_facts": DEBIAN_13,
    "openssh_permit_root_login": "no",
    "openssh_allow_tcp_forwarding": "local",
    "openssh_host_keys": ["ed25519", "rsa", "ecdsa"],
    "openssh_per_source_penalties": "no",
    "openssh_extra": ["AllowGroups root ssh", "PrintMotd no"],
}
SCENARIOS = {
    "Debian 13": {"__openssh_facts": DEBIAN_13},
    "Debian 12": {"__openssh_facts": DEBIAN_12},
    "not installed yet": {"__openssh_facts": NOTHING_KNOWN},
    "everything": EVERYTHING,
}


@pytest.fixture
def render(render_template: Callable[..., str]) -> Callable[[Mapping[str, Any]], str]:
    return lambda variables: render_template("openssh", "10-webstack.conf.j2", variables)


@pytest.fixture
def sshd(parser: Any) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """What sshd as a whole makes of it, Debian's own sshd_config and a later file that wants passwords included."""
    commands = "ssh-keygen -A >/dev/null; mkdir -p /run/sshd; /usr/sbin/sshd -T"

    def run(text: str) -> subprocess.CompletedProcess[str]:
        files = {
            "/etc/ssh/sshd_config.d/10-webstack.conf": text,
            "/etc/ssh/sshd_config.d/50-cloud-init.conf": "PasswordAuthentication yes\nPermitRootLogin yes\n",
        }
        return parser(["sh", "-c", commands], files)

    return run


def keywords(text: str) -> dict[str, str]:
    lines = (line.split(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
    return {name.lower(): value for name, value in lines}


@pytest.mark.parametrize("name", SCENARIOS)
def test_sshd_takes_it_and_it_wins(name: str, render: Any, sshd: Any) -> None:
    """What stands in the file holds for sshd as a whole. Catches an unknown name, and a later file that wins."""
    text = render(SCENARIOS[name])
    result = sshd(text)
    assert result.returncode == 0, result.stderr
    said, wanted = keywords(result.stdout), keywords(text)
    assert said["passwordauthentication"] == said["kbdinteractiveauthentication"] == "no"
    same = {"kexalgorithms", "ciphers", "macs", "maxauthtries", "maxstartups", "allowtcpforwarding", "x11forwarding"}
    assert {key: said[key] for key in same} == {key: wanted[key] for key in same}
    assert said["permitrootlogin"] == {"no": "no"}.get(wanted["permitrootlogin"], "without-password")


def test_sshd_is_really_asked(render: Any, sshd: Any) -> None:
    """The test of the test above."""
    result = sshd(render({"__openssh_facts": DEBIAN_13, "openssh_ciphers": ["rot13"]}))
    assert result.returncode != 0
    assert "rot13" in result.stderr


def test_only_what_the_installed_version_knows(render: Any) -> None:
    """An option or algorithm that it does not know would keep sshd from starting."""
    old, new = (keywords(render({"__openssh_facts": facts})) for facts in (DEBIAN_12, DEBIAN_13))
    assert "persourcepenalties" in new
    assert "persourcepenalties" not in old
    assert old["persourcemaxstartups"] == "50"
    assert old["kexalgorithms"] == "sntrup761x25519-sha512@openssh.com,curve25519-sha256"
    assert old["ciphers"] == "aes256-gcm@openssh.com,aes128-ctr"
    assert old["macs"] == "hmac-sha2-256-etm@openssh.com"
    assert old["hostkeyalgorithms"] == "ssh-ed25519,rsa-sha2-512"
    assert old["hostkey"] == "/etc/ssh/ssh_host_ed25519_key"
    oldest = keywords(render({"__openssh_facts": DEBIAN_12 | {"version": "8.4"}}))
    assert not {"kbdinteractiveauthentication", "persourcemaxstartups", "requiredrsasize"} & set(oldest)
    assert oldest["challengeresponseauthentication"] == "no"


@pytest.mark.parametrize("name", SCENARIOS)
def test_same_data_same_file(name: str, render: Any) -> None:
    assert render(dict(SCENARIOS[name])) == render(SCENARIOS[name])


# --- the program ------------------------------------------------------------------------------------------------------


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The role's program with its files in a folder, and a sshd that reads nothing but our file."""
    specification = importlib.util.spec_from_file_location("webstack_openssh", ROLE / "files/webstack_openssh.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    (tmp_path / "sshd_config.d").mkdir()
    for name, path in (
        ("WANTED", "10-webstack.conf.wanted"),
        ("IN_FORCE", "sshd_config.d/10-webstack.conf"),
        ("PREVIOUS", "previous"),
        ("FOLDER", "."),
    ):
        monkeypatch.setattr(module, name, tmp_path / path)
    module.ran = []

    def run(*argv: str) -> subprocess.CompletedProcess[str]:
        module.ran.append(argv[0] if argv[0] == "systemd-run" else " ".join(argv[:2]))
        return subprocess.CompletedProcess(argv, 0, "", "")

    def effective(*_: str) -> dict[str, str]:
        text = module.IN_FORCE.read_text()
        if "broken" in text:
            raise SystemExit("sshd does not take its configuration.")
        return module.settings(text) | module.overrides

    module.overrides = {}
    monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr(module, "effective", effective)
    return module


def test_kept_once_confirmed(program: Any, capsys: pytest.CaptureFixture[str]) -> None:
    program.WANTED.write_text("MaxAuthTries 4\n")
    program.attempt("60")
    assert program.ran == ["systemd-run", "systemctl is-active", "systemctl reload"]
    program.keep()
    program.attempt("60")
    assert capsys.readouterr().out.split() == ["loaded", "current"]


def test_comes_back_unless_confirmed(program: Any) -> None:
    program.WANTED.write_text("MaxAuthTries 4\n")
    program.attempt("60")
    program.rollback()
    assert not program.IN_FORCE.exists()
    with pytest.raises(SystemExit) as status:
        program.keep()
    assert status.value.code == 3


@pytest.mark.parametrize("content", ["broken", "PasswordAuthentication no\n"])
def test_what_does_not_hold_leaves_the_old(content: str, program: Any) -> None:
    """Refused by sshd, or overruled by a file before ours."""
    program.IN_FORCE.write_text("old\n")
    program.overrides = {"passwordauthentication": "yes"}
    (program.FOLDER / "sshd_config.d/00-other.conf").write_text("passwordAuthentication yes\n")
    program.WANTED.write_text(content)
    with pytest.raises(SystemExit) as refusal:
        program.attempt("60")
    assert ("00-other.conf" in str(refusal.value)) == (content != "broken")
    assert program.IN_FORCE.read_text() == "old\n"
    assert not program.PREVIOUS.exists()
    assert program.ran == ["systemd-run", "systemctl stop"]


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
    content: str, configured: dict[str, str], count: int, program: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a user without a key, who would be locked out."""
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh/authorized_keys").write_text(content)
    user = type("Entry", (), {"pw_dir": str(home)})
    monkeypatch.setattr(program.pwd, "getpwnam", lambda _: user)
    files = {"authorizedkeysfile": ".ssh/authorized_keys %h/.ssh/authorized_keys2"}
    assert program.authorized_keys("ann", files | configured) == count
