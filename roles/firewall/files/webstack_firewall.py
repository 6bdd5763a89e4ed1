#!/usr/bin/python3
"""Load the nftables table inet webstack, and take new rules back unless they are confirmed.

webstack-firewall start         load the rules that were confirmed last (the unit does this at boot)
webstack-firewall stop          remove the table
webstack-firewall check         say whether the wanted rules run: current or outdated
webstack-firewall try SECONDS   unless they run, load the wanted rules; SECONDS later the previous ones come back
webstack-firewall keep          the rules that are tried have been confirmed; exit status 3: they were taken back
webstack-firewall rollback      take the rules back that are tried (a timer of systemd does this)
webstack-firewall controller    the address from which this very process is controlled by SSH, or nothing
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

WANTED = Path("/etc/nftables-webstack.conf.wanted")
CONFIRMED = Path("/etc/nftables-webstack.conf")
# Gone after a boot, as is what runs.
STATE = Path("/run/webstack-firewall")
RECORD = STATE / "running"
PREVIOUS = STATE / "previous.nft"
ROLLBACK = "webstack-firewall-rollback"
TABLE = ["inet", "webstack"]
ABSENT = "table inet webstack\ndelete table inet webstack\n"


def run(*argv: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, input=text, capture_output=True, text=True, check=False)  # noqa: S603


def load(path: Path) -> None:
    done = run("nft", "-f", str(path))
    if done.returncode:
        sys.exit(f"nft does not take {path}; what ran before goes on. {done.stderr.strip()}")


def running() -> str:
    """The table as the kernel has it, without what traffic changes; empty when there is none."""
    done = run("nft", "--stateless", "list", "table", *TABLE)
    return "" if done.returncode else re.sub(r"\n\s*elements = \{[^}]*\}", "", done.stdout)


def fingerprint() -> dict[str, str]:
    return {
        "file": hashlib.sha256(CONFIRMED.read_bytes() if CONFIRMED.exists() else b"").hexdigest(),
        "table": hashlib.sha256(running().encode()).hexdigest(),
    }


def record() -> None:
    RECORD.write_text(json.dumps(fingerprint()))


def current() -> bool:
    """Whether the kernel has what was confirmed, that is what is wanted, and nothing waits to be confirmed."""
    if PREVIOUS.exists() or not CONFIRMED.exists() or not RECORD.exists():
        return False
    wanted = WANTED.read_bytes() if WANTED.exists() else b""
    return CONFIRMED.read_bytes() == wanted and json.loads(RECORD.read_text()) == fingerprint()


def start() -> None:
    load(CONFIRMED)
    record()


def stop() -> None:
    if running():
        run("nft", "delete", "table", *TABLE)


def check() -> None:
    print("current" if current() else "outdated")


def attempt(seconds: str) -> None:
    if current():
        print("current")
        return
    if PREVIOUS.exists():
        # An earlier attempt that nothing has confirmed yet: what ran before it is what would come back now too.
        disarm()
        rollback()
    PREVIOUS.write_text(ABSENT + running())
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
        sys.exit(f"the rollback cannot be armed, so the rules are left as they are. {armed.stderr.strip()}")
    try:
        load(WANTED)
    except SystemExit:
        disarm()
        PREVIOUS.unlink()
        raise
    print("loaded")


def disarm() -> None:
    run("systemctl", "stop", f"{ROLLBACK}.timer")


def keep() -> None:
    if not PREVIOUS.exists():
        print("the rules were taken back")
        sys.exit(3)
    disarm()
    staged = CONFIRMED.with_suffix(".new")
    shutil.copyfile(WANTED, staged)
    staged.chmod(0o600)
    staged.replace(CONFIRMED)
    PREVIOUS.unlink()
    record()


def rollback() -> None:
    if PREVIOUS.exists():
        # What somebody wrote by hand may be listed in a way that cannot be read again. A host that lets everything in
        # is in danger; one that lets nobody in is lost.
        if all(run("nft", "-f", str(path)).returncode for path in (PREVIOUS, CONFIRMED)):
            stop()
        PREVIOUS.unlink()
        print("the new rules were not confirmed in time; the previous ones are back")


def controller() -> None:
    """Ask the ancestors of this process, because sudo does not hand on its environment."""
    process = os.getpid()
    while process > 1:
        folder = Path(f"/proc/{process}")
        environment = dict(
            entry.split(b"=", 1) for entry in (folder / "environ").read_bytes().split(b"\0") if b"=" in entry
        )
        if b"SSH_CONNECTION" in environment:
            print(environment[b"SSH_CONNECTION"].decode().split()[0].split("%")[0].removeprefix("::ffff:"))
            return
        process = int((folder / "stat").read_text().rpartition(")")[2].split()[1])


def main() -> None:
    commands = {
        "start": start,
        "stop": stop,
        "check": check,
        "try": attempt,
        "keep": keep,
        "rollback": rollback,
        "controller": controller,
    }
    name, *arguments = sys.argv[1:] or [""]
    if name not in commands:
        sys.exit(__doc__)
    if name == "controller":
        controller()
        return
    STATE.mkdir(mode=0o700, exist_ok=True)
    with (STATE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        commands[name](*arguments)


if __name__ == "__main__":
    main()
