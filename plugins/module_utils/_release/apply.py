"""A whole deployment, in order: compare, unpack, try, switch, tidy up. Or its parts, where hosts wait for others."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from ansible_collections.foobar.webstack.plugins.module_utils._release import (
    before,
    files,
    plan,
    releases,
    shared,
    verb_lock,
)
from ansible_collections.foobar.webstack.plugins.module_utils._release.deployment import Deployment
from ansible_collections.foobar.webstack.plugins.module_utils._release.differences import Difference, differences
from ansible_collections.foobar.webstack.plugins.module_utils._release.layout import Layout
from ansible_collections.foobar.webstack.plugins.module_utils._release.switch import restore, switch
from ansible_collections.foobar.webstack.plugins.module_utils._release.systemd import Run
from ansible_collections.foobar.webstack.plugins.module_utils._release.trial import stop_candidate, try_candidate


class Until(str, Enum):
    """How far a deployment goes."""

    UNPACKED = "unpacked"
    """The release is on the host, with what it needs and builds."""
    TRIED = "tried"
    """It has answered beside what serves, and waits to go live (`go_live`)."""
    FINAL = "final"
    """It serves, and there is nothing left to do."""


@dataclass(frozen=True)
class Outcome:
    """What was not as wanted, and is now. `missing`: the host lacks the release, and nothing was done.

    `staged`: it has answered on trial, and is to go live.
    """

    found: tuple[Difference, ...] = ()
    switched: bool = False
    staged: bool = False
    missing: bool = False


def apply(deployment: Deployment, archive: Path | None, until: Until = Until.FINAL, token: str = "") -> Outcome:
    """Bring the host to what is wanted; `archive` holds the release's files where the host lacks them.

    Raises ReleaseError when another run is at it, and when anything of this fails. `token`: of the lock of the verb.
    """
    with files.only_one(deployment.at.lock):
        new = not releases.is_present(deployment)
        if new:
            if archive is None:
                return Outcome(missing=True)
            verb_lock.check(deployment.at, token)
            shared.make(deployment.at, *deployment.wanted.owner, deployment.wanted.uploads)
            releases.unpack(deployment, archive)
        if until is Until.UNPACKED:
            return Outcome((Difference("release", "absent\n", f"{deployment.wanted.release}\n"),) if new else ())
        found = tuple(differences(deployment))
        if not found:
            return Outcome()
        verb_lock.check(deployment.at, token)
        _change_without_restart(deployment)
        activates = any(difference.activates for difference in found)
        return (_stage if until is Until.TRIED else _finish)(deployment, found, activates)


def go_live(at: Layout, run: Run, token: str = "") -> str:
    """Let what was tried serve, without another trial; the release.

    Raises ReleaseError, after what served was restored, when it does not answer.
    """
    with files.only_one(at.lock):
        verb_lock.check(at, token)
        deployment = Deployment.of(at, plan.load(at), run)
        before.keep(deployment)
        switch(deployment)
        return deployment.wanted.release


def give_back(at: Layout, run: Run, token: str = "") -> tuple[str, bool]:
    """Let what served before the deployment serve again; the release, and whether another one did.

    Where nothing served before, what serves now stays. Without a deployment that is not final nothing is done.
    """
    with files.only_one(at.lock):
        kept = before.load(at)
        if kept is None or not kept.release:
            return at.serving() or "", False
        verb_lock.check(at, token)
        changed = restore(Deployment.of(at, kept.wanted, run), kept)
        plan.forget(at)
        before.forget(at)
        return kept.release, changed


def make_final(at: Layout, keep: int, token: str = "") -> list[str]:
    """What serves is what stays. What was removed: releases that are not kept, and what was there to go back to."""
    with files.only_one(at.lock):
        verb_lock.check(at, token)
        plan.forget(at)
        removed = [str(at.before)] if before.forget(at) else []
        return [*removed, *releases.prune(at, keep)]


def _stage(deployment: Deployment, found: tuple[Difference, ...], activates: bool) -> Outcome:
    plan.forget(deployment.at)
    if activates:
        try_candidate(deployment)
        plan.keep(deployment.at, deployment.wanted)
    return Outcome(found, staged=activates)


def _finish(deployment: Deployment, found: tuple[Difference, ...], activates: bool) -> Outcome:
    at, wanted = deployment.at, deployment.wanted
    if activates:
        try_candidate(deployment)
        switch(deployment)
    else:
        deployment.systemd.call("enable", "--quiet", at.service, *deployment.running)
    plan.forget(at)
    before.forget(at)
    releases.prune(at, wanted.keep, wanted.release)
    return Outcome(found, switched=activates)


def _change_without_restart(deployment: Deployment) -> None:
    stop_candidate(deployment)
    shared.make(deployment.at, *deployment.wanted.owner, deployment.wanted.uploads)
    releases.forget_accounts(deployment.at)
    for file in (*deployment.files, *deployment.units):
        if files.read(file.path) == file.content:
            file.path.chmod(file.mode)
            os.chown(file.path, os.geteuid(), os.getegid())
