"""What is to serve, and on which host: what every step of a deployment is given."""

from __future__ import annotations

import http.client
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._release import (
    companions,
    credentials,
    gunicorn,
    health,
    shared,
)
from ansible_collections.foobar.webstack.plugins.module_utils._release.environment import environment_text
from ansible_collections.foobar.webstack.plugins.module_utils._release.layout import Layout
from ansible_collections.foobar.webstack.plugins.module_utils._release.systemd import Run, Systemd

# Where to ask a server that listens on every address.
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


@dataclass(frozen=True)
class Requirements:
    """How to make the virtual environment of a release; none when ``file`` is empty."""

    file: str = ""
    pip_arguments: Sequence[str] = ()
    system_site_packages: bool = False
    python: str = "/usr/bin/python3"

    def as_dict(self) -> dict[str, Any]:
        """What is written down of it, where everybody may read it: a token among pip's arguments is not there."""
        if not self.file:
            return {}
        return {
            "file": self.file,
            "pip_arguments": credentials.digest_of(self.pip_arguments),
            "system_site_packages": self.system_site_packages,
        }


@dataclass(frozen=True)
class Wanted:
    """What is to serve."""

    release: str
    unit: str
    config: str
    environment: Mapping[str, Any]
    user: str
    uid: int
    gid: int
    candidate_environment: Mapping[str, Any] = field(default_factory=dict)
    migrate: Sequence[str] = ()
    migrate_timeout: int = 300
    build: Sequence[Sequence[str]] = ()
    build_timeout: int = 600
    processes: Sequence[companions.Process] = ()
    jobs: Sequence[companions.Job] = ()
    settle_seconds: float = 5
    uploads: shared.Uploads = shared.NONE
    start_timeout: int = 30
    tls_ca: str = ""
    tls_name: str = ""
    health_uri: str = "/healthz"
    health_host: str = "localhost"
    requirements: Requirements = Requirements()
    keep: int = 5
    goes_back: bool = False
    """It has served before: it is used as it was made, and what serves now is withdrawn."""

    @property
    def owner(self) -> tuple[int, int]:
        """The application's user and its group."""
        return self.uid, self.gid


@dataclass(frozen=True)
class File:
    """A file that the application is configured with."""

    path: Path
    content: bytes
    mode: int


@dataclass(frozen=True)
class Deployment:
    """From what is on the host to what is wanted.

    `files` are the application's own, written in their order; `units` are those of what runs beside it.
    """

    at: Layout
    wanted: Wanted
    run: Run
    systemd: Systemd
    files: tuple[File, ...]
    units: tuple[File, ...] = ()

    @classmethod
    def of(cls, layout: Layout, wanted: Wanted, run: Run) -> Deployment:
        """Raises ReleaseError for an environment and a configuration that cannot be used."""
        gunicorn.listener(wanted.config)
        files = (
            File(layout.environment, environment_text(wanted.environment).encode(), 0o600),
            File(layout.config, wanted.config.encode(), 0o644),
            File(layout.unit, wanted.unit.encode(), 0o644),
        )
        texts = companions.wanted_units(layout, wanted.unit, wanted.release, wanted.processes, wanted.jobs)
        units = tuple(File(path, text.encode(), 0o644) for path, text in texts.items())
        return cls(layout, wanted, run, Systemd(run), files, units)

    def check(self) -> None:
        """Find out before anything is changed what systemd would not take. Raises ReleaseError."""
        shared.check(self.at, self.wanted.uploads)
        companions.check(self.at, self.run, {file.path for file in self.units}, self.wanted.jobs)

    @property
    def running(self) -> list[str]:
        """The units that are to run beside the application."""
        return companions.running((file.path, file.content) for file in self.units)

    def as_user(self, command: Sequence[str]) -> list[str]:
        """The command as the application's user would run it."""
        return [*command] if os.geteuid() else ["runuser", "-u", self.wanted.user, "--", *command]

    def not_live(self, reason: str) -> str:
        """What to say of a release that stays out."""
        serving = self.at.serving()
        still = (
            f"release {serving} keeps serving as before" if serving else "no release was live before, and none is now"
        )
        return (
            f"release {self.wanted.release} of {self.at.name} does not work, so it did not go live; {still}. "
            f"{reason[0].upper()}{reason[1:]}"
        )

    def connect_candidate(self, timeout: float) -> http.client.HTTPConnection:
        """To what is on trial."""
        return health.Connection(str(self.at.candidate_socket), timeout, self._tls(self.wanted.config))

    def connect_serving(self, config: str) -> health.Connect:
        """To what serves with this configuration."""
        address, port = gunicorn.listener(config)
        place = (_LOOPBACK.get(address, address), port)
        return lambda timeout: health.Connection(place, timeout, self._tls(config))

    def wait(self, connect: health.Connect, unit: str, seconds: float) -> str | None:
        """None once the application answers; otherwise why it does not."""

        def ended() -> str | None:
            state = self.systemd.state(unit).get("ActiveState")
            return f"{unit} ended" if state in {"failed", "inactive"} else None

        return health.wait(connect, self.wanted.health_uri, self.wanted.health_host, seconds, ended)

    def _tls(self, config: str) -> health.Tls | None:
        certificate = gunicorn.setting(config, "certfile")
        return health.Tls(self.wanted.tls_ca or certificate, self.wanted.tls_name) if certificate else None
