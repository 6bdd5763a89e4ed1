"""Which version of MySQL may follow which on a host. Pure.

MySQL's manual, "Upgrade Paths": within an LTS series, and from one LTS series to the next. A release between two of
them (innovation) is supported until the next one alone, so none is upgraded to. Since 2026 those are numbered by the
calendar (26.7), which makes them look newer than every LTS series.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, reason

LTS = ((8, 4), (9, 7))
"""In their order. A series that is not named here is not known to be one."""

CLONES_ACROSS = (9, 7)
"""From this series on, CLONE copies from the series before."""


class Code(str, Enum):
    """Why a host is not upgraded to what it is offered."""

    DOWNGRADE = "upgrade_path.downgrade"
    INNOVATION = "upgrade_path.innovation"
    SKIPS = "upgrade_path.skips"


@dataclass(frozen=True, order=True)
class Version:
    """Of a server, without what a distribution adds."""

    major: int
    minor: int
    patch: int = 0

    @classmethod
    def parse(cls, text: str) -> Version | None:
        """From 9.7.4, 9.7.4-2 or 1:8.4.6-0ubuntu0.25.04.1; None for anything else."""
        found = re.match(r"(?:\d+:)?(\d+)\.(\d+)(?:\.(\d+))?", text)
        return cls(int(found[1]), int(found[2]), int(found[3] or 0)) if found else None

    @property
    def series(self) -> tuple[int, int]:
        return self.major, self.minor

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


def refusal(running: Version, offered: Version) -> Reason | None:
    """Why the one must not replace the other; None where it may."""
    if offered < running and not _is_calendar(running):
        return reason(Code.DOWNGRADE, running=str(running), offered=str(offered))
    if offered.series == running.series:
        return None
    if offered.series not in LTS:
        known = [".".join(map(str, series)) for series in LTS]
        return reason(Code.INNOVATION, running=str(running), offered=str(offered), lts=known)
    if offered.series != following(running.series):
        return reason(
            Code.SKIPS, running=str(running), offered=str(offered), following=_dotted(following(running.series))
        )
    return None


def following(series: tuple[int, int]) -> tuple[int, int] | None:
    """The next LTS series."""
    return next((one for one in LTS if one > series), None)


def changes_series(running: Version, offered: Version) -> bool:
    """Whether there is no way back once the new version has taken writes."""
    return running.series != offered.series


def _is_calendar(version: Version) -> bool:
    return version.major >= 26


def _dotted(series: tuple[int, int] | None) -> str:
    return ".".join(map(str, series)) if series else ""
