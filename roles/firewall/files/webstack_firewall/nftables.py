"""The nftables table of this collection: load it, save it, and compare what the kernel has with what is wanted."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

from ansible_collections.foobar.webstack.plugins.module_utils import _process
from ansible_collections.foobar.webstack.plugins.module_utils._process import RefusedError
from ansible_collections.foobar.webstack.plugins.module_utils._trial import Trial

WANTED = Path("/etc/nftables-webstack.conf.wanted")
CONFIRMED = Path("/etc/nftables-webstack.conf")
# A boot removes both the table and this folder.
STATE = Path("/run/webstack-firewall")
RECORD = STATE / "running"
TABLE = ("inet", "webstack")
ABSENT = "table inet webstack\ndelete table inet webstack\n"


def load(path: Path) -> None:
    """Replace the table in one transaction. Raises RefusedError when nft does not accept the file."""
    done = _process.run("nft", "-f", str(path))
    if done.returncode:
        raise RefusedError(f"nft does not accept {path}; the rules have not changed. {done.stderr.strip()}")


def listed() -> str:
    """The table as the kernel has it, without what traffic changes; empty when there is none."""
    done = _process.run("nft", "--stateless", "list", "table", *TABLE)
    return "" if done.returncode else re.sub(r"\n\s*elements = \{[^}]*\}", "", done.stdout)


def fingerprint() -> dict[str, str]:
    """The confirmed file and the kernel's table, as hashes."""
    return {
        "file": hashlib.sha256(CONFIRMED.read_bytes() if CONFIRMED.exists() else b"").hexdigest(),
        "table": hashlib.sha256(listed().encode()).hexdigest(),
    }


def record() -> None:
    """Remember how the kernel lists what was loaded: it does not list a file as it is written."""
    RECORD.write_text(json.dumps(fingerprint()))


def in_force() -> bool:
    """Whether the kernel still has what was confirmed, and that is what is wanted."""
    if not CONFIRMED.exists() or not RECORD.exists():
        return False
    wanted = WANTED.read_bytes() if WANTED.exists() else b""
    return CONFIRMED.read_bytes() == wanted and json.loads(RECORD.read_text()) == fingerprint()


def confirm() -> None:
    """Have the next boot load what is in force."""
    staged = CONFIRMED.with_suffix(".new")
    shutil.copyfile(WANTED, staged)
    staged.chmod(0o600)
    staged.replace(CONFIRMED)
    record()


def restore(previous: Path) -> None:
    """Go back to the rules in the file; where nft cannot read its own listing, to the confirmed ones or to none.

    A rule that somebody added by hand may be listed in a way that nft does not read. A host without a firewall is at
    risk, but one that lets nobody in cannot be repaired.
    """
    if all(_process.run("nft", "-f", str(path)).returncode for path in (previous, CONFIRMED)):
        stop()


def start() -> None:
    """Load the confirmed rules."""
    load(CONFIRMED)
    record()


def stop() -> None:
    """Remove the table."""
    if listed():
        _process.run("nft", "delete", "table", *TABLE)


TRIAL = Trial(
    noun="firewall rules",
    unit="webstack-firewall-rollback",
    previous=STATE / "previous.nft",
    in_force=in_force,
    snapshot=lambda: ABSENT + listed(),
    apply=lambda: load(WANTED),
    restore=restore,
    confirm=confirm,
)
