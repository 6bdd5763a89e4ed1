# Apache License 2.0, or GNU General Public License v3.0 or later, at your choice.
# SPDX-License-Identifier: Apache-2.0 OR GPL-3.0-or-later

"""Action of foobar.webstack.app_release: finds out the release's id and sends its files to hosts that lack them."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.module_utils.urls import open_url
from ansible.plugins.action import ActionBase
from ansible_collections.foobar.webstack.plugins.module_utils._release.credentials import redacted, without_accounts
from ansible_collections.foobar.webstack.plugins.plugin_utils.release_source import (
    Source,
    SourceError,
    identify,
    options_digest,
    write_tarball,
)


def download(url: str, target: Path) -> None:
    """Fetch ``url`` as Ansible's own modules do."""
    try:
        with open_url(url, timeout=60) as answer, target.open("wb") as file:
            while block := answer.read(1 << 20):
                file.write(block)
    except OSError as error:
        raise SourceError(f"{url} could not be downloaded: {error}") from error


class PackedSource:
    """A source's id and tarball, made once for a run of ansible-playbook. Its hosts, each in a process, share them."""

    def __init__(self, source: Source) -> None:
        self._source = source
        # Ansible removes this directory when the run ends.
        self._folder = Path(constants.DEFAULT_LOCAL_TMP) / "app_release" / source.key
        self._folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def identity(self) -> str:
        """Id of the content; a branch is looked up once, so that all hosts get the same commit."""
        known = self._folder / "identity.json"
        with self._locked():
            if known.exists():
                found = json.loads(known.read_text())
                self._source.commit = found["commit"]
                return found["id"]
            release = self._source.cheap_id()
            if release is None:
                with self._source.entries(self._folder) as entries:
                    release = identify(entries)
            known.write_text(json.dumps({"id": release, "commit": self._source.commit}))
            return release

    def tarball(self) -> Path:
        """The packed files."""
        self.identity()
        packed = self._folder / "release.tar.gz"
        with self._locked():
            if not packed.exists():
                with self._source.entries(self._folder) as entries:
                    write_tarball(entries, packed)
        return packed


class ActionModule(ActionBase):
    """Ask the host first; pack and send only what it lacks."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Entry point of Ansible."""
        result = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        options = arguments.pop("source", None)
        if arguments.get("goes_back"):
            # The source is that of another release.
            options = None
        try:
            if not arguments.get("release"):
                if not options:
                    raise SourceError("set either a source or the id of a release that is on the host")
                arguments["release"] = self._packed_source(options).identity() + self._environment_suffix(arguments)
            result.update(self._module(arguments, task_vars))
            if result.pop("missing", False):
                if not options:
                    raise SourceError(f"release {arguments['release']} is not on the host, and no source is given")
                sent = self._sent(self._packed_source(options).tarball())
                result.update(self._module({**arguments, "archive": sent}, task_vars))
        except SourceError as error:
            # Not raised: who asks several hosts (failed_when) goes on.
            message = redacted(f"source of the application {arguments.get('name')}: {error}.")
            return {**result, "failed": True, "msg": message}
        return result

    def _module(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        return self._execute_module(
            module_name="foobar.webstack.app_release", module_args=arguments, task_vars=task_vars
        )

    def _packed_source(self, options: Any) -> PackedSource:
        if not isinstance(options, dict) or "type" not in options:
            raise SourceError("it must be a dictionary with a type: directory, archive or git")
        if options.get("path"):
            options = {**options, "path": self._find_needle("files", options["path"])}
        return PackedSource(Source(options, download))

    @staticmethod
    def _environment_suffix(arguments: dict[str, Any]) -> str:
        """The same files with another virtual environment, or built in another way, are another release."""
        made_of: list[str] = []
        if arguments.get("requirements"):
            pip_arguments = [without_accounts(str(argument)) for argument in arguments.get("pip_arguments") or ()]
            made_of += map(str, (arguments["requirements"], pip_arguments, arguments.get("system_site_packages")))
        if arguments.get("build"):
            made_of.append(f"build {arguments['build']}")
        return f"-{options_digest(*made_of)[:6]}" if made_of else ""

    def _sent(self, tarball: Path) -> str:
        if not self._connection._shell.tmpdir:
            self._make_tmp_path()
        folder = self._connection._shell.tmpdir
        remote = self._connection._shell.join_path(folder, "release.tar.gz")
        self._transfer_file(str(tarball), remote)
        self._fixup_perms2((folder, remote))
        return remote
