"""What was tried on this host and is to go live: kept, so that exactly that goes live, and nothing is made anew."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._release import files
from ansible_collections.foobar.webstack.plugins.module_utils._release.companions import Job, Process
from ansible_collections.foobar.webstack.plugins.module_utils._release.deployment import Requirements, Wanted
from ansible_collections.foobar.webstack.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.foobar.webstack.plugins.module_utils._release.layout import Layout
from ansible_collections.foobar.webstack.plugins.module_utils._release.shared import Uploads


def keep(at: Layout, wanted: Wanted) -> None:
    """Write it down."""
    at.plan.parent.mkdir(parents=True, exist_ok=True)
    files.write(at.plan, json.dumps(as_data(wanted)).encode(), 0o600)


def forget(at: Layout) -> None:
    """Nothing is to go live any more."""
    with contextlib.suppress(FileNotFoundError):
        at.plan.unlink()


def load(at: Layout) -> Wanted:
    """What is to go live. ReleaseError where nothing is."""
    content = files.read(at.plan)
    if content is None:
        raise ReleaseError(f"no release of {at.name} was tried on this host since it has started; deploy it anew")
    return of_data(json.loads(content))


def as_data(wanted: Wanted) -> dict[str, Any]:
    """As plain data, without what only the trial needs."""
    return asdict(replace(wanted, candidate_environment={}))


def of_data(data: Mapping[str, Any]) -> Wanted:
    """The same again."""
    return Wanted(
        **{
            **data,
            "processes": [Process(**process) for process in data["processes"]],
            "jobs": [Job(**job) for job in data["jobs"]],
            "uploads": Uploads(**data["uploads"]),
            "requirements": Requirements(**data["requirements"]),
        }
    )
