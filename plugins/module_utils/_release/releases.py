"""The releases on a host: unpacking one, what is known of each, and removing those that are not kept.

A release is whole once its marker is written, last. What lacks one is made anew or removed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils._release import files
from ansible_collections.foobar.webstack.plugins.module_utils._release.build import build
from ansible_collections.foobar.webstack.plugins.module_utils._release.credentials import (
    CredentialsError,
    PipArguments,
    digest_of,
    for_pip,
    has_account,
    redacted,
)
from ansible_collections.foobar.webstack.plugins.module_utils._release.deployment import Deployment
from ansible_collections.foobar.webstack.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.foobar.webstack.plugins.module_utils._release.layout import Layout
from ansible_collections.foobar.webstack.plugins.module_utils._release.systemd import JOURNAL_LINES

MARKER = ".release.json"


def state_of(at: Layout, release: str) -> dict[str, Any] | None:
    """What is known of a release that is whole; None for one that is absent or was left half-made."""
    try:
        state: dict[str, Any] = json.loads((at.release(release) / MARKER).read_text())
        return state
    except (OSError, ValueError):
        return None


def mark(at: Layout, release: str, **changed: Any) -> None:
    """Write down what is new about a release."""
    state = {**(state_of(at, release) or {}), **changed}
    files.write(at.release(release) / MARKER, json.dumps(state, sort_keys=True).encode(), 0o644)


def replace_mark(at: Layout, release: str, state: Mapping[str, Any]) -> None:
    """Write down what was known of a release before, and nothing else."""
    files.write(at.release(release) / MARKER, json.dumps({**state}, sort_keys=True).encode(), 0o644)


def has_served(state: Mapping[str, Any] | None) -> bool:
    """Whether a release has ever been live, on this host, in a deployment that was not taken back."""
    return bool((state or {}).get("served"))


def is_withdrawn(at: Layout, release: str) -> bool:
    """Whether somebody has gone back from a release since it went live."""
    return bool((state_of(at, release) or {}).get("withdrawn"))


def exchanged(at: Layout, previous: str | None, release: str, withdraws: bool, now: float) -> None:
    """Write down that from now on another release serves; or the same one, with other settings."""
    state = state_of(at, release) or {}
    if previous == release and has_served(state):
        return
    mark(at, release, served=now, until=0, withdrawn=0)
    if previous and previous != release and has_served(state_of(at, previous)):
        mark(at, previous, until=now, **({"withdrawn": now} if withdraws else {}))


def is_present(deployment: Deployment) -> bool:
    """Whether the host has the wanted release, with the virtual environment that it is to have."""
    wanted = deployment.wanted
    state = state_of(deployment.at, wanted.release)
    if state is None:
        return False
    made = _discreet(state).get("requirements", {})
    if wanted.goes_back and bool(made) == bool(wanted.requirements.file):
        return True
    if made != wanted.requirements.as_dict():
        raise ReleaseError(
            f"release {wanted.release} is on the host with another virtual environment than is wanted now; "
            "give the new one another id, or leave the id to the role"
        )
    return True


def indiscreet(at: Layout) -> list[str]:
    """Releases whose marker holds an account among pip's arguments, as earlier versions wrote them down."""
    names = sorted(path.name for path in at.releases.iterdir()) if at.releases.is_dir() else []
    return [name for name in names if any(map(has_account, _arguments(state_of(at, name))))]


def forget_accounts(at: Layout) -> None:
    """Write down a digest in place of these arguments."""
    for name in indiscreet(at):
        mark(at, name, **_discreet(state_of(at, name) or {}))


def _arguments(state: Mapping[str, Any] | None) -> list[str]:
    """pip's arguments, where they are written down in clear."""
    found = (state or {}).get("requirements", {}).get("pip_arguments")
    return found if isinstance(found, list) else []


def _discreet(state: Mapping[str, Any]) -> dict[str, Any]:
    """The state with the digest of pip's arguments."""
    requirements = state.get("requirements", {})
    if not isinstance(requirements.get("pip_arguments"), list):
        return {**state}
    return {**state, "requirements": {**requirements, "pip_arguments": digest_of(requirements["pip_arguments"])}}


def interrupted_from(at: Layout) -> str | None:
    """The release that served when a run was interrupted while it switched; None when none was."""
    found = interrupted(at)
    return None if found is None else found.get("previous") or ""


def interrupted(at: Layout) -> dict[str, Any] | None:
    """What a run was at that was interrupted while it switched: from which release to which, and whether back."""
    try:
        found: dict[str, Any] = json.loads(at.pending.read_text())
        return found
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {}


