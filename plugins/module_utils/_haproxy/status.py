# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""What `show stat` says of each server, and which certificate HAProxy expects of it. Pure."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import Any, Optional

_SERVER = "2"
"""The value of `type` in the line of a server."""

# HAProxy's management guide, 9.1, check_status.
_REASONS = {
    "UNK": "its health is not known yet",
    "INI": "it has not been checked yet",
    "SOCKERR": "this host could not open a socket",
    "L4TOUT": "nobody answers at this address and port: is the host down, or does a firewall drop the connection?",
    "L4CON": "the connection is refused, or there is no route: is its program running?",
    "L6TOUT": "the TLS handshake did not end in time",
    "L6RSP": "the TLS handshake failed",
    "L7TOUT": "it accepted the check's request and did not answer in time",
    "L7RSP": "it answered the check with what is no valid HTTP",
    "L7STS": "it answered the check with status {code}",
    "L7OKC": "it answered the check with 404, which drains it",
}
_SPANS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True)
class Server:
    """A server as HAProxy has it. `check` is its check_status, `detail` what it adds of the last check.

    `tracked`: the server whose check counts for this one, which has none of its own.
    """

    backend: str
    name: str
    address: str
    state: str
    seconds: int
    check: str
    code: str
    detail: str
    tracked: str = ""

    @property
    def up(self) -> bool:
        """Whether it gets requests. `UP 1/3` is on its way down, `DOWN 1/2` on its way up."""
        return self.state.startswith(("UP", "no check"))

    @property
    def handshake_failed(self) -> bool:
        """Whether it is out because of TLS."""
        return not self.up and self.check in ("L6RSP", "L6TOUT")

    @property
    def reason(self) -> str:
        """Why it is not up, in words."""
        if self.up:
            return ""
        if self.state.startswith("MAINT"):
            return "somebody has put it into maintenance"
        if self.state.startswith(("DRAIN", "NOLB")) and self.check != "L7OKC":
            return "it is drained: it gets no new visitors"
        if self.tracked:
            return f"it follows {self.tracked}"
        said = _REASONS.get(self.check, f"HAProxy says {self.check or 'nothing'}").format(code=self.code)
        return f"{said} ({self.detail})" if self.detail else said

    def data(self, reason: str) -> dict[str, Any]:
        """As a module returns it."""
        return {
            "backend": self.backend,
            "server": self.name,
            "address": self.address,
            "up": self.up,
            "state": self.state,
            "seconds": self.seconds,
            "reason": reason,
            "follows": self.tracked,
        }

    def sentence(self, reason: str) -> str:
        """In one line."""
        verdict = "up" if self.up else "down" if self.state.startswith("DOWN") else "not in use"
        said = f"{self.backend}/{self.name} {self.address} is {verdict} ({self.state} for {span(self.seconds)})"
        return f"{said}: {reason}" if reason else said


@dataclass(frozen=True)
class Verified:
    """The name that a server's certificate must be for, and the CAs that may have issued it; None: the system's."""

    name: str
    ca_file: Optional[str]  # noqa: UP045


def with_file(reason: str, certificate: str) -> str:
    """A reason that is the server's certificate, with the file that it comes from on the server's host."""
    return f"{reason}. It is {certificate} there" if certificate and reason.startswith("its certificate") else reason


def servers(text: str) -> list[Server]:
    """The servers in the CSV of `show stat`."""
    rows = csv.DictReader(text.lstrip("# ").splitlines())
    return [
        Server(
            backend=row["pxname"],
            name=row["svname"],
            address=row.get("addr") or "",
            state=row["status"],
            seconds=int(row["lastchg"] or 0),
            # An asterisk: a check is under way.
            check=(row["check_status"] or "").lstrip("* "),
            code=row["check_code"] or "",
            detail=row.get("last_chk") or "",
            tracked=row.get("tracked") or "",
        )
        for row in rows
        if row.get("type") == _SERVER
    ]


def verified(configuration: str) -> dict[tuple[str, str], Verified]:
    """Which certificate HAProxy expects of a server, by backend and server. Not of those that it does not verify."""
    found, section, defaults = {}, "", [""]
    for line in configuration.splitlines():
        words = line.split()
        if line[:1].strip() and words:
            section, defaults = (words[1] if words[0] in ("backend", "listen") and len(words) > 1 else ""), [""]
        elif section and words[:1] == ["default-server"]:
            defaults = words
        elif section and words[:1] == ["server"]:
            name = _after(words, "verifyhost")
            if name:
                authority = _after(words, "ca-file") or _after(defaults, "ca-file")
                found[section, words[1]] = Verified(name, authority if authority != "@system-ca" else None)
    return found


def span(seconds: int) -> str:
    """A time as people say it, in at most two units."""
    parts = []
    for size, unit in _SPANS:
        if seconds >= size:
            parts.append(f"{seconds // size} {unit}")
            seconds %= size
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"


def _after(words: list[str], word: str) -> str | None:
    return words[words.index(word) + 1] if word in words[:-1] else None
