"""What holds for SSH on every host. Each attempt has a loopback address of its own: failures are held against it."""

import random

import pytest

testinfra_hosts = [f"ansible://{group}" for group in ("databases", "appservers", "webservers", "loadbalancers")]


@pytest.fixture
def log_in(host):
    """Try to log in as root on the host itself, without a key: what ssh says."""

    def attempt(*options):
        source = "127.{}.{}.{}".format(*(random.randint(1, 254) for _ in range(3)))  # noqa: S311
        files = "-o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -o IdentityFile=/dev/null -F none"
        wanted = " ".join(f"-o {option}" for option in options)
        # ssh's own status 255 would be taken for a failure of the connection that carries this command.
        return host.run(f"ssh -b {source} {files} -o BatchMode=yes {wanted} root@127.0.0.1 true || true").stderr

    return attempt


@pytest.fixture
def effective(host):
    lines = host.check_output("sshd -T").splitlines()
    return dict(line.split(" ", 1) for line in lines if " " in line)


def test_only_keys_are_taken(log_in):
    """What the server itself offers to a stranger."""
    assert "Permission denied (publickey)." in log_in("PreferredAuthentications=none")
    assert "Permission denied (publickey)." in log_in("PreferredAuthentications=password,keyboard-interactive")


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ("KexAlgorithms=ecdh-sha2-nistp256,diffie-hellman-group14-sha256", "no matching key exchange method found"),
        ("MACs=hmac-sha1,hmac-sha2-256 -o Ciphers=aes128-ctr", "no matching MAC found"),
        ("HostKeyAlgorithms=ecdsa-sha2-nistp256", "no matching host key type found"),
    ],
)
def test_weak_algorithms_are_refused(option, complaint, log_in):
    assert complaint in log_in(option)


def test_what_is_wanted_is_in_force(host):
    """Catches a file that somebody put before ours, a file that was changed by hand, and one that nothing confirmed."""
    assert host.check_output("/usr/local/sbin/webstack-openssh check") == "current"


def test_nothing_but_a_session(effective):
    for keyword in ("x11forwarding", "allowagentforwarding", "permittunnel", "allowstreamlocalforwarding"):
        assert effective[keyword] == "no", keyword
    assert effective["permitrootlogin"] in ("without-password", "prohibit-password", "forced-commands-only", "no")


def test_brute_force_is_limited(effective):
    assert int(effective["maxauthtries"]) <= 6
    assert 0 < int(effective["logingracetime"]) <= 60
    assert effective["maxstartups"] != "10:30:100"


def test_no_rollback_is_left(host):
    assert host.run("systemctl list-units --all --plain --no-legend 'webstack-openssh-rollback*'").stdout == ""
