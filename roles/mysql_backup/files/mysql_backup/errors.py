"""What stops a command."""

from __future__ import annotations


class BackupError(Exception):
    """What was asked for cannot be done. The message says why, and what can be done instead."""


class ProgramError(BackupError):
    """A program has failed: its name, its exit status and what it printed as its error."""

    def __init__(self, program: str, status: int, stderr: str) -> None:
        super().__init__(f"{program}: {' '.join(stderr.split())[-1500:] or f'exit status {status}'}")
        self.program, self.status, self.stderr = program, status, stderr


class DamagedError(ProgramError):
    """restic has found that the repository is damaged. `what` is wrong with it, in words; `stderr` has restic's own."""

    def __init__(self, program: str, status: int, stderr: str, what: str) -> None:
        super().__init__(program, status, stderr)
        self.what = what

    def __str__(self) -> str:
        return (
            f"the repository of the backups is damaged: {self.what}. The databases are not concerned. Run"
            " playbooks/repair_backups.yml: it says which backups are lost, repairs it and makes a new backup"
        )
