"""Making what was tried the one that serves, and restoring what served when it does not answer after all."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.foobar.webstack.plugins.module_utils._release import companions, files, gunicorn, releases
from ansible_collections.foobar.webstack.plugins.module_utils._release.companions import Problem
from ansible_collections.foobar.webstack.plugins.module_utils._release.deployment import Deployment
from ansible_collections.foobar.webstack.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.foobar.webstack.plugins.module_utils._release.units import pinned


@dataclass(frozen=True)
class Configuration:
    """What serves is configured with, and the units of what runs beside it."""

    contents: Mapping[Path, bytes]
    units: Mapping[Path, bytes]


def switch(deployment: Deployment) -> None:
    """Let what was tried serve. Raises ReleaseError, after a rollback, when it does not answer."""
    at, wanted, systemd = deployment.at, deployment.wanted, deployment.systemd
    previous = releases.interrupted_from(at) or at.serving()
    before = _on_host(deployment)
    at.etc.mkdir(parents=True, exist_ok=True)
    at.etc.chmod(0o755)
    files.write(at.pending, json.dumps({"previous": previous, "release": wanted.release}).encode(), 0o644)
    since = time.time()
    after = Configuration(
        *({file.path: file.content for file in group} for group in (deployment.files, deployment.units))
    )
    problem = _serve(deployment, after, wanted.release)
    if problem is None:
        systemd.call("enable", "--quiet", at.service)
        releases.mark(at, wanted.release, served=time.time())
        at.pending.unlink()
        return
    journal = systemd.journal(problem.unit, since)
    outcome = _roll_back(deployment, previous, before, beside=problem.unit != at.service)
    what = "not after the switch" if problem.unit == at.service else "what runs beside it does not work"
    raise ReleaseError(
        f"release {wanted.release} of {at.name} answered on trial but {what}; {outcome}. "
        f"{problem.reason[0].upper()}{problem.reason[1:]}. The last lines of the journal:\n{journal or '(none)'}"
    )


def _on_host(deployment: Deployment) -> Configuration:
    found = {file.path: files.read(file.path) for file in deployment.files}
    contents = {path: content for path, content in found.items() if content is not None}
    return Configuration(contents, companions.present(deployment.at))


def _serve(deployment: Deployment, configuration: Configuration, release: str, beside: bool = True) -> Problem | None:
    """Put files and release in place and restart, then what runs `beside` it; what is wrong, or None."""
    at, systemd = deployment.at, deployment.systemd
    listening = files.read(at.config)
    for file in deployment.files:
        files.write(file.path, configuration.contents[file.path], file.mode)
    files.link(at.current, f"releases/{release}")
    config = configuration.contents[at.config].decode()
    systemd.call("daemon-reload")
    systemd.succeeds("reset-failed", at.service)
    try:
        # systemd keeps the listening socket through a restart, so that nobody is refused, but not through a stop.
        if listening is not None and gunicorn.listener_or_none(listening) != gunicorn.listener(config):
            systemd.call("stop", at.service)
        systemd.call("restart", at.service)
    except ReleaseError as error:
        return Problem(at.service, str(error))
    silent = deployment.wait(deployment.connect_serving(config), at.service, deployment.wanted.start_timeout)
    if silent:
        return Problem(at.service, silent)
    if not beside:
        return None
    return companions.exchange(at, systemd, configuration.units, deployment.wanted.settle_seconds)


def _roll_back(deployment: Deployment, previous: str | None, before: Configuration, beside: bool) -> str:
    """`beside`: whether what runs beside the application was exchanged already."""
    at, systemd = deployment.at, deployment.systemd
    if not previous or len(before.contents) < len(deployment.files) or releases.state_of(at, previous) is None:
        systemd.succeeds("stop", at.service)
        companions.exchange(at, systemd, {}, 0)
        return "there is no earlier release to restore, so the service was stopped"
    # A run that was interrupted may have left units of the release that it was about to serve.
    units = {path: pinned(text.decode(), at, previous).encode() for path, text in before.units.items()}
    beside = beside or units != before.units
    problem = _serve(deployment, Configuration(before.contents, units), previous, beside)
    if problem:
        return f"release {previous} was restored and does not work either ({problem.reason})"
    at.pending.unlink()
    return f"release {previous} was restored and serves"
