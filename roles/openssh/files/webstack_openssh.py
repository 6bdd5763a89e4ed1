#!/usr/bin/python3
"""Give sshd a new configuration, and take it back unless it is confirmed.

webstack-openssh facts         what is installed, and how this very process is connected, as JSON
webstack-openssh check         say whether the wanted configuration is in force: current or outdated
webstack-openssh try SECONDS   unless it is, put it in force; SECONDS later the previous one comes back
webstack-openssh keep          what is tried has been confirmed; exit status 3: it was taken back
webstack-openssh rollback      take back what is tried (a timer of systemd does this)
"""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import re
import subprocess
import sys
from pathlib import Path

WANTED = Path("/etc/ssh/10-webstack.conf.wanted")
IN_FORCE = Path("/etc/ssh/sshd_config.d/10-webstack.conf")
FOLDER = Path("/etc/ssh")
STATE = Path("/run/webstack-openssh")
PREVIOUS = STATE / "previous"
ROLLBACK = "webstack-openssh-rollback"
SERVICE = "ssh.service"
SSHD = "/usr/sbin/sshd"
# What must hold for sshd as a whole, not only in our file.
DECISIVE = (
    "allowtcpforwarding",
    "ciphers",
    "kbdinteractiveauthentication",
    "kexalgorithms",
    "macs",
    "maxauthtries",
    "passwordauthentication",
    "permitrootlogin",
    "pubkeyauthentication",
    "x11forwarding",
)
SYNONYMS = {"without-password": "prohibit-password"}


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError:
        return subprocess.CompletedProcess(argv, 127, "", f"{argv[0]} is not installed")


