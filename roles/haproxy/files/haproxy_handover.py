"""Hands the servers' runtime state from one HAProxy process to the next, and tells whether the next one came up.

haproxy-handover save      before a reload: writes the state of the servers for the new process to read
haproxy-handover confirm   after a start or reload: waits until HAProxy runs the configuration file, or fails
haproxy-handover current   exit status 0 if HAProxy runs the configuration file now, 1 if not
haproxy-handover reload    reloads; if HAProxy refuses, says why and puts the file that it does run back in place

The unit calls the first two (/etc/systemd/system/haproxy.service.d/webstack.conf). Everything waits only so long.
"""

import ipaddress
import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

CONFIG = Path(os.environ.get("CONFIG", "/etc/haproxy/haproxy.cfg"))
MASTER = "/run/haproxy-master.sock"
FOLDER = Path("/run/haproxy-handover")
STATE = FOLDER / "servers"  # server-state-file of the configuration
RELOADS = FOLDER / "reloads"  # how often the master had reloaded before this reload
LOADED = FOLDER / "loaded.cfg"  # the configuration that HAProxy runs

ANSWER_WITHIN = 5  # seconds for one question to the master
LOADED_WITHIN = 60  # seconds for a new process to come up; below the unit's TimeoutStartSec

SECTIONS = re.compile(
    "global|defaults|frontend|backend|listen|cache|crt-store|fcgi-app|http-errors|log-forward|log-profile|mailers|peers"
    "|program|resolvers|ring|traces|userlist"
)
DOWN, UP = "0", "2"  # srv_op_state


class HandoverError(Exception):
    """A sentence for the person who reloads."""


class RefusedError(HandoverError):
    """HAProxy tried and failed: waiting will not help."""


def ask(question: str) -> str:
    """What the master, or through it the worker (@1), answers."""
    deadline = time.monotonic() + ANSWER_WITHIN
    answer = b""
    try:
        with socket.socket(socket.AF_UNIX) as master:
            master.settimeout(ANSWER_WITHIN)
            master.connect(MASTER)
            master.sendall(question.encode() + b"\n")
            master.shutdown(socket.SHUT_WR)  # or it waits for the next question
            while part := master.recv(65536):
                answer += part
                master.settimeout(max(0.001, deadline - time.monotonic()))
    except OSError as error:
        raise HandoverError(f"HAProxy's master does not answer on {MASTER} (option -S): {error}") from error
    return answer.decode(errors="replace")


@dataclass(frozen=True)
class Master:
    reloads: int
    failed: int


def master() -> Master:
    found = re.search(r"^\d+\s+master\s+(\d+) \[failed: (\d+)\]", ask("show proc"), re.MULTILINE)
    if not found:
        raise HandoverError("HAProxy's master does not say how often it was reloaded")
    return Master(int(found[1]), int(found[2]))


@dataclass(frozen=True)
class Server:
    """A server as the configuration has it; None stands for what cannot be told from the text."""

    host: str
    port: int | None
    checked: bool

    def is_at(self, address: str, name: str, port: str) -> bool:
        """Whether a line of the state, with the server's address, host name and port, is about this very server."""
        if self.port is not None and port.isdigit() and self.port != int(port):
            return False
        try:
            return ipaddress.ip_address(self.host) == ipaddress.ip_address(address)
        except ValueError:
            # A host name; of a path, or what the environment will make of it, the text does not tell.
            return name == self.host or not re.fullmatch(r"[\w.-]+", self.host)


def configured_servers(configuration: str) -> dict[tuple[str, str], Server]:
    """The servers of a configuration by (backend, name); those made by a server-template are not among them."""
    found: dict[tuple[str, str], Server] = {}
    kind = proxy = ""
    default = {"defaults": False}  # whether servers are checked unless they say otherwise: in all proxies, in this one
    for line in configuration.splitlines():
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue
        if words and SECTIONS.fullmatch(words[0]):
            kind, proxy = words[0], words[1] if len(words) > 1 else ""
            default[kind] = False if kind == "defaults" else default["defaults"]
        elif words[:1] == ["default-server"]:
            default[kind] = is_checked(words[1:], default.get(kind, False))
        elif words[:1] == ["server"] and len(words) > 2 and kind in ("backend", "listen"):
            host, port = words[2].rpartition(":")[::2]
            if words[2].startswith(("/", "unix@", "abns@", "fd@")):
                host, port = words[2], ""
            host = re.sub(r"^(\w+@)+", "", host).strip("[]")
            checked = is_checked(words[3:], default[kind])
            found[proxy, words[1]] = Server(host, int(port) if port.isdigit() else None, checked)
    return found