def unpack(deployment: Deployment, archive: Path) -> None:
    """Put the wanted release where it belongs, with its virtual environment and what it builds."""
    at, wanted = deployment.at, deployment.wanted
    target = at.release(wanted.release)
    at.releases.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    with tarfile.open(archive) as tar:
        # Debian 12's Python has no filters yet. What is in the archive was checked when it was packed.
        options: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        tar.extractall(target, **options)  # noqa: S202
    for folder, _folders, _files in os.walk(target):
        os.chmod(folder, 0o755)  # noqa: S103
    try:
        if wanted.requirements.file:
            _make_environment(deployment, target)
        if wanted.build:
            build(deployment, target)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    # The service may not write here, so what is compiled now is all that will be. Whether everything can be
    # compiled is not asked: a release may bring files that are not for this Python.
    deployment.run([wanted.requirements.python, "-m", "compileall", "-q", "-x", r"/\.venv/", str(target)])
    mark(at, wanted.release, served=0, requirements=wanted.requirements.as_dict())


def superfluous(at: Layout, keep: int, wanted: str | None = None) -> list[str]:
    """Releases beyond the number to keep, the one that served longest ago first; none that never served is kept."""
    if not at.releases.is_dir():
        return []
    names = [path.name for path in at.releases.iterdir()]
    protected = {wanted, at.serving(), interrupted_from(at)}
    served = {name: (state_of(at, name) or {}).get("served", 0) for name in names}
    others = sorted((name for name in names if name not in protected), key=lambda name: (-served[name], name))
    room = max(keep - len(protected & set(names)), 0)
    kept = [name for name in others if served[name]][:room]
    return [name for name in reversed(others) if name not in kept]


def prune(at: Layout, keep: int, wanted: str | None = None) -> list[str]:
    """Remove the superfluous releases, and tell which they were."""
    names = superfluous(at, keep, wanted)
    for name in names:
        path = at.release(name)
        if not path.is_dir() or path.is_symlink():
            path.unlink()
            continue
        # Without its marker it is no release, should this be interrupted.
        with contextlib.suppress(FileNotFoundError):
            (path / MARKER).unlink()
        shutil.rmtree(path)
    return names


def _make_environment(deployment: Deployment, target: Path) -> None:
    """The virtual environment, made by the application's user, because packages run code of theirs; then root's."""
    release, wanted = deployment.wanted.release, deployment.wanted.requirements
    if not (target / wanted.file).is_file():
        raise ReleaseError(
            f"release {release} does not contain {wanted.file}, the file that appserver_requirements names"
        )
    environment = target / ".venv"
    environment.mkdir()
    os.chown(environment, deployment.wanted.uid, deployment.wanted.gid)
    python = f"{environment}/bin/python3"
    site_packages = ["--system-site-packages"] if wanted.system_site_packages else []
    pip = [python, "-m", "pip", "--no-input", "--disable-pip-version-check", "install", "--no-cache-dir", "--quiet"]
    try:
        given = for_pip(wanted.pip_arguments)
    except CredentialsError as error:
        raise ReleaseError(str(error)) from error
    with _home_of_pip(deployment, given) as home:
        for command, problem in (
            (
                [wanted.python, "-m", "venv", *site_packages, str(environment)],
                f"the virtual environment of release {release} could not be made",
            ),
            (
                [*pip, *given.arguments, "--requirement", wanted.file],
                f"the packages of {wanted.file} of release {release} could not be installed",
            ),
            (
                [python, "-c", "import gunicorn"],
                f"{wanted.file} of release {release} does not install gunicorn; add it",
            ),
        ):
            status, output, errors = deployment.run(
                deployment.as_user(command),
                cwd=str(target),
                environ_update={"HOME": str(home), **given.environment},
            )
            if status:
                lines = "\n".join((errors or output).strip().splitlines()[-JOURNAL_LINES:])
                raise ReleaseError(f"{problem}:\n{redacted(lines)}")
    for folder, folders, names in os.walk(environment):
        for name in (folder, *(os.path.join(folder, item) for item in [*folders, *names])):
            os.chown(name, os.geteuid(), os.getegid(), follow_symlinks=False)


@contextlib.contextmanager
def _home_of_pip(deployment: Deployment, given: PipArguments) -> Iterator[Path]:
    """A home directory for it and what it runs, with the accounts of its indexes, which only the application reads."""
    home, wanted = deployment.at.one_off_etc("pip"), deployment.wanted
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    try:
        home.chmod(0o700)
        files.write(home / ".netrc", given.netrc.encode(), 0o600)
        for path in (home / ".netrc", home):
            os.chown(path, wanted.uid, wanted.gid)
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)
