"""The role against itself: it may lock everybody out but Ansible."""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docker
import pytest

SCENARIO = Path(__file__).resolve().parents[1]
INVENTORY = SCENARIO / "inventory"
IN_FORCE = "/etc/ssh/sshd_config.d/10-webstack.conf"
KEYS = Path("~/.cache/foobar-webstack/webstack-ssh").expanduser()


@pytest.fixture(scope="session")
def inside():
    """Run a shell command in the host's container, past SSH."""

    def run(command):
        engine = docker.from_env(timeout=600)
        try:
            status, output = engine.containers.get("webstack-ssh-ssh1").exec_run(["sh", "-c", command])
        finally:
            engine.close()
        return status, output.decode()

    return run


@pytest.fixture(scope="session")
def converge():
    """The scenario's playbook once more, with other variables."""

    def run(*options, environment=None, **variables):
        return subprocess.run(
            ["ansible-playbook", "-i", INVENTORY, SCENARIO / "converge.yml", *options, "-e", json.dumps(variables)],
            env=os.environ
            | {"ANSIBLE_CONFIG": str(SCENARIO.parents[1] / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
            | {"ANSIBLE_FORCE_COLOR": "0"}
            | (environment or {}),
            cwd=SCENARIO.parents[1],
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )

    return run


@pytest.fixture
def before(inside):
    """What is in force, which a test must find again."""
    return inside(f"cat {IN_FORCE}; sshd -T")[1]


def login():
    """A login from here on a connection of its own."""
    options = ["-i", KEYS / "id_ed25519", "-o", f"UserKnownHostsFile={KEYS}/known_hosts", "-o", "BatchMode=yes"]
    return subprocess.run(
        ["ssh", "-F", "none", *options, "root@198.18.17.11", "true"], capture_output=True, check=False
    )


def test_a_configuration_that_cuts_ansible_off_is_taken_back(converge, inside, before):
    """The host does so by itself, and the play says why."""
    run = converge(openssh_extra=["AllowUsers nobody"], openssh_rollback_seconds=20)
    assert run.returncode != 0
    assert "no new connection from the controller was possible within 20 seconds" in run.stdout
    assert inside(f"cat {IN_FORCE}; sshd -T")[1] == before
    assert login().returncode == 0
    good = converge()
    assert good.returncode == 0, good.stdout
    assert inside("webstack-openssh check")[1].strip() == "current"


def test_a_line_that_sshd_refuses_leaves_the_old(converge, inside, before):
    run = converge(openssh_extra=["NoSuchOption yes"])
    assert run.returncode != 0
    assert "Bad configuration option: NoSuchOption" in run.stdout
    assert inside(f"cat {IN_FORCE}; sshd -T")[1] == before


def test_a_file_that_wins_over_ours_is_named(converge, inside, before):
    """Also at a run that changes nothing itself."""
    other = "/etc/ssh/sshd_config.d/00-other.conf"
    inside(f"echo 'PasswordAuthentication yes' > {other}")
    try:
        run = converge()
    finally:
        inside(f"rm {other}")
    assert run.returncode != 0
    assert "passwordauthentication is yes for sshd as a whole" in run.stdout
    assert other in run.stdout
    assert inside(f"cat {IN_FORCE}; sshd -T")[1] == before
    assert converge().returncode == 0


def test_root_does_not_shut_itself_out(converge, inside, before):
    run = converge(openssh_permit_root_login="no")
    assert run.returncode != 0
    assert "Ansible has logged in as root, and openssh_permit_root_login is no" in run.stdout
    assert inside(f"cat {IN_FORCE}; sshd -T")[1] == before


def test_a_login_with_a_password_is_refused_with_the_reason(converge, inside):
    """On a host that still takes passwords: the role refuses and changes nothing; with a key it does its work."""
    inside(f"rm {IN_FORCE}; systemctl reload ssh")
    environment = {"ANSIBLE_SSH_ARGS": "-o PreferredAuthentications=password -o ControlMaster=no"}
    run = converge(environment=environment, ansible_user="alice", ansible_password="wonderland")
    assert run.returncode != 0
    assert "ssh1: Ansible has logged in with a password as alice" in run.stdout, run.stdout
    assert inside(f"test -e {IN_FORCE}")[0] != 0
    run = converge()
    assert run.returncode == 0, run.stdout
    assert inside("webstack-openssh check")[1].strip() == "current"


def test_change_by_hand_is_put_right(converge, inside):
    inside(f"echo 'MaxAuthTries 20' > {IN_FORCE}; systemctl reload ssh")
    run = converge()
    assert run.returncode == 0, run.stdout
    assert inside("sshd -T | grep '^maxauthtries'")[1] == "maxauthtries 4\n"


def test_many_logins_at_once(converge):
    """As many as Ansible with many forks opens. Catches limits that hit the controller."""
    with ThreadPoolExecutor(40) as pool:
        results = list(pool.map(lambda _: login(), range(40)))
    assert [result.stderr for result in results if result.returncode] == []


def test_guessing_is_punished(inside):
    """A source that keeps failing is not even answered any more; others are.

    OpenSSH before 9.8 (Debian 12 has 9.2) does not punish, and nobody gets in either.
    """
    punishes = int(inside(". /etc/os-release; echo $VERSION_ID")[1]) >= 13
    assert ("persourcepenalties" in inside("sshd -T")[1]) == punishes
    options = "-F none -o BatchMode=yes -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no"
    guess = f"ssh {options} -i /tmp/guess -b 127.0.0.66 root@127.0.0.1 true"
    inside("rm -f /tmp/guess*; ssh-keygen -q -t ed25519 -N '' -f /tmp/guess")
    said = [inside(guess)[1] for _ in range(12)]
    assert "Permission denied (publickey)" in said[0]
    assert ("Permission denied" in said[-1]) != punishes
    assert login().returncode == 0
