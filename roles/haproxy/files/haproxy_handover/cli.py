"""Hands the servers' runtime state from one HAProxy process to the next, and tells whether the next one came up.

haproxy-handover save      before a reload: writes the state of the servers for the new process to read
haproxy-handover confirm   after a start or reload: waits until HAProxy runs the configuration file, or fails
haproxy-handover current   exit status 0 if HAProxy runs the configuration file now, 1 if not
haproxy-handover reload    reloads; if HAProxy refuses the file, says why and restores the one that it runs

The unit calls the first two (/etc/systemd/system/haproxy.service.d/webstack.conf). Every wait has a limit.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from haproxy_handover.files import read, write
from haproxy_handover.master import HandoverError, ask, reloads, startup_log
from haproxy_handover.server_state import state_for

CONFIG = Path(os.environ.get("CONFIG", "/etc/haproxy/haproxy.cfg"))
FOLDER = Path("/run/haproxy-handover")
STATE = FOLDER / "servers"  # server-state-file of the configuration
RELOADS = FOLDER / "reloads"  # how often the master had reloaded before this reload
LOADED = FOLDER / "loaded.cfg"  # the configuration that HAProxy runs

LOAD_TIMEOUT = 60
"""Seconds for a new process to come up; below the unit's TimeoutStartSec."""
POLL_INTERVAL = 0.1


class RefusedError(HandoverError):
    """HAProxy tried and failed: waiting will not help."""


def main() -> int:
    commands = {"save": save, "confirm": confirm, "current": current, "reload": reload}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        commands[sys.argv[1]]()
    except (HandoverError, OSError) as error:
        print(f"haproxy-handover {sys.argv[1]}: {error}", file=sys.stderr)
        return 1
    return 0


def save() -> None:
    """Write the servers' state, and how often the master has reloaded until now."""
    # First of all: what an earlier reload left must not be taken for this one's.
    STATE.unlink(missing_ok=True)
    RELOADS.unlink(missing_ok=True)
    write(RELOADS, str(reloads().count))
    write(STATE, state_for(read(CONFIG), ask("@1 show servers state")))


def confirm() -> None:
    """Wait until HAProxy runs the configuration file."""
    configuration = read(CONFIG)
    deadline = time.monotonic() + LOAD_TIMEOUT
    try:
        while True:
            try:
                require_running(configuration)
                break
            except RefusedError:
                raise
            except HandoverError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(POLL_INTERVAL)
    finally:
        # Read once: HAProxy must not apply it again when somebody reloads it past the unit.
        STATE.unlink(missing_ok=True)
    write(LOADED, configuration)


def current() -> None:
    """Fail unless HAProxy runs the configuration file."""
    require_running(read(CONFIG))


def reload() -> None:
    """Reload, and restore the configuration file that HAProxy runs when it refuses the new one."""
    # One that systemd is just trying to start is started, not reloaded.
    status = _run("systemctl", "reload-or-restart", "haproxy").returncode
    log = _log()
    try:
        current()
    except HandoverError as error:
        if not LOADED.exists():
            raise HandoverError(f"{error}\nThere is no copy of the running configuration to restore.\n{log}") from error
        # What does not load would keep HAProxy from starting after the next boot.
        mode = CONFIG.stat().st_mode
        write(CONFIG, read(LOADED))
        CONFIG.chmod(mode)
        raise HandoverError(
            f"HAProxy did not load the new {CONFIG}. It still runs the previous one, which was restored.\n{log}"
        ) from error
    if status != 0:
        raise HandoverError(f"HAProxy runs {CONFIG}, but systemd reports that the reload failed.\n{log}")


def configuration_id(text: str) -> str:
    """The id that the role gives every configuration, a hash of its content, in the file or in `show info`."""
    found = re.search(r"^\s*description:? (configuration [0-9a-f]+)$", text, re.MULTILINE)
    return found[1] if found else ""


def require_running(configuration: str) -> None:
    """Raise HandoverError unless HAProxy runs `configuration`."""
    before = int(read(RELOADS)) if RELOADS.exists() else -1
    now = reloads()
    if now.count <= before:
        raise HandoverError("HAProxy has not begun to reload")
    if now.failed:
        raise RefusedError(f"HAProxy refused {CONFIG} and still runs the previous configuration:\n{startup_log()}")
    wanted, running = configuration_id(configuration), configuration_id(ask("@1 show info"))
    if wanted != running:
        raise HandoverError(
            f"HAProxy runs {running or 'another configuration'}; {CONFIG} is {wanted or 'without an id'}"
        )


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603


def _log() -> str:
    """The last messages of HAProxy itself, without the requests that it logged."""
    return _run("journalctl", "--unit=haproxy", "--lines=20", "--no-pager", "--output=cat", "_TRANSPORT=stdout").stdout
