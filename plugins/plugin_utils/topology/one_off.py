"""On which application host a command runs that somebody runs once."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, reason


class Code(str, Enum):
    """Why no command is run."""

    NO_COMMAND = "run.no_command"
    UNREADABLE = "run.unreadable"
    UNKNOWN_HOST = "run.unknown_host"
    LEFT_OUT = "run.left_out"
    NOT_SERVING = "run.not_serving"
    NOTHING_SERVES = "run.nothing_serves"


@dataclass(frozen=True)
class Choice:
    """Where what runs; or why nothing does."""

    host: str = ""
    release: str = ""
    words: tuple[str, ...] = ()
    refusals: tuple[Reason, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """The choice as plain data."""
        return {
            "host": self.host,
            "release": self.release,
            "words": list(self.words),
            "refusals": [each.as_data() for each in self.refusals],
        }


def choose(serving: Mapping[str, str], hosts: Sequence[str], command: str, asked: str = "") -> Choice:
    """The first of `hosts` where a release serves, or the one that is asked for.

    `hosts` are all application hosts; `serving` has the release, or nothing, of those that the run is for.
    """
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        return Choice(refusals=(reason(Code.UNREADABLE, error=str(error)),))
    if not words:
        return Choice(refusals=(reason(Code.NO_COMMAND),))
    if asked and asked not in hosts:
        return Choice(refusals=(reason(Code.UNKNOWN_HOST, host=asked, hosts=list(hosts)),))
    if asked and asked not in serving:
        return Choice(refusals=(reason(Code.LEFT_OUT, host=asked),))
    if asked and not serving[asked]:
        return Choice(refusals=(reason(Code.NOT_SERVING, host=asked),))
    host = asked or next((name for name in hosts if serving.get(name)), "")
    if not host:
        return Choice(refusals=(reason(Code.NOTHING_SERVES, hosts=sorted(serving)),))
    return Choice(host, serving[host], words)
