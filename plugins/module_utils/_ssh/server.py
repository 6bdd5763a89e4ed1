"""The SSH server of the host: what is installed, and what its configuration says."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.foobar.webstack.plugins.module_utils import _process
from ansible_collections.foobar.webstack.plugins.module_utils._process import RefusedError

FOLDER = Path("/etc/ssh")
SSHD = Path("/usr/sbin/sshd")
RUNTIME = Path("/run/sshd")
ALGORITHMS = ("HostKeyAlgorithms", "kex", "cipher", "mac")
"""Kinds of algorithms, as `ssh -Q` calls them."""


def settings(text: str) -> dict[str, str]:
    """Keyword, in lower case, to its first value: the one that counts."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        words = line.split(None, 1)
        if len(words) == 2 and not words[0].startswith("#"):
            found.setdefault(words[0].lower(), words[1].strip())
    return found


def effective(*options: str) -> dict[str, str]:
    """The settings that sshd makes of all of its files.

    Raises RefusedError when it does not accept them.
    """
    # Where sshd is started by its socket alone, nothing has made this folder yet, and without it sshd reads no file.
    RUNTIME.mkdir(mode=0o755, exist_ok=True)
    done = _process.run(str(SSHD), "-T", *options)
    if done.returncode:
        raise RefusedError(f"sshd does not accept its configuration. {done.stderr.strip()}")
    return settings(done.stdout)


def software() -> dict[str, object]:
    """Version, algorithms by kind and types of the host's keys; each empty where OpenSSH is not installed."""
    version = re.search(r"OpenSSH_([0-9.]+)", _process.run("ssh", "-V").stderr)
    return {
        "version": version[1] if version else "",
        "algorithms": {kind: _process.run("ssh", "-Q", kind).stdout.split() for kind in ALGORITHMS},
        "host_keys": [key.name.split("_")[2] for key in sorted(FOLDER.glob("ssh_host_*_key"))],
    }
