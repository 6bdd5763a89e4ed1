"""The SSH session that this process belongs to: from where, as whom and by what somebody is logged in."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.foobar.webstack.plugins.module_utils import _process
from ansible_collections.foobar.webstack.plugins.module_utils._ssh import server

UNKNOWN = -1
"""Instead of a number of keys, where they cannot be counted."""


@dataclass(frozen=True)
class Session:
    """Where the client is and as whom it has logged in. The address stands as sshd writes it.

    `server_address` and `server_port` are those of the server on its host, whatever an address translation before it
    made of them.
    """

    user: str
    address: str
    port: str
    server_port: str = ""
    server_address: str = ""

    @property
    def controller(self) -> str:
        """The client's bare address, without an interface and not IPv4 written as IPv6."""
        return self.address.split("%")[0].removeprefix("::ffff:")


def of_environment(environment: Mapping[str, str]) -> Session | None:
    """The session that the environment describes."""
    if "SSH_CONNECTION" not in environment:
        return None
    address, port, *server_end = environment["SSH_CONNECTION"].split()
    own_address, own_port = server_end if len(server_end) == 2 else ("", "")
    return Session(environment.get("USER", "root"), address, port, own_port, own_address)


def current(processes: Path = Path("/proc")) -> Session | None:
    """The session of this process; None without one, as on the console or in a container.

    Its ancestors are asked as well, because sudo does not pass the environment on.
    """
    process = os.getpid()
    while process > 1:
        folder = processes / str(process)
        entries = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
        found = of_environment(dict(entry.split("=", 1) for entry in entries if "=" in entry))
        if found:
            return found
        process = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    return None


def authorized_keys(user: str, configured: Mapping[str, str]) -> int:
    """How many keys may log in as the user, or UNKNOWN where sshd takes keys from elsewhere than files."""
    if any(configured.get(source, "none") != "none" for source in ("authorizedkeyscommand", "trustedusercakeys")):
        return UNKNOWN
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


def login(session: Session | None) -> dict[str, object]:
    """Who has logged in, the number of keys that may, and the method; nothing without a session or without sshd.

    The method is empty when it is not known, and where it can only have been a key.
    """
    if session is None or not server.SSHD.exists():
        return {}
    configured = server.effective("-C", f"user={session.user},host=localhost,addr={session.address}")
    method = ""
    if "yes" in (configured.get("passwordauthentication"), configured.get("kbdinteractiveauthentication")):
        accepted = f"^Accepted .* from {session.address} port {session.port} "
        log = _process.run("journalctl", "--quiet", "--output=cat", "--boot", f"--grep={accepted}").stdout
        method = "".join(log.strip().rpartition("\n")[2].split()[1:2])
    return {"user": session.user, "keys": authorized_keys(session.user, configured), "method": method}
