"""The collection's file of sshd's configuration: put it in place, and see whether sshd as a whole follows it."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.foobar.webstack.plugins.module_utils import _process
from ansible_collections.foobar.webstack.plugins.module_utils._process import RefusedError
from ansible_collections.foobar.webstack.plugins.module_utils._ssh import server
from ansible_collections.foobar.webstack.plugins.module_utils._trial import Trial

WANTED = server.FOLDER / "10-webstack.conf.wanted"
IN_FORCE = server.FOLDER / "sshd_config.d/10-webstack.conf"
STATE = Path("/run/webstack-openssh")
SERVICE = "ssh.service"
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


def content() -> str:
    """What our file says; empty when there is none."""
    return IN_FORCE.read_text() if IN_FORCE.exists() else ""


def overridden() -> str:
    """A sentence about the first setting of our file that another file overrides; empty when none does."""
    wanted, found = server.settings(IN_FORCE.read_text()), server.effective()
    for keyword in DECISIVE:
        value = SYNONYMS.get(found.get(keyword, ""), found.get(keyword, ""))
        if keyword in wanted and value != wanted[keyword]:
            main_file = IN_FORCE.parents[1] / "sshd_config"
            others = [file for file in [*sorted(IN_FORCE.parent.glob("*.conf")), main_file] if file != IN_FORCE]
            culprits = [str(file) for file in others if file.exists() and keyword in server.settings(file.read_text())]
            return (
                f"{keyword} is {value} for sshd as a whole although {IN_FORCE} says {wanted[keyword]}, because sshd "
                f"uses the first value that it reads. It is set in {', '.join(culprits) or 'no other file'}; remove it "
                f"there, or make {main_file} begin with: Include /etc/ssh/sshd_config.d/*.conf"
            )
    return ""


def in_force() -> bool:
    """Whether our file is the wanted one and no other file overrides it."""
    if not IN_FORCE.exists() or not WANTED.exists():
        return False
    return IN_FORCE.read_bytes() == WANTED.read_bytes() and not overridden()


def place(text: str) -> None:
    """Replace our file, or remove it when the text is empty."""
    if text:
        staged = IN_FORCE.with_suffix(".new")
        staged.write_text(text)
        staged.chmod(0o600)
        staged.replace(IN_FORCE)
    else:
        IN_FORCE.unlink(missing_ok=True)


def reload() -> None:
    """Have a running sshd read its files. Started by its socket, it reads them for every connection anyway."""
    if _process.run("systemctl", "is-active", SERVICE).returncode == 0:
        done = _process.run("systemctl", "reload", SERVICE)
        if done.returncode:
            raise RefusedError(f"{SERVICE} cannot be reloaded. {done.stderr.strip()}")


def apply() -> None:
    """Put the wanted file in force; RefusedError, and our file as it was, when sshd refuses or overrides it."""
    before = content()
    try:
        place(WANTED.read_text())
        problem = overridden()
        if problem:
            raise RefusedError(problem)
        reload()
    except RefusedError:
        place(before)
        raise


def restore(previous: Path) -> None:
    """Go back to the content of the file."""
    place(previous.read_text())
    reload()


TRIAL = Trial(
    noun="sshd configuration",
    unit="webstack-openssh-rollback",
    previous=STATE / "previous",
    in_force=in_force,
    snapshot=content,
    apply=apply,
    restore=restore,
    # The file on disk is the one that was tried.
    confirm=lambda: None,
)