def is_checked(parameters: list[str], default: bool) -> bool:
    """Whether something will tell that a server with these parameters is up again."""
    if "no-check" in parameters:
        return False
    return default or not {"check", "agent-check", "track"}.isdisjoint(parameters)


def handed_over(state: str, configuration: str) -> str:
    """The lines of `show servers state` that hold for the servers of the new configuration.

    HAProxy itself lets a changed weight or maintenance in the configuration win. But it would apply the old port; the
    drain and the failed checks of an address to another machine; and leave down for good a server that was down and is
    not checked any more.
    """
    version, header, *lines = [line for line in state.splitlines() if line.strip()] + ["", ""]
    fields = header.lstrip("# ").split()
    if version != "1" or "srv_op_state" not in fields:
        raise HandoverError(f"HAProxy's server state has an unknown format: {version!r}, {header!r}")
    servers = configured_servers(configuration)
    kept = [version, header]
    for line in filter(None, lines):
        values = line.split()
        entry = dict(zip(fields, values, strict=False))
        server = servers.get((entry["be_name"], entry["srv_name"]))
        if server:
            if not server.is_at(entry["srv_addr"], entry["srv_fqdn"], entry["srv_port"]):
                continue
            if not server.checked and entry["srv_op_state"] == DOWN:
                values[fields.index("srv_op_state")] = UP
        kept.append(" ".join(values))
    return "\n".join(kept) + "\n"


def read(path: Path) -> str:
    """The content of a file, whatever its bytes."""
    return path.read_text(encoding="utf-8", errors="surrogateescape")


def write(path: Path, content: str) -> None:
    """Replace a file at once: a reader finds all of the old or all of the new, and a link is not followed."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(content)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def save() -> None:
    # First of all: what an earlier reload left must not be taken for this one's.
    STATE.unlink(missing_ok=True)
    RELOADS.unlink(missing_ok=True)
    write(RELOADS, str(master().reloads))
    write(STATE, handed_over(ask("@1 show servers state"), read(CONFIG)))


def name_in(text: str) -> str:
    """The name that the role gives every configuration: a hash of its content."""
    found = re.search(r"^\s*description:? (configuration [0-9a-f]+)$", text, re.MULTILINE)
    return found[1] if found else ""


def look(configuration: str) -> None:
    """Raise HandoverError unless HAProxy runs `configuration`."""
    reloads = int(read(RELOADS)) if RELOADS.exists() else -1
    state = master()
    if state.reloads <= reloads:
        raise HandoverError("HAProxy has not begun to reload")
    if state.failed:
        raise RefusedError(
            f"HAProxy refused {CONFIG} and goes on with what it had:\n{ask('show startup-logs').strip()}"
        )
    wanted, running = name_in(configuration), name_in(ask("@1 show info"))
    if wanted != running:
        raise HandoverError(f"{CONFIG} is {wanted or 'not named'}; HAProxy runs {running or 'another'}")


def confirm() -> None:
    configuration = read(CONFIG)
    deadline = time.monotonic() + LOADED_WITHIN
    try:
        while True:
            try:
                look(configuration)
                break
            except RefusedError:
                raise
            except HandoverError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.1)
    finally:
        # Read once: HAProxy must not apply it again when somebody reloads it past the unit.
        STATE.unlink(missing_ok=True)
    write(LOADED, configuration)


def current() -> None:
    look(read(CONFIG))


def reload() -> None:
    # One that systemd is just trying to start is started, not reloaded.
    status = run("systemctl", "reload-or-restart", "haproxy").returncode
    reason = journal()
    try:
        current()
    except HandoverError as error:
        if not LOADED.exists():
            raise HandoverError(f"{error}\nThere is no copy of what it runs to put back in place.\n{reason}") from error
        # What does not load would keep HAProxy from starting after the next boot.
        mode = CONFIG.stat().st_mode
        write(CONFIG, read(LOADED))
        CONFIG.chmod(mode)
        raise HandoverError(
            f"HAProxy did not load {CONFIG}, goes on with the one before and has it back in place.\n{reason}"
        ) from error
    if status != 0:
        raise HandoverError(f"HAProxy runs {CONFIG}, but its reload did not go as it should.\n{reason}")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603


def journal() -> str:
    """What HAProxy said on its way, without the requests that it logged."""
    return run("journalctl", "--unit=haproxy", "--lines=20", "--no-pager", "--output=cat", "_TRANSPORT=stdout").stdout


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


if __name__ == "__main__":
    sys.exit(main())
