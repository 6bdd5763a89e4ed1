"""sshd's configuration by the role openssh, rendered and read by sshd itself."""

import subprocess
from collections.abc import Callable, Mapping
from typing import Any

import pytest

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
    "__openssh_info": DEBIAN_13,
    "openssh_permit_root_login": "no",
    "openssh_allow_tcp_forwarding": "local",
    "openssh_host_keys": ["ed25519", "rsa", "ecdsa"],
    "openssh_per_source_penalties": "no",
    "openssh_extra": ["AllowGroups root ssh", "PrintMotd no"],
}
SCENARIOS = {
    "Debian 13": {"__openssh_info": DEBIAN_13},
    "Debian 12": {"__openssh_info": DEBIAN_12},
    "not installed yet": {"__openssh_info": NOTHING_KNOWN},
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
    result = sshd(render({"__openssh_info": DEBIAN_13, "openssh_ciphers": ["rot13"]}))
    assert result.returncode != 0
    assert "rot13" in result.stderr


def test_only_what_the_installed_version_knows(render: Any) -> None:
    """An option or algorithm that it does not know would keep sshd from starting."""
    old, new = (keywords(render({"__openssh_info": facts})) for facts in (DEBIAN_12, DEBIAN_13))
    assert "persourcepenalties" in new
    assert "persourcepenalties" not in old
    assert old["persourcemaxstartups"] == "50"
    assert old["kexalgorithms"] == "sntrup761x25519-sha512@openssh.com,curve25519-sha256"
    assert old["ciphers"] == "aes256-gcm@openssh.com,aes128-ctr"
    assert old["macs"] == "hmac-sha2-256-etm@openssh.com"
    assert old["hostkeyalgorithms"] == "ssh-ed25519,rsa-sha2-512"
    assert old["hostkey"] == "/etc/ssh/ssh_host_ed25519_key"
    oldest = keywords(render({"__openssh_info": DEBIAN_12 | {"version": "8.4"}}))
    assert not {"kbdinteractiveauthentication", "persourcemaxstartups", "requiredrsasize"} & set(oldest)
    assert oldest["challengeresponseauthentication"] == "no"


@pytest.mark.parametrize("name", SCENARIOS)
def test_same_data_same_file(name: str, render: Any) -> None:
    assert render(dict(SCENARIOS[name])) == render(SCENARIOS[name])
