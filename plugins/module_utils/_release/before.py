"""What served before a release went live: kept until the deployment is final on all hosts, to go back to at once.

It is the very files that it was configured with, and not what the inventory would make of them today.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._release import companions, files, plan, releases
from ansible_collections.foobar.webstack.plugins.module_utils._release.deployment import Deployment, Wanted
from ansible_collections.foobar.webstack.plugins.module_utils._release.layout import Layout


@dataclass(frozen=True)
class Configuration:
    """What serves is configured with, and the units of what runs beside it."""

    contents: Mapping[Path, bytes]
    units: Mapping[Path, bytes]


@dataclass(frozen=True)
class Before:
    """The release that served; none is empty.

    `markers`: what was known of it, and of the one that took its place. `wanted`: that one; how its health is asked for
    counts for both.
    """

    release: str
    configuration: Configuration
    markers: Mapping[str, Mapping[str, Any]]
    wanted: Wanted


def on_host(deployment: Deployment) -> Configuration:
    """What serves now."""
    found = {file.path: files.read(file.path) for file in deployment.files}
    contents = {path: content for path, content in found.items() if content is not None}
    return Configuration(contents, companions.present(deployment.at))


def keep(deployment: Deployment) -> None:
    """Write it down, unless an earlier deployment was never made final: then what served before that one counts."""
    at = deployment.at
    if at.before.exists():
        return
    release = releases.interrupted_from(at) or at.serving() or ""
    configuration = on_host(deployment)
    states = {name: releases.state_of(at, name) for name in (release, deployment.wanted.release) if name}
    data = {
        "release": release,
        "contents": _as_text(configuration.contents),
        "units": _as_text(configuration.units),
        "markers": {name: state for name, state in states.items() if state is not None},
        "wanted": plan.as_data(deployment.wanted),
    }
    at.etc.mkdir(parents=True, exist_ok=True)
    files.write(at.before, json.dumps(data).encode(), 0o600)


def load(at: Layout) -> Before | None:
    """What was kept; None where nothing is, and everything is final."""
    content = files.read(at.before)
    if content is None:
        return None
    data = json.loads(content)
    return Before(
        data["release"],
        Configuration(_as_bytes(data["contents"]), _as_bytes(data["units"])),
        data["markers"],
        plan.of_data(data["wanted"]),
    )


def forget(at: Layout) -> bool:
    """What serves is final. Whether it was not before."""
    with contextlib.suppress(FileNotFoundError):
        at.before.unlink()
        return True
    return False


def _as_text(contents: Mapping[Path, bytes]) -> dict[str, str]:
    return {str(path): content.decode(errors="surrogateescape") for path, content in contents.items()}


def _as_bytes(contents: Mapping[str, str]) -> dict[Path, bytes]:
    return {Path(path): content.encode(errors="surrogateescape") for path, content in contents.items()}
