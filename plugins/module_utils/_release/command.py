"""A command that somebody runs once in the release that serves, as the application itself would."""

from __future__ import annotations

import pwd
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._release import files, one_off, releases
from ansible_collections.foobar.webstack.plugins.module_utils._release.environment import (
    environment_text,
    passwords,
    values_of,
)
from ansible_collections.foobar.webstack.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.foobar.webstack.plugins.module_utils._release.layout import Layout
from ansible_collections.foobar.webstack.plugins.module_utils._release.systemd import Systemd

WHAT = "run"


def serving(at: Layout) -> str:
    """The release that serves, with its unit; empty where there is none."""
    release = at.serving()
    return release if release and at.unit.is_file() and releases.state_of(at, release) is not None else ""


def run(
    at: Layout, systemd: Systemd, words: Sequence[str], secrets: Mapping[str, Any], timeout: int
) -> tuple[str, one_off.Ended]:
    """The release and how the command ended there. Raises ReleaseError where it cannot be run."""
    release = serving(at)
    unit = files.read(at.unit)
    if not release or unit is None:
        raise ReleaseError(f"no release of {at.name} serves on this host; release one first")
    try:
        user = pwd.getpwnam(at.name)
    except KeyError:
        raise ReleaseError(f"the user {at.name} does not exist; release the application first") from None
    environment = (files.read(at.environment) or b"") + environment_text(secrets).encode()
    command = one_off.Command(WHAT, words, unit.decode(), release, environment, (user.pw_uid, user.pw_gid), timeout)
    return release, one_off.run(at, systemd, command)


def hidden(at: Layout, secrets: Mapping[str, Any], own: Mapping[str, Any]) -> set[str]:
    """What must not be shown: the application's secrets, those of the command, and passwords in their URLs.

    Those of `secrets` are the inventory's; after a change of one the host may still have another.
    """
    known = values_of(files.read(at.environment))
    found = {name: known.get(name, "") for name in secrets}
    every = [*found.values(), *map(str, secrets.values()), *map(str, own.values())]
    return {value for value in every if value} | passwords(found) | passwords(secrets) | passwords(own)