def settings(text: str) -> dict[str, str]:
    """Keyword, in lower case, to its first value: the one that counts."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        words = line.split(None, 1)
        if len(words) == 2 and not words[0].startswith("#"):
            found.setdefault(words[0].lower(), words[1].strip())
    return found


def effective(*options: str) -> dict[str, str]:
    """What sshd as a whole would do with the files as they are."""
    # Where sshd is started by its socket alone, nothing has made this folder yet, and it refuses to read anything.
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    done = run(SSHD, "-T", *options)
    if done.returncode:
        sys.exit(f"sshd does not take its configuration. {done.stderr.strip()}")
    return settings(done.stdout)


# --- facts ------------------------------------------------------------------------------------------------------------


def session() -> dict[str, str]:
    """The environment of the SSH session that this process belongs to; of an ancestor, as sudo drops it."""
    process = os.getpid()
    while process > 1:
        folder = Path(f"/proc/{process}")
        environment = dict(
            entry.split(b"=", 1) for entry in (folder / "environ").read_bytes().split(b"\0") if b"=" in entry
        )
        if b"SSH_CONNECTION" in environment:
            return {name.decode(): value.decode(errors="replace") for name, value in environment.items()}
        process = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    return {}


def authorized_keys(user: str, configured: dict[str, str]) -> int:
    """How many keys may log in as the user. -1: they come from elsewhere, so that they cannot be counted."""
    if (
        configured.get("authorizedkeyscommand", "none") != "none"
        or configured.get("trustedusercakeys", "none") != "none"
    ):
        return -1
    home = Path(pwd.getpwnam(user).pw_dir)
    count = 0
    for name in configured.get("authorizedkeysfile", "").split():
        for token, value in (("%h", str(home)), ("%u", user), ("%%", "%")):
            name = name.replace(token, value)
        file = home / name
        if file.is_file():
            lines = file.read_text(errors="replace").splitlines()
            count += sum(bool(re.search(r"(?:^|\s)(?:sk-)?(?:ssh|ecdsa)-\S+\s+AAAA", line)) for line in lines)
    return count


def login() -> dict[str, object]:
    """Who is connected, with how many keys, and by what: the last is empty when it is not known or beyond doubt."""
    environment = session()
    if not environment:
        return {}
    user = environment.get("USER", "root")
    address, port, *_ = environment["SSH_CONNECTION"].split()
    configured = effective("-C", f"user={user},host=localhost,addr={address}")
    method = ""
    if configured.get("passwordauthentication") == "yes" or configured.get("kbdinteractiveauthentication") == "yes":
        told = run(
            "journalctl", "--quiet", "--output=cat", "--boot", f"--grep=^Accepted .* from {address} port {port} "
        )
        method = "".join(told.stdout.strip().rpartition("\n")[2].split()[1:2])
    return {"user": user, "keys": authorized_keys(user, configured), "method": method}


def facts() -> None:
    version = re.search(r"OpenSSH_([0-9.]+)", run("ssh", "-V").stderr)
    kinds = ("HostKeyAlgorithms", "kex", "cipher", "mac")
    keys = sorted(FOLDER.glob("ssh_host_*_key"))
    told = {
        "version": version[1] if version else "",
        "algorithms": {kind: run("ssh", "-Q", kind).stdout.split() for kind in kinds},
        "host_keys": [key.name.split("_")[2] for key in keys],
        "login": login() if Path(SSHD).exists() else {},
    }
    print(json.dumps(told))


# --- a new configuration ----------------------------------------------------------------------------------------------


def overridden() -> str:
    """A sentence for what does not hold although our file says so; empty when all does."""
    wanted, found = settings(IN_FORCE.read_text()), effective()
    for keyword in DECISIVE:
        value = SYNONYMS.get(found.get(keyword, ""), found.get(keyword, ""))
        if keyword in wanted and value != wanted[keyword]:
            files = [*sorted((FOLDER / "sshd_config.d").glob("*.conf")), FOLDER / "sshd_config"]
            others = [file for file in files if file != IN_FORCE and file.exists()]
            culprits = [str(file) for file in others if keyword in settings(file.read_text())]
            return (
                f"{keyword} is {value} for sshd as a whole although {IN_FORCE} says {wanted[keyword]}: what is before "
                f"it wins. It stands in {', '.join(culprits) or 'no other file'}; remove it there, or see to it that "
                f"{FOLDER / 'sshd_config'} begins with: Include /etc/ssh/sshd_config.d/*.conf"
            )
    return ""


def current() -> bool:
    if PREVIOUS.exists() or not IN_FORCE.exists() or not WANTED.exists():
        return False
    return IN_FORCE.read_bytes() == WANTED.read_bytes() and not overridden()


def check() -> None:
    print("current" if current() else "outdated")


def place(content: str) -> None:
    """Put our file in place, or away when there is nothing in it."""
    if content:
        staged = IN_FORCE.with_suffix(".new")
        staged.write_text(content)
        staged.chmod(0o600)
        staged.replace(IN_FORCE)
    else:
        IN_FORCE.unlink(missing_ok=True)


def reload() -> None:
    # Started by its socket, sshd reads the files anew for every connection.
    if run("systemctl", "is-active", SERVICE).returncode == 0:
        done = run("systemctl", "reload", SERVICE)
        if done.returncode:
            sys.exit(f"{SERVICE} does not reload. {done.stderr.strip()}")


def disarm() -> None:
    run("systemctl", "stop", f"{ROLLBACK}.timer")


def attempt(seconds: str) -> None:
    if current():
        print("current")
        return
    if PREVIOUS.exists():
        # An earlier attempt that nothing has confirmed yet: what was before it is what would come back now too.
        disarm()
        rollback()
    PREVIOUS.write_text(IN_FORCE.read_text() if IN_FORCE.exists() else "")
    armed = run(
        "systemd-run",
        "--quiet",
        "--collect",
        f"--unit={ROLLBACK}",
        f"--on-active={seconds}s",
        "--timer-property=AccuracySec=100ms",
        sys.argv[0],
        "rollback",
    )
    if armed.returncode:
        PREVIOUS.unlink()
        sys.exit(f"the rollback cannot be armed, so nothing is changed. {armed.stderr.strip()}")
    try:
        place(WANTED.read_text())
        problem = overridden()
        if problem:
            sys.exit(problem)
        reload()
    except SystemExit:
        disarm()
        place(PREVIOUS.read_text())
        PREVIOUS.unlink()
        raise
    print("loaded")


def keep() -> None:
    if not PREVIOUS.exists():
        print("the configuration was taken back")
        sys.exit(3)
    disarm()
    PREVIOUS.unlink()


def rollback() -> None:
    if PREVIOUS.exists():
        place(PREVIOUS.read_text())
        reload()
        PREVIOUS.unlink()
        print("the new configuration was not confirmed in time; the previous one is back")


def main() -> None:
    commands = {"facts": facts, "check": check, "try": attempt, "keep": keep, "rollback": rollback}
    name, *arguments = sys.argv[1:] or [""]
    if name not in commands:
        sys.exit(__doc__)
    STATE.mkdir(mode=0o700, exist_ok=True)
    with (STATE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        commands[name](*arguments)


if __name__ == "__main__":
    main()
