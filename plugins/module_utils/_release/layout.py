"""Where everything of an application is on its host."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """Where everything of an application is."""

    name: str
    base: Path = Path("/")

    def _at(self, *parts: str) -> Path:
        return self.base.joinpath(*parts)

    @property
    def root(self) -> Path:
        return self._at("srv/www", self.name)

    @property
    def releases(self) -> Path:
        return self.root / "releases"

    @property
    def shared(self) -> Path:
        return self.root / "shared"

    @property
    def current(self) -> Path:
        return self.root / "current"

    @property
    def pending(self) -> Path:
        """Stands from before the first rename until the new release has answered: what an interrupted run leaves."""
        return self.root / ".switching"

    @property
    def plan(self) -> Path:
        """What was tried and is to go live: secrets included, so for root alone. A restart of the host ends it."""
        return self._at("run/appserver", f"{self.name}.staged")

    @property
    def before(self) -> Path:
        """What served before a release went live that is not final yet: secrets included, for root alone."""
        return self.etc / ".before"

    @property
    def verb_lock(self) -> Path:
        """Which verb is at work, between its tasks. `lock` is for the time of one."""
        return self._at("var/lib/appserver", f"{self.name}.lock")

    @property
    def etc(self) -> Path:
        return self._at("etc/appserver", self.name)

    @property
    def config(self) -> Path:
        return self.etc / "gunicorn.conf.py"

    @property
    def environment(self) -> Path:
        return self.etc / "environment"

    @property
    def service(self) -> str:
        return f"{self.name}.service"

    @property
    def unit(self) -> Path:
        return self._at("etc/systemd/system", self.service)

    @property
    def package_unit(self) -> Path:
        return self._at("usr/lib/systemd/system", self.service)

    @property
    def lock(self) -> Path:
        return self._at("run/lock", f"appserver-{self.name}")

    @property
    def candidate_service(self) -> str:
        return f"{self.name}-candidate.service"

    @property
    def candidate_unit(self) -> Path:
        return self._at("run/systemd/system", self.candidate_service)

    @property
    def candidate_etc(self) -> Path:
        return self._at("run/appserver", self.name)

    @property
    def candidate_socket(self) -> Path:
        """In the RuntimeDirectory of the candidate, which only it and root enter."""
        return self._at("run", f"{self.name}-candidate", "http")

    @property
    def units(self) -> Path:
        """Where the units of processes and jobs are, beside the application's own."""
        return self.unit.parent

    def one_off_service(self, what: str) -> str:
        """The service of a command that runs once, such as the build. No application's name has a full stop."""
        return f"{self.name}.{what}.service"

    def one_off_unit(self, what: str) -> Path:
        return self._at("run/systemd/system", self.one_off_service(what))

    def one_off_etc(self, what: str) -> Path:
        """Its environment, and what it prints: for root alone."""
        return self._at("run/appserver", f"{self.name}.{what}")

    def release(self, release: str) -> Path:
        return self.releases / release

    def serving(self) -> str | None:
        """The release that current points to."""
        try:
            return Path(os.readlink(self.current)).name
        except OSError:
            return None
