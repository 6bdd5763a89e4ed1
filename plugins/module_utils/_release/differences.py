"""What on the host is not as wanted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.foobar.webstack.plugins.module_utils._release import (
    companions,
    environment,
    files,
    releases,
    shared,
)
from ansible_collections.foobar.webstack.plugins.module_utils._release.deployment import Deployment, File

# For how long what serves may be silent before it counts as broken.
_PATIENCE = 5


@dataclass(frozen=True)
class Difference:
    """Something that is not as wanted; ``activates`` if it takes a trial and a restart to change it."""

    what: str
    before: str = ""
    after: str = ""
    activates: bool = True


def differences(deployment: Deployment) -> list[Difference]:
    """Everything that is not as wanted, without a change of anything."""
    at, wanted = deployment.at, deployment.wanted
    found = []
    serving = at.serving()
    if serving != wanted.release or not releases.is_present(deployment):
        found.append(Difference("release", f"{serving or 'none'}\n", f"{wanted.release}\n"))
    for file in deployment.files:
        found.extend(_of_file(deployment, file))
    found.extend(_of_units(deployment))
    found.extend(_of_service(deployment, healthy_so_far=not found))
    for place in shared.wrong(at, *wanted.owner, wanted.uploads):
        found.append(
            Difference(
                str(place.path),
                "absent or of another owner, group or mode\n",
                f"{wanted.user} {place.mode:04o}\n",
                activates=False,
            )
        )
    if at.candidate_unit.exists():
        found.append(Difference(str(at.candidate_unit), "left behind\n", "absent\n", activates=False))
    for name in releases.indiscreet(at):
        marker = str(at.release(name) / releases.MARKER)
        found.append(Difference(marker, "pip's arguments, with an account\n", "their digest\n", activates=False))
    if at.before.exists():
        found.append(Difference(str(at.before), "of a deployment that is not final\n", "absent\n", activates=False))
    if superfluous := releases.superfluous(at, wanted.keep, wanted.release):
        found.append(Difference("old releases", "".join(f"{name}\n" for name in superfluous), "", activates=False))
    return found


def _of_file(deployment: Deployment, file: File) -> Iterator[Difference]:
    path = file.path
    before = files.read(path)
    if before != file.content:
        if path == deployment.at.environment:
            # Names only: the values may be secrets.
            changes = environment.names(before, file.content), environment.names(file.content, before)
        else:
            changes = (before or b"").decode(errors="replace"), file.content.decode()
        yield Difference(str(path), *changes)
    elif path.stat().st_mode & 0o7777 != file.mode or path.stat().st_uid != os.geteuid():
        yield Difference(str(path), f"{path.stat().st_mode & 0o7777:04o}\n", f"{file.mode:04o}\n", activates=False)


def _of_units(deployment: Deployment) -> Iterator[Difference]:
    """Of what runs beside the application."""
    for file in deployment.units:
        yield from _of_file(deployment, file)
    wanted = {file.path for file in deployment.units}
    for path, content in companions.present(deployment.at).items():
        if path not in wanted:
            yield Difference(str(path), content.decode(errors="replace"), "")
    for unit in deployment.running:
        state = deployment.systemd.state(unit)
        if state.get("ActiveState") != "active":
            yield Difference(unit, f"{state.get('ActiveState', 'unknown')}\n", "active\n")
        if state.get("UnitFileState") != "enabled":
            enabled = f"{state.get('UnitFileState') or 'none'}\n", "enabled\n"
            yield Difference(f"start of {unit} at boot", *enabled, activates=False)


def _of_service(deployment: Deployment, healthy_so_far: bool) -> Iterator[Difference]:
    """Its health is only asked for where nothing else calls for a restart."""
    at = deployment.at
    state = deployment.systemd.state(at.service)
    if state.get("ActiveState") not in {"active", "reloading"}:
        yield Difference("service", f"{state.get('ActiveState', 'unknown')}\n", "active\n")
    elif releases.interrupted_from(at) is not None:
        yield Difference("service", "interrupted while it switched\n", "switched\n")
    elif healthy_so_far and (
        problem := deployment.wait(deployment.connect_serving(deployment.wanted.config), at.service, _PATIENCE)
    ):
        yield Difference("service", f"{problem}\n", "answers\n")
    if state.get("UnitFileState") != "enabled":
        yield Difference("start at boot", f"{state.get('UnitFileState') or 'none'}\n", "enabled\n", activates=False)
