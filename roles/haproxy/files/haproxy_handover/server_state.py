"""Which lines of `show servers state` hold for the servers of a new configuration."""

from __future__ import annotations

import ipaddress
import re
import shlex
from dataclasses import dataclass

from haproxy_handover.master import HandoverError

# The first words of lines that begin a section.
_SECTIONS = re.compile(
    "global|defaults|frontend|backend|listen|cache|crt-store|fcgi-app|http-errors|log-forward|log-profile|mailers|peers"
    "|program|resolvers|ring|traces|userlist"
)
# srv_op_state (management guide, "show servers state").
_DOWN, _UP = "0", "2"


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


def state_for(configuration: str, state: str) -> str:
    """The lines of the `state` that hold for the servers of the new `configuration`.

    HAProxy itself lets a changed weight or maintenance in the configuration win. But it would apply the old port; the
    drain and the failed checks of an address to another machine; and leave down for good a server that was down and is
    not checked any more.
    """
    version, header, *lines = [line for line in state.splitlines() if line.strip()] + ["", ""]
    fields = header.lstrip("# ").split()
    if version != "1" or "srv_op_state" not in fields:
        raise HandoverError(f"HAProxy's server state has an unknown format: {version!r}, {header!r}")
    servers = _servers(configuration)
    kept = [version, header]
    for line in filter(None, lines):
        values = line.split()
        entry = dict(zip(fields, values, strict=False))
        server = servers.get((entry["be_name"], entry["srv_name"]))
        if server:
            if not server.is_at(entry["srv_addr"], entry["srv_fqdn"], entry["srv_port"]):
                continue
            if not server.checked and entry["srv_op_state"] == _DOWN:
                values[fields.index("srv_op_state")] = _UP
        kept.append(" ".join(values))
    return "\n".join(kept) + "\n"


def _servers(configuration: str) -> dict[tuple[str, str], Server]:
    """The servers of a configuration by (backend, name); those made by a server-template are not among them."""
    found: dict[tuple[str, str], Server] = {}
    kind = proxy = ""
    default = {"defaults": False}  # whether servers are checked unless they say otherwise: in all proxies, in this one
    for line in configuration.splitlines():
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue
        if words and _SECTIONS.fullmatch(words[0]):
            kind, proxy = words[0], words[1] if len(words) > 1 else ""
            default[kind] = False if kind == "defaults" else default["defaults"]
        elif words[:1] == ["default-server"]:
            default[kind] = _is_checked(words[1:], default.get(kind, False))
        elif words[:1] == ["server"] and len(words) > 2 and kind in ("backend", "listen"):
            host, port = _host_and_port(words[2])
            found[proxy, words[1]] = Server(host, port, _is_checked(words[3:], default[kind]))
    return found


def _host_and_port(address: str) -> tuple[str, int | None]:
    """A server's address as the configuration has it, without the prefix of its family."""
    if address.startswith(("/", "unix@", "abns@", "fd@")):
        host, port = address, ""
    else:
        host, port = address.rpartition(":")[::2]
    return re.sub(r"^(\w+@)+", "", host).strip("[]"), int(port) if port.isdigit() else None


def _is_checked(parameters: list[str], default: bool) -> bool:
    """Whether something will tell that a server with these parameters is up again."""
    if "no-check" in parameters:
        return False
    return default or not {"check", "agent-check", "track"}.isdisjoint(parameters)
