"""A whole deployment, in order: compare, unpack, try, switch, tidy up."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.foobar.webstack.plugins.module_utils._release import files, releases, shared
from ansible_collections.foobar.webstack.plugins.module_utils._release.deployment import Deployment
from ansible_collections.foobar.webstack.plugins.module_utils._release.differences import Difference, differences
from ansible_collections.foobar.webstack.plugins.module_utils._release.switch import switch
from ansible_collections.foobar.webstack.plugins.module_utils._release.trial import stop_candidate, try_candidate


@dataclass(frozen=True)
class Outcome:
    """What was not as wanted, and is now. `missing`: the host lacks the release, and nothing was done."""

    found: tuple[Difference, ...] = ()
    switched: bool = False
    missing: bool = False


def apply(deployment: Deployment, archive: Path | None) -> Outcome:
    """Bring the host to what is wanted; `archive` holds the release's files where the host lacks them.

    Raises ReleaseError when another run is at it, and when anything of this fails.
    """
    with files.only_one(deployment.at.lock):
        if not releases.is_present(deployment):
            if archive is None:
                return Outcome(missing=True)
            shared.make(deployment.at, *deployment.wanted.owner, deployment.wanted.uploads)
            releases.unpack(deployment, archive)
        found = differences(deployment)
        if not found:
            return Outcome()
        _change_without_restart(deployment)
        activates = any(difference.activates for difference in found)
        if activates:
            try_candidate(deployment)
            switch(deployment)
        else:
            deployment.systemd.call("enable", "--quiet", deployment.at.service, *deployment.running)
        releases.prune(deployment)
        return Outcome(tuple(found), switched=activates)


def _change_without_restart(deployment: Deployment) -> None:
    stop_candidate(deployment)
    shared.make(deployment.at, *deployment.wanted.owner, deployment.wanted.uploads)
    releases.forget_accounts(deployment.at)
    for file in (*deployment.files, *deployment.units):
        if files.read(file.path) == file.content:
            file.path.chmod(file.mode)
            os.chown(file.path, os.geteuid(), os.getegid())
