"""Making what was tried the one that serves, and restoring what served when it does not answer after all."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

from ansible_collections.foobar.webstack.plugins.module_utils._release import files, gunicorn, releases
from ansible_collections.foobar.webstack.plugins.module_utils._release.deployment import Deployment
from ansible_collections.foobar.webstack.plugins.module_utils._release.errors import ReleaseError


def switch(deployment: Deployment) -> None:
    """Let what was tried serve. Raises ReleaseError, after a rollback, when it does not answer."""
    at, wanted, systemd = deployment.at, deployment.wanted, deployment.systemd
    previous = releases.interrupted_from(at) or at.serving()
    before = {file.path: files.read(file.path) for file in deployment.files}
    at.etc.mkdir(parents=True, exist_ok=True)
    at.etc.chmod(0o755)
    files.write(at.pending, json.dumps({"previous": previous, "release": wanted.release}).encode(), 0o644)
    since = time.time()
    problem = _serve(deployment, {file.path: file.content for file in deployment.files}, wanted.release)
    if problem is None:
        systemd.call("enable", "--quiet", at.service)
        releases.mark(at, wanted.release, served=time.time())
        at.pending.unlink()
        return
    journal = systemd.journal(at.service, since)
    outcome = _roll_back(deployment, previous, before)
    raise ReleaseError(
        f"release {wanted.release} of {at.name} answered on trial but not after the switch; {outcome}. "
        f"{problem[0].upper()}{problem[1:]}. The last lines of the journal:\n{journal or '(none)'}"
    )


def _serve(deployment: Deployment, contents: Mapping[Path, bytes], release: str) -> str | None:
    """Put files and release in place and restart; what is wrong, or None."""
    at, systemd = deployment.at, deployment.systemd
    listening = files.read(at.config)
    for file in deployment.files:
        files.write(file.path, contents[file.path], file.mode)
    files.link(at.current, f"releases/{release}")
    config = contents[at.config].decode()
    systemd.call("daemon-reload")
    systemd.succeeds("reset-failed", at.service)
    try:
        # systemd keeps the listening socket through a restart, so that nobody is refused, but not through a stop.
        if listening is not None and gunicorn.listener_or_none(listening) != gunicorn.listener(config):
            systemd.call("stop", at.service)
        systemd.call("restart", at.service)
    except ReleaseError as error:
        return str(error)
    return deployment.wait(deployment.connect_serving(config), at.service, deployment.wanted.start_timeout)


def _roll_back(deployment: Deployment, previous: str | None, before: Mapping[Path, bytes | None]) -> str:
    at = deployment.at
    contents = {path: content for path, content in before.items() if content is not None}
    if not previous or len(contents) < len(before) or releases.state_of(at, previous) is None:
        deployment.systemd.succeeds("stop", at.service)
        return "there is no earlier release to restore, so the service was stopped"
    problem = _serve(deployment, contents, previous)
    if problem:
        return f"release {previous} was restored and does not answer either ({problem})"
    at.pending.unlink()
    return f"release {previous} was restored and serves"
