"""The service manager."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.foobar.webstack.plugins.module_utils._release.errors import ReleaseError

JOURNAL_LINES = 60
"""How much of an application's last words a message repeats."""

Run = Callable[..., "tuple[int, str, str]"]
"""Runs an argument list and gives status, output and errors: a module's run_command."""

_STATE = "ActiveState,SubState,UnitFileState,Result,ExecMainCode,ExecMainStatus,NeedDaemonReload,LoadState,ExecStartPre"


def command_argument(argument: str) -> str:
    """An argument on a command line of a unit, taken literally."""
    quoted = argument.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return '"' + quoted.replace("%", "%%").replace("$", "$$") + '"'


class Systemd:
    """systemctl and journalctl, by way of `run`."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def call(self, *arguments: str) -> None:
        """A systemctl command that must succeed."""
        status, output, errors = self._run(["systemctl", *arguments])
        if status:
            raise ReleaseError(f"systemctl {' '.join(arguments)}: {(errors or output).strip().rstrip('.')}")

    def succeeds(self, *arguments: str) -> bool:
        """Whether a systemctl command succeeds."""
        return self._run(["systemctl", *arguments])[0] == 0

    def state(self, unit: str) -> dict[str, str]:
        """Properties of a unit by name."""
        _status, output, _errors = self._run(["systemctl", "show", f"--property={_STATE}", unit])
        return dict(line.split("=", 1) for line in output.splitlines() if "=" in line)

    def journal(self, unit: str, since: float) -> str:
        """The last lines that a unit has logged since then."""
        self._run(["journalctl", "--sync"])
        _status, output, _errors = self._run(
            [
                "journalctl",
                f"--unit={unit}",
                f"--since=@{since:.6f}",
                f"--lines={JOURNAL_LINES}",
                "--output=cat",
                "--no-pager",
                "--quiet",
            ]
        )
        return output.strip()
