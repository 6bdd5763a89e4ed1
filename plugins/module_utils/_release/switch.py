"""Making what was tried the one that serves, and restoring what served when it does not answer after all."""

from __future__ import annotations

import json
import time

from ansible_collections.foobar.webstack.plugins.module_utils._release import (
    before,
    companions,
    files,
    gunicorn,
    releases,
)
from ansible_collections.foobar.webstack.plugins.module_utils._release.before import Before, Configuration
from ansible_collections.foobar.webstack.plugins.module_utils._release.companions import Problem
from ansible_collections.foobar.webstack.plugins.module_utils._release.deployment import Deployment
from ansible_collections.foobar.webstack.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.foobar.webstack.plugins.module_utils._release.units import pinned


def switch(deployment: Deployment) -> None:
    """Let what was tried serve. Raises ReleaseError, after a rollback, when it does not answer."""
    at, wanted, systemd = deployment.at, deployment.wanted, deployment.systemd
    previous = releases.interrupted_from(at) or at.serving()
    found = before.on_host(deployment)
    _begin(deployment, previous, wanted.release)
    since = time.time()
    after = Configuration(
        *({file.path: file.content for file in group} for group in (deployment.files, deployment.units))
    )
    problem = _serve(deployment, after, wanted.release)
    if problem is None:
        systemd.call("enable", "--quiet", at.service)
        releases.exchanged(at, previous, wanted.release, wanted.goes_back, time.time())
        at.pending.unlink()
        return
    journal = systemd.journal(problem.unit, since)
    outcome = _roll_back(deployment, previous, found, beside=problem.unit != at.service)
    what = "not after the switch" if problem.unit == at.service else "what runs beside it does not work"
    raise ReleaseError(
        f"release {wanted.release} of {at.name} answered on trial but {what}; {outcome}. "
        f"{problem.reason[0].upper()}{problem.reason[1:]}. The last lines of the journal:\n{journal or '(none)'}"
    )


def restore(deployment: Deployment, kept: Before) -> bool:
    """Let what was kept serve again; whether it did not. Raises ReleaseError when it does not answer any more.

    Of `deployment`, only how its health is asked for counts.
    """
    at, systemd = deployment.at, deployment.systemd
    if at.serving() == kept.release and not at.pending.exists() and before.on_host(deployment) == kept.configuration:
        return False
    since = time.time()
    _begin(deployment, kept.release, kept.release)
    problem = _serve(deployment, kept.configuration, kept.release)
    if problem:
        raise ReleaseError(
            f"release {kept.release} of {at.name} was restored and does not work either ({problem.reason}). The last "
            f"lines of the journal:\n{systemd.journal(problem.unit, since) or '(none)'}"
        )
    for name, state in kept.markers.items():
        if releases.state_of(at, name) is not None:
            releases.replace_mark(at, name, state)
    at.pending.unlink()
    return True


def _begin(deployment: Deployment, previous: str | None, release: str) -> None:
    at = deployment.at
    at.etc.mkdir(parents=True, exist_ok=True)
    at.etc.chmod(0o755)
    state = {"previous": previous, "release": release, "goes_back": deployment.wanted.goes_back}
    files.write(at.pending, json.dumps(state).encode(), 0o644)


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


def _roll_back(deployment: Deployment, previous: str | None, found: Configuration, beside: bool) -> str:
    """`beside`: whether what runs beside the application was exchanged already."""
    at, systemd = deployment.at, deployment.systemd
    if not previous or len(found.contents) < len(deployment.files) or releases.state_of(at, previous) is None:
        systemd.succeeds("stop", at.service)
        companions.exchange(at, systemd, {}, 0)
        return "there is no earlier release to restore, so the service was stopped"
    # A run that was interrupted may have left units of the release that it was about to serve.
    units = {path: pinned(text.decode(), at, previous).encode() for path, text in found.units.items()}
    beside = beside or units != found.units
    problem = _serve(deployment, Configuration(found.contents, units), previous, beside)
    if problem:
        return f"release {previous} was restored and does not work either ({problem.reason})"
    at.pending.unlink()
    return f"release {previous} was restored and serves"
